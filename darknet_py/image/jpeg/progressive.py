"""Blocks of a progressive file, whose coefficients come in several scans: by band, and the lowest bits last.

They lie in zigzag order, as scans have them: which of a block are 0 is a number of 64 bits (`places`).
"""

from __future__ import annotations

from ...kernels.runtime.jit import kernel
from .bits import (
    BAD_CODE,
    BITS,
    BUFFER,
    ENDLESS,
    EOB_RUN,
    FILE_END,
    MARKER,
    NO_MARKER,
    OK,
    POSITION,
    PREDICTION,
    TRUNCATED,
    decode_mean,
    find_code,
    next_code,
    next_value,
    refill,
    unsigned_bits,
)
from .places import count_places, nonzero, nth, refine_block, spread


@kernel(forceinline=True)
def first_dc(coefficients, at, state, data, lookup, codes, component, table, shift):
    """The mean of a block, without its lowest bits; the others become 0. Returns a status.

    Args:
        coefficients: updated int16[...]
        at: int: where in it the block starts
        state: updated int64[...]: where the scan is, see `bits`
        data: uint8[...]: the file
        lookup: int32[...]: of `HuffmanTables`, all tables
        codes: int32[...]: of `HuffmanTables`, all tables
        component: int
        table: int: number of its Huffman table
        shift: int: how many bits
    """
    status = decode_mean(state, data, lookup, codes, component, table)
    for i in range(at, at + 64):
        coefficients[i] = 0
    coefficients[at] = state[PREDICTION + component] << shift
    return TRUNCATED if state[MARKER] == FILE_END else status


@kernel(forceinline=True)
def refine_dc(coefficients, at, state, data, shift):
    """One more bit of the mean. Returns a status.

    Args:
        coefficients: updated int16[...]
        at: int: where in it the block starts
        state: updated int64[...]: where the scan is, see `bits`
        data: uint8[...]: the file
        shift: int: number of the bit
    """
    if _next_bit(state, data):
        coefficients[at] += 1 << shift
    return TRUNCATED if state[MARKER] == FILE_END else OK


@kernel(forceinline=True)
def first_ac(coefficients, at, state, data, lookup, codes, table, first, last, shift):
    """Some coefficients, without their lowest bits. Returns a status.

    Args:
        coefficients: updated int16[...]
        at: int: where in it the block starts
        state: updated int64[...]: where the scan is, see `bits`
        data: uint8[...]: the file
        lookup: int32[...]: of `HuffmanTables`, all tables
        codes: int32[...]: of `HuffmanTables`, all tables
        table: int: number of the Huffman table
        first, last: int: in zigzag order
        shift: int: how many bits
    """
    if state[EOB_RUN] != 0:
        state[EOB_RUN] -= 1
        return OK
    position, buffer, bits, marker = state[POSITION], state[BUFFER], state[BITS], state[MARKER]
    k = first
    while k <= last:
        entry, position, buffer, bits, marker = next_code(data, position, buffer, bits, marker, lookup, codes, table)
        if entry == 0:
            return BAD_CODE
        value = entry >> 16
        if value != 0:
            k += entry >> 8 & 15
        else:
            run, size = entry >> 12 & 15, entry >> 8 & 15
            if size == 0:
                if run == 15:
                    k += 16
                    continue
                if bits < run:
                    position, buffer, bits, marker = refill(data, position, buffer, bits, marker)
                state[EOB_RUN] = (1 << run) + unsigned_bits(buffer, run) - 1
                buffer <<= run
                bits -= run
                break
            k += run
            value, position, buffer, bits, marker = next_value(data, position, buffer, bits, marker, size)
        coefficients[at + min(k, 63)] = value << shift
        k += 1
    state[POSITION], state[BUFFER], state[BITS], state[MARKER] = position, buffer, bits, marker
    return TRUNCATED if marker == FILE_END else OK


