"""What layers with weights share: activation, batch normalisation and the order of their stored arrays."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..dialect import ALEXEYAB, PJREDDIE
from .base import Layer, Stored
from .opencv import OpenCvLayer

if TYPE_CHECKING:
    from ..formats.cfg import Section

ACTIVATIONS = PJREDDIE.activations
"""Darknet's activations, in the order of the numbers that kernels know them by."""

OWN_ACTIVATIONS: set[str] = set()
"""Activations that a program has brought along (`extend.add_activation`): of no dialect, and without a number."""

ENDS_WITH_ACTIVATION = frozenset({"activation", "connected", "convolutional", "deconvolutional", "local", "shortcut"})
"""Sections whose activation is the last thing that is computed, so that it can be a step of its own."""


HOMOGENEOUS = frozenset({"leaky", "linear", "relu"})
"""Activations that a positive factor goes through: ``f(a x) = a f(x)``."""


def acts_alone(activation: str) -> bool:
    """Whether an activation looks at a single value: not at all channels of a pixel, and it is no step of its own."""
    return not activation.startswith("normalize_channels") and activation not in OWN_ACTIVATIONS


@dataclass(frozen=True, kw_only=True)
class Weighted(Layer):
    """A layer with stored arrays, batch normalisation (or biases alone) and an activation.

    ``wide``: its stand-in weights are drawn as if it had another activation than ``linear``.
    """

    activation: str
    batch_normalize: bool = False
    dontloadscales: bool = False
    wide: bool = False

    @property
    def normalizes(self) -> bool:
        return self.batch_normalize

    def without_normalization(self) -> Layer:
        return dataclasses.replace(self, batch_normalize=False)

    def as_saved(self) -> tuple[Layer, list[str]]:
        if not (self.batch_normalize and self.dontloadscales):
            return self, []
        return dataclasses.replace(self, dontloadscales=False), ["dontloadscales"]

    @property
    def opencv(self) -> OpenCvLayer:
        return OpenCvLayer(f"{self.kind}_{self.index}", self.kind, normalizes=self.batch_normalize)

    def normalization(self, channels: int) -> list[Stored]:
        """The arrays of batch normalisation, in file order.

        With ``dontloadscales`` no file has them: they stay as both Darknets make them, variances of 0 among them.
        """
        if not self.batch_normalize:
            return []
        rows = (("scales", (0.5, 1.5), 1.0), ("rolling_mean", (-0.3, 0.3), 0.0), ("rolling_variance", (0.5, 2.0), 0.0))
        return [
            Stored(name, (channels,), spread, default if self.dontloadscales else None)
            for name, spread, default in rows
        ]  # fmt: skip

    def spread(self, fan_in: int) -> tuple[float, float]:
        """From where to where stand-in weights go: they keep the signal's size through the network.

        Args:
            fan_in: number of inputs of one output value.
        """
        gain = 6.0 if self.batch_normalize or self.wide or self.activation != "linear" else 1.5
        bound = math.sqrt(gain / fan_in)
        return -bound, bound


def read_activation(section: Section, default: str) -> str:
    """The activation's name.

    Darknet warns about an unknown one and goes on with ReLU; a network trained with another activation would give
    silent nonsense, so here it is an error.
    """
    name, dialect = section.find_str("activation", default), section.dialect
    if name in OWN_ACTIVATIONS:
        if section.kind not in ENDS_WITH_ACTIVATION or section.has("antialiasing"):
            kinds = ", ".join(f"[{kind}]" for kind in sorted(ENDS_WITH_ACTIVATION))
            raise section.error(
                f"activation={name} is a step of its own: it works in {kinds} only, without antialiasing", "activation"
            )
        return name
    if name not in dialect.activations:
        his = name in ALEXEYAB.activations
        hint = f" (it is one of {ALEXEYAB.name}: dialect alexeyab)" if his else ""
        raise section.error(
            f"unknown activation '{name}'{hint}; {dialect.name} has {', '.join(dialect.activations)}", "activation"
        )
    if section.kind not in dialect.only_in.get(name, (section.kind,)):
        kinds = ", ".join(f"[{kind}]" for kind in dialect.only_in[name])
        raise section.error(
            f"activation={name} works in {kinds} only: in [{section.name}] {dialect.name} makes zeros of it",
            "activation",
        )
    return name


def read_wide(section: Section) -> bool:
    """``wide`` of the parts of AlexeyAB's recurrent layers: the recipe goes by what the section says, else logistic.

    It does so even where the Darknet itself reads no activation there.
    """
    return (section.value("activation") or "logistic") != "linear"


def read_load_rules(section: Section) -> bool:
    """Options that say which arrays a file has; returns ``dontloadscales``.

    ``dontload`` and ``numload`` leave weights at random values, which is of use for training only.
    """
    for key in ("dontload", "numload"):
        if section.find_int(key, 0):
            raise section.error(f"{key} leaves weights at random values; a network that runs needs all of them", key)
    return bool(section.find_int("dontloadscales", 0))
