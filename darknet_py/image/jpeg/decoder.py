"""A whole JPEG file: segments, scans, and the planes made pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..channels import to_channels
from . import color, markers, scan
from .bits import BAD_CODE, MARKER, NO_MARKER, OK, POSITION, STATE, TRUNCATED
from .markers import Component, Frame, Reader, Scan, Tables
from .tables import ZIGZAG_ENTRIES

if TYPE_CHECKING:
    from ...typing import Pixels


LARGE = 1 << 18
"""Blocks (16 megapixels) from which on a file must be long enough to hold all of its image."""

MOST_PASSES, MOST_PROGRESSIVE_PASSES = 3, 24
"""So often at most, on average, a file's scans may go through all blocks (or LEAST_VISITS blocks, if that is more)."""

LEAST_VISITS = 1 << 21

MOST_SCANS = 500
"""Encoders write about ten; a progressive file of all bands and bits for themselves has no use for more."""


def decode_jpeg(data: bytes, channels: int = 3, name: str | None = None) -> Pixels:
    """Decode a JPEG file's bytes to H x W x C uint8, as ``stbi_load`` of stb_image 2.19 does.

    Args:
        data: the file.
        channels: 3: RGB; 1: grey; 0: grey for a grey file, else RGB.
        name: the file's name, for messages.

    Raises:
        ImageError: stb_image refuses the file, or reads memory that it never wrote, or the file says that it is so
            large that it cannot hold its image.
    """
    return Decoder(data, name).decode(channels)


