"""What all layers have in common: a place in the network, shapes, stored arrays, a row in the layer table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from ..formats.cfg import Section

INT32_MAX = 2**31 - 1
"""Darknet counts values in C ints: no layer may have more."""


@dataclass(frozen=True)
class Shape:
    """Channels, height and width of one image's values. ``image=False``: a flat list of ``c`` values."""

    c: int
    h: int = 1
    w: int = 1
    image: bool = True

    @property
    def size(self) -> int:
        """Number of values."""
        return self.c * self.h * self.w

    def __str__(self) -> str:
        return f"{self.w} x {self.h} x {self.c}" if self.image else f"{self.c}"


@dataclass(frozen=True)
class Stored:
    """One array of a ``.weights`` file: Darknet's name for it, and its shape."""

    name: str
    shape: tuple[int, ...]

    @property
    def count(self) -> int:
        """Number of float32 values."""
        total = 1
        for extent in self.shape:
            total *= extent
        return total


@dataclass(frozen=True)
class Place:
    """Where a layer is about to stand: its number, its input's shape and the layers before it."""

    index: int
    input: Shape
    layers: Sequence[Layer]

    def resolve(self, reference: int) -> int | None:
        """Layer number for an entry of ``layers=`` or ``from=`` (negative: counted back), or None if there is none."""
        number = reference if reference >= 0 else self.index + reference
        return number if 0 <= number < self.index else None


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A layer of the graph: options, shapes and names only; no tensors, no arithmetic.

    Attributes:
        index: number in the network, from 0.
        line: line of its section in the cfg file.
        input: shape of what flows in.
        out: shape of its output.
    """

    kind: ClassVar[str]

    index: int
    line: int
    input: Shape
    out: Shape
    unused: tuple[str, ...] = field(default=(), compare=False, repr=False)

    @property
    def sources(self) -> tuple[int, ...]:
        """Numbers of the layers whose outputs it reads; -1 is the network's input."""
        return (self.index - 1,)

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds of one image's pass (of the layers that multiply by weights)."""
        return 0

    @property
    def state_sizes(self) -> tuple[int, ...]:
        """Sizes of the arrays that it keeps from one input to the next."""
        return ()

    def stored(self) -> list[Stored]:
        """Its arrays in a ``.weights`` file, in file order."""
        return []

    def describe(self) -> str:
        """Its line in the layer table that Darknet prints while it reads a cfg (without the leading number)."""
        raise NotImplementedError


def c_divide(a: int, b: int) -> int:
    """Integer division as in C: rounds towards zero."""
    quotient = abs(a) // abs(b)
    return quotient if (a < 0) == (b < 0) else -quotient


def need_image(section: Section, place: Place) -> Shape:
    """The input's shape, which must be an image (Darknet: "Layer before ... must output image")."""
    if not place.input.image:
        raise section.error(f"[{section.name}] needs an image, but the layer before it gives a flat list of values")
    return place.input


def positive(section: Section, key: str, default: int) -> int:
    """An integer option that must be at least 1."""
    value = section.find_int(key, default)
    if value < 1:
        raise section.error(f"{key}={value} must be at least 1", key)
    return value


def not_negative(section: Section, key: str, default: int) -> int:
    """An integer option that must be at least 0."""
    value = section.find_int(key, default)
    if value < 0:
        raise section.error(f"{key}={value} must not be negative", key)
    return value


def checked_output(section: Section, out: Shape, given: Shape) -> Shape:
    """``out``, if it holds at least one value and not more than Darknet can count."""
    if min(out.c, out.h, out.w) < 1:
        raise section.error(f"[{section.name}] leaves no output: {given} in, {out} out")
    if out.size > INT32_MAX:
        raise section.error(f"[{section.name}] has an output of {out.size} values, more than Darknet can count")
    return out


def read_training(section: Section, *keys: str) -> None:
    """Read options that only training uses, so that they count as known (and must be numbers)."""
    for key in keys:
        section.find_float(key, 0.0)


def anchors(section: Section, count: int) -> tuple[float, ...]:
    """``count`` anchor widths and heights; those that the cfg does not give are .5, as in Darknet."""
    given = section.find_floats("anchors") or []
    if len(given) > count:
        raise section.error(f"anchors has {len(given)} values, but num={count // 2} needs {count}", "anchors")
    return tuple(given) + (0.5,) * (count - len(given))
