"""GIF's variant of Lempel, Ziv and Welch's compression, undone."""

from __future__ import annotations

import numpy as np

from ..runtime.borrow import borrow
from ..runtime.jit import kernel

BROKEN = -1

MOST_CODES = 8192
"""stb_image goes on counting codes beyond the 4096 that can be named, and refuses the file here."""

_LONGEST_CODE = 12


@kernel
def decode_lzw(out, data, position, bits, tables):
    """Returns how many pixels there are, or BROKEN.

    Args:
        out: written uint8[...]: the pixels; more than fit are passed over
        data: uint8[...]: from ``position`` on blocks, each behind its length
        position: int
        bits: int: of a pixel
        tables: written int32[4, MOST_CODES]: each code's prefix, first and last pixel, and how many it stands for
    """
    out, data, tables = borrow(out), borrow(data), borrow(tables)
    prefix, first, last, length = tables[0], tables[1], tables[2], tables[3]
    clear = 1 << bits
    for code in range(clear):
        prefix[code], first[code], last[code], length[code] = -1, code & 0xFF, code & 0xFF, 1
    size, next_code, previous = bits + 1, clear + 2, -1
    buffer = filled = left = at = 0
    has_cleared = False
    while True:
        while filled < size:
            if left == 0:
                # the end of the data, or of the file, may stand anywhere
                if position >= data.size or data[position] == 0:
                    return at
                left = np.int64(data[position])
                position += 1
            byte = np.int64(data[position]) if position < data.size else 0
            buffer |= byte << filled
            position += 1
            left -= 1
            filled += 8
        code = buffer & ((1 << size) - 1)
        buffer >>= size
        filled -= size
        if code == clear:
            size, next_code, previous, has_cleared = bits + 1, clear + 2, -1, True
            continue
        if code == clear + 1:
            return at
        if code > next_code or not has_cleared or (previous < 0 and code == next_code):
            return BROKEN
        if previous >= 0:
            if next_code + 1 > MOST_CODES:
                return BROKEN
            prefix[next_code], first[next_code] = previous, first[previous]
            length[next_code] = length[previous] + 1
            # this code may be the very one that is being defined
            last[next_code] = first[code]
            next_code += 1
        at = _put(out, at, code, prefix, last, length)
        if next_code & ((1 << size) - 1) == 0 and next_code < 1 << _LONGEST_CODE:
            size += 1
        previous = code


@kernel
def _put(out, at, code, prefix, last, length):
    """A code's pixels, the last one first: each code is its prefix and one more pixel. Returns the place behind.

    Args:
        out: written uint8[...]
        at: int: where in it the pixels go
        code: int
        prefix, last, length: int32[MOST_CODES]: see `decode_lzw`
    """
    end = at + length[code]
    place = end - 1
    if at >= out.size:
        return at
    while code >= 0:
        if place < out.size:
            out[place] = last[code]
        place -= 1
        code = prefix[code]
    return min(end, out.size)
