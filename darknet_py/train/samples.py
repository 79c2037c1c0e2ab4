"""The pictures of a training set, each with what its network is to say of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from ..formats.tree import Tree
from ..image.load import load_image
from ..typing import Floats, Ints, Pixels
from .augment import CLASS_DRAWS, Boxes, Cells, Crops
from .labels import Labels, path_truth
from .random import Numbers

CACHE = 256 << 20
"""Bytes of decoded pictures that are kept, so that a small set is decoded once."""


class Samples(Protocol):
    """A training set, for networks of one kind."""

    paths: Sequence[str]

    @property
    def truths(self) -> int:
        """Values of a picture's truth."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the network's input."""

    def draws(self, index: int) -> int:
        """How many random numbers a picture takes."""

    def make(self, index: int, out: Floats, truth: Floats, numbers: Numbers) -> None:
        """Make a picture.

        Args:
            index: its place in ``paths``.
            out: written, [3, h, w].
            truth: written, [truths].
            numbers: `draws` random numbers.

        Raises:
            ImageError: the file cannot be read.
        """

    def resized(self, w: int, h: int) -> Samples:
        """The same pictures for another size of the network's input."""


class Pictures:
    """Decoded pictures; the first ones, as many as fit, stay in memory."""

    def __init__(self, paths: Sequence[str], room: int = CACHE) -> None:
        self._paths = paths
        self._room = room
        self._kept: dict[int, Pixels] = {}

    def __getitem__(self, index: int) -> Pixels:
        """Height x width x 3. Raises `ImageError`."""
        pixels = self._kept.get(index)
        if pixels is None:
            pixels = load_image(self._paths[index])
            # Two threads may both keep the same picture, or a little more than the room: of no consequence.
            if pixels.nbytes <= self._room:
                self._room -= pixels.nbytes
                self._kept[index] = pixels
        return pixels


@dataclass
class Labelled:
    """Pictures with boxes, for detectors.

    Attributes:
        paths: the pictures.
        labels: of each.
        how: how they are made.
    """

    paths: Sequence[str]
    labels: Sequence[Labels]
    how: Boxes | Cells
    pictures: Pictures = field(init=False)

    def __post_init__(self) -> None:
        self.pictures = Pictures(self.paths)

    @property
    def truths(self) -> int:
        return self.how.truths

    @property
    def size(self) -> tuple[int, int]:
        return self.how.w, self.how.h

    def draws(self, index: int) -> int:
        return self.how.draws(len(self.labels[index]))

    def make(self, index: int, out: Floats, truth: Floats, numbers: Numbers) -> None:
        self.how.make(out, truth, self.pictures[index], self.labels[index], numbers)

    def resized(self, w: int, h: int) -> Labelled:
        other = replace(self, how=replace(self.how, w=w, h=h))
        other.pictures = self.pictures
        return other


@dataclass
class Classified:
    """Pictures whose paths name their classes, for classifiers.

    Attributes:
        paths: the pictures.
        names: of the classes.
        how: how they are made.
        low, high: of the shorter side after scaling, as shares of the input's size (``min_ratio``, ``max_ratio``).
        tree: the WordTree, if there is one.
        tags: instead of the names: numbers of the tags that each picture has.
        classes: how many there are.
    """

    paths: Sequence[str]
    names: Sequence[str]
    how: Crops
    low: float
    high: float
    classes: int
    tree: Tree | None = None
    tags: Sequence[Ints] | None = None
    pictures: Pictures = field(init=False)

    def __post_init__(self) -> None:
        self.pictures = Pictures(self.paths)

    @property
    def truths(self) -> int:
        return self.classes

    @property
    def size(self) -> tuple[int, int]:
        return self.how.size, self.how.size

    def draws(self, index: int) -> int:
        return CLASS_DRAWS

    def make(self, index: int, out: Floats, truth: Floats, numbers: Numbers) -> None:
        self.how.make(out, self.pictures[index], numbers)
        if self.tags is not None:
            truth[:] = 0
            truth[self.tags[index]] = 1
        else:
            truth[:] = path_truth(self.paths[index], self.names, self.tree)

    def resized(self, w: int, h: int) -> Classified:
        low, high = side_range(self.low, self.high, w)
        other = replace(self, how=replace(self.how, size=w, low=low, high=high))
        other.pictures = self.pictures
        return other


def side_range(low: float, high: float, size: int) -> tuple[int, int]:
    """``low`` and ``high`` of `Crops`, as Darknet computes them: float32 products, cut to int."""
    return int(np.float32(low) * np.float32(size)), int(np.float32(high) * np.float32(size))
