"""Softimage's PIC."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..channels import OPAQUE, to_channels
from .reader import Reader

if TYPE_CHECKING:
    from ...typing import Pixels


_HEADER = 92
_MOST_PACKETS = 10
_PLAIN, _RUNS, _MIXED = range(3)
_ALPHA = 0x10
_LONGEST_RUN = {_RUNS: 255, _MIXED: 65535}


class _Packet(NamedTuple):
    """Some of the channels: how they are encoded, and a mask of them (0x80: red, to 0x10: alpha)."""

    kind: int
    mask: int

    def least_bytes(self, width: int) -> int:
        """Fewest bytes that a row of them can have."""
        size = (self.mask & 0xF0).bit_count()
        if self.kind == _PLAIN:
            return width * size
        return -(-width // _LONGEST_RUN[self.kind]) * (1 + size)


def decode_pic(data: bytes, channels: int = 3, name: str | None = None) -> Pixels:
    """Decode a PIC file's bytes to H x W x C uint8 (`channels` 0: as in the file). Raises `ImageError`."""
    from ...kernels.codec.runs import BROKEN, TRUNCATED, decode_pic_rows

    reader = Reader(data, name, "PIC")
    reader.position = _HEADER
    width, height = reader.big(2), reader.big(2)
    reader.position += 8
    packets = _read_packets(reader)
    reader.check_size(width, height, 4, height * sum(packet.least_bytes(width) for packet in packets))
    own = 4 if any(packet.mask & _ALPHA for packet in packets) else 3
    pixels = np.full((height, width, 4), OPAQUE, np.uint8)
    table = np.array(packets, np.int64)
    result = decode_pic_rows(pixels.reshape(-1), np.frombuffer(data, np.uint8), reader.position, table, width)
    if result == BROKEN:
        reader.fail("has broken data")
    if result == TRUNCATED:
        reader.position = len(data)
        reader.fail("ends too early, in its pixels")
    return to_channels(pixels, channels or own)


def _read_packets(reader: Reader) -> list[_Packet]:
    packets: list[_Packet] = []
    has_more = 1
    while has_more:
        if len(packets) == _MOST_PACKETS:
            reader.fail("has a broken header")
        has_more, bits, kind, mask = reader.exactly(4, "its header")
        if reader.left == 0:
            reader.fail("ends too early, in its header")
        if bits != 8 or kind > _MIXED:
            reader.fail("is of a kind that Darknet does not read")
        packets.append(_Packet(kind, mask))
    return packets
