"""``[batchnorm]``: Darknet's ``make_batchnorm_layer``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .base import Place, Stored, need_image
from .opencv import OpenCvLayer
from .weighted import Weighted, read_load_rules

if TYPE_CHECKING:
    from ..formats.cfg import Section


@dataclass(frozen=True, kw_only=True)
class BatchNorm(Weighted):
    """Batch normalisation alone. A file has its biases in AlexeyAB's dialect only; else they are zero."""

    kind = "batchnorm"

    stored_biases: bool = False

    @classmethod
    def parse(cls, section: Section, place: Place) -> BatchNorm:
        """Read a section."""
        shape = need_image(section, place)
        read_load_rules(section)
        return cls(index=place.index, line=section.line, input=shape, out=shape, activation="linear",
                   batch_normalize=True, stored_biases=section.dialect.batchnorm_biases)  # fmt: skip

    def arrays(self) -> list[Stored]:
        biases = Stored("biases", (self.input.c,), default=None if self.stored_biases else 0.0)
        return [biases, *self.normalization(self.input.c)]

    @property
    def opencv(self) -> OpenCvLayer:
        return OpenCvLayer(f"batchnorm_{self.index}", self.kind)

    def describe(self) -> str:
        return f"Batch Normalization Layer: {self.input.w} x {self.input.h} x {self.input.c} image"
