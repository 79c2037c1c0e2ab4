"""What the user calls the arithmetics: known without NumPy, for ``--help``."""

from __future__ import annotations

PROFILE_NAMES = ("ieee", "make", "fast", "make-own", "int8", "bf16")
"""Choices of ``math=``."""
