"""Writes JPEG files out of coefficients: any sampling factors, scans and tables, also such as no program writes.

What a test needs is a file whose decoding is known or can be worked out, not a good picture; so there is no transform.
"""

from __future__ import annotations

import heapq
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Symbol = tuple[tuple[int, int], int, int, int]
"""((table class, table), symbol, further bits, their number); symbol -1 stands for a restart marker."""


@dataclass
class Part:
    """A component: ``blocks`` are its quantised coefficients, (rows, columns, 64) in zigzag order."""

    identifier: int
    across: int
    down: int
    blocks: NDArray[np.int64]
    quant_table: int = 0


@dataclass
class Scan:
    """A scan of the components with these indices: coefficients first to last, from bit high (0: none yet) to low."""

    parts: Sequence[int]
    first: int = 0
    last: int = 63
    high: int = 0
    low: int = 0


@dataclass
class Jpeg:
    """A file to write; `write` gives its bytes."""

    width: int
    height: int
    parts: list[Part]
    scans: list[Scan]
    steps: dict[int, Sequence[int]] = field(default_factory=lambda: {0: [1] * 64})
    progressive: bool = False
    interval: int = 0
    segments: bytes = b""
    lengths_from: np.random.Generator | None = None

    def write(self) -> bytes:
        """The whole file. Each scan has Huffman tables of its own."""
        out = b"\xff\xd8" + self.segments
        for number, steps in self.steps.items():
            wide = max(steps) > 255
            values = struct.pack(">64H" if wide else "64B", *steps)
            out += segment(0xDB, bytes([16 * wide + number]) + values)
        if self.interval:
            out += segment(0xDD, struct.pack(">H", self.interval))
        header = struct.pack(">BHHB", 8, self.height, self.width, len(self.parts))
        for part in self.parts:
            header += bytes([part.identifier, part.across << 4 | part.down, part.quant_table])
        out += segment(0xC2 if self.progressive else 0xC0, header)
        return out + b"".join(self._write_scan(scan) for scan in self.scans) + b"\xff\xd9"

    def _write_scan(self, scan: Scan) -> bytes:
        symbols = list(self._symbols(scan))
        codes, out = {}, b""
        for table in sorted({symbol[0] for symbol in symbols if symbol[1] >= 0}):
            used = [symbol for name, symbol, _, _ in symbols if name == table and symbol >= 0]
            codes[table], definition = huffman_table(used, self.lengths_from)
            out += segment(0xC4, bytes([table[0] << 4 | table[1]]) + definition)
        header = bytes([len(scan.parts)])
        for k in scan.parts:
            header += bytes([self.parts[k].identifier, (k % 4) << 4 | k % 4])
        out += segment(0xDA, header + bytes([scan.first, scan.last, scan.high << 4 | scan.low]))
        bits, restarts = BitWriter(), 0
        for table, symbol, extra, size in symbols:
            if symbol == -1:
                bits.restart(restarts)
                restarts += 1
                continue
            if symbol >= 0:
                bits.put(*codes[table][symbol])
            bits.put(extra, size)
        return out + bits.finish()

    def _units(self, scan: Scan) -> Iterable[list[tuple[int, NDArray[np.int64]]]]:
        """The blocks of each unit: (component, coefficients)."""
        most = max(part.across for part in self.parts), max(part.down for part in self.parts)
        if len(scan.parts) == 1:
            part = self.parts[scan.parts[0]]
            wide = ceil_divide(ceil_divide(self.width * part.across, most[0]), 8)
            high = ceil_divide(ceil_divide(self.height * part.down, most[1]), 8)
            for y in range(high):
                for x in range(wide):
                    yield [(scan.parts[0], part.blocks[y, x])]
            return
        for y in range(ceil_divide(self.height, 8 * most[1])):
            for x in range(ceil_divide(self.width, 8 * most[0])):
                unit = []
                for k in scan.parts:
                    part = self.parts[k]
                    rows = range(y * part.down, (y + 1) * part.down)
                    columns = range(x * part.across, (x + 1) * part.across)
                    unit += [(k, part.blocks[row, column]) for row in rows for column in columns]
                yield unit

    def _symbols(self, scan: Scan) -> Iterable[Symbol]:
        coder = Coder(scan, self.progressive)
        for i, unit in enumerate(self._units(scan)):
            if self.interval and i and i % self.interval == 0:
                yield from coder.end_run()
                yield (0, 0), -1, 0, 0
                coder.means.clear()
            for k, block in unit:
                yield from coder.block(k, block)
        yield from coder.end_run()


