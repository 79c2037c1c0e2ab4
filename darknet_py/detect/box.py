"""From boxes in the letterboxed network input to boxes in the image (Darknet's ``correct_*_boxes``)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..errors import DarknetError
from ..kernels.runtime.reciprocal import HAS_ESTIMATE, intel_estimate, own_estimate
from .candidates import Floats

f32 = np.float32


@dataclass(frozen=True)
class Frame:
    """The image behind a network's input, and whose arithmetic undoes the letterbox.

    Attributes:
        net_w, net_h: size of the network's input.
        image_w, image_h: size of the image.
        make: compute as the program that Darknet's Makefile builds.
        cpu: with ``make``, the processor whose reciprocal estimate that program used: "intel" or "own".
        relative: boxes as fractions of the image, else in its pixels.
    """

    net_w: int
    net_h: int
    image_w: int
    image_h: int
    make: bool = False
    cpu: str = "intel"
    relative: bool = True

    @cached_property
    def fitted(self) -> tuple[int, int]:
        """Width and height of the image inside the network's input."""
        if f32(self.net_w) / f32(self.image_w) < f32(self.net_h) / f32(self.image_h):
            return self.net_w, self.image_h * self.net_w // self.image_w
        return self.image_w * self.net_h // self.image_h, self.net_h

    def correct(self, box: Floats) -> Floats:
        """One head's boxes (n x 4, relative to the network's input) -> relative to the image, or in its pixels."""
        # An image a thousand times as long as wide has no width left in the input: boxes of it are not finite.
        with np.errstate(all="ignore"):
            return self._correct_make(box) if self.make else self._correct(box)

    def _correct(self, box: Floats) -> Floats:
        net = np.array([self.net_w, self.net_h])
        fitted = np.array(self.fitted)
        border = (net - fitted) / 2.0 / net
        centre = (box[:, :2] - border) / (fitted.astype(f32) / net.astype(f32)).astype(np.float64)
        size = box[:, 2:] * (net.astype(f32) / fitted.astype(f32))
        out = np.concatenate([centre.astype(f32), size], axis=1)
        if not self.relative:
            out *= np.array([self.image_w, self.image_h] * 2, f32)
        return out

    def _correct_make(self, box: Floats) -> Floats:
        """What gcc 12 makes of it with -Ofast: reciprocals (estimate and one Newton step) for divisions."""
        net = np.array([self.net_w, self.net_h])
        fitted = np.array(self.fitted)
        border = (net - fitted) * 0.5 / net
        stretch = 1.0 / (fitted.astype(f32) * self._reciprocal(net)).astype(np.float64)
        scale = net.astype(f32) * self._reciprocal(fitted)
        centre = ((box[:, :2] - border) * stretch).astype(f32)
        size = box[:, 2:]
        if self.relative:
            return np.concatenate([centre, size * scale], axis=1)
        image = np.array([self.image_w, self.image_h], f32)
        # Pairs of boxes go through a loop that has scale * image ready; the last one or two do not.
        paired = max(0, (len(box) - 1) // 2 * 2)
        sizes = np.concatenate([size[:paired] * (scale * image), size[paired:] * scale * image])
        return np.concatenate([centre * image, sizes], axis=1)

    def _reciprocal(self, values: np.ndarray) -> Floats:
        """1/values in float32: the processor's estimate r, then r + r - x * r * r."""
        x = values.astype(f32)
        r = np.array([_estimator(self.cpu)(value) if value else f32(np.inf) for value in x], f32)
        return (r + r) - x * r * r


def _estimator(cpu: str) -> Callable[[np.float32], np.float32]:
    if cpu == "own" and HAS_ESTIMATE:
        return own_estimate
    if cpu in ("intel", "own"):
        return intel_estimate
    raise DarknetError(f"cpu='{cpu}': choose 'intel' or 'own'")
