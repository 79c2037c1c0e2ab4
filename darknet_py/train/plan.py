"""Graph + parameters -> the passes of a call: everything is kept, nothing is fused or reused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np

from ..kernels.runtime.denormals import Denormals
from ..kernels.train.moves import clear
from ..kernels.vector.tile import host_tile
from ..plan.memory import ALIGNMENT, aligned_floats
from ..plan.pool import Schedule, get_pool
from ..plan.step import Step, share_temporary
from .context import LayerContext, Passes
from .layers import IN_PLACE, ROOMS, WITHOUT_DELTA, check_trainable, make_passes
from .options import LayerOptions, section_of
from .truth import class_map, truth_of

if TYPE_CHECKING:
    from ..formats.tree import Tree
    from ..kernels.vector.tile import Tile
    from ..network import Network
    from ..numeric.arithmetic import Arithmetic
    from ..typing import Floats, Ints
    from .random import GlibcRandom

INPUT = -1
"""The network's input, as a source of layers."""

LINE = ALIGNMENT // 4
"""Arrays start at multiples of so many values."""

Arrays = Sequence[Mapping[str, "Floats"]]
"""Flat arrays of each layer, by name."""


@dataclass(frozen=True)
class Computing:
    """How a plan is computed.

    Attributes:
        profile: the arithmetic.
        threads: how many threads run a step.
        overwrites: 1x1 convolutions overwrite the delta of their input, as Darknet's CPU code does.
        class_objectness: what the best anchor's objectness is pulled up to in an image of which only the class is known
            (the paper, section 4: .3), and all others are left alone; 0: as Darknet, which pulls all others down and
            leaves the best one alone.
        tile: shape of the micro-kernels.
    """

    profile: Arithmetic
    threads: int
    overwrites: bool = False
    class_objectness: float = 0.0
    tile: Tile = field(default_factory=host_tile)


