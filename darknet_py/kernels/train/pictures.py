"""Pictures as Darknet's loader makes them for training: placed, turned, distorted (``image.c``), bit for bit.

A picture comes as bytes, pixel by pixel, red, green, blue; a byte's float32 value is looked up in a table.
"""

from __future__ import annotations

import numpy as np

from ..runtime.jit import kernel
from ..runtime.libm import cos, sin

ZERO, ONE, SIX = np.float32(0), np.float32(1), np.float32(6)


@kernel
def _pixel(pixels, table, w, h, x, y, c):
    """A value of the picture; 0 outside of it.

    Args:
        pixels: uint8[h, w, 3]
        table: float32[256]
        w, h, x, y, c: int
    """
    if x < 0 or x >= w or y < 0 or y >= h:
        return ZERO
    return table[pixels[(y * w + x) * 3 + c]]


@kernel
def _between(pixels, table, w, h, x, y, c):
    """The value at a place between four pixels (``bilinear_interpolate``).

    Args:
        pixels: uint8[h, w, 3]
        table: float32[256]
        w, h: int
        x, y: float32
        c: int
    """
    if not (-2 < x < w + 1 and -2 < y < h + 1):  # NaN is not, either
        return ZERO
    left, top = np.int64(np.floor(x)), np.int64(np.floor(y))
    dx, dy = np.float32(x - np.float32(left)), np.float32(y - np.float32(top))
    return (
        (ONE - dy) * (ONE - dx) * _pixel(pixels, table, w, h, left, top, c)
        + dy * (ONE - dx) * _pixel(pixels, table, w, h, left, top + 1, c)
        + (ONE - dy) * dx * _pixel(pixels, table, w, h, left + 1, top, c)
        + dy * dx * _pixel(pixels, table, w, h, left + 1, top + 1, c)
    )


@kernel
def place(out, pixels, table, canvas_w, canvas_h, w, h, new_w, new_h, left, top):
    """Put the picture, ``new_w`` x ``new_h`` large, at (``left``, ``top``); what lies outside is cut (``place_image``).

    Args:
        out: updated float32[3, canvas_h, canvas_w]
        pixels: uint8[h, w, 3]
        table: float32[256]: the value of each byte
        canvas_w, canvas_h: int
        w, h: int: size of the picture
        new_w, new_h, left, top: int
    """
    for c in range(3):
        for y in range(max(0, -top), min(new_h, canvas_h - top)):
            source_y = np.float32(np.float32(y) / np.float32(new_h)) * np.float32(h)
            line = (c * canvas_h + y + top) * canvas_w + left
            for x in range(max(0, -left), min(new_w, canvas_w - left)):
                source_x = np.float32(np.float32(x) / np.float32(new_w)) * np.float32(w)
                out[line + x] = _between(pixels, table, w, h, source_x, source_y, c)


@kernel
def rotate_crop(out, pixels, table, out_w, out_h, w, h, angle, scale, dx, dy, aspect):
    """Cut out a turned, scaled, stretched part of the picture (``rotate_crop_image``); outside of it is 0.

    Args:
        out: written float32[3, out_h, out_w]
        pixels: uint8[h, w, 3]
        table: float32[256]: the value of each byte
        out_w, out_h: int
        w, h: int: size of the picture
        angle: float32: in radians
        scale: float32: output pixels for each pixel
        dx, dy: float32: of the output's centre from the picture's, in output pixels
        aspect: float32
    """
    middle_x, middle_y = np.float32(w / 2.0), np.float32(h / 2.0)
    cosine, sine = cos(np.float64(angle)), sin(np.float64(angle))
    # Darknet's expression mixes both: these two quotients are of floats, the others of doubles.
    shift_x = np.float64(np.float32(np.float32(dx / scale) * aspect))
    shift_y = np.float64(np.float32(dy / scale))
    for y in range(out_h):
        down = (y - out_h / 2.0) / np.float64(scale) + shift_y
        for x in range(out_w):
            across = (x - out_w / 2.0) / np.float64(scale) * np.float64(aspect) + shift_x
            source_x = np.float32(cosine * across - sine * down + np.float64(middle_x))
            source_y = np.float32(sine * across + cosine * down + np.float64(middle_y))
            for c in range(3):
                out[(c * out_h + y) * out_w + x] = _between(pixels, table, w, h, source_x, source_y, c)


@kernel
def distort(x, cells, hue, saturation, exposure):
    """Change hue, saturation and brightness in HSV, and cut what leaves 0 to 1 (``distort_image``).

    Args:
        x: updated float32[3, cells]
        cells: int
        hue: float32: added, in turns
        saturation, exposure: float32: factors
    """
    for i in range(cells):
        red, green, blue = x[i], x[cells + i], x[2 * cells + i]
        most = max(max(red, green), blue)
        delta = most - min(min(red, green), blue)
        if delta == 0:  # Darknet's hue is NaN here, and of no effect: the pixel stays grey
            value = _cut(most * exposure)
            x[i], x[cells + i], x[2 * cells + i] = value, value, value
            continue
        turn = _wrapped(_hue(red, green, blue, most, delta) + hue)
        share, value = (delta / most) * saturation, most * exposure
        red, green, blue = _from_hsv(turn, share, value)
        x[i], x[cells + i], x[2 * cells + i] = _cut(red), _cut(green), _cut(blue)


@kernel
def _hue(red, green, blue, most, delta):
    """In turns.

    Args:
        red, green, blue: float32
        most: float32: the largest of them
        delta: float32: the difference of the largest and the smallest, not 0
    """
    if red == most:
        h = (green - blue) / delta
    elif green == most:
        h = np.float32(2) + (blue - red) / delta
    else:
        h = np.float32(4) + (red - green) / delta
    if h < 0:
        h += SIX
    return np.float32(np.float64(h) / 6.0)


@kernel
def _wrapped(h):
    """Wrapped once, as Darknet does.

    Args:
        h: float32
    """
    if h > 1:
        h -= ONE
    if h < 0:
        h += ONE
    return h


@kernel
def _from_hsv(h, s, v):
    """Red, green, blue.

    Args:
        h, s, v: float32
    """
    if s == 0:
        return v, v, v
    turn = SIX * h
    sector = np.int64(np.floor(turn))
    f = turn - np.float32(sector)
    p, q, t = v * (ONE - s), v * (ONE - s * f), v * (ONE - s * (ONE - f))
    if sector == 0:
        return v, t, p
    if sector == 1:
        return q, v, p
    if sector == 2:
        return p, v, t
    if sector == 3:
        return p, q, v
    if sector == 4:
        return t, p, v
    return v, p, q


@kernel
def _cut(value):
    """From 0 to 1.

    Args:
        value: float32
    """
    if value < 0:
        return ZERO
    if value > 1:
        return ONE
    return value


@kernel
def flip(x, rows, w):
    """Mirror from left to right.

    Args:
        x: updated float32[rows, w]
        rows: int: of all channels
        w: int
    """
    for row in range(rows):
        left, right = row * w, row * w + w - 1
        while left < right:
            x[left], x[right] = x[right], x[left]
            left += 1
            right -= 1
