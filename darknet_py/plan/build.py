"""Graph + stored arrays -> plan: packed weights, an arena of buffers and a flat list of steps."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from ..errors import DarknetError
from ..formats.weights import drop_pages
from ..kernels.runtime.denormals import Denormals
from ..numeric.number_format import WORD
from .chains import find_chains
from .context import LayerContext, Store
from .conv_cut import Images
from .formats import formats_of
from .fusion import segments
from .memory import INPUT, aligned_memory, lay_out
from .ops import make_steps
from .pool import Schedule, get_pool
from .room import check_room
from .states import States
from .step import share_temporary

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..formats.tree import Tree
    from ..layers import Layer
    from ..network import Network
    from ..numeric.arithmetic import Arithmetic
    from ..parameters import Parameters
    from ..typing import Floats
    from .memory import Buffer
    from .step import Step


_NOTHING = nullcontext()


class Plan:
    """A network made ready to run on one image, or on several at a time. Running allocates nothing.

    A plan is not safe for several threads at once (its buffers are its own); `Detector` holds a lock.
    """

    def __init__(
        self,
        network: Network,
        parameters: Parameters,
        profile: Arithmetic,
        threads: int,
        trees: Mapping[int, Tree] | None = None,
        keep: Collection[int] = (),
        images: int = 1,
        store: dict[int, Store] | None = None,
        states: States | None = None,
        dry: bool = False,
    ) -> None:
        """
        Args:
            network: the graph.
            parameters: its stored arrays.
            profile: the arithmetic.
            threads: how many threads run a step.
            trees: WordTrees by number of the layer that needs one.
            keep: layers whose outputs can be asked for after a run; heads and the last layer always can.
            images: how many images run together; each gets the same bits as alone.
            store: keeps packed weights, by layer, for other plans of the same parameters and profile.
            states: of its recurrent layers; zeros of its own by default.
            dry: the plan is to be verified or printed only (`plan.verify`, `plan.show`): no weights are packed.
        """
        profile.check_covers(network)
        if parameters.file is not None:
            parameters.file.check()
        self.network = network
        self.threads = threads
        self.images = images
        self.profile = profile
        self.kept = frozenset(keep) | {layer.index for layer in network.heads} | {network.output_layer.index}
        self.dry = dry
        self.formats = formats_of(network, profile)
        chains = find_chains(network, self.kept, profile, self.formats)
        self.layout = lay_out(network, self.kept, self.formats, chains)
        if not dry:
            check_room(network, self.layout, images)
        self.states = States(network) if states is None else states
        self.arena = aligned_memory(images * self.layout.size)  # each image has a part of its own
        self._made_of = parameters, trees or {}, {} if store is None else store
        self.steps: list[Step] = []
        self._notes: list[tuple[int, NDArray[np.int64]]] = []
        for image in range(images):
            self._add_copy(INPUT, image)
        for layers, together in segments(network, images):
            for first in range(0, images, together):
                for layer in layers:
                    self._add_steps(layer, first, together)
                    for image in range(first, first + together):
                        self._add_copy(layer.index, image)
                    for array in parameters.arrays[layer.index].values():
                        drop_pages(array)  # packed now, or read where it lies once per run
        del self._made_of
        share_temporary(self.steps)
        self._schedule = Schedule(self.steps, threads)
        # Set in both cases: a library in this process may have switched denormals off.
        self._around = Denormals(profile.flush_denormals)
        if not dry:
            self._schedule.compile()  # now, while another process may do so for what reads pictures

    def _add_steps(self, layer: Layer, first: int, count: int) -> None:
        """The steps of a layer for ``count`` images: convolutions take them together, other layers one by one."""
        pools, chain = self.layout.pools, self.layout.chains.get(layer.index)
        if self.layout.head_of(layer.index) is not None:
            return  # a part of another one's step
        parameters, trees, store = self._made_of
        for image, images in [(first, count)] if layer.takes_batches else [(first + i, 1) for i in range(count)]:
            context = LayerContext(
                sources=[self._as_read(layer, source, image, images) for source in (chain or layer).sources],
                out=self._buffer(layer.index, image, images),
                arrays=parameters.arrays[layer.index],
                tree=trees.get(layer.index),
                profile=self.profile,
                threads=self.threads,
                images=Images(images, self.layout.count, self.layout.count),
                store=store.setdefault(layer.index, {}),
                states=self.states.of_layer(layer.index),
                pool=self.network.layers[pools[layer.index]] if layer.index in pools else None,  # type: ignore[arg-type]
                inner=self._inner(layer.index, image, images),
                dry=self.dry,
                chain=chain,
                chain_arrays=[parameters.arrays[each.index] for each in chain.convolutions] if chain else [],
                chain_scales=self.formats.scales,
                **self._formats_of(layer),
            )
            for step in make_steps(layer, context):
                step.layer = layer.index
                self.steps.append(step)

    def _formats_of(self, layer: Layer) -> dict[str, Any]:
        """What a context says of the layer's number format."""
        formats = self.formats
        if layer.index not in formats.computed:
            return {}
        scales = [formats.scales[source] for source in layer.sources] if formats.scales else []
        out = self.layout.pools.get(layer.index, layer.index)
        stored = out in formats.stored
        scale = formats.scales.get(layer.index) if stored else None
        return {"narrow": formats.narrow, "writes_narrow": stored, "scales": scales, "scale": scale}

    def _as_read(self, layer: Layer, source: int, image: int, images: int) -> Floats:
        """A source's output in the format in which a layer reads it."""
        if self.formats.read_by(layer) is self.formats.of(source):
            return self._buffer(source, image, images)
        return self._part_of_arena(self.layout.copies[source], image, images)

    def _add_copy(self, number: int, image: int) -> None:
        """The step that makes the copy of a layer's output in the format in which it does not lie, if one is needed."""
        if number not in self.layout.copies:
            return
        from .ops.copies import copy_step

        shape = self.network.input if number == INPUT else self.network.layers[number].out
        out, x = self._part_of_arena(self.layout.copies[number], image, 1), self._buffer(number, image)
        step = copy_step(out, x, shape, self.formats, number)
        step.layer = number
        self.steps.append(step)
        if "notes" in step.arguments:
            self._notes.append((number, step.arguments["notes"]))

    @property
    def arena_bytes(self) -> int:
        """Memory for activations."""
        return self.arena.size

    def _buffer(self, number: int, image: int, images: int = 1) -> Floats:
        """Layer ``number``'s output of an image; or from there to the end of that of the last of several images."""
        return self._part_of_arena(self.layout.buffers[number], image, images)

    def _inner(self, number: int, image: int, images: int) -> Floats | None:
        """Room inside a layer, as `_buffer`."""
        inner = self.layout.inner.get(number)
        return None if inner is None else self._part_of_arena(inner, image, images)

    def _part_of_arena(self, buffer: Buffer, image: int, images: int) -> Floats:
        layout = self.layout
        start = image * layout.size + buffer.offset
        words = (images - 1) * layout.count + buffer.count
        return self.arena[start : start + words * WORD.itemsize].view(WORD)

    def input(self, image: int = 0) -> Floats:
        """The network's input buffer for an image, flat: fill it, then `run`."""
        return self._buffer(INPUT, image)

    def run(self, after_step: Callable[[Step], None] | None = None) -> None:
        """Run all steps on what is in the input buffers; ``after_step`` is called after each, to time them.

        Raises:
            DarknetError: the input is NaN or infinite somewhere, and some layer had to read it as integers.
        """
        if self.dry:
            raise RuntimeError("this plan is for printing and verifying only: its weights are not packed")
        with get_pool(self.threads) as pool, _NOTHING if self.states.empty else self.states.run():
            pool.run(self._schedule, self._around, after_step)
            if self._notes and INPUT in self.not_finite():  # within what keeps states: they are as before this run
                raise DarknetError(
                    f"{self.network.path}: the network's input is NaN or infinite somewhere, which 8-bit integers "
                    "cannot be; give it numbers, or use math=fast"
                )

    def not_finite(self) -> set[int]:
        """Layers (-1: the input) of whose NaN or infinite values the last run made integers, which cannot be such."""
        return {number for number, notes in self._notes if notes.any()}

    def output(self, number: int, image: int = 0) -> Floats:
        """Layer ``number``'s output of the last run for one image, flat; a view that the next run overwrites.

        (Or values that were made of narrower numbers.)
        """
        stored = self.stored(number, image)
        if number not in self.formats.stored:
            return stored
        from .ops.copies import unpacked

        return unpacked(stored, self.network.layers[number].out, self.formats, number)

    def stored(self, number: int, image: int = 0) -> Floats:
        """The same as it lies in memory: words of the layer's number format."""
        if number not in self.kept:
            raise KeyError(f"the output of layer {number} was not kept")
        return self._buffer(number, image)
