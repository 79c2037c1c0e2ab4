"""What all layers have in common: a place in the network, shapes, stored arrays, a row in the layer table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

from .opencv import OpenCvLayer

if TYPE_CHECKING:
    from ..formats.cfg import Section
    from ..network import Network

INT32_MAX = 2**31 - 1
"""Darknet counts values in C ints: no layer may have more."""


REACH = 1024
"""How far options may carry a window beyond its input, or a layer without weights enlarge it: more would only cost time
and memory."""

MOST_ANCHORS = 2**16
"""A head's lists are as long as its cfg says, so that there must be a limit."""


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
    """One array of a layer.

    Attributes:
        name: Darknet's name for it.
        shape: its shape, in the order of use.
        spread: from where to where the stand-in values go that `write_synth` draws.
        default: the value of all its numbers, if no file has it.
        transposed: when a file has the first axis of the shape as its last: always, or if its header says so.
    """

    name: str
    shape: tuple[int, ...]
    spread: tuple[float, float] = (-0.5, 0.5)
    default: float | None = None
    transposed: Literal["never", "always", "header"] = "never"

    @property
    def count(self) -> int:
        """Number of float32 values."""
        total = 1
        for extent in self.shape:
            total *= extent
        return total


@dataclass(frozen=True)
class ChannelRange:
    """Channels ``first`` .. ``stop - 1`` of the output of layer ``source`` (-1: the network's input)."""

    source: int
    first: int
    stop: int


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
        tree: name of the WordTree file that it needs.
        shares: number of the layer whose arrays it uses.
    """

    kind: ClassVar[str]
    loss: ClassVar[bool] = False
    """Of use for training only: otherwise its output is never written, so zeros."""
    takes_batches: ClassVar[bool] = False
    """Its steps take several images together."""
    is_cost: ClassVar[bool] = False
    """It is never taken for the network's output (``get_network_output_layer``)."""
    classifies: ClassVar[bool] = False
    """Its WordTree, if it has one, is that of a classifier's classes."""
    folds: ClassVar[bool] = False
    """Batch normalisation can be folded into its weights (``denormalize``)."""
    resets: ClassVar[bool] = False
    """It has neutral batch normalisation after that (``reset``)."""
    channel_axis: ClassVar[int] = 0
    """The axis of its weights that its output channels are."""
    denormalize_epsilon: ClassVar[float] = 0.00001
    """What ``denormalize`` and ``reset`` add to its variances."""

    index: int
    line: int
    input: Shape
    out: Shape
    tree: str | None = None
    shares: int | None = None
    unused: tuple[str, ...] = field(default=(), compare=False, repr=False)

    @classmethod
    def parse(cls, section: Section, place: Place) -> Layer:
        """Read a section. Raises `CfgError`."""
        raise NotImplementedError

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

    @property
    def hands_on(self) -> bool:
        """Whether its output is its input, or a part of it, where it lies."""
        return False

    @property
    def part_of_input(self) -> int | None:
        """Where its output begins in its input, if it hands on only a part of it."""
        return None

    def beginning(self, place: int) -> int | None:
        """How many values of a source it reads, from the first one on; None: all that it needs lie anywhere.

        Args:
            place: which one of its `sources`.
        """
        return None

    @property
    def passes_values(self) -> bool:
        """Whether its output consists of values of its sources, in some order: numbers of any scale will do."""
        return self.hands_on

    @property
    def channels_from(self) -> tuple[ChannelRange, ...]:
        """Whose channels its own are, one after the other, each with the values of that one alone; empty: its own."""
        if not self.passes_values or len(self.sources) > 1 or self.out.c != self.input.c or not self.out.image:
            return ()
        return (ChannelRange(self.sources[0], 0, self.input.c),)

    @property
    def takes_factors(self) -> bool:
        """Whether a factor for each channel of its input, and of its output, can become part of its own weights."""
        return False

    @property
    def balances(self) -> bool:
        """Whether its output's channels can have factors (`numeric.balance`).

        Of layers that take none into their weights: if all their sources have the same ones.
        """
        return False

    @property
    def quantizes(self) -> bool:
        """Whether it can be computed in 8-bit integers."""
        return self.passes_values and self.out.image

    @property
    def depthwise(self) -> bool:
        """Whether it is a convolution of each channel with a filter of its own."""
        return False

    @property
    def halves(self) -> bool:
        """Whether it can be computed in bfloat16."""
        return self.quantizes

    @property
    def quantizes_since(self) -> int:
        """The first format of calibrations in which it counts as such (`calibration.FORMAT`)."""
        return 1

    @property
    def normalizes(self) -> bool:
        """Whether batch normalisation is a part of it."""
        return False

    @property
    def brief(self) -> str:
        """What it is, in few words."""
        return self.kind

    def without_normalization(self) -> Layer:
        """The same layer without batch normalisation."""
        return self

    def as_saved(self) -> tuple[Layer, list[str]]:
        """The layer as Darknet writes its weights, and the options that it ignores then."""
        return self, []

    def arrays(self) -> list[Stored]:
        """Its arrays, those of a file in file order."""
        return []

    def stored(self) -> list[Stored]:
        """Its arrays in a ``.weights`` file, in file order."""
        return [array for array in self.arrays() if array.default is None]

    @property
    def opencv(self) -> OpenCvLayer:
        """What OpenCV makes of it; named as the section, where OpenCV has no such layer."""
        return OpenCvLayer(f"{self.kind}_{self.index}", self.kind)

    def describe(self) -> str:
        """Its line in the layer table that Darknet prints while it reads a cfg (without the leading number)."""
        raise NotImplementedError

    @property
    def sharp(self) -> Shape:
        """Shape of its output before a blur."""
        return self.out

    @property
    def alexeyab_billions(self) -> float:
        """AlexeyAB's count of its operations, in billions, as a float; only some layers have one."""
        return 0.0

    def alexeyab_size(self, network: Network) -> tuple[int, int]:
        """Width and height that his table knows of it: those of its input, or 0."""
        return self.input.w, self.input.h

    def alexeyab_row(self, network: Network) -> str:
        """Its lines in his table, by the sections and layers of its network, where they are not those of `describe`."""
        return self.describe()


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


