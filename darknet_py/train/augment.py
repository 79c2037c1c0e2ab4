"""Pictures and truths as Darknet's loader makes them for training (``data.c``), bit for bit.

Three kinds: detection (``load_data_detection``), cells for YOLOv1 (``load_data_region``), classification
(``load_data_augment``). Each function takes the numbers that it needs from the front of a stream, in Darknet's order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..image.letterbox import BYTES, resize_pixels
from ..kernels.train import pictures
from ..typing import Floats, Pixels
from .labels import Labels
from .random import Numbers

DETECTION_DRAWS = 10
"""Numbers that a picture with boxes takes, besides one for each label."""

CLASS_DRAWS = 12
"""Numbers that a picture of a classifier takes."""

CLASS_ONLY = 999999
"""What all four box values are of a label that has a class and no box."""

_SMALLEST = 0.001
_SMALLEST_CELL = 0.005

_GREY = np.float32(0.5)
_TWO_PI = np.float32(2 * np.pi)
_ONE, _TWO, _ZERO = np.float32(1), np.float32(2), np.float32(0)


@dataclass(frozen=True)
class Colours:
    """How much colours change.

    Attributes:
        hue: at most added, in turns.
        saturation, exposure: at most factors; 0 counts as 1.
    """

    hue: float = 0.0
    saturation: float = 1.0
    exposure: float = 1.0

    def apply(self, picture: Floats, numbers: Numbers) -> None:
        """Change a picture [3, h, w]; five draws (``random_distort_image``)."""
        hue = numbers.uniform(-self.hue, self.hue)
        saturation = numbers.scale(self.saturation or 1.0)
        exposure = numbers.scale(self.exposure or 1.0)
        pictures.distort(picture.reshape(-1), picture[0].size, hue, saturation, exposure)


@dataclass(frozen=True)
class Boxes:
    """How a picture with boxes is made.

    Attributes:
        w, h: size of the network's input.
        most: boxes in a row of truths.
        jitter: how much the aspect changes, as a share of width and height.
        colours: their changes.
    """

    w: int
    h: int
    most: int = 90
    jitter: float = 0.2
    colours: Colours = Colours()

    @property
    def truths(self) -> int:
        """Values in a row of truths."""
        return 5 * self.most

    def draws(self, labels: int) -> int:
        """Numbers that a picture with so many labels takes."""
        return DETECTION_DRAWS + labels

    def make(self, out: Floats, truth: Floats, pixels: Pixels, labels: Labels, numbers: Numbers) -> None:
        """A picture and its boxes.

        Args:
            out: written, [3, h, w].
            truth: written, [5 * most]: x, y, w, h, class of each box, relative to the input; then zeros.
            pixels: height x width x 3.
            labels: of the picture.
            numbers: where random numbers come from.
        """
        height, width = pixels.shape[:2]
        jitter = np.float32(self.jitter)
        dw, dh = jitter * np.float32(width), jitter * np.float32(height)
        wide = np.float32(width) + numbers.uniform(-dw, dw)
        with np.errstate(all="ignore"):
            aspect = wide / (np.float32(height) + numbers.uniform(-dh, dh))
            if aspect < 1:
                new_h = np.float32(self.h)
                new_w = new_h * aspect
            else:
                new_w = np.float32(self.w)
                new_h = new_w / aspect
        dx = numbers.uniform(0, np.float32(self.w) - new_w)
        dy = numbers.uniform(0, np.float32(self.h) - new_h)
        out[:] = _GREY
        pictures.place(
            out.reshape(-1), pixels.reshape(-1), BYTES, self.w, self.h, width, height, c_int(new_w), c_int(new_h),
            c_int(dx), c_int(dy),
        )  # fmt: skip
        self.colours.apply(out, numbers)
        flip = numbers.rand() % 2
        if flip:
            pictures.flip(out.reshape(-1), 3 * self.h, self.w)
        w, h = np.float32(self.w), np.float32(self.h)
        move = Move(-dx / w, -dy / h, new_w / w, new_h / h, bool(flip))
        box, class_id = move.apply(shuffled(labels, numbers))
        box, class_id = box[: self.most], class_id[: self.most]
        kept = ~(box[:, 2:].astype(np.float64) < _SMALLEST).any(axis=1)  # as C compares with .001
        rows = truth.reshape(self.most, 5)
        rows[:] = 0
        count = np.count_nonzero(kept)
        rows[:count, :4], rows[:count, 4] = box[kept], class_id[kept]


@dataclass(frozen=True)
class Cells:
    """How a picture for YOLOv1 is made.

    Attributes:
        w, h: size of the network's input.
        side: cells in a row and in a column.
        classes: how many there are.
        jitter: how much is cut off at each side, at most, as a share.
        colours: their changes.
    """

    w: int
    h: int
    side: int
    classes: int
    jitter: float = 0.2
    colours: Colours = Colours()

    @property
    def truths(self) -> int:
        """Values in a row of truths."""
        return self.side * self.side * (5 + self.classes)

    def draws(self, labels: int) -> int:
        """Numbers that a picture with so many labels takes."""
        return DETECTION_DRAWS + labels

    def make(self, out: Floats, truth: Floats, pixels: Pixels, labels: Labels, numbers: Numbers) -> None:
        """As `Boxes.make`, but with a truth for each cell: 1 and its object's class and box, or zeros.

        Args:
            out: written, [3, h, w].
            truth: written, [side, side, 1 + classes + 4].
            pixels: height x width x 3.
            labels: of the picture.
            numbers: where random numbers come from.
        """
        height, width = pixels.shape[:2]
        jitter = np.float32(self.jitter)
        dw, dh = c_int(np.float32(width) * jitter), c_int(np.float32(height) * jitter)
        left, right = (c_int(numbers.uniform(-dw, dw)) for _ in range(2))
        top, bottom = (c_int(numbers.uniform(-dh, dh)) for _ in range(2))
        new_w, new_h = width - left - right, height - top - bottom
        flip = bool(numbers.rand() % 2)
        cropped = _cropped(pixels, left, top, max(new_w, 1), max(new_h, 1))
        out[:] = resize_pixels(cropped, self.w, self.h)
        if flip:
            pictures.flip(out.reshape(-1), 3 * self.h, self.w)
        self.colours.apply(out, numbers)
        sx, sy = np.float32(new_w) / np.float32(width), np.float32(new_h) / np.float32(height)
        with np.errstate(all="ignore"):
            dx = np.float32(left) / np.float32(width) / sx
            dy = np.float32(top) / np.float32(height) / sy
            move = Move(dx, dy, _ONE / sx, _ONE / sy, flip)
        self._fill(truth, *move.apply(shuffled(labels, numbers)))

    def _fill(self, truth: Floats, box: Floats, class_id: Floats) -> None:
        """The first box in a cell counts (``fill_truth_region``)."""
        cells = truth.reshape(self.side, self.side, 5 + self.classes)
        cells[:] = 0
        side = np.float32(self.side)
        for (x, y, w, h), number in zip(box, class_id.astype(np.int64), strict=True):
            if min(float(w), float(h)) < _SMALLEST_CELL:
                continue
            column, row = min(c_int(x * side), self.side - 1), min(c_int(y * side), self.side - 1)
            cell = cells[row, column]
            if cell[0]:
                continue
            cell[0] = cell[1 + number] = 1
            cell[1 + self.classes :] = x * side - np.float32(column), y * side - np.float32(row), w, h


@dataclass(frozen=True)
class Crops:
    """How a picture for a classifier is made.

    Attributes:
        size: width and height of the network's input.
        low, high: least and greatest length of a picture's shorter side after scaling.
        angle: at most turned by, in degrees.
        aspect: at most stretched by; 0 counts as 1.
        colours: their changes.
    """

    size: int
    low: int
    high: int
    angle: float = 0.0
    aspect: float = 1.0
    colours: Colours = Colours()

    def make(self, out: Floats, pixels: Pixels, numbers: Numbers) -> None:
        """A picture.

        Where a picture's side would become 0 pixels long (one pixel wide, aspect below 1) Darknet divides by zero; here
        it is 1.

        Args:
            out: written, [3, size, size].
            pixels: height x width x 3.
            numbers: where random numbers come from.
        """
        height, width = pixels.shape[:2]
        size = np.float32(self.size)
        aspect = numbers.scale(self.aspect or 1.0)
        wanted = numbers.integer(self.low, self.high)
        wide = np.float32(width) * aspect
        shorter = max(height if np.float32(height) < wide else c_int(wide), 1)
        scale = np.float32(wanted) / np.float32(shorter)
        angle = np.float32(float(numbers.uniform(-self.angle, self.angle) * _TWO_PI) / 360.0)
        reach_x = (np.float32(width) * scale / aspect - size) / _TWO
        reach_y = (np.float32(height) * scale - size) / _TWO
        dx = numbers.uniform(-reach_x, reach_x)
        dy = numbers.uniform(-reach_y, reach_y)
        pictures.rotate_crop(
            out.reshape(-1), pixels.reshape(-1), BYTES, self.size, self.size, width, height, angle, scale, dx, dy,
            aspect,
        )  # fmt: skip
        if numbers.rand() % 2:
            pictures.flip(out.reshape(-1), 3 * self.size, self.size)
        self.colours.apply(out, numbers)


@dataclass(frozen=True)
class Move:
    """Where boxes go as their picture is moved, scaled and mirrored (``correct_boxes``)."""

    dx: np.float32
    dy: np.float32
    sx: np.float32
    sy: np.float32
    flip: bool

    def apply(self, labels: Labels) -> tuple[Floats, Floats]:
        """Boxes, cut to the picture, [n, 4], and classes, [n]; those without a box are `CLASS_ONLY`."""
        x, y, w, h = labels.box.T
        left, right = x - w / _TWO, x + w / _TWO
        top, bottom = y - h / _TWO, y + h / _TWO
        left, right = left * self.sx - self.dx, right * self.sx - self.dx
        top, bottom = top * self.sy - self.dy, bottom * self.sy - self.dy
        if self.flip:
            left, right = _ONE - right, _ONE - left
        left, right, top, bottom = (np.clip(side, _ZERO, _ONE) for side in (left, right, top, bottom))
        box = np.stack([(left + right) / _TWO, (top + bottom) / _TWO, right - left, bottom - top], axis=1)
        box[:, 2:] = np.clip(box[:, 2:], _ZERO, _ONE)
        box[labels.class_only] = CLASS_ONLY
        return box, labels.class_id.astype(np.float32)


def shuffled(labels: Labels, numbers: Numbers) -> Labels:
    """Labels in the order of ``randomize_boxes``; a draw for each."""
    order = list(range(len(labels)))
    for place in range(len(order)):
        other = numbers.rand() % len(order)
        order[place], order[other] = order[other], order[place]
    return Labels(labels.class_id[order], labels.box[order])


def c_int(value: float | np.float32) -> int:
    """A float as C makes an int of it: cut towards zero; what no int can hold is the least of all."""
    return int(value) if abs(value) < 2**31 else -(2**31)


def _cropped(pixels: Pixels, left: int, top: int, w: int, h: int) -> Pixels:
    """A part of a picture; beyond its borders their pixels go on (``crop_image``)."""
    rows = np.clip(np.arange(top, top + h), 0, pixels.shape[0] - 1)
    columns = np.clip(np.arange(left, left + w), 0, pixels.shape[1] - 1)
    part: Pixels = np.ascontiguousarray(pixels[rows[:, None], columns])
    return part
