"""Vectors of the processor: their lengths, operations on them, exp of many values at a time."""
