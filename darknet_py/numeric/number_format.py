"""How numbers lie in memory, and which kernels work on them: one row for each format.

float32 is the only one so far. Another format is another row: its own storage, packing and convolution (whose
micro-kernel multiplies and whose epilogue finishes numbers of that format), nothing in the rest of the plan.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..kernels.runtime.work import PlanKernel
    from ..kernels.vector.tile import Tile
    from ..typing import Array


class ConvolutionKernels(NamedTuple):
    """Kernels of one number format.

    Attributes:
        pack: brings a convolution's weights into the order of its micro-kernel.
        convolution: multiplies, sums up and finishes.
        depthwise: the same where each channel has one filter of its own; None: `convolution` does that, too.
    """

    pack: PlanKernel
    convolution: PlanKernel
    depthwise: PlanKernel | None = None


@dataclass(frozen=True)
class NumberFormat:
    """A format of activations and weights.

    Attributes:
        name: what plans show.
        storage: one number in memory.
        load_kernels: gives its kernels; called when the first plan is made, as loading Numba takes long.
    """

    name: str
    storage: np.dtype[Any]
    load_kernels: Callable[[], ConvolutionKernels]

    @cached_property
    def kernels(self) -> ConvolutionKernels:
        """The kernels that work on it."""
        return self.load_kernels()

    @property
    def itemsize(self) -> int:
        """Bytes of a number."""
        return int(self.storage.itemsize)

    def lanes(self, tile: Tile) -> int:
        """Numbers of a vector register (`Tile.lanes` counts float32 values)."""
        return tile.lanes * 4 // self.itemsize

    def view(self, memory: NDArray[np.uint8], offset: int, count: int) -> Array:
        """``count`` numbers from byte ``offset`` of some memory on."""
        return memory[offset : offset + count * self.itemsize].view(self.storage)


def _float32_kernels() -> ConvolutionKernels:
    from ..kernels.conv.convolution import convolution
    from ..kernels.conv.depthwise import depthwise
    from ..kernels.conv.pack import pack_weights

    return ConvolutionKernels(pack_weights, convolution, depthwise)


FLOAT32 = NumberFormat("float32", np.dtype(np.float32), _float32_kernels)
