"""``[connected]``: Darknet's ``make_connected_layer``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .base import Place, Shape, Stored, checked_output, positive
from .opencv import OpenCvLayer
from .weighted import Weighted, read_activation, read_load_rules

if TYPE_CHECKING:
    from ..formats.cfg import Section
    from ..network import Network


@dataclass(frozen=True, kw_only=True)
class Connected(Weighted):
    """Fully connected layer, then batch normalisation or biases, then activation."""

    kind = "connected"
    folds = True
    resets = True
    denormalize_epsilon = 0.000001

    @classmethod
    def parse(cls, section: Section, place: Place) -> Connected:
        """Read a section."""
        out = Shape(positive(section, "output", 1))
        return cls(
            index=place.index, line=section.line, input=place.input, out=checked_output(section, out, place.input),
            batch_normalize=bool(section.find_int("batch_normalize", 0)),
            activation=read_activation(section, "logistic"), dontloadscales=read_load_rules(section),
        )  # fmt: skip

    @property
    def multiply_adds(self) -> int:
        return self.input.size * self.out.size

    def arrays(self) -> list[Stored]:
        shape = (self.out.size, self.input.size)
        weights = Stored("weights", shape, self.spread(self.input.size), transposed="header")
        return [Stored("biases", (self.out.size,)), weights, *self.normalization(self.out.size)]

    @property
    def opencv(self) -> OpenCvLayer:
        return OpenCvLayer(
            f"fullyConnected_{self.index}", "InnerProduct", self.activation, self.batch_normalize,
            work=3 * self.input.size, flat=True,
        )  # fmt: skip

    def describe(self) -> str:
        return f"connected                            {self.input.size:4d}  ->  {self.out.size:4d}"

    def alexeyab_size(self, network: Network) -> tuple[int, int]:
        return 0, 0
