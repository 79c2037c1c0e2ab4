"""Sizes of pictures in a network's input, which preparing images and decoding boxes must agree on."""

from __future__ import annotations

import numpy as np


def fitted_size(width: int, height: int, w: int, h: int) -> tuple[int, int]:
    """Size of a ``width`` x ``height`` image fitted into ``w`` x ``h``: floats compared, sizes by integer division.

    Darknet's ``letterbox_image`` and ``correct_yolo_boxes``.
    """
    if np.float32(w) / np.float32(width) < np.float32(h) / np.float32(height):
        return w, height * w // width
    return width * h // height, h