class TrainPlan:
    """A network's passes for calls of ``batch`` images.

    Attributes:
        network, batch: what it is for.
        x: the input of all images, flat: to be filled before `forward`.
        truth: the labels of all images, flat.
        passes: of each layer.
    """

    def __init__(
        self,
        network: Network,
        batch: int,
        arrays: Arrays,
        updates: Arrays,
        seen: Ints,
        computing: Computing,
        trees: Mapping[int, Tree] | None = None,
    ) -> None:
        """
        Args:
            network: the graph.
            batch: images of a call.
            arrays, updates: parameters and their updates, which the passes read and change where they are.
            seen: int64[1], images of all calls.
            computing: how it is computed.
            trees: WordTrees by number of the layer that needs one.

        Raises:
            CfgError: a layer, or an option, cannot be trained.
            DarknetError: there is not enough memory.
        """
        check_trainable(network)
        self.network, self.batch, self._computing = network, batch, computing
        self._made_of = arrays, updates, seen, trees or {}
        self.truth = aligned_floats(batch * truth_of(network).length)
        self._owners = _owners(network)
        self._allocate()
        self.passes = [self._make_passes(index) for index in range(len(network.layers))]
        self._schedule()

    def _allocate(self) -> None:
        network, batch = self.network, self.batch
        sizes = {INPUT: network.input.size} | {layer.index: layer.out.size for layer in network.layers}
        own = [number for number, owner in self._owners.items() if owner == number]
        self._outputs = dict(zip(own, _arena([batch * sizes[number] for number in own])[1], strict=True))
        with_delta = [number for number in own if number != INPUT and type(network.layers[number]) not in WITHOUT_DELTA]
        self._all_deltas, deltas = _arena([batch * sizes[number] for number in with_delta])
        self._deltas: dict[int, Floats] = dict(zip(with_delta, deltas, strict=True))
        self._room = aligned_floats(room_of(network, batch, self._computing))
        self.x = self._outputs[INPUT]

    def output(self, index: int) -> Floats:
        """A layer's output, of all images; layers after it may have changed it in place ([dropout], masked [cost])."""
        return self._outputs[self._owners[index]]

    def delta(self, index: int) -> Floats | None:
        """A layer's delta, of all images; None if it has none."""
        return self._deltas.get(self._owners[index])

    def _make_passes(self, index: int) -> Passes:
        network, computing = self.network, self._computing
        arrays, updates, seen, trees = self._made_of
        layer = network.layers[index]
        return make_passes(
            layer,
            LayerContext(
                section=section_of(network, index), net=network.input, batch=self.batch,
                sources=[self.output(source) for source in layer.sources],
                source_deltas=[self.delta(source) for source in layer.sources],
                out=self.output(index), delta=self.delta(index), arrays=arrays[index], updates=updates[index],
                truth=self.truth, seen=seen, room=self._room, overwrites=computing.overwrites,
                shared=self._is_shared(index), profile=computing.profile, tile=computing.tile,
                threads=computing.threads, class_objectness=computing.class_objectness,
                tree=trees.get(index), map=class_map(network, layer),
            ),
        )  # fmt: skip

    def _is_shared(self, index: int) -> bool:
        """Whether layers behind have put deltas into the layer's input, before its own come."""
        below = self._owners[self.network.layers[index].sources[0]]
        behind = self.network.layers[index + 1 :]
        return any(
            self._owners[source] == below
            for layer in behind if type(layer) not in IN_PLACE for source in layer.sources
        )  # fmt: skip

    def _schedule(self) -> None:
        threads = self._computing.threads
        forward = [step for passes in self.passes for step in passes.forward]
        backward = [step for index in self.reached for step in self.passes[index].backward]
        repack = [step for passes in self.passes for step in passes.repack]
        share_temporary([*forward, *backward, *repack])
        deltas = [Step.of(clear, out=self._all_deltas)] if self._all_deltas.size else []
        self._forward = Schedule([*deltas, *forward], threads)
        self._backward = Schedule(backward, threads)
        self._repack = Schedule(repack, threads)
        self.steps = [*deltas, *forward, *backward, *repack]

    @property
    def reached(self) -> list[int]:
        """Layers that gradients reach, from the last one down to the one behind the last ``stopbackward=1``."""
        network = self.network
        stops = [
            layer.index for layer in network.layers
            if LayerOptions.read(section_of(network, layer.index)).stopbackward
        ]  # fmt: skip
        return list(range(len(network.layers) - 1, max(stops, default=-1), -1))

    def draw(self, random: GlibcRandom, seen: int) -> None:
        """Draw the random numbers of a call, in the order of the layers."""
        for passes in self.passes:
            if passes.draw is not None:
                passes.draw(random, seen)

    def forward(self) -> None:
        """From the input to the losses."""
        self.run(self._forward)

    def backward(self) -> None:
        """From the losses to the updates of parameters."""
        self.run(self._backward)

    def repack(self) -> None:
        """Make copies of the parameters, which have changed."""
        self.run(self._repack)

    def run(self, schedule: Schedule) -> None:
        """Run steps with this plan's threads."""
        with get_pool(self._computing.threads) as pool:
            pool.run(schedule, Denormals(self._computing.profile.flush_denormals))

    @property
    def cost(self) -> np.float32:
        """The mean of the losses of the last forward pass."""
        total, losses = np.float32(0), [passes.loss for passes in self.passes if passes.loss is not None]
        with np.errstate(all="ignore"):
            for loss in losses:
                total = total + loss.cost[0]
            mean: np.float32 = total / np.float32(len(losses))
        return mean

    def lines(self) -> list[str]:
        """What Darknet's heads print of the last forward pass."""
        losses = [passes.loss for passes in self.passes if passes.loss is not None]
        return [loss.line() for loss in losses if loss.line is not None]


def _owners(network: Network) -> dict[int, int]:
    """Whose arrays hold a layer's output and delta: [dropout] works in those of the layer before."""
    owners = {INPUT: INPUT}
    for layer in network.layers:
        owners[layer.index] = owners[layer.index - 1] if type(layer) in IN_PLACE else layer.index
    return owners


def _arena(sizes: Sequence[int]) -> tuple[Floats, list[Floats]]:
    """One block of zeros, and arrays in it."""
    rooms = [-(-size // LINE) * LINE for size in sizes]
    block = aligned_floats(sum(rooms))
    firsts = [0, *accumulate(rooms)]
    return block, [block[first : first + size] for first, size in zip(firsts, sizes, strict=False)]


def memory_of(network: Network, batch: int, computing: Computing) -> int:
    """About how many bytes a plan for ``batch`` images takes, parameters and their updates included."""
    kept = [layer.out.size * (3 if getattr(layer, "batch_normalize", False) else 2) for layer in network.layers]
    room = room_of(network, batch, computing)
    return 4 * ((network.input.size + sum(kept)) * batch + room + 4 * network.parameters)


def room_of(network: Network, batch: int, computing: Computing) -> int:
    """Values of the memory that all layers share."""
    rooms = [
        ROOMS[type(layer)](layer, batch, computing.tile, computing.threads)
        for layer in network.layers if type(layer) in ROOMS
    ]  # fmt: skip
    return max(rooms, default=0)
