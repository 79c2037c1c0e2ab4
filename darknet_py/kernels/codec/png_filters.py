"""PNG's row filters, undone."""

from __future__ import annotations

import numpy as np

from ..runtime.borrow import borrow
from ..runtime.jit import kernel


@kernel
def unfilter(lines, filtered, row_bytes, rows, distance):
    """Returns 0, or 1 if a number is none of a filter.

    Args:
        lines: updated uint8[1 + rows, row_bytes]: its first row is 0
        filtered: uint8[rows, 1 + row_bytes]: each row behind the number of its filter
        row_bytes: int
        rows: int
        distance: int: bytes from a value to the one to its left
    """
    lines, filtered = borrow(lines), borrow(filtered)
    for y in range(rows):
        kind = filtered[y * (row_bytes + 1)]
        source = filtered[y * (row_bytes + 1) + 1 : (y + 1) * (row_bytes + 1)]
        above, line = lines[y * row_bytes : (y + 1) * row_bytes], lines[(y + 1) * row_bytes : (y + 2) * row_bytes]
        start = min(distance, row_bytes)
        if kind == 0:
            for i in range(row_bytes):
                line[i] = source[i]
        elif kind == 1:
            for i in range(start):
                line[i] = source[i]
            for i in range(start, row_bytes):
                line[i] = source[i] + line[i - distance]
        elif kind == 2:
            for i in range(row_bytes):
                line[i] = source[i] + above[i]
        elif kind == 3:
            for i in range(start):
                line[i] = source[i] + (above[i] >> 1)
            for i in range(start, row_bytes):
                line[i] = source[i] + ((line[i - distance] + above[i]) >> 1)
        elif kind == 4:
            for i in range(start):
                line[i] = source[i] + above[i]
            for i in range(start, row_bytes):
                left, upper, corner = np.int64(line[i - distance]), np.int64(above[i]), np.int64(above[i - distance])
                line[i] = source[i] + _paeth(left, upper, corner)
        else:
            return 1
    return 0


@kernel(forceinline=True)
def _paeth(left, above, corner):
    """The one of the three that is nearest to left + above - corner.

    Args:
        left, above, corner: int
    """
    to_left, to_above, to_corner = abs(above - corner), abs(left - corner), abs(left + above - 2 * corner)
    if to_left <= to_above and to_left <= to_corner:
        return left
    return above if to_above <= to_corner else corner
