"""Huffman and quantisation tables, laid out for the kernels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

LOOK_BITS = 12
"""A code up to this long, and if it fits the number behind it, is found by one look into a table."""

LOOKUPS = 1 << LOOK_BITS

LONGEST = 16
"""Length of the longest Huffman code."""

LIMITS, OFFSETS, SYMBOLS = 0, LONGEST + 1, 2 * (LONGEST + 1)
"""Where in a row of `HuffmanTables.codes` each length's limit and index offset start, and the symbols."""

CODES = SYMBOLS + 256

ZIGZAG_ENTRIES = 64 + 15
"""A damaged file's run of zeros may lead up to 15 places beyond the block; all of these are its last coefficient."""


def _make_zigzag() -> NDArray[np.int64]:
    """Place (row * 8 + column) of the k-th coefficient of a block, going up and down its anti-diagonals."""
    positions = sorted(
        ((row, column) for row in range(8) for column in range(8)),
        key=lambda place: (sum(place), place[0] if sum(place) % 2 else place[1]),
    )
    order = [8 * row + column for row, column in positions]
    return np.array(order + [order[-1]] * (ZIGZAG_ENTRIES - 64), np.int64)


ZIGZAG = _make_zigzag()


class HuffmanTables:
    """The eight tables a file may define: DC tables 0 to 3, then AC tables 0 to 3.

    Attributes:
        lookup: int32, flat (8, LOOKUPS). Entry for the next LOOK_BITS bits of the stream: 0 if no short code matches;
            else its lowest 5 bits say how many bits it takes. AC tables: where the upper 16 bits are not 0, they are a
            whole coefficient and bits 8 to 11 the run of zeros before it. Otherwise bits 8 to 15 are the symbol.
        codes: int32, flat (8, CODES), for codes of any length: limits, offsets, symbols.
        defined: which tables the file has defined so far.
    """

    def __init__(self) -> None:
        self.lookup = np.zeros(8 * LOOKUPS, np.int32)
        self.codes = np.zeros(8 * CODES, np.int32)
        self.defined = [False] * 8
        self._latest: dict[int, tuple[bytes, bytes]] = {}

    def define(self, table: int, counts: bytes, symbols: bytes) -> None:
        """Set table ``table``: ``counts[i]`` codes of length i + 1, their symbols in the order of the codes.

        It is laid out when a scan needs it: a file may define a table as often as it has bytes for it.

        Raises:
            ValueError: there are more codes of a length than fit.
        """
        code = 0
        for length, count in enumerate(counts, 1):
            code += count
            if count and code > 1 << length:
                raise ValueError(f"a Huffman table has too many codes of {length} bits")
            code <<= 1
        self._latest[table] = counts, symbols
        self.defined[table] = True

    def lay_out(self, table: int) -> None:
        """Make ``lookup`` and ``codes`` what the table's latest definition says."""
        if table not in self._latest:
            return
        counts, symbols = self._latest.pop(table)
        codes = self.codes[table * CODES : (table + 1) * CODES]
        code = first = 0
        for length, count in enumerate(counts, 1):
            codes[OFFSETS + length] = first - code
            code += count
            first += count
            codes[LIMITS + length] = min(code << (LONGEST - length), 1 << LONGEST)
            code <<= 1
        codes[SYMBOLS : SYMBOLS + len(symbols)] = np.frombuffer(symbols, np.uint8)
        lookup = _short_codes(counts, symbols)
        self.lookup[table * LOOKUPS : (table + 1) * LOOKUPS] = _with_values(lookup) if table >= 4 else lookup


def _short_codes(counts: bytes, symbols: bytes) -> NDArray[np.int32]:
    """Entry symbol << 8 | length for all beginnings of the stream. Codes ascend, so each fills the next entries."""
    lengths = np.repeat(np.arange(1, LONGEST + 1), list(counts))
    short = lengths <= LOOK_BITS
    lengths = lengths[short]
    entries = np.frombuffer(symbols, np.uint8)[short].astype(np.int32) << 8 | lengths
    filled = np.repeat(entries, 1 << (LOOK_BITS - lengths))
    lookup = np.zeros(LOOKUPS, np.int32)
    lookup[: filled.size] = filled
    return lookup


def _with_values(lookup: NDArray[np.int32]) -> NDArray[np.int32]:
    """AC entries: where the coefficient behind the code lies within the LOOK_BITS bits, too, it becomes part of it."""
    length, size, run = lookup & 31, lookup >> 8 & 15, lookup >> 12
    total = length + size
    whole = (size > 0) & (total <= LOOK_BITS)
    bits = np.arange(LOOKUPS, dtype=np.int32) >> np.where(whole, LOOK_BITS - total, 0) & (1 << size) - 1
    value = np.where(bits < (1 << size) >> 1, bits - (1 << size) + 1, bits)
    return np.where(whole, value << 16 | run << 8 | total, lookup).astype(np.int32)


class QuantTables:
    """The four quantisation tables a file may define.

    Attributes:
        steps: int32, flat (4, ZIGZAG_ENTRIES), in zigzag order.
        defined: which tables the file has defined so far.
    """

    def __init__(self) -> None:
        self.steps = np.zeros(4 * ZIGZAG_ENTRIES, np.int32)
        self.defined = [False] * 4

    def define(self, table: int, steps: NDArray[np.integer]) -> None:
        """Set table ``table`` to 64 steps in zigzag order."""
        start = table * ZIGZAG_ENTRIES
        self.steps[start : start + 64] = steps
        self.steps[start + 64 : start + ZIGZAG_ENTRIES] = steps[-1]
        self.defined[table] = True
