"""What heads have in common: layers whose outputs are decoded into boxes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from .base import Layer, Shape

if TYPE_CHECKING:
    from ..formats.cfg import Section
    from .rows import RowOptions


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

    def export_facts(self) -> dict[str, Any]:
        """What it takes to decode its output elsewhere (the metadata of an ONNX model)."""
        raise NotImplementedError

    def row_options(self, section: Section) -> RowOptions:
        """How OpenCV makes rows of its boxes, by its section. Raises `CfgError` where OpenCV has no rows for it."""
        raise section.error(f"OpenCV has no rows of boxes for [{section.name}]")


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


def pairs(values: tuple[float, ...]) -> tuple[tuple[float, float], ...]:
    """Widths and heights from a list in which they alternate."""
    return tuple(zip(values[::2], values[1::2], strict=True))
