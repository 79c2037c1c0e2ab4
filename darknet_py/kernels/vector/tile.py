"""The shape of the blocks that the convolution keeps in the processor's vector registers."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..runtime.compile_time import compile_time
from ..runtime.processor import host

FLOATS, BYTES, PAIRS = range(3)
"""What a lane's 4 bytes are (`Tile.words`): a float32, four numbers 0 .. 255, or two bfloat16 numbers."""

UNSIGNED, SIGNED, HALVES = range(3)
"""How numbers 0 .. 255 are multiplied by signed bytes (`Tile.bytes`): as they lie; less 128, as signed bytes; as 16-bit
numbers, of which a word has two, in two words."""


SHORTER = 8
"""Lanes of shorter vectors, for few channels or tiles: with `Tile.embedded` two are computed in the time of one."""

UNMASKED = 4
"""Most lanes of vectors whose part is slow to read or write: longer ones come with fast masks."""


@compile_time
@dataclass(frozen=True)
class Tile:
    """Vector length in float32 ``lanes``, and two shapes of blocks of sums.

    With pixels in the lanes a block is ``rows`` filters x ``vectors`` of pixels; with filters in the lanes it is
    ``columns`` pixels x 2 vectors of filters. The sums, one step's operands and a product have to fit the registers.
    ``fused``: the processor has fused multiply-add. ``contract``: sums of products are made with it, which changes
    their bits (profile ``fast``); else their every step rounds. ``embedded``: a scalar is read by each multiplication,
    as an operand that is broadcast, instead of once into a register: on Zen 4 that takes arithmetic units' time.
    ``words``: what the 4 bytes of a lane are.
    ``indexed``: multiplications take a scalar from a lane of a vector, so that several are read at a time.
    ``bytes``: how numbers of words of bytes are multiplied, see `kernels.vector.dots`.
    """

    lanes: int
    rows: int
    vectors: int
    columns: int
    fused: bool = False
    contract: bool = False
    embedded: bool = False
    words: int = 0
    indexed: bool = False
    bytes: int = UNSIGNED

    @property
    def parts(self) -> int:
        """Words that are multiplied for each word of the input."""
        return 2 if self.bytes == HALVES else 1

    @property
    def contracted(self) -> Tile:
        """The same with ``contract``, if the processor can. Products are then made with their sums, which leaves two of
        AVX2's registers: for a third vector of pixels. (12 sums at a time hide how long one takes, 8 hardly do.)"""
        vectors = 3 if self.fused and self.lanes == 8 and self.rows == 4 else self.vectors
        return replace(self, contract=self.fused, vectors=vectors)

    @property
    def pixels(self) -> int:
        """Pixels of a block with pixels in the lanes."""
        return self.lanes * self.vectors

    @property
    def filters(self) -> int:
        """Filters of a block with filters in the lanes."""
        return self.lanes * 2

    @property
    def single(self) -> int:
        """Columns of a block of pixels x 1 vector of filters."""
        return -(-self.columns // 8) * 8

    @property
    def in_turns(self) -> bool:
        """Whether the code of inner loops has all products of a scalar, then all their sums, as AVX2's 16 registers
        allow: in the compiler's order units for products wait for each other (Zen 4: 88 to 91% of what they can do
        instead of 95%)."""
        return self.lanes == 8 and not self.words

    @property
    def fetches_within(self) -> bool:
        """Whether inner loops ask the cache for what comes next: the products of long vectors leave time for that, and
        so do those of 8 lanes that are made with their sums."""
        return self.lanes >= 16 or (self.contract and self.lanes == 8 and not self.words)

    @property
    def keeps_sums(self) -> bool:
        """Whether sums whose bits count are finished in the registers (`conv.finished`). (Where scalars are lanes of
        vectors there are more values than registers.)"""
        return self.fused and not (self.contract or self.words or self.indexed)

    @property
    def pools_within(self) -> bool:
        """Whether they are pooled there, too (`conv.squares`): those of two filters at a time."""
        return self.keeps_sums and self.rows % 2 == 0 and self.lanes % 4 == 0

    @property
    def finishes_within(self) -> bool:
        """Whether sums whose bits do not count are finished in the registers (`conv.sloped`), and 1x1 convolutions with
        pixels in the lanes read their input as it lies."""
        return self.contract and self.lanes >= 8 and not self.words

    @property
    def masks_apart(self) -> bool:
        """Whether code of their own is for blocks whose last vector of pixels is a part, as there is no register for a
        mask, and writing with one is slow. (Parts of long vectors are read and written as fast as whole ones.)"""
        return self.lanes == 8


AVX512 = Tile(lanes=16, rows=8, vectors=3, columns=13, fused=True)
ZEN4 = replace(AVX512, embedded=True)
AVX2 = Tile(lanes=8, rows=4, vectors=2, columns=6, fused=True)
AVX = Tile(lanes=8, rows=4, vectors=2, columns=6)
SSE = Tile(lanes=4, rows=4, vectors=2, columns=6)
NEON = Tile(lanes=4, rows=8, vectors=3, columns=13, fused=True, indexed=True)
NEON_IN_ORDER = replace(NEON, vectors=2, columns=10)

IN_ORDER = ("cortex-a34", "cortex-a35", "cortex-a53", "cortex-a510", "cortex-a520", "carmel", "generic")
"""LLVM's names of ARM processors for which it orders instructions such that larger blocks do not fit the registers."""


def host_tile() -> Tile:
    """The shape for the processor that Numba compiles for."""
    triple, name, features = host()
    enabled = features.split(",")
    if "+avx512f" in enabled:
        return ZEN4 if name == "znver4" else AVX512
    if "+avx" in enabled:
        return AVX2 if "+fma" in enabled else AVX
    if triple.startswith(("aarch64", "arm64")):
        return arm_tile(name)
    return SSE


def arm_tile(name: str) -> Tile:
    """The shape for an ARM processor, by LLVM's name of it."""
    return NEON_IN_ORDER if name in IN_ORDER else NEON
