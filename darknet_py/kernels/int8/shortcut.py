"""The sum of some maps of words of 8-bit integers, each with a scale of its own."""

from __future__ import annotations

from ..layers.activations import activate_values
from ..runtime.atomic import join, next_task
from ..runtime.jit import kernel
from ..runtime.work import plan_kernel
from ..vector.simd import add, load, mul, pointer, shifted, splat, store, store_first
from ..vector.words import (
    add_ints,
    byte_lanes,
    int_splat,
    interleave,
    magic,
    to_floats,
    to_whole,
    words_of_channels,
)
from .finish import act, keeps_scale, limits_of, step_of
from .moves import some_ints

BLOCK = 1024
"""Words of a task."""


@plan_kernel(
    tasks=lambda words: -(-words // BLOCK), temporary={"values": lambda workers: workers * 4 * BLOCK}
)  # fmt: skip
def shortcut_int8(queue, out, x, added, third, fourth, values, count, words, factors, zeros, code, tile):
    """``x = activation(float32(a - zero) * factor + float32(b - zero) * factor + ...)``, then as in `finish`.

    Args:
        out: written float32[words], may be x: words
        x, added, third, fourth: float32[words]: words; what is beyond ``count`` is not read
        values: temporary float32[workers, 4, BLOCK]
        count: int: how many maps: 2 to 4
        words: int: how many words each has
        factors: float32[count + 1]: 1 / step of the output; steps of the maps, each times its share
        zeros: int64[count + 1]: of the output and of the maps
        code: int: number of the activation
        tile: Tile

    Requires:
        tile.words == 1 and is_code(code) and BLOCK % tile.lanes == 0 and 2 <= count <= 4
    """
    worker = join(queue, values.size // (4 * BLOCK))
    if worker < 0:
        return
    own = pointer(values, worker * 4 * BLOCK)
    inverse, limits, simple = splat(tile, factors[0]), limits_of(tile, zeros[0]), keeps_scale(code)
    while True:
        task = next_task(queue)
        if task < 0:
            return
        first = task * BLOCK
        here = min(BLOCK, words - first)
        for i in range(0, here, tile.lanes):
            present = min(tile.lanes, here - i)
            a, b = some_ints(tile, pointer(x, first), i, present), some_ints(tile, pointer(added, first), i, present)
            for n in range(4):
                value = add(_value(tile, a, n, zeros[1], factors[1]), _value(tile, b, n, zeros[2], factors[2]))
                if count > 2:
                    c = some_ints(tile, pointer(third, first), i, present)
                    value = add(value, _value(tile, c, n, zeros[3], factors[3]))
                if count > 3:
                    d = some_ints(tile, pointer(fourth, first), i, present)
                    value = add(value, _value(tile, d, n, zeros[4], factors[4]))
                store(own, n * BLOCK + i, act(tile, value, code))
        if not simple:
            for n in range(4):
                activate_values(tile, shifted(own, n * BLOCK), shifted(own, n * BLOCK), here, code)
        for i in range(0, here, tile.lanes):
            p = step_of(tile, mul(load(tile, own, i), inverse), limits)
            q = step_of(tile, mul(load(tile, own, BLOCK + i), inverse), limits)
            r = step_of(tile, mul(load(tile, own, 2 * BLOCK + i), inverse), limits)
            s = step_of(tile, mul(load(tile, own, 3 * BLOCK + i), inverse), limits)
            store_first(pointer(out, first), i, interleave(p, q, r, s), min(tile.lanes, here - i))


@kernel
def add_words(tile, out, added, count, factors, zero, own_zero, added_zero, code):
    """The sum of two maps as `shortcut_int8` makes it, in place, with an activation that `keeps_scale`.

    Args:
        tile: Tile
        out: updated float32*: words: (count,)
        added: float32*: likewise
        count: int
        factors: float32*: 1 / step of the sum; steps of the two maps
        zero, own_zero, added_zero: int: what stands for 0 in the sum and in the two maps
        code: int: number of the activation
    """
    inverse, whole = splat(tile, factors[0]), magic(tile, zero)
    for i in range(0, count, tile.lanes):
        present = min(tile.lanes, count - i)
        a, b = some_ints(tile, out, i, present), some_ints(tile, added, i, present)
        p = _sum(tile, a, b, 0, factors, own_zero, added_zero, code)
        q = _sum(tile, a, b, 1, factors, own_zero, added_zero, code)
        r = _sum(tile, a, b, 2, factors, own_zero, added_zero, code)
        s = _sum(tile, a, b, 3, factors, own_zero, added_zero, code)
        words = words_of_channels(
            to_whole(mul(p, inverse), whole, 0), to_whole(mul(q, inverse), whole, 0),
            to_whole(mul(r, inverse), whole, 0), to_whole(mul(s, inverse), whole, 0),
        )  # fmt: skip
        store_first(out, i, words, present)


@kernel(forceinline=True)
def _sum(tile, a, b, number, factors, own_zero, added_zero, code):
    """The sum of what a byte of each word stands for; returns a vector of float32.

    Args:
        tile: Tile
        a, b: vector: of int32
        number: int: of the byte
        factors, own_zero, added_zero, code: any: as for `add_words`
    """
    total = add(_value(tile, a, number, own_zero, factors[1]), _value(tile, b, number, added_zero, factors[2]))
    return act(tile, total, code)


@kernel(forceinline=True)
def _value(tile, words, number, zero, factor):
    """What a byte of each word stands for; returns a vector of float32.

    Args:
        tile: Tile
        words: vector: of int32
        number, zero: int: of the byte; what stands for 0
        factor: float32
    """
    return mul(to_floats(add_ints(byte_lanes(tile, words, number), int_splat(tile, -zero))), splat(tile, factor))
