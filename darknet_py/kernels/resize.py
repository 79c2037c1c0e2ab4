"""Darknet's image arithmetic: bytes to floats, and its two-pass bilinear resize (``resize_image``)."""

from __future__ import annotations

import numpy as np

from .jit import kernel

ONE = np.float32(1)


@kernel
def to_planes(out, pixels, table, channels):
    # out: (channels, h * w) float32, pixels: (h * w, channels) uint8, flat; table: (256,) float32
    cells = pixels.size // channels
    for k in range(channels):
        for i in range(cells):
            out[k * cells + i] = table[pixels[i * channels + k]]


@kernel
def resize_rows(out, x, rows, w, out_w):
    # out: (rows, out_w), x: (rows, w), flat: each row from w to out_w values
    scale = np.float32(w - 1) / np.float32(out_w - 1) if out_w > 1 else np.float32(0)
    for row in range(rows):
        source = row * w
        target = row * out_w
        for c in range(out_w - 1):
            if w == 1:
                out[target + c] = x[source]
                continue
            place = np.float32(c) * scale
            i = np.int64(place)
            part = place - np.float32(i)
            out[target + c] = (ONE - part) * x[source + i] + part * x[source + i + 1]
        out[target + out_w - 1] = x[source + w - 1]


@kernel
def resize_columns(out, x, channels, h, w, out_h):
    # out: (channels, out_h, w), x: (channels, h, w), flat: each column from h to out_h values
    scale = np.float32(h - 1) / np.float32(out_h - 1) if out_h > 1 else np.float32(0)
    for k in range(channels):
        for r in range(out_h):
            # The last row's place may round up to h - 1 exactly or, without a scale, be infinite: C reads row h - 1.
            place = np.float32(r) * scale
            i = np.int64(place)
            part = place - np.float32(i)
            upper = (k * h + i) * w
            target = (k * out_h + r) * w
            for c in range(w):
                out[target + c] = (ONE - part) * x[upper + c]
            if r == out_h - 1 or h == 1:
                continue
            for c in range(w):
                out[target + c] += part * x[upper + w + c]