class Decoder:
    def __init__(self, data: bytes, name: str | None) -> None:
        self.reader = Reader(data, name)
        self.bytes = np.frombuffer(data, np.uint8)
        self.tables = Tables()
        self.frame: Frame
        self.planes = np.empty(0, np.uint8)
        self.coefficients = np.empty(64, np.int16)
        self.state = np.zeros(STATE, np.int64)
        self.visits_left, self.scans_left = 0, MOST_SCANS

    def decode(self, channels: int) -> Pixels:
        self._read_header(channels)
        self._allocate()
        marker = self.reader.marker()
        while marker != markers.EOI:
            if marker == markers.SOS:
                marker = self._decode_scan(markers.read_scan(self.reader, self.frame))
                continue
            if marker == markers.DNL:
                if self.reader.short() != 4 or self.reader.short() != self.frame.height:
                    self.reader.fail("says two different heights")
            else:
                markers.read_segment(self.reader, self.tables, marker)
            marker = self.reader.marker()
        if not all(component.is_filled for component in self.frame.components):
            self.reader.fail("has no data for some of its components, or for parts of them")
        if self.frame.is_progressive:
            self._transform()
        return self._pixels(channels)

    def _read_header(self, channels: int) -> None:
        reader = self.reader
        if reader.marker() != markers.SOI:
            reader.fail("does not start as a JPEG file does")
        marker = reader.marker()
        while marker not in (markers.SOF_SEQUENTIAL, markers.SOF_EXTENDED, markers.SOF_PROGRESSIVE):
            markers.read_segment(reader, self.tables, marker)
            marker = reader.marker_after_padding()
        self.frame = markers.read_frame(reader, marker, channels)

    def _allocate(self) -> None:
        frame = self.frame
        if frame.blocks > LARGE and frame.blocks > 8 * len(self.bytes):
            self.reader.fail(f"is too short for its {frame.width} x {frame.height} pixels")
        passes = MOST_PROGRESSIVE_PASSES if frame.is_progressive else MOST_PASSES
        self.visits_left = max(passes * frame.blocks, LEAST_VISITS)
        samples = sum(component.row * component.rows for component in frame.components)
        # Odd sampling factors make rows end behind the last plane (stb_image reads beyond its memory there).
        self.planes = np.zeros(samples + frame.width, np.uint8)
        if frame.is_progressive:
            self.coefficients = np.zeros(samples, np.int16)

    def _starts(self) -> list[int]:
        """Where each component's plane, or its coefficients, start."""
        sizes = [component.row * component.rows for component in self.frame.components]
        return [sum(sizes[:i]) for i in range(len(sizes))]

    def _decode_scan(self, header: Scan) -> int:
        """Decode one scan; returns the marker behind it."""
        frame = self.frame
        kind = self._kind(header)
        self._demand_tables(header, kind)
        parts = np.array([self._part(*part, len(header.parts) == 1) for part in header.parts], np.int64)
        if len(header.parts) == 1:
            component = frame.components[header.parts[0][0]]
            wide, high = component.blocks_wide, component.blocks_high
        else:
            wide, high = frame.units_wide, frame.units_high
        self.visits_left -= wide * high * int((parts[:, scan.ACROSS] * parts[:, scan.DOWN]).sum())
        self.scans_left -= 1
        if self.visits_left < 0 or self.scans_left < 0:
            self.reader.fail("has too many scans")
        self.state[POSITION] = self.reader.position
        huffman, interval = self.tables.huffman, self.tables.restart_interval or 1 << 31
        tables = (huffman.lookup, huffman.codes, self.tables.quant.steps)
        band = scan.Band(kind, header.first, header.last, header.low)
        buffers = (self.planes, self.coefficients, self.state, self.bytes)
        status = scan.decode_scan(*buffers, *tables, parts, band, scan.Extent(wide, high, interval))
        self.reader.position = int(self.state[POSITION])
        if status == BAD_CODE:
            self.reader.fail("has broken data")
        if status == TRUNCATED:
            self.reader.fail("ends too early")
        if status == OK and kind in (scan.SEQUENTIAL, scan.FIRST_DC):
            for index, *_ in header.parts:
                frame.components[index].is_filled = True
        marker = int(self.state[MARKER])
        return marker if marker != NO_MARKER else self.reader.find_marker()

    def _kind(self, header: Scan) -> int:
        if not self.frame.is_progressive:
            return scan.SEQUENTIAL
        if header.first == 0:
            return scan.FIRST_DC if header.high == 0 else scan.REFINE_DC
        return scan.FIRST_AC if header.high == 0 else scan.REFINE_AC

    def _demand_tables(self, header: Scan, kind: int) -> None:
        for index, dc_table, ac_table in header.parts:
            component = self.frame.components[index]
            if kind in (scan.SEQUENTIAL, scan.FIRST_DC):
                self._demand_codes(dc_table, f"DC {dc_table}")
            if kind in (scan.SEQUENTIAL, scan.FIRST_AC, scan.REFINE_AC):
                self._demand_codes(4 + ac_table, f"AC {ac_table}")
            if kind == scan.SEQUENTIAL:
                self._demand_steps(component)
            if kind == scan.REFINE_AC and not component.is_filled:
                self.reader.fail("refines coefficients that it did not set")

    def _demand_codes(self, table: int, name: str) -> None:
        if not self.tables.huffman.defined[table]:
            self.reader.fail(f"uses a Huffman table ({name}) that it does not define")
        self.tables.huffman.lay_out(table)

    def _demand_steps(self, component: Component) -> None:
        if not self.tables.quant.defined[component.quant_table]:
            self.reader.fail(f"uses a quantisation table ({component.quant_table}) that it does not define")

    def _part(self, index: int, dc_table: int, ac_table: int, is_alone: bool) -> list[int]:
        component = self.frame.components[index]
        across, down = (1, 1) if is_alone else (component.across, component.down)
        row = component.row * (8 if self.frame.is_progressive else 1)
        start = self._starts()[index]
        return [index, across, down, dc_table, 4 + ac_table, component.quant_table, start, row]

    def _transform(self) -> None:
        for start, component in zip(self._starts(), self.frame.components, strict=True):
            self._demand_steps(component)
            first = component.quant_table * ZIGZAG_ENTRIES
            # Products wrap to 16 bits, whatever their factors had above.
            steps = self.tables.quant.steps[first : first + 64].astype(np.int16)
            size = (component.blocks_wide, component.blocks_high)
            scan.transform_blocks(
                self.planes, start, component.row, self.coefficients, start, 8 * component.row, steps, *size
            )

    def mode_of(self, channels: int) -> int:
        """How the planes become the pixels (``load_jpeg_image``)."""
        count, adobe, to_grey = len(self.frame.components), self.tables.adobe_transform, channels in (1, 2)
        if count == 1:
            return color.GREY
        if count == 3:
            is_rgb = self.frame.is_named_rgb or (adobe == 0 and not self.tables.is_jfif)
            return color.RGB if is_rgb else color.GREY if to_grey else color.YCC
        if adobe == 0:
            return color.CMYK
        if adobe == 2:
            return color.YCCK_GREY if to_grey else color.YCCK
        return color.GREY if to_grey else color.YCC

    def _pixels(self, channels: int) -> Pixels:
        frame, mode = self.frame, self.mode_of(channels)
        needed = {color.GREY: [0], color.YCC: [0, 1, 2], color.RGB: [0, 1, 2]}.get(mode, [0, 1, 2, 3])
        starts = self._starts()
        layout = np.array(
            [
                [starts[i], part.row, part.height, frame.most_across // part.across, frame.most_down // part.down]
                for i, part in enumerate(frame.components)
                if i in needed
            ],
            np.int64,
        )
        own = 1 if mode in (color.GREY, color.YCCK_GREY) else 3
        out = np.empty((frame.height, frame.width, own), np.uint8)
        lines = np.empty(len(layout) * (frame.width + 3), np.uint8)
        sums = np.empty(frame.width, np.uint16)
        color.convert_planes(out.reshape(-1), self.planes, layout, frame.width, frame.height, mode, lines, sums)
        return to_channels(out, channels or own)
