"""The segments of a JPEG file: what they define, and what stb_image refuses in them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple, NoReturn

import numpy as np

from ...errors import ImageError
from ..reading import check_pixels, try_pillow
from .tables import HuffmanTables, QuantTables

SOF_SEQUENTIAL, SOF_EXTENDED, SOF_PROGRESSIVE = 0xC0, 0xC1, 0xC2
DHT, SOI, EOI, SOS, DQT, DNL, DRI, COM = 0xC4, 0xD8, 0xD9, 0xDA, 0xDB, 0xDC, 0xDD, 0xFE
APP0, APP14, APP15 = 0xE0, 0xEE, 0xEF
NONE = 0xFF

_FILL_BYTES = re.compile(b"\xff*")

MOST_VALUES = (1 << 31) - 1
"""Width * height * components may not be more (stb_image counts in int)."""

_UNKNOWN_TO_STB = {
    **{0xC0 + i: f"is of a kind (SOF{i}) that Darknet does not read" for i in (3, 5, 6, 7, 11, 13, 14, 15)},
    0xC9: "is arithmetic-coded, which Darknet does not read",
    0xCA: "is arithmetic-coded, which Darknet does not read",
}


class Reader:
    """A cursor in a file's bytes. Reading beyond their end is an error: Darknet refuses such files, too."""

    def __init__(self, data: bytes, name: str | None) -> None:
        self.data = data
        self.name = name
        self.position = 0

    def fail(self, message: str) -> NoReturn:
        """Raise an ImageError that names the place and what can be done."""
        place = min(self.position, len(self.data))
        raise ImageError(f"JPEG {message} (byte {place}); {try_pillow('reads some such files')}", self.name)

    def take(self, count: int) -> bytes:
        """The next ``count`` bytes."""
        if self.position + count > len(self.data):
            self.position = len(self.data)
            self.fail("ends too early")
        start = self.position
        self.position += count
        return self.data[start : self.position]

    def byte(self) -> int:
        """The next byte."""
        return self.take(1)[0]

    def short(self) -> int:
        """The next two bytes as a number."""
        return int.from_bytes(self.take(2), "big")

    def marker(self) -> int:
        """The next marker, or NONE if the next byte starts none."""
        if self.byte() != 0xFF:
            return NONE
        filled = _FILL_BYTES.match(self.data, self.position)
        self.position = filled.end() if filled else self.position
        return self.byte()

    def marker_after_padding(self) -> int:
        """The next marker, whatever stands before it."""
        marker = self.marker()
        while marker == NONE:
            place = self.data.find(b"\xff", self.position)
            self.position = place if place >= 0 else len(self.data)
            marker = self.marker()
        return marker

    def find_marker(self) -> int:
        """Pass what is left of a scan: the byte after the next 0xFF."""
        place = self.data.find(b"\xff", self.position)
        self.position = len(self.data) if place < 0 else place + 1
        marker = self.byte()
        return marker if marker != NONE else self.marker()


@dataclass
class Component:
    """One of the image's planes.

    Attributes:
        identifier: how scans call it.
        across, down: its sampling factors.
        quant_table: number of its quantisation table.
        width, height: its size in samples.
        row: width of its plane, in samples: up to the end of the last unit.
        rows: height of its plane.
        blocks_wide, blocks_high: blocks that have samples of the image.
        is_filled: whether a scan has set all of its blocks, which before that are memory that stb_image never wrote.
    """

    identifier: int
    across: int
    down: int
    quant_table: int
    width: int = 0
    height: int = 0
    row: int = 0
    rows: int = 0
    blocks_wide: int = 0
    blocks_high: int = 0
    is_filled: bool = False


