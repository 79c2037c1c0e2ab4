"""Weights files looked into, cut and converted."""

from __future__ import annotations

from .batchnorm import FORMULAS
from .convert import Converted, convert
from .info import ArrayInfo, WeightsInfo, check_size, inspect_weights
from .partial import extract
from .statistics import Statistics, combine, measure

__all__ = [
    "FORMULAS", "ArrayInfo", "Converted", "Statistics", "WeightsInfo", "check_size", "combine", "convert", "extract",
    "inspect_weights", "measure",
]  # fmt: skip
