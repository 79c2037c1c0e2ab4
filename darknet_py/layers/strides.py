"""Windows that move over an image: strides that differ across and down, output sizes, blurring."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .base import Shape, c_divide, positive, within_reach

if TYPE_CHECKING:
    from ..formats.cfg import Section


def read_strides(section: Section, extent: int) -> tuple[int, int]:
    """Strides across and down: ``stride_x`` and ``stride_y``; ``stride`` where they are not given or below 1.

    Args:
        section: with the options.
        extent: height or width, the greater one, of the input with its padding; `CfgError` for strides far beyond it.
    """
    both = positive(section, "stride", 1)
    x, y = section.find_int("stride_x", both), section.find_int("stride_y", both)
    _within(section, {"stride": both, "stride_x": x, "stride_y": y}, extent)
    return (x if x >= 1 else both), (y if y >= 1 else both)


def read_pool_strides(section: Section, extent: int) -> tuple[int, int]:
    """The same for a pooling layer: there AlexeyAB's Darknet divides by whatever ``stride_x`` and ``stride_y`` are."""
    both = positive(section, "stride", 1)
    x, y = positive(section, "stride_x", both), positive(section, "stride_y", both)
    _within(section, {"stride": both, "stride_x": x, "stride_y": y}, extent)
    return x, y


def _within(section: Section, strides: dict[str, int], extent: int) -> None:
    for key, stride in strides.items():
        within_reach(section, key, stride, extent)


def window_output(channels: int, shape: Shape, size: int, padding: int, stride_x: int, stride_y: int) -> Shape:
    """Shape of the output of a window of ``size``, with ``padding`` pixels on both sides together."""
    return Shape(
        channels,
        c_divide(shape.h + padding - size, stride_y) + 1,
        c_divide(shape.w + padding - size, stride_x) + 1,
    )


def blur_window(kind: int) -> tuple[int, int]:
    """Size and padding (of both sides together) of the blur that ``antialiasing`` means: 2x2 for 2, else 3x3."""
    return (2, 0) if kind == 2 else (3, 2)
