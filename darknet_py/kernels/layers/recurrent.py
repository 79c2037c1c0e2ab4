"""What recurrent layers do between their connected or convolutional parts (``rnn_layer.c``, ``gru_layer.c``,
``lstm_layer.c``, ``crnn_layer.c``, ``conv_lstm_layer.c``). All arrays are float32, flat, of one size.

``logistic`` and ``tanh`` are numbers of activations: the two dialects compute them in different ways."""

from __future__ import annotations

import numpy as np

from ..runtime.atomic import next_task
from ..runtime.jit import kernel
from ..runtime.work import plan_kernel
from .activations import activate

BLOCK = 256
"""Values that one task computes."""

LARGEST = np.float32(np.finfo(np.float32).max)


def _blocks_of_state(state):
    return -(-state.size // BLOCK)


def _blocks_of_cell(cell):
    return -(-cell.size // BLOCK)


@kernel(forceinline=True)
def _next_block(queue, size):
    """First and end of the values of the next task; below 0 if there is none.

    Args:
        size: int: how many values there are
    """
    first = next_task(queue) * BLOCK
    return first, min(first + BLOCK, size)


@plan_kernel(tasks=_blocks_of_state)
def add_to_state(queue, state, a, b, keep):
    """state = (state if keep, else 0) + a + b.

    Args:
        state: updated float32[a.size]
        a, b: float32[state.size]
        keep: bool
    """
    while True:
        first, end = _next_block(queue, state.size)
        if first < 0:
            return
        for i in range(first, end):
            before = state[i] if keep else np.float32(0)
            state[i] = (before + a[i]) + b[i]


@plan_kernel(tasks=_blocks_of_state)
def gru_gates(queue, update, forgot, state, uz, wz, ur, wr, logistic):
    """update = logistic(uz + wz); forgot = state * logistic(ur + wr).

    Args:
        update, forgot: written float32[state.size]
        state: float32[state.size]
        uz, wz, ur, wr: float32[state.size]: outputs of the layer's parts
        logistic: int: number of the activation

    Requires:
        is_code(logistic)
    """
    while True:
        first, end = _next_block(queue, state.size)
        if first < 0:
            return
        for i in range(first, end):
            update[i] = activate(uz[i] + wz[i], logistic)
            forgot[i] = state[i] * activate(ur[i] + wr[i], logistic)


@plan_kernel(tasks=_blocks_of_state)
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
        first, end = _next_block(queue, state.size)
        if first < 0:
            return
        for i in range(first, end):
            new = activate(uh[i] + wh[i], code)
            value = update[i] * state[i] + (one - update[i]) * new
            state[i] = value
            out[i] = value


@plan_kernel(tasks=_blocks_of_cell)
def lstm_output(queue, out, cell, hidden, uf, ui, ug, uo, wf, wi, wg, wo, logistic, tanh):
    """A step of the cells, then of the output.

    cell = cell * logistic(wf + uf) + logistic(wi + ui) * tanh(wg + ug); out = hidden = tanh(cell) * logistic(wo + uo)

    Args:
        out: written float32[cell.size]
        cell: updated float32[cell.size]
        hidden: written float32[cell.size]
        uf, ui, ug, uo, wf, wi, wg, wo: float32[cell.size]: outputs of the layer's parts
        logistic, tanh: int: numbers of the activations

    Requires:
        is_code(logistic) and is_code(tanh)
    """
    while True:
        first, end = _next_block(queue, cell.size)
        if first < 0:
            return
        for i in range(first, end):
            added = activate(wi[i] + ui[i], logistic) * activate(wg[i] + ug[i], tanh)
            value = cell[i] * activate(wf[i] + uf[i], logistic) + added
            cell[i] = value
            result = activate(value, tanh) * activate(wo[i] + uo[i], logistic)
            hidden[i] = result
            out[i] = result


@plan_kernel(tasks=_blocks_of_cell)
def conv_lstm_cells(queue, cell, uf, ui, ug, wf, wi, wg, vf, vi, peephole, logistic, tanh):
    """cell = cell * logistic(wf + uf [+ vf]) + logistic(wi + ui [+ vi]) * tanh(wg + ug).

    Args:
        cell: updated float32[uf.size]
        uf, ui, ug, wf, wi, wg: float32[cell.size]: outputs of the layer's parts
        vf, vi: float32[cell.size if peephole else 0]: likewise
        peephole: bool: there are vf and vi
        logistic, tanh: int: numbers of the activations

    Requires:
        is_code(logistic) and is_code(tanh)
    """
    while True:
        first, end = _next_block(queue, cell.size)
        if first < 0:
            return
        for i in range(first, end):
            f, g = wf[i] + uf[i], wi[i] + ui[i]
            if peephole:
                f += vf[i]
                g += vi[i]
            added = activate(g, logistic) * activate(wg[i] + ug[i], tanh)
            cell[i] = cell[i] * activate(f, logistic) + added


@plan_kernel(tasks=_blocks_of_cell)
def conv_lstm_output(queue, out, hidden, cell, uo, wo, vo, peephole, constrain, logistic, tanh):
    """out = hidden = logistic(wo + uo [+ vo]) * tanh(cell); then the cells are kept within +-constrain.

    What is nan or infinite becomes 1 / its number, as in AlexeyAB's Darknet.

    Args:
        out, hidden: written float32[cell.size]
        cell: updated float32[uo.size]
        uo, wo: float32[cell.size]: outputs of the layer's parts
        vo: float32[cell.size if peephole else 0]: likewise
        peephole: bool: there is vo
        constrain: float32: 0: the cells stay as they are
        logistic, tanh: int: numbers of the activations

    Requires:
        is_code(logistic) and is_code(tanh)
    """
    while True:
        first, end = _next_block(queue, cell.size)
        if first < 0:
            return
        for i in range(first, end):
            o = wo[i] + uo[i]
            if peephole:
                o += vo[i]
            result = activate(o, logistic) * activate(cell[i], tanh)
            value = cell[i]
            if constrain > 0:  # as C's fminf and fmaxf: of a nan the other number
                value = value if value > -constrain else -constrain
                value = value if value < constrain else constrain
            cell[i] = _finite(value, i)
            hidden[i] = out[i] = _finite(result, i)


@kernel
def _finite(x, i):
    """``x``, or 1 / i if it is nan or infinite; returns float32.

    Args:
        x: float32
        i: int: its number
    """
    if abs(x) <= LARGEST:
        return x
    return np.float32(1) / np.float32(i) if i else np.float32(np.inf)
