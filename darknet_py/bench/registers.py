"""Multiplications and additions in vector registers only: what a processor can do at most."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from ..kernels.runtime.atomic import join, next_task
from ..kernels.runtime.work import plan_kernel
from ..kernels.vector.llvm import INT, INT32, broadcast, load_vector, store_vector
from ..kernels.vector.simd import pointer
from ..kernels.vector.words import dot

CHAINS = 12
"""Sums that are independent of each other: enough to hide the units' latencies, and few enough for 16 registers."""


@intrinsic
def _multiply_and_add(typingctx: Any, tile: Any, values: Any, times: Any) -> Any:
    """``values[i] = values[i] * 0.5 + 0.5``, ``times`` times, for i < CHAINS * lanes; each step rounds by itself."""
    lanes = tile.value.lanes

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        _, values, times = args
        half = broadcast(builder, ir.FloatType()(0.5), lanes)
        places = [builder.gep(values, [INT(i * lanes)]) for i in range(CHAINS)]
        start = [load_vector(builder, place, lanes) for place in places]
        before = builder.block
        loop, done = builder.append_basic_block("loop"), builder.append_basic_block("done")
        builder.branch(loop)
        builder.position_at_end(loop)
        k = builder.phi(INT)
        k.add_incoming(INT(0), before)
        chains = [builder.phi(value.type) for value in start]
        after = [builder.fadd(builder.fmul(chain, half), half) for chain in chains]
        for chain, value, following in zip(chains, start, after, strict=True):
            chain.add_incoming(value, before)
            chain.add_incoming(following, loop)
        step = builder.add(k, INT(1))
        k.add_incoming(step, loop)
        builder.cbranch(builder.icmp_signed("<", step, times), loop, done)
        builder.position_at_end(done)
        for place, value in zip(places, after, strict=True):
            store_vector(builder, value, place)
        return context.get_dummy_value()

    return types.void(tile, values, types.int64), codegen


@intrinsic
def _add_products_of_bytes(typingctx: Any, tile: Any, values: Any, times: Any) -> Any:
    """To each of CHAINS * lanes int32 four products of bytes are added, ``times`` times."""
    lanes = tile.value.lanes

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        _, values, times = args
        whole = ir.VectorType(INT32, lanes)
        ones = ir.Constant(whole, [0x01010101] * lanes)
        places = [builder.gep(values, [INT(i * lanes)]) for i in range(CHAINS)]
        start = [builder.bitcast(load_vector(builder, place, lanes), whole) for place in places]
        before = builder.block
        loop, done = builder.append_basic_block("loop"), builder.append_basic_block("done")
        builder.branch(loop)
        builder.position_at_end(loop)
        k = builder.phi(INT)
        k.add_incoming(INT(0), before)
        chains = [builder.phi(whole) for _ in start]
        after = [dot(builder, chain, ones, ones) for chain in chains]
        for chain, value, following in zip(chains, start, after, strict=True):
            chain.add_incoming(value, before)
            chain.add_incoming(following, loop)
        step = builder.add(k, INT(1))
        k.add_incoming(step, loop)
        builder.cbranch(builder.icmp_signed("<", step, times), loop, done)
        builder.position_at_end(done)
        for place, value in zip(places, after, strict=True):
            store_vector(builder, builder.bitcast(value, ir.VectorType(ir.FloatType(), lanes)), place)
        return context.get_dummy_value()

    return types.void(tile, values, types.int64), codegen


@plan_kernel(tasks=lambda blocks: blocks)
def multiply_bytes(queue, values, times, blocks, tile):
    """As many dot products of four bytes as the vector units can do, again and again.

    Args:
        values: updated float32[values.size // (CHAINS * tile.lanes), CHAINS * tile.lanes]: int32, for each thread
        times: int: how many a block has for every value
        blocks: int: how many
        tile: Tile
    """
    area = CHAINS * tile.lanes
    worker = join(queue, values.size // area)
    if worker < 0:
        return
    while next_task(queue) >= 0:
        _add_products_of_bytes(tile, pointer(values, worker * area), times)


@plan_kernel(tasks=lambda blocks: blocks)
def multiply_and_add(queue, values, times, blocks, tile):
    """As many multiplications and additions as the vector units can do, again and again on the same values.

    Args:
        values: updated float32[values.size // (CHAINS * tile.lanes), CHAINS * tile.lanes]: for each thread
        times: int: how many of each a block has for every value
        blocks: int: how many
        tile: Tile
    """
    area = CHAINS * tile.lanes
    worker = join(queue, values.size // area)
    if worker < 0:
        return
    while next_task(queue) >= 0:
        _multiply_and_add(tile, pointer(values, worker * area), times)
