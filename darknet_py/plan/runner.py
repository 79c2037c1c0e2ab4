"""A network ready to run on any number of images: plans for several counts, which share their packed weights."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, TypeVar
from weakref import WeakSet

from ..errors import DarknetError
from ..kernels.runtime.jit import times_compiled
from .build import Plan

if TYPE_CHECKING:
    from ..formats.tree import Tree
    from ..network import Network
    from ..numeric.arithmetic import Arithmetic
    from ..parameters import Parameters
    from ..typing import Floats
    from .context import Store


BATCH = 4
"""How many images go through the network together; a power of two."""

PACKED = {"batchnorm", "convolutional", "crnn"}
"""Layers whose weights a plan has copies of. Those of others are read from their file in each run."""

_Item = TypeVar("_Item")


def in_groups(items: Iterable[_Item]) -> Iterator[list[_Item]]:
    """Groups of `BATCH` items; what is left over in groups of half the size each time, so that few plans do."""
    group: list[_Item] = []
    for item in items:
        group.append(item)
        if len(group) == BATCH:
            yield group
            group = []
    size = BATCH
    while group:
        size //= 2
        if len(group) >= size:
            yield group[:size]
            group = group[size:]


class Runner:
    """Runs a network on images and remembers the last run. Not safe for several threads at once.

    Attributes:
        has_run: whether there is a last run.
        seconds: how long it took, by image.
        states: what recurrent layers keep between runs.
        plans: by how many images run together; made when they are first needed.
    """

    def __init__(
        self, network: Network, parameters: Parameters, profile: Arithmetic, threads: int, trees: Mapping[int, Tree],
        keep: Collection[int] = (),
    ) -> None:  # fmt: skip
        """Arguments as for `Plan`."""
        self._made_of = network, parameters, profile, threads, trees
        in_place = any(layer.kind not in PACKED and list(layer.stored()) for layer in network.layers)
        self._read_from = parameters.file if in_place else None
        self._store: dict[int, Store] = {}
        self._keep = frozenset(keep)
        self._seen: WeakSet[Plan] = WeakSet()
        self._last = Plan(*self._made_of, self._keep, 1, self._store)
        self.plans = {1: self._last}
        self.states = self._last.states
        self.has_run = False
        self.seconds = 0.0

    @property
    def kept(self) -> frozenset[int]:
        """Layers whose outputs can be asked for."""
        return self._last.kept

    @property
    def arena_bytes(self) -> int:
        """Memory for activations, of all plans."""
        return sum(plan.arena_bytes for plan in self.plans.values())

    def run(self, inputs: Sequence[Floats]) -> None:
        """Run on inputs (channels x height x width each), together; each gets the same bits as alone."""
        plan = self._plan_for(len(inputs))
        if any(x.size != plan.network.input.size for x in inputs):
            raise DarknetError("the network was resized while it was given an input of its old size")
        if self._read_from is not None:
            self._read_from.check()
        self.has_run = False  # until it has: what an error leaves in the buffers is no result
        for image, x in enumerate(inputs):
            plan.input(image)[:] = x.reshape(-1)
        self.seconds = self._time(plan) / len(inputs)
        self._last = plan
        self.has_run = True

    def _time(self, plan: Plan) -> float:
        """Run a plan, and say how long the network took: not the compiler, which may have to come first."""
        compiled = times_compiled() if plan not in self._seen else 0
        start = perf_counter()
        plan.run()
        seconds = perf_counter() - start
        if plan not in self._seen:
            self._seen.add(plan)
            if times_compiled() > compiled:
                with self.states.last_run_again():
                    start = perf_counter()
                    plan.run()
                    seconds = perf_counter() - start
        return seconds

    def not_finite(self) -> set[int]:
        """See `Plan.not_finite`."""
        return self._last.not_finite()

    def output(self, number: int, image: int = -1) -> Floats:
        """Layer ``number``'s output for one image of the last run, flat; a view that the next run overwrites."""
        return self._last.output(number, image % self._last.images)

    def keep(self, numbers: Iterable[int]) -> None:
        """Keep the outputs of these layers from now on, too; the last image is run again if some are new."""
        wanted = self.kept | set(numbers)
        if wanted == self.kept:
            return
        images = self._last.images  # all of them if the state that the last one met comes from the others
        again = [self._last.input(image).copy() for image in range(images - 1 if self.states.empty else 0, images)]
        self.plans.clear()
        self._keep = wanted
        self._last = self._plan_for(1)
        if self.has_run:
            with self.states.last_run_again():
                self.run(again)

    def resize(self, network: Network) -> None:
        """Go on with the same network at another size, its states 0; if no plan can be made, with the one before."""
        made_of = network, *self._made_of[1:]
        plan = Plan(*made_of, self._keep, 1, self._store)
        self._made_of, self.plans, self._last, self.has_run = made_of, {1: plan}, plan, False
        self.states = plan.states

    def _plan_for(self, images: int) -> Plan:
        if images not in self.plans:
            self.plans[images] = Plan(*self._made_of, self._keep, images, self._store, self.states)
        return self.plans[images]
