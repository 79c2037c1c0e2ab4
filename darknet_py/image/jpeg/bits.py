"""The bit reader of the entropy-coded data.

Its buffer is the top of an int64. It looks ahead exactly as far as stb_image's (filled to more than 24 bits whenever it
has less than 16): how a damaged file decodes depends on how far the decoder had read when it met a marker.
"""

from __future__ import annotations

import numpy as np

from ...kernels.runtime.jit import kernel
from .tables import CODES, LIMITS, LONGEST, LOOK_BITS, LOOKUPS, OFFSETS, SYMBOLS

POSITION, BUFFER, BITS, MARKER, EOB_RUN, PREDICTION = range(6)
"""What a reader's state (int64) holds; from PREDICTION on, one DC value for each component."""

STATE = PREDICTION + 4

NO_MARKER = 0xFF
FILE_END = 0x100
"""In place of a marker: the file ended. Darknet refuses every file that ends before its end marker."""

ENDLESS = 1 << 60
"""Added to the number of bits when a marker is met: after it come zeros without end."""

OK, BAD_CODE, TRUNCATED, UNFINISHED = range(4)
"""What decoding a block or a scan results in; UNFINISHED: blocks are left as they were."""


@kernel(forceinline=True)
def refill(data, position, buffer, bits, marker):
    """For less than 25 bits in the buffer, no marker yet. Returns the last four arguments anew.

    Args:
        data: uint8[...]: the file
        position: int: of the next byte
        buffer: int: bits that were read, from the highest one on
        bits: int: how many
        marker: int: that the data stopped at, or NO_MARKER
    """
    word = np.int64(0xFF)
    if position + 4 <= data.size:
        word = (
            np.int64(data[position]) << 24
            | np.int64(data[position + 1]) << 16
            | np.int64(data[position + 2]) << 8
            | np.int64(data[position + 3])
        )
    # Is none of the four bytes 0xFF? Only a 0 byte of the complement borrows from its own top bit.
    if ((~word & 0xFFFFFFFF) - 0x01010101) & word & 0x80808080 == 0:
        count = (32 - bits) >> 3
        position += count
        bits += 8 * count
        buffer |= word >> (32 - 8 * count) << (64 - bits)
    else:
        position, buffer, bits, marker = _refill_bytewise(data, position, buffer, bits)
    return position, buffer, bits, marker


@kernel
def _refill_bytewise(data, position, buffer, bits):
    """As `refill`, byte by byte: near a marker, and at the end of the file.

    Args:
        data: uint8[...]: the file
        position: int: of the next byte
        buffer: int: bits that were read, from the highest one on
        bits: int: how many
    """
    marker = NO_MARKER
    while bits <= 24 and marker == NO_MARKER:
        byte, position = _next_byte(data, position)
        if byte == 0xFF:
            marker = byte
            while marker == 0xFF:
                marker, position = _next_byte(data, position)
        if marker == 0:
            marker = NO_MARKER
        if byte == FILE_END:
            marker = FILE_END
        if marker == NO_MARKER:
            buffer |= byte << (56 - bits)
            bits += 8
    if marker != NO_MARKER:
        bits += ENDLESS
    return position, buffer, bits, marker


@kernel(forceinline=True)
def _next_byte(data, position):
    """The byte at a position, FILE_END behind the end; and the position behind it.

    Args:
        data: uint8[...]: the file
        position: int
    """
    if position < data.size:
        return np.int64(data[position]), position + 1
    return np.int64(FILE_END), position


@kernel(forceinline=True)
def find_code(buffer, lookup, codes, table):
    """The table's entry for the code that the buffer starts with (see HuffmanTables.lookup), 0 if there is none.

    Args:
        buffer: int
        lookup: int32[...]: of `HuffmanTables`, all tables
        codes: int32[...]: of `HuffmanTables`, all tables
        table: int: its number
    """
    entry = lookup[table * LOOKUPS + (buffer >> (64 - LOOK_BITS) & (LOOKUPS - 1))]
    return np.int64(entry) if entry != 0 else _find_long_code(buffer, codes, table)


@kernel
def _find_long_code(buffer, codes, table):
    """As `find_code`, for a code that is longer than what can be looked up.

    Args:
        buffer: int
        codes: int32[...]: of `HuffmanTables`, all tables
        table: int: its number
    """
    row = table * CODES
    ahead = buffer >> (64 - LONGEST) & ((1 << LONGEST) - 1)
    for length in range(LOOK_BITS + 1, LONGEST + 1):
        if ahead < codes[row + LIMITS + length]:
            symbol = (ahead >> (LONGEST - length)) + codes[row + OFFSETS + length]
            return np.int64(codes[row + SYMBOLS + symbol] << 8 | length)
    return np.int64(0)


@kernel(forceinline=True)
def signed_bits(buffer, size):
    """The coefficient in the buffer's first 1 <= size <= 15 bits: a first bit of 0 means a negative one.

    Args:
        buffer, size: int
    """
    value = buffer >> (64 - size) & ((1 << size) - 1)
    return value if buffer < 0 else value - (1 << size) + 1


@kernel(forceinline=True)
def unsigned_bits(buffer, size):
    """The number in the buffer's first 0 <= size <= 15 bits.

    Args:
        buffer, size: int
    """
    return (buffer >> 1 & 0x7FFFFFFFFFFFFFFF) >> (63 - size)


@kernel(forceinline=True)
def next_code(data, position, buffer, bits, marker, lookup, codes, table):
    """The table's entry for the code that comes next, 0 if there is none; and the reader's numbers behind the code.

    Args:
        data: uint8[...]: the file
        position, buffer, bits, marker: int: as for `refill`
        lookup: int32[...]: of `HuffmanTables`, all tables
        codes: int32[...]: of `HuffmanTables`, all tables
        table: int: its number
    """
    if bits < 16:
        position, buffer, bits, marker = refill(data, position, buffer, bits, marker)
    entry = find_code(buffer, lookup, codes, table)
    return entry, position, buffer << (entry & 31), bits - (entry & 31), marker


@kernel(forceinline=True)
def next_value(data, position, buffer, bits, marker, size):
    """The coefficient of 1 <= size <= 15 bits that comes next; and the reader's numbers behind it.

    Args:
        data: uint8[...]: the file
        position, buffer, bits, marker: int: as for `refill`
        size: int
    """
    if bits < size:
        position, buffer, bits, marker = refill(data, position, buffer, bits, marker)
    return signed_bits(buffer, size), position, buffer << size, bits - size, marker


@kernel(forceinline=True)
def decode_mean(state, data, lookup, codes, component, table):
    """Add the difference that comes next to the component's prediction. Returns a status.

    Args:
        state: updated int64[...]: where the scan is, see `bits`
        data: uint8[...]: the file
        lookup: int32[...]: of `HuffmanTables`, all tables
        codes: int32[...]: of `HuffmanTables`, all tables
        component: int
        table: int: number of its Huffman table
    """
    position, buffer, bits, marker = state[POSITION], state[BUFFER], state[BITS], state[MARKER]
    entry, position, buffer, bits, marker = next_code(data, position, buffer, bits, marker, lookup, codes, table)
    size = entry >> 8
    status = OK if entry != 0 and size < 16 else BAD_CODE
    if status == OK and size != 0:
        value, position, buffer, bits, marker = next_value(data, position, buffer, bits, marker, size)
        state[PREDICTION + component] += value
    state[POSITION], state[BUFFER], state[BITS], state[MARKER] = position, buffer, bits, marker
    return status
