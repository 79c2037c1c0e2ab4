"""The dialects of cfg files as tables: which sections, options and activations each Darknet reads, and what for."""

from __future__ import annotations

from .alexeyab import ALEXEYAB
from .pjreddie import PJREDDIE
from .rows import Dialect, Option, SectionOptions

__all__ = ["ALEXEYAB", "PJREDDIE", "Dialect", "Option", "SectionOptions"]
