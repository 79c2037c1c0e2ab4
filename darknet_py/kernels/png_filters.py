"""PNG's row filters, undone."""

from __future__ import annotations

import numpy as np

from .borrow import borrow
from .jit import kernel


@kernel
def unfilter(lines, filtered, row_bytes, rows, distance):
    # lines: uint8 (rows, row_bytes) flat; filtered: uint8 (rows, 1 + row_bytes) flat, the filter's number in front.
    # distance: bytes from a value to the one to its left. Returns 0, or 1 if a filter's number is none.
    lines, filtered = borrow(lines), borrow(filtered)
    for y in range(rows):
        start = y * (row_bytes + 1)
        kind = filtered[start]
        source = filtered[start + 1 : start + 1 + row_bytes]
        line = lines[y * row_bytes : (y + 1) * row_bytes]
        above = lines[(y - 1) * row_bytes : y * row_bytes] if y > 0 else line
        if kind == 0:
            line[:] = source
        elif kind == 1 or (kind == 4 and y == 0):
            line[:distance] = source[:distance]
            for i in range(distance, row_bytes):
                line[i] = source[i] + line[i - distance]
        elif kind == 2:
            for i in range(row_bytes):
                line[i] = source[i] + (above[i] if y > 0 else 0)
        elif kind == 3:
            for i in range(row_bytes):
                left = line[i - distance] if i >= distance else 0
                line[i] = source[i] + ((left + (above[i] if y > 0 else 0)) >> 1)
        elif kind == 4:
            for i in range(distance):
                line[i] = source[i] + above[i]
            for i in range(distance, row_bytes):
                line[i] = source[i] + _paeth(
                    np.int64(line[i - distance]), np.int64(above[i]), np.int64(above[i - distance])
                )
        else:
            return 1
    return 0


@kernel(forceinline=True)
def _paeth(left, above, corner):
    # the one of the three that is nearest to left + above - corner
    to_left, to_above, to_corner = abs(above - corner), abs(left - corner), abs(left + above - 2 * corner)
    if to_left <= to_above and to_left <= to_corner:
        return left
    return above if to_above <= to_corner else corner
