"""What a layer's passes are made from, and what they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..plan.step import Step

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..formats.cfg import Section
    from ..formats.tree import Tree
    from ..kernels.vector.tile import Tile
    from ..layers import Shape
    from ..numeric.arithmetic import Arithmetic
    from ..typing import Floats, Ints
    from .random import GlibcRandom

    Draw = Callable[[GlibcRandom, int], None]
    """Draws random numbers for a call, before it; the other argument is ``seen``, this call's images included."""


@dataclass
class LayerContext:
    """Flat arrays of all images of a call, and how they are to be computed.

    Attributes:
        section: the layer's, for the options of training.
        net: shape of the network's input.
        batch: images of a call.
        sources: the layer's inputs.
        source_deltas: their deltas; None for the network's input and for what has none ([crop]).
        out, delta: its output and its delta.
        arrays, updates: its parameters and their updates, by Darknet's name.
        truth: the labels of all images.
        seen: int64[1], images of all calls.
        room: memory that all layers share, as much as the layer's `room` asked for.
        overwrites: 1x1 convolutions overwrite the delta of their input, as Darknet's CPU code does.
        shared: other layers have put deltas into its input's before.
        profile, tile, threads: how convolutions are computed.
        class_objectness: what [region] makes of an image of a class only: see `plan.Computing`.
        tree: its WordTree.
        map: its classes for those of the labels.
    """

    section: Section
    net: Shape
    batch: int
    sources: Sequence[Floats]
    source_deltas: Sequence[Floats | None]
    out: Floats
    delta: Floats | None
    arrays: Mapping[str, Floats]
    updates: Mapping[str, Floats]
    truth: Floats
    seen: Ints
    room: Floats
    overwrites: bool
    shared: bool
    profile: Arithmetic
    tile: Tile
    threads: int
    class_objectness: float = 0.0
    tree: Tree | None = None
    map: Ints | None = None

    @property
    def x(self) -> Floats:
        """The (first) input."""
        return self.sources[0]

    @property
    def below(self) -> Floats | None:
        """The delta of the (first) input."""
        return self.source_deltas[0]

    @property
    def own_delta(self) -> Floats:
        """The layer's delta, of a layer that has one."""
        assert self.delta is not None
        return self.delta

    def step(self, kernel: Any, /, **arguments: Any) -> Step:
        """A step, with temporary memory for all threads."""
        return Step.of(kernel, workers=self.threads, **arguments)

    def image(self, values: Floats, number: int) -> Floats:
        """One image's part of an array."""
        size = values.size // self.batch
        return values[number * size : (number + 1) * size]


@dataclass
class Loss:
    """What a head leaves behind after a call.

    Attributes:
        cost: float32[1].
        line: what Darknet prints, if it prints something.
    """

    cost: Floats
    line: Callable[[], str] | None = None


@dataclass
class Passes:
    """A layer's part of a call.

    Attributes:
        forward, backward: steps.
        repack: steps after its parameters have changed.
        draw: draws its random numbers, before the call.
        loss: of a head.
        statistics: arrays that a trace shows (mean and variance of the batch).
    """

    forward: list[Step] = field(default_factory=list)
    backward: list[Step] = field(default_factory=list)
    repack: list[Step] = field(default_factory=list)
    draw: Draw | None = None
    loss: Loss | None = None
    statistics: dict[str, NDArray[np.float32]] = field(default_factory=dict)
