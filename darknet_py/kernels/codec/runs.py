"""Run-length encodings, undone. Beyond its end a file has zeros, as stb_image reads it."""

from __future__ import annotations

import numpy as np

from ..runtime.borrow import borrow
from ..runtime.jit import kernel

DONE, BROKEN, TRUNCATED = 0, -1, -2

PIC_PLAIN, PIC_RUNS, PIC_MIXED = range(3)


@kernel
def decode_tga_runs(out, data, position, size):
    """TGA. A byte below 128: so many and one more values follow; else so many and one more, less 128, times one value.

    Args:
        out: written uint8[...]: values of ``size`` bytes each, all 0 before
        data: uint8[...]: the file
        position: int: where in it the runs start
        size: int: bytes of a value
    """
    out, data = borrow(out), borrow(data)
    at = 0
    while at < out.size and position < data.size:
        command = np.int64(data[position])
        position += 1
        length = min(((command & 127) + 1) * size, out.size - at)
        for i in range(length):
            source = position + (i % size if command >= 128 else i)
            if source < data.size:
                out[at + i] = data[source]
        position += size if command >= 128 else length
        at += length


@kernel
def decode_packed_bits(out, data, position):
    """PSD (Apple's PackBits). A byte below 128: so many and one more bytes follow; above: 257 less it times one byte.

    Returns the position behind, or BROKEN if a run goes beyond ``out``.

    Args:
        out: written uint8[...]: all 0 before
        data: uint8[...]: the file
        position: int: where in it the runs start
    """
    out, data = borrow(out), borrow(data)
    at = 0
    while at < out.size:
        if position >= data.size:
            return position
        command = np.int64(data[position])
        position += 1
        if command == 128:
            continue
        length = command + 1 if command < 128 else 257 - command
        if length > out.size - at:
            return BROKEN
        for i in range(length):
            source = position + (i if command < 128 else 0)
            if source < data.size:
                out[at + i] = data[source]
        position += length if command < 128 else 1
        at += length
    return position


@kernel
def decode_hdr_rows(out, data, position, width, height):
    """Each row's four channels behind each other, behind four bytes that say that they are encoded, and their number.

    Returns DONE, BROKEN, TRUNCATED, or the position of a row without.

    Args:
        out: written uint8[height, 4, width]
        data: uint8[...]: the file
        position: int: where in it the rows start
        width, height: int
    """
    out, data = borrow(out), borrow(data)
    for row in range(height):
        if position + 4 > data.size:
            return TRUNCATED
        if data[position] != 2 or data[position + 1] != 2 or data[position + 2] >= 128:
            return position
        if np.int64(data[position + 2]) << 8 | np.int64(data[position + 3]) != width:
            return BROKEN
        position += 4
        for start in range(4 * row * width, 4 * (row + 1) * width, width):
            position = _decode_hdr_channel(out, start, start + width, data, position)
            if position < 0:
                return position
    return DONE


@kernel
def _decode_hdr_channel(out, at, end, data, position):
    """One channel of a row. Returns the position behind, BROKEN or TRUNCATED.

    Args:
        out: written uint8[...]
        at, end: int: where in it the channel goes
        data: uint8[...]: the file
        position: int: where in it the channel starts
    """
    while at < end:
        if position >= data.size:
            return TRUNCATED
        command = np.int64(data[position])
        position += 1
        is_run = command > 128
        length = command - 128 if is_run else command
        if length > end - at:
            return BROKEN
        if position + (1 if is_run else length) > data.size:
            return TRUNCATED
        for i in range(length):
            out[at + i] = data[position + (0 if is_run else i)]
        position += 1 if is_run else length
        at += length
    return position


@kernel
def decode_pic_rows(out, data, position, packets, width):
    """Softimage's PIC: each row has all packets one behind the other. Returns the position behind, BROKEN or TRUNCATED.

    Args:
        out: written uint8[height, width, 4]
        data: uint8[...]: the file
        position: int: where in it the rows start
        packets: int64[n, 2]: of each how it is packed (PIC_PLAIN, PIC_RUNS, PIC_MIXED), and which channels
            it has (0x80: the first, to 0x10: the fourth)
        width: int
    """
    out, data, packets = borrow(out), borrow(data), borrow(packets)
    for start in range(0, out.size, 4 * width):
        for p in range(packets.shape[0]):
            kind, mask = packets[p, 0], packets[p, 1] & 0xF0
            if kind != PIC_PLAIN or mask != 0:
                position = _decode_pic_packet(out, start, start + 4 * width, data, position, kind, mask)
            if position < 0:
                return position
    return position


@kernel
def _decode_pic_packet(out, at, end, data, position, kind, mask):
    """One packet of a row. Returns the position behind, BROKEN or TRUNCATED.

    Args:
        out: written uint8[...]
        at, end: int: where in it the row goes
        data: uint8[...]: the file
        position: int: where in it the packet starts
        kind: int: how it is packed
        mask: int: which channels it has
    """
    size = (mask >> 7) + (mask >> 6 & 1) + (mask >> 5 & 1) + (mask >> 4 & 1)
    while at < end:
        left = (end - at) >> 2
        count, is_run = left, kind != PIC_PLAIN
        if is_run:
            # stb_image wants something behind a number, even if no value follows
            if position + 1 >= data.size:
                return TRUNCATED
            count = np.int64(data[position])
            position += 1
            if kind == PIC_RUNS:
                count = min(count, left)
            elif count < 128:
                count, is_run = count + 1, False
            elif count > 128:
                count -= 127
            elif position + 2 > data.size:
                return TRUNCATED
            else:
                count = np.int64(data[position]) << 8 | np.int64(data[position + 1])
                position += 2
        if count > left:
            return BROKEN
        needed = size if is_run else size * count
        if position + needed > data.size:
            return TRUNCATED
        for i in range(count):
            source = position if is_run else position + i * size
            for k in range(4):
                if mask & (0x80 >> k) != 0:
                    out[at + 4 * i + k] = data[source]
                    source += 1
        position += needed
        at += 4 * count
    return position
