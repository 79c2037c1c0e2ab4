"""One scan: the blocks that follow one start-of-scan marker, in their order, with its restart markers."""

from __future__ import annotations

from typing import NamedTuple

from ...kernels.runtime.borrow import borrow
from ...kernels.runtime.jit import kernel
from .baseline import decode_block
from .bits import (
    BITS,
    BUFFER,
    EOB_RUN,
    FILE_END,
    MARKER,
    NO_MARKER,
    OK,
    POSITION,
    PREDICTION,
    STATE,
    TRUNCATED,
    UNFINISHED,
    refill,
)
from .idct import idct
from .progressive import first_ac, first_dc, refine_ac, refine_dc

COMPONENT, ACROSS, DOWN, DC_TABLE, AC_TABLE, QUANT_TABLE, START, ROW = range(8)
"""Columns of a scan's parts: component, its blocks in a unit, its tables, where its data start, their row length."""

SEQUENTIAL, FIRST_DC, REFINE_DC, FIRST_AC, REFINE_AC = range(5)
"""Kinds of scan."""


class Band(NamedTuple):
    """Which coefficients a scan has: those from first to last in zigzag order, their bits from number shift on."""

    kind: int
    first: int
    last: int
    shift: int


class Extent(NamedTuple):
    """A scan's size in units, and how many of them stand between restart markers."""

    wide: int
    high: int
    interval: int


@kernel
def decode_scan(planes, coefficients, state, data, lookup, codes, steps, parts, band, extent):
    """One scan. The state's position is where its data start. Returns a status.

    Args:
        planes: written uint8[...]: if SEQUENTIAL, all components' samples behind each other (ROW: width); else not used
        coefficients: updated int16[...]: if SEQUENTIAL, room for one block; else all components' blocks row after row
            (ROW: values in a row of blocks), each in zigzag order
        state: updated int64[...]: where the scan is, see `bits`
        data: uint8[...]: the file
        lookup: int32[...]: of `HuffmanTables`, all tables
        codes: int32[...]: of `HuffmanTables`, all tables
        steps: int32[...]: of all quantisation tables
        parts: int64[n, 8]: one row for each component of the scan
        band: Band
        extent: Extent
    """
    planes, coefficients, state, data = borrow(planes), borrow(coefficients), borrow(state), borrow(data)
    lookup, codes, steps, parts = borrow(lookup), borrow(codes), borrow(steps), borrow(parts)
    _reset(state)
    left = extent.interval
    for y in range(extent.high):
        for x in range(extent.wide):
            for p in range(parts.shape[0]):
                status = _decode_unit(planes, coefficients, state, data, lookup, codes, steps, parts, p, band, x, y)
                if status != OK:
                    return status
            left -= 1
            if left <= 0:
                if state[BITS] < 24:
                    state[POSITION], state[BUFFER], state[BITS], state[MARKER] = refill(
                        data, state[POSITION], state[BUFFER], state[BITS], state[MARKER]
                    )
                if state[MARKER] < 0xD0 or state[MARKER] > 0xD7:
                    # No restart marker where one should be: stb_image leaves the rest as it is, too.
                    if state[MARKER] == FILE_END:
                        return TRUNCATED
                    return OK if y == extent.high - 1 and x == extent.wide - 1 else UNFINISHED
                _reset(state)
                left = extent.interval
    return OK


@kernel
def _reset(state):
    """To the start of a scan or of a restart interval.

    Args:
        state: updated int64[...]: where the scan is, see `bits`
    """
    state[BUFFER] = 0
    state[BITS] = 0
    state[MARKER] = NO_MARKER
    state[EOB_RUN] = 0
    for i in range(PREDICTION, STATE):
        state[i] = 0


@kernel(forceinline=True)
def _decode_unit(planes, coefficients, state, data, lookup, codes, steps, parts, p, band, unit_x, unit_y):
    """One component's blocks of one unit. Returns a status.

    Args:
        planes, coefficients, state, data, lookup, codes, steps, parts: any: as for `decode_scan`
        p: int: number of the component in the scan
        band: Band
        unit_x, unit_y: int: column and row of the unit
    """
    component, row, start = parts[p, COMPONENT], parts[p, ROW], parts[p, START]
    dc_table, ac_table, quant_table = parts[p, DC_TABLE], parts[p, AC_TABLE], parts[p, QUANT_TABLE]
    across, down = parts[p, ACROSS], parts[p, DOWN]
    for y in range(unit_y * down, (unit_y + 1) * down):
        for x in range(unit_x * across, (unit_x + 1) * across):
            at = start + row * y + 64 * x
            if band.kind == SEQUENTIAL:
                status, filled = decode_block(
                    coefficients, state, data, lookup, codes, steps, component, dc_table, ac_table, quant_table
                )
                _to_pixels(planes, start + 8 * (row * y + x), row, coefficients, filled == 0)
            elif band.kind == FIRST_DC:
                status = first_dc(coefficients, at, state, data, lookup, codes, component, dc_table, band.shift)
            elif band.kind == REFINE_DC:
                status = refine_dc(coefficients, at, state, data, band.shift)
            elif band.kind == FIRST_AC:
                status = first_ac(
                    coefficients, at, state, data, lookup, codes, ac_table, band.first, band.last, band.shift
                )
            else:
                status = refine_ac(
                    coefficients, at, state, data, lookup, codes, ac_table, band.first, band.last, band.shift
                )
            if status != OK:
                return status
    return OK


@kernel(forceinline=True)
def _to_pixels(planes, start, row, block, is_flat):
    """The 8 x 8 pixels of a block.

    Args:
        planes: written uint8[...]
        start: int: where in it the block's pixels start
        row: int: bytes of a row
        block: int16[64]
        is_flat: bool: only its mean is set, which the transform would give to all of them
    """
    if not is_flat:
        idct(planes, start, row, block, 0, None)
        return
    mean = max(-(1 << 15), min(4 * block[0], (1 << 15) - 1))
    value = max(0, min(((mean << 12) + (128 << 17) + (1 << 16)) >> 17, 255))
    for y in range(8):
        for x in range(8):
            planes[start + y * row + x] = value


@kernel
def transform_blocks(planes, start, row, coefficients, first, blocks_row, steps, wide, high):
    """A progressive component's pixels.

    Args:
        planes: written uint8[...]
        start: int: where in it the component starts
        row: int: bytes of a row
        coefficients: int16[...]
        first: int: where in it the component starts
        blocks_row: int: values of a row of blocks
        steps: int16[64]: in zigzag order, as the coefficients
        wide, high: int: sides of the component in blocks
    """
    for y in range(high):
        for x in range(wide):
            at = first + y * blocks_row + 64 * x
            idct(planes, start + 8 * (y * row + x), row, coefficients, at, steps)
