"""Options of inference in one value: from pixels to the network's input, from its outputs to detections."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

from .detect.filters import NO_FILTER, Filter
from .detect.nms import suppression_of

if TYPE_CHECKING:
    from .detect.candidates import Candidates
    from .detect.nms import Boxes
    from .detect.tiles import Tiles
    from .network import Network

    Suppress = Callable[[Candidates, float], Boxes]


class Fit(Enum):
    """How an image gets the size of the network's input."""

    LETTERBOX = "letterbox"
    """Scaled as a whole, grey above and below or left and right (``letterbox_image``)."""
    STRETCH = "stretch"
    """Width and height scaled each for itself (``resize_image``), as AlexeyAB's Darknet does."""
    CROP = "crop"
    """Scaled to the network's width on its shorter side, and the middle cut out, as his classifiers see it."""


class Asked(Enum):
    """The size of the picture that boxes are asked for (``w`` and ``h`` of Darknet's ``get_network_boxes``)."""

    IMAGE = "image"
    """The image's own: the letterbox is undone."""
    INPUT = "input"
    """The network's input: nothing is undone, which is right for a stretched image."""
    UNIT = "unit"
    """1 x 1: what ``yolo test`` asks of a ``[detection]`` head, whose boxes are in units of the picture's size."""


@dataclass(frozen=True)
class View:
    """How images are fitted and detections are selected.

    Attributes:
        fit: how an image is fitted into the input. None: as the network's heads want it.
        asked: the size of the picture that boxes are asked for. None: the one that belongs to the fit.
        thresh: least probability of what is reported.
        hier_thresh: least probability of a WordTree node for going down to its children.
        nms: greatest intersection over union of two boxes; 0 keeps all.
        suppress: the kind of non-maximum suppression (`detect.nms`). None: that of the network's dialect.
        class_map: with a WordTree, the nodes that count as classes 0, 1, ...; None: every node is a class.
        relative: boxes as fractions of the picture; else in its pixels.
        filter: which detections are reported.
        tiles: parts of the picture that are looked at, too (`Detector.boxes_in`). None: the whole picture only.
    """

    fit: Fit | None = None
    asked: Asked | None = None
    thresh: float = 0.5
    hier_thresh: float = 0.5
    nms: float = 0.45
    suppress: Suppress | None = None
    class_map: tuple[int, ...] | None = None
    relative: bool = True
    filter: Filter = NO_FILTER
    tiles: Tiles | None = None

    def of(self, network: Network) -> View:
        """The same view with the fit, the size asked for and the suppression that it implies for a network."""
        wants_unit = any(head.asks_unit for head in network.heads)
        fit = self.fit or (Fit.STRETCH if wants_unit or network.stretches else Fit.LETTERBOX)
        asked = self.asked or (Asked.UNIT if wants_unit else Asked.INPUT if fit is Fit.STRETCH else Asked.IMAGE)
        return replace(self, fit=fit, asked=asked, suppress=self.suppress or suppression_of(network))

    def reduce(self, network: Network, candidates: Candidates) -> Boxes:
        """Boxes after non-maximum suppression."""
        suppress = self.suppress or suppression_of(network)
        return suppress(candidates, self.nms)

    def asked_size(self, network: Network, image_size: tuple[int, int]) -> tuple[int, int]:
        """Width and height of the picture that boxes are asked for."""
        asked = self.of(network).asked
        if asked is Asked.UNIT:
            return 1, 1
        return (network.input.w, network.input.h) if asked is Asked.INPUT else image_size


def fit_of(stretch: bool | None) -> Fit | None:
    """The fit that a user's ``stretch`` means; None: the one that the network implies."""
    return None if stretch is None else Fit.STRETCH if stretch else Fit.LETTERBOX


DEFAULT = View()
"""Darknet's own, of the network's dialect: ``detector test``, and for YOLOv1 ``yolo test``."""
