"""What hank-ai's ``darknet.py`` has beyond AlexeyAB's."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import DarknetError
from ..version import __version__
from .handles import Handle, handle
from .structs import text

_stream: list[str] = []
"""The file that `set_output_stream` named, if any."""


def network_dimensions(net: Handle, *into: Any) -> tuple[int, int, int] | None:
    """Width, height and channels of the network's input; written to three ``c_int``, if they are given."""
    network = handle(net)
    sizes = network.width, network.height, network.detector.network.input.c
    if not into:
        return sizes
    if len(into) != 3:
        raise DarknetError(f"network_dimensions writes to three c_int, not to {len(into)}")
    for place, size in zip(into, sizes, strict=True):
        target = place._obj if hasattr(place, "_obj") else getattr(place, "contents", place)
        target.value = size  # of byref(), of pointer() or of itself
    return None


def set_verbose(flag: bool) -> None:
    """Accepted and ignored: nothing is printed while a network is read."""


def version_string() -> bytes:
    """This program's name and version."""
    return b"darknet-py " + version_short()


def version_short() -> bytes:
    """This program's version."""
    return __version__.encode()


def show_version_info() -> None:
    """Print the version, or write it to the file of `set_output_stream`."""
    if not _stream:
        print(version_string().decode())
        return
    with open(_stream[0], "a", encoding="utf-8") as out:
        out.write(version_string().decode() + "\n")


def set_output_stream(filename: str | bytes | None) -> None:
    """Let what this module prints of itself go to a file, made anew; an empty name or None: to standard output."""
    _stream.clear()
    if filename:
        with open(text(filename), "w", encoding="utf-8"):
            _stream.append(os.path.abspath(text(filename)))


def add_skipped_class(net: Handle, class_number: int) -> None:
    """Do not report this class from now on: `get_network_boxes` gives it probability 0."""
    if class_number < 0:
        raise DarknetError(f"a class has a number from 0 on, not {class_number}")
    handle(net).skipped.add(int(class_number))


def del_skipped_class(net: Handle, class_number: int) -> None:
    """Report this class again."""
    handle(net).skipped.discard(int(class_number))


def clear_skipped_classes(net: Handle) -> None:
    """Report all classes again."""
    handle(net).skipped.clear()


def non_max_suppression_fast(detections: Sequence[Any], overlap_thresh: float) -> list[Any]:
    """The detections that no picked one covers, from the lowest on the picture upwards.

    Args:
        detections: of four parts each, the last one (centre x, centre y, width, height).
        overlap_thresh: a detection goes if more than this part of its own area is covered. Areas count whole pixels,
            borders included.
    """
    box = np.array([detection[3] for detection in detections], np.float64).reshape(-1, 4)
    low, high = box[:, :2] - box[:, 2:] / 2, box[:, :2] + box[:, 2:] / 2
    area = np.prod(high - low + 1, axis=1)
    left = np.argsort(high[:, 1])[::-1]
    picked = []
    while left.size:
        best, left = left[0], left[1:]
        picked.append(detections[best])
        shared = np.minimum(high[best], high[left]) - np.maximum(low[best], low[left]) + 1
        left = left[np.prod(shared.clip(0), axis=1) / area[left] <= overlap_thresh]
    return picked