class Coder:
    """Turns blocks into symbols and bits."""

    def __init__(self, scan: Scan, progressive: bool) -> None:
        self.scan = scan
        self.progressive = progressive
        self.means: dict[int, int] = {}
        self.run = 0
        self.pending: list[int] = []
        self.table = (1, 0)

    def block(self, k: int, block: NDArray[np.int64]) -> Iterable[Symbol]:
        """What one block becomes."""
        scan = self.scan
        if not self.progressive:
            yield self._mean(k, int(block[0]))
            yield from self._sequential((1, k % 4), block)
        elif scan.first == 0:
            if scan.high:
                yield (0, k % 4), -2, int(block[0]) >> scan.low & 1, 1
            else:
                yield self._mean(k, int(block[0]) >> scan.low)
        else:
            self.table = (1, k % 4)
            values = [int(abs(v)) >> scan.low for v in block]
            if scan.high:
                yield from self._refine(block, values)
            else:
                yield from self._first(block, values)

    def _mean(self, k: int, mean: int) -> Symbol:
        difference = mean - self.means.get(k, 0)
        self.means[k] = mean
        return (0, k % 4), abs(difference).bit_length(), *magnitude(difference)

    def _sequential(self, table: tuple[int, int], block: NDArray[np.int64]) -> Iterable[Symbol]:
        run = 0
        filled = np.flatnonzero(block[1:]) + 1
        for k in range(1, filled[-1] + 1 if len(filled) else 1):
            value = int(block[k])
            if value == 0:
                run += 1
                continue
            while run > 15:
                yield table, 0xF0, 0, 0
                run -= 16
            yield table, run << 4 | abs(value).bit_length(), *magnitude(value)
            run = 0
        if not len(filled) or filled[-1] != 63:
            yield table, 0, 0, 0

    def _first(self, block: NDArray[np.int64], values: list[int]) -> Iterable[Symbol]:
        run = 0
        for k in range(self.scan.first, self.scan.last + 1):
            if values[k] == 0:
                run += 1
                continue
            yield from self.end_run()
            while run > 15:
                yield self.table, 0xF0, 0, 0
                run -= 16
            value = values[k] if block[k] > 0 else -values[k]
            yield self.table, run << 4 | values[k].bit_length(), *magnitude(value)
            run = 0
        if run:
            self.run += 1
            if self.run == 0x7FFF:
                yield from self.end_run()

    def _refine(self, block: NDArray[np.int64], values: list[int]) -> Iterable[Symbol]:
        band = range(self.scan.first, self.scan.last + 1)
        last_new = max((k for k in band if values[k] == 1), default=-1)
        run, corrections = 0, []
        for k in band:
            if values[k] == 0:
                run += 1
                continue
            while run > 15 and k <= last_new:
                yield from self.end_run()
                yield self.table, 0xF0, 0, 0
                yield from self._bits(corrections)
                corrections, run = [], run - 16
            if values[k] > 1:
                corrections.append(values[k] & 1)
                continue
            yield from self.end_run()
            yield self.table, run << 4 | 1, int(block[k] > 0), 1
            yield from self._bits(corrections)
            corrections, run = [], 0
        if run or corrections:
            self.run += 1
            self.pending += corrections
            if self.run == 0x7FFF:
                yield from self.end_run()

    def end_run(self) -> Iterable[Symbol]:
        """The symbol for the blocks that had nothing more."""
        if self.run:
            size = self.run.bit_length() - 1
            yield self.table, size << 4, self.run - (1 << size), size
            yield from self._bits(self.pending)
            self.run, self.pending = 0, []

    def _bits(self, bits: list[int]) -> Iterable[Symbol]:
        for bit in bits:
            yield self.table, -2, bit, 1


