"""Transforming the weights of a convolution for `winograd.winograd`, once, when they are loaded."""

from __future__ import annotations

from ..runtime.atomic import next_task
from ..runtime.work import plan_kernel


@plan_kernel(tasks=lambda n, block: -(-n // block))
def pack_winograd(queue, packed, weights, matrix, n, c, inputs, block):
    """G g G' of each filter, in the order in which `winograd` reads them.

    Args:
        packed: written float32[-(-n // block), inputs, inputs, c, block]: absent filters are 0
        weights: float32[n, c, 3, 3]
        matrix: float64[inputs, 3]: G
        n: int: filters
        c: int: channels
        inputs: int: side of a tile of the input
        block: int: filters of a block
    """
    positions = inputs * inputs
    while True:
        b = next_task(queue)
        if b < 0:
            return
        present = min(block, n - b * block)
        for channel in range(c):
            for r in range(present):
                at = ((b * block + r) * c + channel) * 9
                for i in range(inputs):
                    x, y, z = matrix[i * 3], matrix[i * 3 + 1], matrix[i * 3 + 2]
                    left = x * weights[at] + y * weights[at + 3] + z * weights[at + 6]
                    middle = x * weights[at + 1] + y * weights[at + 4] + z * weights[at + 7]
                    right = x * weights[at + 2] + y * weights[at + 5] + z * weights[at + 8]
                    for j in range(inputs):
                        value = matrix[j * 3] * left + matrix[j * 3 + 1] * middle + matrix[j * 3 + 2] * right
                        packed[((b * positions + i * inputs + j) * c + channel) * block + r] = value
