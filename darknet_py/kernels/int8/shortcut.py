"""The sum of two maps of words of 8-bit integers, each with a scale of its own."""

from __future__ import annotations

import numpy as np

from ..layers.activations import activate_values
from ..runtime.atomic import join, next_task
from ..runtime.work import plan_kernel
from ..vector.simd import add, load, load_between, mul, pointer, shifted, splat, store, store_first
from ..vector.words import add_ints, as_ints, byte_lanes, int_splat, interleave, magic, to_floats
from .finish import act, keeps_scale, step_of

BLOCK = 1024
"""Words of a task."""


@plan_kernel(
    tasks=lambda words: -(-words // BLOCK), temporary={"values": lambda workers: workers * 4 * BLOCK}
)  # fmt: skip
def shortcut_int8(queue, out, x, added, values, words, factors, zeros, code, tile):
    """``x = activation(float32(a - zero) * factor + float32(b - zero) * factor)``, then as in `finish`.

    Args:
        out: written float32[words], may be x: words
        x: float32[words]: words
        added: float32[words]: words
        values: temporary float32[workers, 4, BLOCK]
        words: int: how many
        factors: float32[3]: steps of x and added, each times its share; 1 / step of the output
        zeros: int64[3]: of x, added and the output
        code: int: number of the activation
        tile: Tile

    Requires:
        tile.words == 1 and is_code(code) and BLOCK % tile.lanes == 0
    """
    worker = join(queue, values.size // (4 * BLOCK))
    if worker < 0:
        return
    own = pointer(values, worker * 4 * BLOCK)
    less, less_added = int_splat(tile, -zeros[0]), int_splat(tile, -zeros[1])
    factor, factor_added, inverse = splat(tile, factors[0]), splat(tile, factors[1]), splat(tile, factors[2])
    low, high = splat(tile, np.float32(-zeros[2])), splat(tile, np.float32(255 - zeros[2]))
    zero, simple = magic(tile, zeros[2]), keeps_scale(code)
    while True:
        task = next_task(queue)
        if task < 0:
            return
        first = task * BLOCK
        count = min(BLOCK, words - first)
        for i in range(0, count, tile.lanes):
            present = min(tile.lanes, count - i)
            a = as_ints(load_between(tile, pointer(x, first), i, 0, present))
            b = as_ints(load_between(tile, pointer(added, first), i, 0, present))
            for n in range(4):
                value = mul(to_floats(add_ints(byte_lanes(tile, a, n), less)), factor)
                value = add(value, mul(to_floats(add_ints(byte_lanes(tile, b, n), less_added)), factor_added))
                store(own, n * BLOCK + i, act(tile, value, code))
        if not simple:
            for n in range(4):
                activate_values(tile, shifted(own, n * BLOCK), shifted(own, n * BLOCK), count, code)
        for i in range(0, count, tile.lanes):
            p = step_of(tile, mul(load(tile, own, i), inverse), low, high, zero)
            q = step_of(tile, mul(load(tile, own, BLOCK + i), inverse), low, high, zero)
            r = step_of(tile, mul(load(tile, own, 2 * BLOCK + i), inverse), low, high, zero)
            s = step_of(tile, mul(load(tile, own, 3 * BLOCK + i), inverse), low, high, zero)
            store_first(pointer(out, first), i, interleave(p, q, r, s), min(tile.lanes, count - i))