@dataclass
class Frame:
    """What the frame header says."""

    is_progressive: bool
    width: int
    height: int
    components: list[Component]
    most_across: int = 1
    most_down: int = 1
    units_wide: int = 0
    units_high: int = 0

    def __post_init__(self) -> None:
        self.most_across = max(component.across for component in self.components)
        self.most_down = max(component.down for component in self.components)
        self.units_wide = -(-self.width // (8 * self.most_across))
        self.units_high = -(-self.height // (8 * self.most_down))
        for component in self.components:
            component.width = -(-self.width * component.across // self.most_across)
            component.height = -(-self.height * component.down // self.most_down)
            component.row = self.units_wide * component.across * 8
            component.rows = self.units_high * component.down * 8
            component.blocks_wide = -(-component.width // 8)
            component.blocks_high = -(-component.height // 8)

    @property
    def blocks(self) -> int:
        """Number of all components' blocks."""
        return sum(component.blocks_wide * component.blocks_high for component in self.components)

    @property
    def is_named_rgb(self) -> bool:
        """Whether the components are called R, G and B."""
        return bytes(component.identifier for component in self.components) == b"RGB"


class Scan(NamedTuple):
    """What a scan header says. ``parts``: component's index, DC table, AC table."""

    parts: list[tuple[int, int, int]]
    first: int
    last: int
    high: int
    low: int


@dataclass
class Tables:
    """What the segments before and between the scans have set so far."""

    huffman: HuffmanTables = field(default_factory=HuffmanTables)
    quant: QuantTables = field(default_factory=QuantTables)
    restart_interval: int = 0
    is_jfif: bool = False
    adobe_transform: int | None = None


def read_segment(reader: Reader, tables: Tables, marker: int) -> None:
    """Read a segment that may stand before or between the scans."""
    if marker == DRI:
        if reader.short() != 4:
            reader.fail("has a restart interval of a wrong length")
        tables.restart_interval = reader.short()
    elif marker == DQT:
        _read_quant_tables(reader, tables.quant)
    elif marker == DHT:
        _read_huffman_tables(reader, tables.huffman)
    elif APP0 <= marker <= APP15 or marker == COM:
        _read_application_data(reader, tables, marker)
    elif marker == NONE:
        reader.fail("has something else where a marker should be")
    else:
        reader.fail(_UNKNOWN_TO_STB.get(marker, f"has a marker 0x{marker:02X} where none such may be"))


def _read_quant_tables(reader: Reader, quant: QuantTables) -> None:
    left = reader.short() - 2
    while left > 0:
        wide, table = divmod(reader.byte(), 16)
        if wide > 1 or table > 3:
            reader.fail("has a broken quantisation table")
        steps = np.frombuffer(reader.take(128 if wide else 64), ">u2" if wide else "u1")
        quant.define(table, steps)
        left -= 129 if wide else 65
    if left != 0:
        reader.fail("has quantisation tables of a wrong length")


def _read_huffman_tables(reader: Reader, huffman: HuffmanTables) -> None:
    left = reader.short() - 2
    while left > 0:
        is_ac, table = divmod(reader.byte(), 16)
        if is_ac > 1 or table > 3:
            reader.fail("has a broken Huffman table")
        counts = reader.take(16)
        total = sum(counts)
        if total > 256:
            reader.fail("has a Huffman table of more than 256 codes")
        try:
            huffman.define(4 * is_ac + table, counts, reader.take(total))
        except ValueError as error:
            reader.fail(f"is broken: {error}")
        left -= 17 + total
    if left != 0:
        reader.fail("has Huffman tables of a wrong length")


def _read_application_data(reader: Reader, tables: Tables, marker: int) -> None:
    length = reader.short() - 2
    if length < 0:
        reader.fail("has a segment of a wrong length")
    end = reader.position + length
    if marker == APP0 and length >= 5:
        tables.is_jfif |= reader.take(5) == b"JFIF\0"
    elif marker == APP14 and length >= 12 and reader.take(6) == b"Adobe\0":
        tables.adobe_transform = reader.take(6)[5]
    reader.position = end


def read_frame(reader: Reader, marker: int, asked: int) -> Frame:
    """Read the frame header behind ``marker``; ``asked``: channels that the picture is to have, or 0."""
    length = reader.short()
    precision = reader.byte()
    if precision != 8:
        reader.fail(f"has {precision} bits per sample; Darknet reads 8")
    height, width, count = reader.short(), reader.short(), reader.byte()
    if width == 0 or height == 0:
        reader.fail(f"says that it has {width} x {height} pixels")
    if count not in (1, 3, 4):
        reader.fail(f"has {count} components; Darknet reads 1, 3 or 4")
    if length != 8 + 3 * count:
        reader.fail("has a frame header of a wrong length")
    check_pixels(width, height, reader.name)
    components = [_read_component(reader) for _ in range(count)]
    if width * height * max(count, asked) > MOST_VALUES - 1:
        reader.fail(f"says that it has {width} x {height} pixels, more than Darknet reads")
    frame = Frame(marker == SOF_PROGRESSIVE, width, height, components)
    if any(plane.row * plane.rows * (1 + frame.is_progressive) + 15 > MOST_VALUES for plane in components):
        reader.fail(f"says that it has {width} x {height} pixels, more than Darknet reads")
    return frame


def _read_component(reader: Reader) -> Component:
    identifier = reader.byte()
    across, down = divmod(reader.byte(), 16)
    quant_table = reader.byte()
    if not (1 <= across <= 4 and 1 <= down <= 4 and quant_table <= 3):
        reader.fail("has a broken frame header")
    return Component(identifier, across, down, quant_table)


def read_scan(reader: Reader, frame: Frame) -> Scan:
    """Read a scan header."""
    length, count = reader.short(), reader.byte()
    if not 1 <= count <= len(frame.components):
        reader.fail(f"has a scan of {count} components")
    if length != 6 + 2 * count:
        reader.fail("has a scan header of a wrong length")
    parts = []
    known = [component.identifier for component in frame.components]
    for _ in range(count):
        identifier = reader.byte()
        dc_table, ac_table = divmod(reader.byte(), 16)
        if identifier not in known:
            reader.fail("has a scan of a component that the image does not have")
        if dc_table > 3 or ac_table > 3:
            reader.fail("has a scan with Huffman tables that cannot exist")
        parts.append((known.index(identifier), dc_table, ac_table))
    first, last, (high, low) = reader.byte(), reader.byte(), divmod(reader.byte(), 16)
    if frame.is_progressive:
        is_broken = not first <= last <= 63 or high > 13 or low > 13
        # the means come in scans of their own, the others one component at a time
        is_broken |= last != 0 if first == 0 or count > 1 else False
    else:
        is_broken = first != 0 or high != 0 or low != 0
    if is_broken:
        reader.fail("has a broken scan header")
    return Scan(parts, first, last, high, low)
