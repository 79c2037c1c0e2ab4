"""A network that learns: calls of some images, and an update after every ``subdivisions`` of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..dialect import AUTO, PJREDDIE
from ..errors import DarknetError
from ..kernels.vector.tile import host_tile
from ..loading import load_trees
from ..network import read_network
from ..numeric.arithmetic import get_arithmetic
from ..parameters import load_parameters, save_parameters
from ..plan.cores import usable_cores
from ..plan.pool import Schedule
from ..weights.saving import as_saved
from .options import LayerOptions, NetOptions, section_of
from .plan import Computing, TrainPlan, memory_of
from .random import GlibcRandom
from .truth import truth_of
from .update import Updates

if TYPE_CHECKING:
    from ..kernels.vector.tile import Tile
    from ..network import Network
    from ..typing import Floats

UPDATED = ("biases", "scales", "weights")
"""Parameters that learn; the rolling mean and variance follow the batches."""


@dataclass(frozen=True)
class StepResult:
    """A call.

    Attributes:
        cost: the mean of the losses, float32 (Darknet's ``loss`` of an iteration is their sum over the images).
        seen: images of all calls, this one's included.
        rate: the learning rate now.
        updated: whether the parameters were changed.
        lines: what Darknet's heads print.
    """

    cost: np.float32
    seen: int
    rate: np.float32
    updated: bool
    lines: tuple[str, ...]


Callback = Callable[["Trainer", StepResult], None]
"""Is called after each step."""


class Trainer:
    """Trains a network as Darknet does (``train_network_datum``), to the same bits with any number of threads.

    Attributes:
        network: the graph, at its present size.
        options: what ``[net]`` says about training.
        arrays: parameters of each layer, by Darknet's name, in the shapes of `layers.Stored`; changed in place.
        updates: their updates (gradients and momentum), likewise.
        random: where layers draw from ([dropout], [crop], ``random=1`` of [detection], ``policy=random``).
        truth: what labels look like.
    """

    def __init__(
        self,
        network: Network,
        arrays: Sequence[Mapping[str, Floats]],
        *,
        seen: int = 0,
        threads: int | None = None,
        math: str = "ieee",
        random: GlibcRandom | None = None,
        darknet_deltas: bool = False,
        class_objectness: float = 0.0,
        tile: Tile | None = None,
        callbacks: Sequence[Callback] = (),
    ) -> None:
        """
        Args:
            network: the graph (of pjreddie's dialect).
            arrays: the parameters to start from, which are copied.
            seen: images of the calls before.
            threads: how many threads; all cores by default.
            math: the arithmetic: ``ieee``: Darknet's bits; ``fast``: sums of products are contracted and convolutions
                filtered (Winograd), the same on each run and with any number of threads.
            random: the stream for the network's own draws; one with seed 1 by default.
            darknet_deltas: 1x1 convolutions overwrite the delta of their input, as in Darknet's CPU code, which loses
                what other layers that read it give back.
            class_objectness: of a [region] with a tree: see `plan.Computing`.
            tile: shape of the micro-kernels; that for this processor by default.
            callbacks: called after each step.

        Raises:
            CfgError, DataError, DarknetError: the network cannot be trained, with the line where that is said.
        """
        check_can_train(network, math)
        assert network.cfg is not None
        self.network, self.options = network, NetOptions.read(network.cfg.net)
        self.truth = truth_of(network)
        self.random = GlibcRandom(1) if random is None else random
        self.callbacks = list(callbacks)
        self._computing = Computing(
            get_arithmetic(math, network.dialect), threads or usable_cores(), darknet_deltas, class_objectness,
            tile or host_tile(),
        )  # fmt: skip
        self._trees = load_trees(network)
        self._seen = np.array([seen], np.int64)
        self.arrays = [
            {array.name: _own(given, array.name, array.shape) for array in layer.arrays()}
            for layer, given in zip(network.layers, arrays, strict=True)
        ]
        self.updates = [
            {name: np.zeros(values.shape, np.float32) for name, values in own.items() if name in UPDATED}
            for own in self.arrays
        ]
        self._make_plan(network)
        sections = [LayerOptions.read(section_of(network, layer.index)) for layer in network.layers]
        self._updates = Updates(self.options, sections, _flat(self.arrays), _flat(self.updates))
        self._update = Schedule(self._updates.steps, self._computing.threads)

    @classmethod
    def open(cls, cfg: str | Path, weights: str | Path, *, seen: int | None = None, **options: Any) -> Trainer:
        """A trainer of a cfg and a whole weights file.

        Args:
            cfg, weights: the files.
            seen: images of the calls before; those of the file's header by default.
            options: of `Trainer`.

        Raises:
            CfgError, WeightsError, DataError, DarknetError: as `Trainer`, and what is wrong in the files.
        """
        network = read_network(cfg, dialect=options.pop("dialect", AUTO))
        check_can_train(network, options.get("math", "ieee"))
        parameters = load_parameters(network, weights)
        return cls(network, parameters.arrays, seen=parameters.seen if seen is None else seen, **options)

    def _make_plan(self, network: Network) -> None:
        try:
            self.plan = TrainPlan(
                network, self.options.batch, _flat(self.arrays), _flat(self.updates), self._seen, self._computing,
                self._trees,
            )  # fmt: skip
        except DarknetError as error:
            if "not enough memory" not in str(error):
                raise
            needed = memory_of(network, self.options.batch, self._computing)
            raise DarknetError(
                f"{network.path}: not enough memory: calls of {self.options.batch} images need "
                f"{needed / 1e9:.1f} GB; raise subdivisions"
            ) from None
        self.plan.repack()

    @property
    def seen(self) -> int:
        """Images of all calls."""
        return int(self._seen[0])

    @seen.setter
    def seen(self, images: int) -> None:
        self._seen[0] = images

    @property
    def batch_number(self) -> int:
        """How many updates there have been, as Darknet counts them: from ``seen``."""
        return self.seen // self.options.images

    @property
    def memory(self) -> int:
        """About how many bytes it takes."""
        return memory_of(self.network, self.options.batch, self._computing)

    def step(self, x: Floats, y: Floats) -> StepResult:
        """One call: forward, backward, and an update if it is time for one.

        Args:
            x: float32 (batch, channels, height, width) of the network's present size, or (batch, inputs).
            y: float32 (batch, `truth`.length).

        Raises:
            DarknetError: x or y do not fit; nothing has been changed.
        """
        self.forward(x, y)
        return self.backward()

    def forward(self, x: Floats, y: Floats) -> None:
        """The first half of `step`."""
        x, y = np.ascontiguousarray(x, np.float32), np.ascontiguousarray(y, np.float32)
        self.check(x, y)
        self._seen[0] += self.options.batch
        self.plan.x[:], self.plan.truth[:] = x.reshape(-1), y.reshape(-1)
        self.plan.draw(self.random, self.seen)
        self.plan.forward()

    def backward(self) -> StepResult:
        """The second half of `step`."""
        self.plan.backward()
        options = self.options
        updated = self.seen // options.batch % options.subdivisions == 0
        rate = options.rate.at(self.batch_number, self.random if updated else None)
        if updated:
            self._updates.prepare(rate)
            self.plan.run(self._update)
            self.plan.repack()
        result = StepResult(self.plan.cost, self.seen, rate, updated, tuple(self.plan.lines()))
        for callback in self.callbacks:
            callback(self, result)
        return result

    def check(self, x: Floats, y: Floats, *, any_size: bool = False) -> None:
        """Raise `DarknetError` unless `step` can run on these.

        Args:
            x, y: as for `step`.
            any_size: images may be of another size, for which the network will be resized.
        """
        batch, shape = self.options.batch, self.network.input
        fits = x.shape in ((batch, shape.c, shape.h, shape.w), (batch, shape.size))
        if not fits and not (any_size and x.ndim == 4 and x.shape[:2] == (batch, shape.c)):
            raise DarknetError(f"{batch} images of {shape} are asked for, not an array of shape {x.shape}")
        if y.shape != (batch, self.truth.length):
            raise DarknetError(
                f"{batch} rows of {self.truth.length} labels are asked for, not an array of shape {y.shape}"
            )
        self.truth.check(y)

    def check_size(self, w: int, h: int) -> Network:
        """The network at another size. Raises `DarknetError` if there is none: see `resize`."""
        if any(layer.kind == "crop" for layer in self.network.layers):
            raise DarknetError(f"{self.network.path}: a network with a [crop] cannot be resized")
        return self.network.resized(w, h)

    def resize(self, w: int, h: int) -> None:
        """Go on with inputs of another size (Darknet's ``resize_network``).

        Raises:
            CfgError: the network cannot be of that size; it stays as it is.
        """
        network = self.check_size(w, h)
        del self.plan  # there may not be room for two
        try:
            self._make_plan(network)
        except DarknetError:
            self._make_plan(self.network)
            raise
        self.network = network

    def save(self, path: str | Path) -> list[str]:
        """Write a weights file as Darknet's ``save_weights`` does: whole, or not at all.

        Returns:
            what of the cfg's options makes the file other than what the cfg reads.
        """
        network, notes = as_saved(self.network)
        kept = {layer.index for layer in network.layers}
        arrays = [own for index, own in enumerate(self.arrays) if index in kept]
        save_parameters(network, arrays, path, self.seen)
        return notes

    @property
    def states(self) -> dict[str, Floats]:
        """What it takes, besides the weights file and the random stream, to go on to the same bits: updates, moments.

        Names are ``LAYER.ARRAY``; to go on, copy saved values into these arrays and set `update_count`.
        """
        result = {
            f"{index}.{name}_updates": values for index, own in enumerate(self.updates) for name, values in own.items()
        }
        for index, own in enumerate(self._updates.states):
            result |= {f"{index}.{name}": values for name, values in own.items()}
        return result

    @property
    def update_count(self) -> int:
        """Updates of this run (Adam's t)."""
        return self._updates.count

    @update_count.setter
    def update_count(self, count: int) -> None:
        self._updates.count = count


def check_can_train(network: Network, math: str) -> None:
    """Raise `DarknetError` for what is not trained at all: other arithmetics, other dialects."""
    why = get_arithmetic(math, network.dialect).why_no_training
    if why is not None:
        raise DarknetError(f"math={math} cannot train: {why}; use math=ieee")
    if network.dialect is not PJREDDIE:
        raise DarknetError(
            f"{network.path}: is a network of {network.dialect.name} ({network.reason}); training is for those of "
            f"{PJREDDIE.name}"
        )


def _own(given: Mapping[str, Floats], name: str, shape: tuple[int, ...]) -> Floats:
    """A copy of a parameter."""
    if name not in given or given[name].shape != shape:
        found = "is missing" if name not in given else f"has shape {given[name].shape}, not {shape}"
        raise DarknetError(f"{name} {found}")
    return np.array(given[name], np.float32, order="C")


def _flat(arrays: Sequence[Mapping[str, Floats]]) -> list[dict[str, Floats]]:
    """Views without dimensions."""
    return [{name: values.reshape(-1) for name, values in own.items()} for own in arrays]
