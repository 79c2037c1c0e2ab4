"""How numbers lie in memory, and which kernels work on them: one row for each format.

float32 is the only one so far. Another format is another row: its own storage, packing and convolution (whose
micro-kernel multiplies and whose epilogue finishes numbers of that format), nothing in the rest of the plan.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..kernels.conv.convolution import convolution
from ..kernels.conv.pack import pack_weights

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..kernels.vector.tile import Tile


@dataclass(frozen=True)
class NumberFormat:
    """A format of activations and weights.

    Attributes:
        name: what plans show.
        storage: one number in memory.
        pack: the kernel that brings a convolution's weights into the order of its micro-kernel.
        convolution: the kernel that multiplies, sums up and finishes numbers of this format.
    """

    name: str
    storage: np.dtype[Any]
    pack: Any
    convolution: Any

    @property
    def itemsize(self) -> int:
        """Bytes of a number."""
        return int(self.storage.itemsize)

    def lanes(self, tile: Tile) -> int:
        """Numbers of a vector register (`Tile.lanes` counts float32 values)."""
        return tile.lanes * 4 // self.itemsize

    def view(self, memory: NDArray[np.uint8], offset: int, count: int) -> NDArray[Any]:
        """``count`` numbers from byte ``offset`` of some memory on."""
        return memory[offset : offset + count * self.itemsize].view(self.storage)


FLOAT32 = NumberFormat("float32", np.dtype(np.float32), pack_weights, convolution)
