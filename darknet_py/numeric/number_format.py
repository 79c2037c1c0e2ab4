"""How numbers lie in memory, and which kernels work on them: one row for each format.

Memory consists of words of 4 bytes, whatever the format: a word has one float32, or the narrower numbers of several
channels side by side. So a map of c channels is one of ``ceil(c / per_word)`` channels of words, and arenas, windows,
tiles and cuts are the same for each format. Another format is another row: its packing and convolution (whose
micro-kernel multiplies and whose epilogue finishes numbers of that format), and the steps of `plan.ops`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from ..kernels.runtime.work import PlanKernel
    from ..kernels.vector.tile import Tile


class ConvolutionKernels(NamedTuple):
    """Kernels of one number format.

    Attributes:
        convolution: multiplies, sums up and finishes.
        depthwise: the same where each channel has one filter of its own; None: `convolution` does that, too.
        tile: the micro-kernels' shape on this format's words, from that on float32.
    """

    convolution: PlanKernel
    depthwise: PlanKernel | None = None
    tile: Callable[[Tile], Tile] = lambda tile: tile


@dataclass(frozen=True)
class NumberFormat:
    """A format of activations and weights.

    Attributes:
        name: what plans show.
        per_word: how many channels' numbers a word has.
        load_kernels: gives its kernels; called when the first plan is made, as loading Numba takes long.
        finite: it has no number for NaN and infinity.
        bottlenecks: layers that are one are computed in one step (`plan.chains`).
    """

    name: str
    per_word: int
    load_kernels: Callable[[], ConvolutionKernels]
    finite: bool = False
    bottlenecks: bool = False

    @cached_property
    def kernels(self) -> ConvolutionKernels:
        """The kernels that work on it."""
        return self.load_kernels()

    def words(self, channels: int, cells: int) -> int:
        """Words of a map of so many channels, of so many values each."""
        return -(-channels // self.per_word) * cells


WORD = np.dtype(np.float32)
"""A word of memory: float32, whose values nobody looks at where it has other numbers."""


def _float32_kernels() -> ConvolutionKernels:
    from ..kernels.conv.convolution import convolution
    from ..kernels.conv.depthwise import depthwise

    return ConvolutionKernels(convolution, depthwise)


def _int8_kernels() -> ConvolutionKernels:
    from ..kernels.int8.convolution import convolution_int8
    from ..kernels.int8.depthwise import depthwise_int8
    from ..kernels.vector.dots import word_tile

    return ConvolutionKernels(convolution_int8, depthwise_int8, word_tile)


def _bf16_kernels() -> ConvolutionKernels:
    from ..kernels.bf16.convolution import convolution_bf16
    from ..kernels.vector.pairs import pair_tile

    return ConvolutionKernels(convolution_bf16, tile=pair_tile)


FLOAT32 = NumberFormat("float32", 1, _float32_kernels, bottlenecks=True)
INT8 = NumberFormat("int8", 4, _int8_kernels, finite=True, bottlenecks=True)
"""Numbers 0 .. 255, each output with a scale of its own (`numeric.quantization`)."""

BF16 = NumberFormat("bf16", 2, _bf16_kernels)
"""The upper halves of float32."""
