"""Updates of parameters: SGD as Darknet's CPU code has it, Adam as its GPU code does."""

from __future__ import annotations

import math

import numpy as np

from ..runtime.atomic import next_task
from ..runtime.work import plan_kernel
from .moves import BLOCK


@plan_kernel(tasks=lambda values: -(-values.size // BLOCK))
def sgd(queue, values, updates, factors, decays):
    """``updates += decay * values``; ``values += rate * updates``; ``updates *= momentum``, each with its roundings.

    Args:
        values: updated float32[updates.size]
        updates: updated float32[values.size]
        factors: float32[3]: rate (over the batch), decay (times the batch, negative), momentum
        decays: bool: the values decay (weights do, biases and scales do not)
    """
    while True:
        task = next_task(queue)
        if task < 0:
            return
        rate, decay, momentum = factors[0], factors[1], factors[2]
        first, last = task * BLOCK, min((task + 1) * BLOCK, values.size)
        if decays:
            for i in range(first, last):
                updates[i] += decay * values[i]
        for i in range(first, last):
            values[i] += rate * updates[i]
            updates[i] *= momentum


@plan_kernel(tasks=lambda values: -(-values.size // BLOCK))
def adam(queue, values, updates, first_moment, second_moment, factors):
    """``adam_update_gpu``: decay for all values; the updates are 0 afterwards.

    Args:
        values: updated float32[updates.size]
        updates: updated float32[values.size]
        first_moment, second_moment: updated float32[values.size]
        factors: float32[7]: rate, decay (times the batch, negative), B1, B2, eps, 1 - B1^t, 1 - B2^t
    """
    one = np.float32(1)
    while True:
        task = next_task(queue)
        if task < 0:
            return
        rate, decay, b1, b2 = factors[0], factors[1], factors[2], factors[3]
        eps, correction1, correction2 = factors[4], factors[5], factors[6]
        for i in range(task * BLOCK, min((task + 1) * BLOCK, values.size)):
            d = updates[i] + decay * values[i]
            m = first_moment[i] * b1 + (one - b1) * d
            v = second_moment[i] * b2 + (one - b2) * (d * d)
            first_moment[i], second_moment[i] = m, v
            values[i] += rate * (m / correction1) / (np.float32(math.sqrt(v / correction2)) + eps)
            updates[i] = np.float32(0)
