"""What heads have in common: layers whose outputs are decoded into boxes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, TypedDict

from .base import Layer, Place, Shape, need_image, number_of_anchors, positive, read_anchors

if TYPE_CHECKING:
    from ..formats.cfg import Section
    from .opencv import RowOptions

Fact = bool | int | float | str | tuple[int, ...] | tuple[float, ...] | None
"""What may stand in the metadata of a model."""


NMS_KINDS = ("default", "greedynms", "diounms", "cornersnms")
"""Kinds of non-maximum suppression (``nms_kind``); every other word means the default, as in AlexeyAB's Darknet."""


@dataclass(frozen=True)
class NmsOptions:
    """The suppression that a head asks for: that of a cfg's last head counts for all.

    Attributes:
        kind: one of `NMS_KINDS`.
        beta: exponent of the distance's share in ``diounms``.
    """

    kind: str = "default"
    beta: float = 0.6


@dataclass(frozen=True, kw_only=True)
class Head(Layer):
    """A layer whose output is decoded into boxes.

    Attributes:
        n: boxes of each cell.
        classes: number of classes that it knows.
        nms: the suppression that it asks for.
    """

    asks_unit: ClassVar[bool] = False
    """Its boxes are in units of the picture's size, of an image stretched over the input (YOLOv1's ``yolo test``)."""

    mirrored: ClassVar[bool] = True
    """``valid2`` averages its outputs for an image and for its mirror image (``avg_flipped_yolo``)."""

    n: int
    classes: int
    nms: NmsOptions = NmsOptions()

    @property
    def anchors(self) -> tuple[tuple[float, float], ...]:
        """Widths and heights of all anchors, as the cfg has them; nothing for a head without anchors."""
        return ()

    def anchor_scale(self, net: Shape) -> tuple[float, float]:
        """What a width and a height in fractions of the network's input are multiplied by to be an anchor's."""
        raise NotImplementedError(f"[{self.kind}] has no anchors")

    @property
    def flat(self) -> bool:
        """Its output has the values of each cell side by side, and all its boxes have objectness 1."""
        return False

    @property
    def first_class(self) -> int:
        """Which of a box's values is its first class, where the values of all boxes are alike."""
        raise NotImplementedError(f"[{self.kind}] has no values of its own for each box")

    def export_facts(self) -> Mapping[str, Fact]:
        """What it takes to decode its output elsewhere (the metadata of an ONNX model)."""
        raise NotImplementedError

    def row_options(self, section: Section) -> RowOptions:
        """How OpenCV makes rows of its boxes, by its section. Raises `CfgError` where OpenCV has no rows for it."""
        raise section.error(f"OpenCV has no rows of boxes for [{section.name}]")


@dataclass(frozen=True, kw_only=True)
class GridHead(Head):
    """A head with boxes at the anchors of each cell of a grid, which its input's pixels are.

    Attributes:
        biases: widths and heights of all anchors, as the cfg has them.
        map: name of the file of the WordTree's nodes to report, as the cfg writes it.
    """

    biases: tuple[float, ...]
    map: str | None

    @property
    def w(self) -> int:
        """Width of the grid, in cells."""
        return self.input.w

    @property
    def h(self) -> int:
        """Height of the grid, in cells."""
        return self.input.h

    @property
    def anchors(self) -> tuple[tuple[float, float], ...]:
        return tuple(zip(self.biases[::2], self.biases[1::2], strict=True))


@dataclass(frozen=True, kw_only=True)
class MaskedHead(GridHead):
    """A head that uses some of its anchors: those of ``mask``, numbers among all ``total``.

    ``biases`` are in pixels of the network's input. ``scale_x_y`` (in AlexeyAB's dialect): how far a box's centre may
    leave its cell.
    """

    total: int
    mask: tuple[int, ...]
    scale_x_y: float = 1.0

    def anchor_scale(self, net: Shape) -> tuple[float, float]:
        return net.w, net.h


class MaskedOptions(TypedDict):
    """The fields of a `MaskedHead` but for the suppression."""

    index: int
    line: int
    input: Shape
    out: Shape
    n: int
    classes: int
    biases: tuple[float, ...]
    map: str | None
    total: int
    mask: tuple[int, ...]
    scale_x_y: float


def read_masked(section: Section, place: Place, values: int) -> MaskedOptions:
    """Read the section of a `MaskedHead`; the input's channels must be ``len(mask) * (classes + values)``."""
    shape = need_image(section, place)
    classes = positive(section, "classes", 20)
    total = number_of_anchors(section)
    mask = _read_mask(section, total)
    needed = len(mask) * (classes + values)
    if shape.c != needed:
        raise section.error(
            f"[{section.name}] needs {needed} channels ({len(mask)} anchors of mask x (classes={classes} + {values})), "
            f"but the layer before it gives {shape.c}; set its filters to fit"
        )
    return {
        "index": place.index, "line": section.line, "input": shape, "out": shape, "n": len(mask), "classes": classes,
        "biases": read_anchors(section, total), "map": section.find_str("map", "") or None, "total": total,
        "mask": mask, "scale_x_y": section.find_float("scale_x_y", 1.0),
    }  # fmt: skip


def _read_mask(section: Section, total: int) -> tuple[int, ...]:
    """``mask``: numbers of the head's anchors among ``total``; all of them by default."""
    mask = tuple(section.find_ints("mask") or range(total))
    for entry in mask:
        if not 0 <= entry < total:
            raise section.error(f"mask={entry} is no anchor: num={total} allows 0 to {total - 1}", "mask")
    return mask


def read_nms(section: Section, kinds: tuple[str, ...] = NMS_KINDS[:3]) -> NmsOptions:
    """``nms_kind`` and ``beta_nms``."""
    return NmsOptions(read_word(section, "nms_kind", kinds), section.find_float("beta_nms", 0.6))


def read_word(section: Section, key: str, words: tuple[str, ...]) -> str:
    """An option that is one of ``words``; any other counts as the first, as in AlexeyAB's Darknet, with a warning."""
    word = section.find_str(key, words[0])
    if word in words:
        return word
    section.warn(f"{key}={word}: [{section.name}] knows {', '.join(words)}; taken for {words[0]}, as in Darknet", key)
    return words[0]