@kernel(forceinline=True)
def refine_ac(coefficients, at, state, data, lookup, codes, table, first, last, shift):
    """One more bit of some coefficients, and those that it makes differ from 0. Returns a status.

    Args:
        coefficients: updated int16[...]
        at: int: where in it the block starts
        state: updated int64[...]: where the scan is, see `bits`
        data: uint8[...]: the file
        lookup: int32[...]: of `HuffmanTables`, all tables
        codes: int32[...]: of `HuffmanTables`, all tables
        table: int: number of the Huffman table
        first, last: int: in zigzag order
        shift: int: number of the bit
    """
    position, buffer, bits, marker = state[POSITION], state[BUFFER], state[BITS], state[MARKER]
    status = OK
    band = ((1 << last) << 1) - (1 << first)
    filled = nonzero(coefficients, at) & band
    ones = plus = minus = 0
    if state[EOB_RUN] != 0:
        state[EOB_RUN] -= 1
        ones, position, buffer, bits, marker = _next_bits(data, position, buffer, bits, marker, filled)
    else:
        empty = ~filled & band
        ahead = band
        while ahead != 0:
            had_marker = marker != NO_MARKER
            if bits < 16:
                position, buffer, bits, marker = refill(data, position, buffer, bits, marker)
            run, size, length = _refining_symbol(buffer, lookup, codes, table)
            # stb_image refuses a code that is cut short by a marker which it meets only now, and lets all others pass.
            cut = not had_marker and marker != NO_MARKER and length > bits - ENDLESS
            if cut or length == 0 or size > 1:
                status = BAD_CODE
                break
            buffer <<= length
            bits -= length
            # Behind so many zeros stands the one that is set; what differs from 0 before it has a bit each.
            new = nth(empty, run)
            if size == 1:
                if bits < 1:
                    position, buffer, bits, marker = refill(data, position, buffer, bits, marker)
                plus |= new & buffer >> 63
                minus |= new & ~(buffer >> 63)
                buffer <<= 1
                bits -= 1
            elif run < 15:
                if bits < run:
                    position, buffer, bits, marker = refill(data, position, buffer, bits, marker)
                state[EOB_RUN] = (1 << run) - 1 + unsigned_bits(buffer, run)
                buffer <<= run
                bits -= run
                new = 0
            more, position, buffer, bits, marker = _next_bits(
                data, position, buffer, bits, marker, filled & ahead & new - 1
            )
            ones |= more
            ahead &= -(new << 1)
            empty &= ahead
    state[POSITION], state[BUFFER], state[BITS], state[MARKER] = position, buffer, bits, marker
    if status != OK:
        return status
    if ones | plus | minus != 0:
        refine_block(coefficients, at, 1 << shift, ones, plus, minus)
    return TRUNCATED if marker == FILE_END else OK


@kernel(forceinline=True)
def _next_bits(data, position, buffer, bits, marker, places):
    """A bit for each of some places. Returns the places whose bit is 1, and the reader's numbers.

    Args:
        data: uint8[...]: the file
        position, buffer, bits, marker: int: as for `refill`
        places: int
    """
    ones, count = 0, count_places(places)
    while count > bits:
        ones |= spread(buffer, places, bits)
        places &= -nth(places, bits)
        count -= bits
        buffer, bits = 0, 0
        position, buffer, bits, marker = refill(data, position, buffer, bits, marker)
    ones |= spread(buffer, places, count)
    return ones, position, buffer << count, bits - count, marker


@kernel(forceinline=True)
def _refining_symbol(buffer, lookup, codes, table):
    """Run, size and the code's length in bits; a length of 0 if there is no such code.

    Args:
        buffer: int: as for `refill`, with 16 bits or more
        lookup: int32[...]: of `HuffmanTables`, all tables
        codes: int32[...]: of `HuffmanTables`, all tables
        table: int: number of the Huffman table
    """
    entry = find_code(buffer, lookup, codes, table)
    run, size, length = entry >> 12 & 15, entry >> 8 & 15, entry & 31
    value = entry >> 16
    if value != 0:
        # a whole coefficient: 1 or -1 if the file is sound, and then its bit is the one behind the code
        run, size, length = size, abs(value), length - 1
    return run, size, length


@kernel(forceinline=True)
def _refill(state, data):
    """`refill` of the state.

    Args:
        state: updated int64[...]: where the scan is, see `bits`
        data: uint8[...]: the file
    """
    state[POSITION], state[BUFFER], state[BITS], state[MARKER] = refill(
        data, state[POSITION], state[BUFFER], state[BITS], state[MARKER]
    )


@kernel(forceinline=True)
def _skip_bits(state, count):
    """Bits that were used.

    Args:
        state: updated int64[...]: where the scan is, see `bits`
        count: int
    """
    state[BUFFER] <<= count
    state[BITS] -= count


@kernel(forceinline=True)
def _next_bit(state, data):
    """Whether the next bit is 1.

    Args:
        state: updated int64[...]: where the scan is, see `bits`
        data: uint8[...]: the file
    """
    if state[BITS] < 1:
        _refill(state, data)
    bit = state[BUFFER] < 0
    _skip_bits(state, 1)
    return bit
