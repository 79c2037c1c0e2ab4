"""Blocks of a sequential file, whose coefficients all come at once."""

from __future__ import annotations

from ...kernels.runtime.jit import kernel
from .bits import (
    BAD_CODE,
    BITS,
    BUFFER,
    FILE_END,
    MARKER,
    POSITION,
    PREDICTION,
    TRUNCATED,
    decode_mean,
    next_code,
    next_value,
)
from .tables import ZIGZAG, ZIGZAG_ENTRIES


@kernel(forceinline=True)
def decode_block(block, state, data, lookup, codes, steps, component, dc_table, ac_table, quant_table):
    """One block. Returns a status and the last place in zigzag order that was filled: 0 if there is only the mean.

    Args:
        block: written int16[64]: the coefficients times their steps
        state: updated int64[...]: where the scan is, see `bits`
        data: uint8[...]: the file
        lookup: int32[...]: of `HuffmanTables`, all tables
        codes: int32[...]: of `HuffmanTables`, all tables
        steps: int32[...]: of all quantisation tables
        component: int
        dc_table, ac_table: int: numbers of its Huffman tables
        quant_table: int: number of its quantisation table
    """
    status = decode_mean(state, data, lookup, codes, component, dc_table)
    position, buffer, bits, marker = state[POSITION], state[BUFFER], state[BITS], state[MARKER]
    for i in range(64):
        block[i] = 0
    step = quant_table * ZIGZAG_ENTRIES
    block[0] = state[PREDICTION + component] * steps[step]
    k = 1
    while k < 64:
        entry, position, buffer, bits, marker = next_code(data, position, buffer, bits, marker, lookup, codes, ac_table)
        value = entry >> 16
        if value != 0:
            k += entry >> 8 & 15
        else:
            run, size = entry >> 12 & 15, entry >> 8 & 15
            if size == 0:
                if run == 15:
                    k += 16
                    continue
                if entry == 0:
                    status = BAD_CODE
                break
            k += run
            value, position, buffer, bits, marker = next_value(data, position, buffer, bits, marker, size)
        block[ZIGZAG[k]] = value * steps[step + k]
        k += 1
    state[POSITION], state[BUFFER], state[BITS], state[MARKER] = position, buffer, bits, marker
    if marker == FILE_END:
        # the zeros behind the end may have been no code
        status = TRUNCATED
    return status, k - 1
