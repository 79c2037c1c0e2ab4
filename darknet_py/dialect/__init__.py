"""The dialects of cfg files as tables: which sections, options and activations each Darknet reads, and what for."""

from __future__ import annotations

from .alexeyab import ALEXEYAB
from .pjreddie import PJREDDIE
from .rows import Dialect, Option, SectionOptions

AUTO = "auto"
"""What the user calls a dialect that the file itself decides."""

DIALECTS = {dialect.key: dialect for dialect in (PJREDDIE, ALEXEYAB)}
"""Dialects by what the user calls them."""

__all__ = ["ALEXEYAB", "AUTO", "DIALECTS", "PJREDDIE", "Dialect", "Option", "SectionOptions"]
