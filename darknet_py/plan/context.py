"""What a layer's steps are made from."""

from __future__ import annotations

from collections.abc import Hashable
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from ..kernels.vector.tile import host_tile
from .conv_cut import ONE, Images
from .pool import get_pool
from .step import Step

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ..formats.tree import Tree
    from ..kernels.runtime.work import PlanKernel
    from ..kernels.vector.tile import Tile
    from ..layers import MaxPool
    from ..numeric.arithmetic import Arithmetic
    from ..numeric.number_format import NumberFormat
    from ..numeric.quantization import Scale
    from ..typing import Floats
    from .chains import Chain
    from .pool import Context

TOGETHER = 2**17
"""So many values, read and written, are worth a second thread: to wake one takes as long as to pack half of them."""

_Stored = TypeVar("_Stored")

Store = dict[Hashable, Any]
"""Packed weights by what they are packed for, and stores of parts inside a layer by name."""


@dataclass(frozen=True)
class LayerContext:
    """What a layer's steps are made from: flat buffers, and how they are to be computed.

    Attributes:
        sources: the layer's inputs. Of convolutions, buffers hold ``images``; of other layers, one image.
        out: its output; that of ``pool``, if there is one.
        arrays: its stored arrays, by Darknet's name.
        profile: the arithmetic.
        threads: most threads that will run the steps.
        tree: its WordTree, if it has one.
        images: how many images, and how far apart they are in ``sources`` and ``out``.
        store: keeps packed weights, for steps made with other sizes, images or threads (of recurrent layers, one store
            for each part inside it).
        pool: the pooling behind a convolution that its step is to do as well.
        states: what a recurrent layer keeps between runs.
        tile: the micro-kernels' shape; that for this processor by default.
        part: the layer is a part of a recurrent one.
        inner: room of `plan.inner.inner_size` values for each image, as far apart as in ``out``.
        dry: the steps are made to be verified or printed: nothing is packed, weights stay zeros.
        narrow: the format in which the layer computes, if that is not float32.
        writes_narrow: its output lies in that format, too; else in float32.
        scales: of its sources in that format.
        scale: of its output; None: float32.
        chain: the layers that its step is to compute as well; then ``sources`` are the chain's.
        chain_arrays: the stored arrays of the chain's convolutions.
        chain_scales: in a narrow format, of the outputs of layers by number: the chain's among them.
    """

    sources: Sequence[Floats]
    out: Floats
    arrays: Mapping[str, Floats]
    profile: Arithmetic
    threads: int
    tree: Tree | None = None
    images: Images = ONE
    store: Store | None = None
    pool: MaxPool | None = None
    states: Sequence[Floats] = ()
    tile: Tile = field(default_factory=lambda: host_tile())
    part: bool = False
    inner: Floats | None = None
    dry: bool = False
    narrow: NumberFormat | None = None
    writes_narrow: bool = False
    scales: Sequence[Scale] = ()
    scale: Scale | None = None
    chain: Chain | None = None
    chain_arrays: Sequence[Mapping[str, Floats]] = ()
    chain_scales: Mapping[int, Scale] = field(default_factory=dict)

    @property
    def x(self) -> Floats:
        """The (first) input."""
        return self.sources[0]

    def step(self, kernel: PlanKernel, /, **arguments: Any) -> Step:
        """A step, with temporary memory for all threads (see `Step.of`)."""
        return Step.of(kernel, workers=self.threads, **arguments)

    def inner_part(self, first: int, size: int | None = None) -> Floats:
        """Of the room inside the layer ``size`` values of each image (by default all), from number ``first`` on."""
        assert self.inner is not None
        end = None if size is None else first + (self.images.count - 1) * self.images.next_out + size
        return self.inner[first:end]

    def prepare(self, step: Step, around: Context = nullcontext) -> None:
        """Run a step now that makes a layer's weights ready."""
        if not self.dry:
            values = sum(argument.size for argument in step.args if isinstance(argument, np.ndarray))
            with get_pool(1 if values < TOGETHER else self.threads) as pool:
                pool.run_step(step, around)

    def stored(self, key: Hashable, make: Callable[[], _Stored]) -> _Stored:
        """What the store has under a key; made, and put there, if it is not."""
        if self.store is None:
            return make()
        if key not in self.store:
            self.store[key] = make()
        result: _Stored = self.store[key]
        return result
