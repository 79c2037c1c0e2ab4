"""Graph + stored arrays -> plan: packed weights, an arena of buffers and a flat list of steps."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import TYPE_CHECKING

from ..formats.weights import drop_pages
from ..kernels.denormals import denormals_as_zero
from . import heads, recurrent  # noqa: F401 (they register their layers' steps)
from .memory import INPUT, aligned_floats, lay_out
from .pool import get_pool
from .profile import check_covers
from .states import States
from .step import share_temporary
from .steps import Bench, make_steps

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..formats.tree import Tree
    from ..network import Network
    from ..parameters import Parameters
    from .profile import Profile
    from .step import Step


class Plan:
    """A network made ready to run on one image at a time. Running allocates nothing.

    A plan is not safe for several threads at once (its buffers are its own); `Detector` holds a lock.
    """

    def __init__(
        self,
        network: Network,
        parameters: Parameters,
        profile: Profile,
        threads: int,
        trees: Mapping[int, Tree] | None = None,
        keep: Collection[int] = (),
        states: States | None = None,
    ) -> None:
        """
        Args:
            network: the graph.
            parameters: its stored arrays.
            profile: the arithmetic.
            threads: how many threads run a step.
            trees: WordTrees by number of the layer that needs one.
            keep: layers whose outputs can be asked for after a run; heads and the last layer always can.
            states: of its recurrent layers; zeros of its own by default.
        """
        check_covers(profile, network)
        self.network = network
        self.threads = threads
        self.profile = profile
        self.kept = frozenset(keep) | {layer.index for layer in network.heads} | {network.output_layer.index}
        self.states = states or States(network)
        layout = lay_out(network, self.kept)
        self.arena_bytes = layout.size * 4
        self._arena = aligned_floats(layout.size)
        self._buffers = {
            number: self._arena[buffer.offset : buffer.offset + buffer.size]
            for number, buffer in layout.buffers.items()
        }
        self.steps: list[Step] = []
        for layer in network.layers:
            bench = Bench(
                sources=[self._buffers[source] for source in layer.sources],
                out=self._buffers[layer.index],
                arrays=parameters.arrays[layer.index],
                tree=(trees or {}).get(layer.index),
                profile=profile,
                threads=threads,
                states=self.states.of_layer(layer.index),
                pool=network.layers[layout.pools[layer.index]] if layer.index in layout.pools else None,  # type: ignore[arg-type]
            )
            pooled_already = layer.index in layout.pools.values()
            for step in [] if pooled_already else make_steps(layer, bench):
                step.layer = layer.index
                self.steps.append(step)
            for array in bench.arrays.values():
                drop_pages(array)  # packed now, or read where it lies once per run
        share_temporary(self.steps)

    @property
    def input(self) -> NDArray[np.float32]:
        """The network's input buffer, flat: fill it, then `run`."""
        return self._buffers[INPUT]

    def run(self, after_step: Callable[[Step], None] | None = None) -> None:
        """Run all steps on what is in `input`; ``after_step`` is called when each has ended (to time them)."""
        # Set in both cases: a library in this process may have switched denormals off.
        around = partial(denormals_as_zero, self.profile.flush_denormals)
        with get_pool(self.threads) as pool, self.states.run():
            for step in self.steps:
                pool.run(step, around)
                if after_step is not None:
                    after_step(step)

    def output(self, number: int) -> NDArray[np.float32]:
        """Layer ``number``'s output of the last run, flat; a view that the next run overwrites."""
        if number not in self.kept:
            raise KeyError(f"the output of layer {number} was not kept")
        return self._buffers[number]
