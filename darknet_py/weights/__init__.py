"""Weights files looked into, cut and converted."""

from __future__ import annotations

from .info import ArrayInfo, WeightsInfo, check_size, inspect_weights
from .partial import extract
from .statistics import Statistics, combine, measure

__all__ = [
    "ArrayInfo", "Statistics", "WeightsInfo", "check_size", "combine", "extract", "inspect_weights", "measure",
]  # fmt: skip
