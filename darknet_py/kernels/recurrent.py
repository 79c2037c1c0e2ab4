"""What recurrent layers do between their connected or convolutional parts (``rnn_layer.c``, ``gru_layer.c``,
``lstm_layer.c``, ``crnn_layer.c``). All arrays are float32, flat, of one size."""

from __future__ import annotations

import numpy as np

from .activations import LOGISTIC, TANH, activate
from .atomic import claim
from .jit import kernel

BLOCK = 256
"""Values that one task computes."""


@kernel
def add_to_state(queue, state, a, b, keep):
    # state = (state if keep, else 0) + a + b
    while True:
        first = claim(queue, 0) * BLOCK
        if first >= state.size:
            return
        for i in range(first, min(first + BLOCK, state.size)):
            before = state[i] if keep else np.float32(0)
            state[i] = (before + a[i]) + b[i]


@kernel
def gru_gates(queue, update, forgot, state, uz, wz, ur, wr):
    # update = logistic(uz + wz); forgot = state * logistic(ur + wr)
    while True:
        first = claim(queue, 0) * BLOCK
        if first >= state.size:
            return
        for i in range(first, min(first + BLOCK, state.size)):
            update[i] = activate(uz[i] + wz[i], LOGISTIC)
            forgot[i] = state[i] * activate(ur[i] + wr[i], LOGISTIC)


@kernel
def gru_output(queue, out, state, update, uh, wh, code):
    # out = state = update * state + (1 - update) * activation(uh + wh)
    one = np.float32(1)
    while True:
        first = claim(queue, 0) * BLOCK
        if first >= state.size:
            return
        for i in range(first, min(first + BLOCK, state.size)):
            new = activate(uh[i] + wh[i], code)
            value = update[i] * state[i] + (one - update[i]) * new
            state[i] = value
            out[i] = value


@kernel
def lstm_output(queue, out, cell, hidden, uf, ui, ug, uo, wf, wi, wg, wo):
    # cell = cell * logistic(wf + uf) + logistic(wi + ui) * tanh(wg + ug); out = hidden = tanh(cell) * logistic(wo + uo)
    while True:
        first = claim(queue, 0) * BLOCK
        if first >= cell.size:
            return
        for i in range(first, min(first + BLOCK, cell.size)):
            added = activate(wi[i] + ui[i], LOGISTIC) * activate(wg[i] + ug[i], TANH)
            value = cell[i] * activate(wf[i] + uf[i], LOGISTIC) + added
            cell[i] = value
            result = activate(value, TANH) * activate(wo[i] + uo[i], LOGISTIC)
            hidden[i] = result
            out[i] = result
