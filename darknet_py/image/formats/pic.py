"""Softimage's PIC."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..channels import OPAQUE, to_channels
from .reader import Reader

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

_HEADER = 92
_MOST_PACKETS = 10
_PLAIN, _PURE_RUNS, _MIXED_RUNS = range(3)


class _Packet(NamedTuple):
    kind: int
    channels: list[int]


def decode_pic(data: bytes, channels: int = 3, name: str | None = None) -> Pixels:
    """Decode a PIC file's bytes to H x W x C uint8 (`channels` 0: as in the file). Raises `ImageError`."""
    reader = Reader(data, name, "PIC")
    reader.position = _HEADER
    width, height = reader.big(2), reader.big(2)
    reader.check_size(width, height, 4, height)
    reader.position += 8
    packets = _read_packets(reader)
    own = 4 if any(3 in packet.channels for packet in packets) else 3
    pixels = np.full((height, width, 4), OPAQUE, np.uint8)
    for row in pixels:
        for packet in packets:
            _read_row(reader, row, packet)
    return to_channels(pixels, channels or own)


def _read_packets(reader: Reader) -> list[_Packet]:
    packets: list[_Packet] = []
    has_more = 1
    while has_more:
        if len(packets) == _MOST_PACKETS:
            reader.fail("has a broken header")
        has_more, bits, kind, mask = reader.exactly(4, "its header")
        if bits != 8 or kind > _MIXED_RUNS:
            reader.fail("is of a kind that Darknet does not read")
        packets.append(_Packet(kind, [k for k in range(4) if mask & 0x80 >> k]))
    return packets


def _read_row(reader: Reader, row: Pixels, packet: _Packet) -> None:
    """One packet's channels of one row."""
    width, size = len(row), len(packet.channels)
    if packet.kind == _PLAIN:
        values = np.frombuffer(reader.exactly(width * size, "its pixels"), np.uint8)
        row[:, packet.channels] = values.reshape(width, size)
        return
    at = 0
    while at < width:
        count = reader.exactly(1, "its pixels")[0]
        repeats = True
        if packet.kind == _PURE_RUNS:
            count = min(count, width - at)
        elif count < 128:
            count, repeats = count + 1, False
        else:
            count = int.from_bytes(reader.exactly(2, "its pixels"), "big") if count == 128 else count - 127
        if count > width - at:
            reader.fail("has broken data")
        found = 1 if repeats else count
        values = np.frombuffer(reader.exactly(found * size, "its pixels"), np.uint8)
        row[at : at + count, packet.channels] = values.reshape(found, size)
        at += count
