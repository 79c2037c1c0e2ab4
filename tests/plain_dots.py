"""Dot products of bytes as plain additions and multiplications: what other processors' kernels are tried with here."""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from darknet_py.kernels.runtime.processor import ARCHITECTURE
from darknet_py.kernels.vector.dots import Dots
from darknet_py.kernels.vector.llvm import INT32
from darknet_py.kernels.vector.tile import HALVES, UNSIGNED


def plain_dots(kind: int) -> Dots:
    """For words of one kind (`Tile.bytes`), as any processor can compute them."""
    bits = 16 if kind == HALVES else 8

    def products(builder: Any, sums: Any, pixels: Any, weights: Any) -> Any:
        whole = ir.VectorType(INT32, sums.type.count)

        def number(words: Any, at: int, signed: bool) -> Any:
            up, down = (ir.Constant(whole, [shift] * whole.count) for shift in (32 - bits - at, 32 - bits))
            return (builder.ashr if signed else builder.lshr)(builder.shl(words, up), down)

        for at in range(0, 32, bits):
            product = builder.mul(number(pixels, at, kind != UNSIGNED), number(weights, at, True))
            sums = builder.add(sums, product)
        return sums

    return Dots(ARCHITECTURE, frozenset(), kind, products)
