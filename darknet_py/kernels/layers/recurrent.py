"""What recurrent layers do between their connected or convolutional parts (``rnn_layer.c``, ``gru_layer.c``,
``lstm_layer.c``, ``crnn_layer.c``). All arrays are float32, flat, of one size."""

from __future__ import annotations

import numpy as np

from ..runtime.atomic import next_task
from ..runtime.work import plan_kernel
from .activations import LOGISTIC, TANH, activate, is_code  # noqa: F401 (for `Requires` in a docstring)

BLOCK = 256
"""Values that one task computes."""


@plan_kernel(tasks=lambda state: -(-state.size // BLOCK))
def add_to_state(queue, state, a, b, keep):
    """state = (state if keep, else 0) + a + b.

    Args:
        state: updated float32[a.size]
        a, b: float32[state.size]
        keep: bool
    """
    while True:
        block = next_task(queue)
        if block < 0:
            return
        first = block * BLOCK
        for i in range(first, min(first + BLOCK, state.size)):
            before = state[i] if keep else np.float32(0)
            state[i] = (before + a[i]) + b[i]


@plan_kernel(tasks=lambda state: -(-state.size // BLOCK))
def gru_gates(queue, update, forgot, state, uz, wz, ur, wr):
    """update = logistic(uz + wz); forgot = state * logistic(ur + wr).

    Args:
        update, forgot: written float32[state.size]
        state: float32[state.size]
        uz, wz, ur, wr: float32[state.size]: outputs of the layer's parts
    """
    while True:
        block = next_task(queue)
        if block < 0:
            return
        first = block * BLOCK
        for i in range(first, min(first + BLOCK, state.size)):
            update[i] = activate(uz[i] + wz[i], LOGISTIC)
            forgot[i] = state[i] * activate(ur[i] + wr[i], LOGISTIC)


@plan_kernel(tasks=lambda state: -(-state.size // BLOCK))
def gru_output(queue, out, state, update, uh, wh, code):
    """out = state = update * state + (1 - update) * activation(uh + wh).

    Args:
        out: written float32[state.size]
        state: updated float32[state.size]
        update: float32[state.size]: of `gru_gates`
        uh, wh: float32[state.size]: outputs of the layer's parts
        code: int: number of the activation

    Requires:
        is_code(code)
    """
    one = np.float32(1)
    while True:
        block = next_task(queue)
        if block < 0:
            return
        first = block * BLOCK
        for i in range(first, min(first + BLOCK, state.size)):
            new = activate(uh[i] + wh[i], code)
            value = update[i] * state[i] + (one - update[i]) * new
            state[i] = value
            out[i] = value


@plan_kernel(tasks=lambda cell: -(-cell.size // BLOCK))
def lstm_output(queue, out, cell, hidden, uf, ui, ug, uo, wf, wi, wg, wo):
    """A step of the cells, then of the output.

    cell = cell * logistic(wf + uf) + logistic(wi + ui) * tanh(wg + ug); out = hidden = tanh(cell) * logistic(wo + uo)

    Args:
        out: written float32[cell.size]
        cell: updated float32[cell.size]
        hidden: written float32[cell.size]
        uf, ui, ug, uo, wf, wi, wg, wo: float32[cell.size]: outputs of the layer's parts
    """
    while True:
        block = next_task(queue)
        if block < 0:
            return
        first = block * BLOCK
        for i in range(first, min(first + BLOCK, cell.size)):
            added = activate(wi[i] + ui[i], LOGISTIC) * activate(wg[i] + ug[i], TANH)
            value = cell[i] * activate(wf[i] + uf[i], LOGISTIC) + added
            cell[i] = value
            result = activate(value, TANH) * activate(wo[i] + uo[i], LOGISTIC)
            hidden[i] = result
            out[i] = result
