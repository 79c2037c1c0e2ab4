"""The sum of two maps of words of bfloat16 numbers."""

from __future__ import annotations

from ..conv.activation import activated, has_vector_form
from ..layers.activations import activate_values
from ..runtime.atomic import join, next_task
from ..runtime.work import plan_kernel
from ..vector.pairs import join_pairs, lower_numbers, upper_numbers
from ..vector.simd import add, load, load_between, mul, pointer, splat, store, store_first

BLOCK = 1024
"""Words of a task."""


@plan_kernel(
    tasks=lambda words: -(-words // BLOCK), temporary={"values": lambda workers: workers * 2 * BLOCK}
)  # fmt: skip
def shortcut_bf16(queue, out, x, added, values, words, alpha, beta, code, tile):
    """``activation(alpha * x + beta * added)`` in float32, rounded.

    Args:
        out: written float32[words], may be x: words
        x: float32[words]: words
        added: float32[words]: words
        values: temporary float32[workers, 2, BLOCK]
        words: int: how many
        alpha, beta: float32
        code: int: number of the activation
        tile: Tile

    Requires:
        tile.words == 2 and is_code(code) and BLOCK % tile.lanes == 0
    """
    worker = join(queue, values.size // (2 * BLOCK))
    if worker < 0:
        return
    lower, upper = pointer(values, worker * 2 * BLOCK), pointer(values, worker * 2 * BLOCK + BLOCK)
    a, b = splat(tile, alpha), splat(tile, beta)
    while True:
        task = next_task(queue)
        if task < 0:
            return
        first = task * BLOCK
        count = min(BLOCK, words - first)
        for i in range(0, count, tile.lanes):
            present = min(tile.lanes, count - i)
            p = load_between(tile, pointer(x, first), i, 0, present)
            q = load_between(tile, pointer(added, first), i, 0, present)
            total = add(mul(a, lower_numbers(p)), mul(b, lower_numbers(q)))
            store(lower, i, activated(tile, total, code))
            total = add(mul(a, upper_numbers(p)), mul(b, upper_numbers(q)))
            store(upper, i, activated(tile, total, code))
        if not has_vector_form(code):
            activate_values(tile, lower, lower, count, code)
            activate_values(tile, upper, upper, count, code)
        for i in range(0, count, tile.lanes):
            present = min(tile.lanes, count - i)
            store_first(pointer(out, first), i, join_pairs(load(tile, lower, i), load(tile, upper, i)), present)
