"""Products of matrices by the convolution's micro-kernels: each sum in the order of its products, in float32."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...kernels.conv.cut import ConvShape, Cut
from ...kernels.conv.epilogue import Finish
from ...kernels.conv.pack import pack_weights
from ...kernels.conv.winograd_pack import pack_winograd
from ...kernels.train.columns import pack_columns
from ...plan.coefficients import neutral
from ...plan.context import LayerContext
from ...plan.conv_cut import ONE, Images, cut_work, offsets
from ...plan.memory import aligned_floats
from ...plan.step import Step
from ...plan.winograd import choose_transform, winograd_steps

if TYPE_CHECKING:
    from ...kernels.conv.winograd_code import Winograd
    from ...kernels.vector.tile import Tile
    from ...numeric.arithmetic import Arithmetic
    from ...typing import Doubles, Floats, Ints


USUAL_THREADS = 4
"""For so many threads transforms are chosen, however many there are: each has other roundings."""


def matrix_shape(rows: int, depth: int, columns: int, groups: int = 1) -> ConvShape:
    """The product of (rows x depth) and (depth x columns), for each of some groups, as a 1x1 convolution."""
    return ConvShape(
        c=depth, h=1, w=columns, n=rows, groups=groups, size=1, stride=1, pad=0, out_h=1, out_w=columns, plane=columns,
        group=depth * columns,
    )  # fmt: skip


@dataclass
class Product:
    """A convolution's sums of a shape, cut for this machine, with the coefficients of what follows them.

    ``singles`` has the biases in its third row (see `kernels.conv.epilogue.Finish`).
    """

    shape: ConvShape
    cut: Cut
    tasks: Ints
    pieces: Ints
    singles: Floats
    doubles: Doubles
    finish: Finish
    profile: Arithmetic
    tile: Tile
    threads: int

    @classmethod
    def of(
        cls, shape: ConvShape, profile: Arithmetic, tile: Tile, threads: int, images: Images = ONE, code: int = 0
    ) -> Product:
        """Cut the work; the sums are followed by biases of 0 and the activation ``code``."""
        tile = profile.tile(tile)
        cut, tasks, pieces = cut_work(shape, tile, threads, images=images)
        pitch = shape.groups * shape.n + tile.filters
        finish = Finish(normalize=0, code=code, divided=0, pitch=pitch)
        singles, doubles = neutral(pitch)
        facts = singles.reshape(-1), doubles.reshape(-1), finish
        return cls(shape, cut, tasks.reshape(-1), pieces, *facts, profile, tile, threads)

    @property
    def packed_size(self) -> int:
        """Values of the packed first factor (the weights)."""
        shape = self.shape
        return shape.groups * -(-shape.n // self.cut.block) * self.cut.block * shape.c * shape.size**2

    @property
    def biases(self) -> Floats:
        """Where the biases are."""
        first = 2 * self.finish.pitch
        return self.singles[first : first + self.shape.groups * self.shape.n]

    def new_packed(self) -> Floats:
        """Memory for the packed first factor."""
        return aligned_floats(self.packed_size)

    def pack(self, packed: Floats, weights: Floats) -> Step:
        """The step that packs the first factor, row by row."""
        return Step.of(pack_weights, packed=packed, weights=weights, tile=self.tile, **self._packing())

    def pack_turned(self, packed: Floats, weights: Floats) -> Step:
        """The step that packs the first factor, whose rows are the columns of ``weights``."""
        return Step.of(pack_columns, packed=packed, weights=weights, **self._packing())

    def _packing(self) -> dict[str, int]:
        taps = self.shape.size**2
        return {
            "filters": self.shape.n, "depth": self.shape.c * taps, "part": self.cut.channels * taps,
            "rows": self.cut.block,
        }  # fmt: skip

    def multiply(self, out: Floats, packed: Floats, source: Floats) -> list[Step]:
        """The steps that multiply."""
        step = Step.of(
            self.profile.numbers.kernels.convolution, workers=self.threads, out=out, source=source, weights=packed,
            singles=self.singles, doubles=self.doubles, tasks=self.tasks, pieces=self.pieces,
            offsets=offsets(self.shape, self.cut), shape=self.shape, cut=self.cut, finish=self.finish, tile=self.tile,
        )  # fmt: skip
        return [step]


@dataclass
class Filtering:
    """A 3x3 convolution by Winograd's minimal filtering, where an arithmetic allows that; used as a `Product`.

    ``singles`` has the biases in its third row (see `kernels.conv.epilogue.Finish`).
    """

    transform: Winograd
    shape: ConvShape
    images: Images
    singles: Floats
    doubles: Doubles
    finish: Finish
    profile: Arithmetic
    tile: Tile
    threads: int

    @property
    def biases(self) -> Floats:
        """Where the biases are."""
        return self.singles[2 * self.finish.pitch :][: self.shape.n]

    def new_packed(self) -> Floats:
        """Memory for the transformed weights."""
        blocks = -(-self.shape.n // self.tile.filters)
        return aligned_floats(self.transform.positions * self.shape.c * blocks * self.tile.filters)

    def pack(self, packed: Floats, weights: Floats) -> Step:
        """The step that transforms the weights."""
        return Step.of(
            pack_winograd, packed=packed, weights=weights,
            matrix=np.ascontiguousarray(self.transform.matrices[1].reshape(-1)), n=self.shape.n, c=self.shape.c,
            inputs=self.transform.inputs, block=self.tile.filters, tile=self.tile,
        )  # fmt: skip

    def multiply(self, out: Floats, packed: Floats, source: Floats) -> list[Step]:
        """The steps that filter all images."""
        context = LayerContext([source], out, {}, self.profile, self.threads, images=self.images, tile=self.tile)
        operands = {
            "weights": packed, "singles": self.singles.reshape(-1), "doubles": self.doubles.reshape(-1),
            "finish": self.finish,
        }  # fmt: skip
        return winograd_steps(self.transform, self.shape, operands, self.tile, context)


def convolution_of(
    shape: ConvShape, profile: Arithmetic, tile: Tile, threads: int, images: Images, code: int
) -> Product | Filtering:
    """The quickest way to a convolution's sums, followed by biases of 0 and the activation ``code``."""
    product = Product.of(shape, profile, tile, threads, images, code)
    transform = choose_transform(shape, USUAL_THREADS, product.tile) if profile.transforms else None
    if transform is None:
        return product
    facts = product.singles, product.doubles, product.finish, profile, product.tile, threads
    return Filtering(transform, shape, images, *facts)
