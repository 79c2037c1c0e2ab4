"""The arithmetic of boxes: from the network's input to the picture (Darknet's ``correct_*_boxes``), YOLOv1's cells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from ..geometry import fitted_size
from ..typing import Array, Floats

f32 = np.float32


@dataclass(frozen=True)
class Frame:
    """The picture behind a network's input.

    Attributes:
        net_w, net_h: size of the network's input.
        image_w, image_h: size of the picture that was letterboxed into it, which boxes are asked for.
        pixels_of: size of the picture whose pixels boxes are to be in; None: fractions.
    """

    net_w: int
    net_h: int
    image_w: int
    image_h: int
    pixels_of: tuple[int, int] | None = None

    @cached_property
    def fitted(self) -> tuple[int, int]:
        """Width and height of the picture inside the network's input."""
        return fitted_size(self.image_w, self.image_h, self.net_w, self.net_h)


class BoxArithmetic(Protocol):
    """How boxes are computed, to the last bit."""

    flushes: bool
    """Denormal numbers count as zero, in decoding and in suppression."""

    def correct(self, frame: Frame, box: Floats) -> Floats:
        """One head's boxes (n x 4, relative to the network's input) -> relative to the picture, or in its pixels."""

    def cell_centre(self, offset: Floats, corner: Floats, side: int, image: Floats) -> Floats:
        """YOLOv1's centres (n x 2): offsets in cells from corners in cells, ``side`` cells each way in ``image``."""


class SourceBoxes:
    """What Darknet's source says under IEEE 754."""

    flushes = False

    def correct(self, frame: Frame, box: Floats) -> Floats:
        # An image a thousand times as long as wide has no width left in the input: boxes of it are not finite.
        with np.errstate(all="ignore"):
            net, fitted = (np.array(size).astype(f32) for size in ((frame.net_w, frame.net_h), frame.fitted))
            out: Floats = np.concatenate([self._centre(frame, box), box[:, 2:] * (net / fitted)], axis=1)
            if frame.pixels_of is not None:
                out *= np.array(frame.pixels_of * 2, f32)
            return out

    @staticmethod
    def _centre(frame: Frame, box: Floats) -> Floats:
        net, fitted = np.array([frame.net_w, frame.net_h]), np.array(frame.fitted)
        border = (net - fitted) / 2.0 / net
        centre = (box[:, :2] - border) / (fitted.astype(f32) / net.astype(f32)).astype(np.float64)
        rounded: Floats = centre.astype(f32)
        return rounded

    def cell_centre(self, offset: Floats, corner: Floats, side: int, image: Floats) -> Floats:
        result: Floats = (offset + corner) / f32(side) * image
        return result


class AlexeyabBoxes(SourceBoxes):
    """What AlexeyAB's ``correct_yolo_boxes`` says: sizes times a float reciprocal."""

    def correct(self, frame: Frame, box: Floats) -> Floats:
        with np.errstate(all="ignore"):
            net, fitted = (np.array(size).astype(f32) for size in ((frame.net_w, frame.net_h), frame.fitted))
            ratio = fitted / net
            out: Floats = np.concatenate([self._centre(frame, box), box[:, 2:] * (f32(1) / ratio)], axis=1)
            if frame.pixels_of is not None:
                out *= np.array(frame.pixels_of * 2, f32)
            return out


class MakefileBoxes:
    """What gcc 12 makes of the source with -Ofast: reciprocals (an estimate and one Newton step) for divisions."""

    flushes = True

    def __init__(self, intel: bool) -> None:
        """``intel``: an Intel processor's estimates of 1/x, not those of the processor here (the maker's choice)."""
        self._intel = intel

    @cached_property
    def _estimate(self) -> Callable[[Any], np.float32]:
        # Numba is slow to import, and --help needs the profiles' names.
        from ..kernels.runtime.reciprocal import intel_estimate, own_estimate

        return intel_estimate if self._intel else own_estimate

    def correct(self, frame: Frame, box: Floats) -> Floats:
        with np.errstate(all="ignore"):
            net = np.array([frame.net_w, frame.net_h])
            fitted = np.array(frame.fitted)
            border = (net - fitted) * 0.5 / net
            stretch = 1.0 / (fitted.astype(f32) * self._reciprocal(net)).astype(np.float64)
            scale = net.astype(f32) * self._reciprocal(fitted)
            centre = ((box[:, :2] - border) * stretch).astype(f32)
            size = box[:, 2:]
            if frame.pixels_of is None:
                return np.concatenate([centre, size * scale], axis=1)
            image = np.array(frame.pixels_of, f32)
            # Pairs of boxes go through a loop that has scale * image ready; the last one or two do not.
            paired = max(0, (len(box) - 1) // 2 * 2)
            sizes = np.concatenate([size[:paired] * (scale * image), size[paired:] * scale * image])
            return np.concatenate([centre * image, sizes], axis=1)

    def cell_centre(self, offset: Floats, corner: Floats, side: int, image: Floats) -> Floats:
        result: Floats = (offset + corner) * (image * (f32(1) / f32(side)))
        return result

    def _reciprocal(self, values: Array) -> Floats:
        """1/values in float32: the processor's estimate r, then r + r - x * r * r."""
        x = values.astype(f32)
        r = np.array([self._estimate(value) if value else f32(np.inf) for value in x], f32)
        return (r + r) - x * r * r


SOURCE = SourceBoxes()
"""Darknet's source."""

ALEXEYABS = AlexeyabBoxes()
"""AlexeyAB's source."""

MAKEFILE = MakefileBoxes(intel=True)
"""The Makefile's program on an Intel processor."""

MAKEFILE_HERE = MakefileBoxes(intel=False)
"""The Makefile's program on the processor here. (Elsewhere than on x86-64 its profile is refused.)"""
