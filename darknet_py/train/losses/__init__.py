"""Heads and costs: deltas of their outputs, what the loss is, and the lines that Darknet prints."""