def within_reach(section: Section, key: str, value: int, needed: int) -> None:
    """Raise `CfgError` if an option is far larger than anything that its input needs."""
    if value > needed + REACH:
        raise section.error(f"{key}={value} is far more than an input of this size needs (at most {needed})", key)


def no_more_than(section: Section, key: str, value: int, most: int = REACH) -> int:
    """``value``, if the option that enlarges a layer's output is not beyond any use."""
    if value > most:
        raise section.error(f"{key}={value} is far more than any network has (at most {most})", key)
    return value


def checked_output(section: Section, out: Shape, given: Shape) -> Shape:
    """``out``, if it holds at least one value and not more than Darknet can count."""
    if min(out.c, out.h, out.w) < 1:
        raise section.error(f"[{section.name}] leaves no output: {given} in, {out} out")
    if out.size > INT32_MAX:
        raise section.error(f"[{section.name}] has an output of {out.size} values, more than Darknet can count")
    return out


def number_of_anchors(section: Section) -> int:
    """``num``: how many anchors there are."""
    num = positive(section, "num", 1)
    if num > MOST_ANCHORS:
        raise section.error(f"num={num}: more than {MOST_ANCHORS} anchors are not possible", "num")
    return num


def read_anchors(section: Section, num: int) -> tuple[float, ...]:
    """The widths and heights of ``num`` anchors.

    Those that the cfg does not give are .5, as in Darknet. Of more the first ones count; pjreddie's Darknet then writes
    beyond its array, AlexeyAB's does the same as here.
    """
    count = 2 * num
    given = section.find_floats("anchors") or []
    text = (section.value("anchors") or "").rstrip(",")
    written = text.count(",") + 1 if text else 0
    if written > count:
        section.warn(f"anchors has {written} values, but num={num} needs {count}: the first {count} count", "anchors")
    elif len(given) < count:
        section.warn(
            f"anchors has {len(given)} values, but num={num} needs {count}: the others are .5, as in Darknet", "anchors"
        )
    return (*given[:count], *(0.5,) * (count - len(given)))
