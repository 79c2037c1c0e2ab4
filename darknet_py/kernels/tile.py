"""The shape of the blocks that the convolution keeps in the processor's vector registers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from llvmlite import ir
from numba import types
from numba.core.imputils import lower_getattr_generic
from numba.core.registry import cpu_target
from numba.core.typing.templates import AttributeTemplate, infer_getattr
from numba.extending import NativeValue, models, register_model, typeof_impl, unbox


@dataclass(frozen=True)
class Tile:
    """Vector length in float32 ``lanes``, and two shapes of blocks of sums.

    With pixels in the lanes a block is ``rows`` filters x ``vectors`` of pixels; with filters in the lanes it is
    ``columns`` pixels x 2 vectors of filters. The sums, one step's operands and a product have to fit the registers.
    ``fused``: the processor has fused multiply-add. (Never used for sums of products, whose every step rounds.)

    As a kernel's argument each shape has a type of its own: it is compiled, and cached on disk, for itself.
    """

    lanes: int
    rows: int
    vectors: int
    columns: int
    fused: bool = False

    @property
    def pixels(self) -> int:
        """Pixels of a block with pixels in the lanes."""
        return self.lanes * self.vectors

    @property
    def filters(self) -> int:
        """Filters of a block with filters in the lanes."""
        return self.lanes * 2


AVX512 = Tile(lanes=16, rows=8, vectors=3, columns=13, fused=True)
AVX2 = Tile(lanes=8, rows=4, vectors=2, columns=6, fused=True)
AVX = Tile(lanes=8, rows=4, vectors=2, columns=6)
SSE = Tile(lanes=4, rows=4, vectors=2, columns=6)
NEON = Tile(lanes=4, rows=8, vectors=3, columns=13, fused=True)


def host_tile() -> Tile:
    """The shape for the processor that Numba compiles for."""
    triple, _, features = cpu_target.target_context.codegen().magic_tuple()
    enabled = features.split(",")
    if "+avx512f" in enabled:
        return AVX512
    if "+avx" in enabled:
        return AVX2 if "+fma" in enabled else AVX
    return NEON if triple.startswith(("aarch64", "arm64")) else SSE


class TileType(types.Type):
    """Numba's type of a `Tile`: the shape is in the type, nothing is in the value."""

    def __init__(self, tile: Tile) -> None:
        self.tile = tile
        super().__init__(name=str(tile))


register_model(TileType)(models.OpaqueModel)


@typeof_impl.register(Tile)
def _typeof(tile: Tile, context: Any) -> TileType:
    return TileType(tile)


@unbox(TileType)
def _unbox(tile: TileType, value: Any, c: Any) -> NativeValue:
    return NativeValue(c.context.get_dummy_value())


@infer_getattr
class _Attributes(AttributeTemplate):
    key = TileType

    def generic_resolve(self, value: TileType, attr: str) -> Any:  # type: ignore[override]
        number = getattr(value.tile, attr, None)
        return None if number is None else types.boolean if isinstance(number, bool) else types.int64


@lower_getattr_generic(TileType)
def _attribute(context: Any, builder: Any, tile: TileType, value: Any, name: str) -> Any:
    number = getattr(tile.tile, name)
    return ir.Constant(ir.IntType(1 if isinstance(number, bool) else 64), number)