def ceil_divide(a: int, b: int) -> int:
    """a / b, rounded up."""
    return -(-a // b)


def segment(marker: int, data: bytes) -> bytes:
    """A marker segment."""
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def magnitude(value: int) -> tuple[int, int]:
    """A coefficient's further bits and their number."""
    size = abs(value).bit_length()
    return (value if value > 0 else value + (1 << size) - 1), size


def huffman_table(
    used: Iterable[int], lengths_from: np.random.Generator | None = None
) -> tuple[dict[int, tuple[int, int]], bytes]:
    """(code, length) of each symbol, and the table's definition; its shape is the best one, or one by chance."""
    symbols = sorted(set(used))
    counts = {symbol: 0 for symbol in symbols}
    for symbol in used:
        counts[symbol] += 1
    weights = [float(counts[symbol]) for symbol in symbols]
    spread = 6.0
    while True:
        if lengths_from is not None:
            weights = list(np.exp(spread * lengths_from.random(len(symbols))))
        lengths = code_lengths(weights)
        if max(lengths) <= 16:
            break
        weights = [weight + max(weights) / 50 for weight in weights]
        spread *= 0.9
    order = sorted(range(len(symbols)), key=lambda i: lengths[i])
    codes, code, length = {}, 0, 0
    for i in order:
        code <<= lengths[i] - length
        length = lengths[i]
        codes[symbols[i]] = (code, length)
        code += 1
    definition = bytes(lengths.count(size) for size in range(1, 17)) + bytes(symbols[i] for i in order)
    return codes, definition


def code_lengths(weights: list[float]) -> list[int]:
    """Huffman's code lengths, with one more symbol so that no code is all ones."""
    heap: list[tuple[float, int, list[int]]] = [(weight, i, [i]) for i, weight in enumerate([*weights, 0.0])]
    lengths = [0] * len(heap)
    heapq.heapify(heap)
    while len(heap) > 1:
        a, b = heapq.heappop(heap), heapq.heappop(heap)
        for i in a[2] + b[2]:
            lengths[i] += 1
        heapq.heappush(heap, (a[0] + b[0], min(a[1], b[1]), a[2] + b[2]))
    # the spare symbol gets the last of the longest codes
    spare, longest = lengths.pop(), max(lengths)
    if spare < longest:
        lengths[lengths.index(longest)] = spare
        lengths.append(longest)
        lengths.pop()
    return lengths


class BitWriter:
    """Entropy-coded data: bits, a 0 after each 0xFF, restart markers."""

    def __init__(self) -> None:
        self.out = bytearray()
        self.buffer = self.count = 0

    def put(self, value: int, size: int) -> None:
        """Append the lowest ``size`` bits of ``value``."""
        self.buffer = self.buffer << size | value
        self.count += size
        while self.count >= 8:
            self.count -= 8
            byte = self.buffer >> self.count & 0xFF
            self.buffer &= (1 << self.count) - 1
            self.out += b"\xff\0" if byte == 0xFF else bytes([byte])

    def restart(self, number: int) -> None:
        """Fill the byte with ones, and a restart marker."""
        self._fill()
        self.out += bytes([0xFF, 0xD0 + number % 8])

    def _fill(self) -> None:
        if self.count:
            self.put((1 << (8 - self.count)) - 1, 8 - self.count)

    def finish(self) -> bytes:
        """All bytes, the last one filled with ones."""
        self._fill()
        return bytes(self.out)
