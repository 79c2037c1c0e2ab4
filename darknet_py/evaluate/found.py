"""What a network finds in the images of a list, image by image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from ..detect.filters import NO_FILTER, Filter
from ..detect.nms import nms_obj
from ..detect.tree import MAP_ENTRIES
from ..errors import DarknetError
from ..view import Asked, Fit, View

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..detect.nms import Boxes
    from ..detect.tiles import Tiles
    from ..detector import Detector
    from ..inference import Ready
    from ..layers import Head
    from ..network import Network
    from ..typing import Floats


@dataclass(frozen=True)
class Setting:
    """How Darknet's commands look at the images of a list.

    Attributes:
        thresh, hier, nms: thresholds.
        stretch: images are stretched to the input's size, not letterboxed into it.
        pixels: boxes in the image's pixels (and suppressed so), not in fractions of it.
        by_objectness: ``do_nms_obj``; what is found has one class, 0, with the objectness.
        mirrored: the outputs for the image and for its mirror image are averaged (``valid2``).
        classes: only the first classes take part, as many as this.
        filter, tiles: as of a view.
        asked: the size of the picture that boxes are asked for; None: the input's or the image's, by the others.
    """

    thresh: float = 0.005
    hier: float = 0.5
    nms: float = 0.45
    stretch: bool = False
    pixels: bool = False
    by_objectness: bool = False
    mirrored: bool = False
    classes: int | None = None
    filter: Filter = NO_FILTER
    tiles: Tiles | None = None
    asked: Asked | None = None

    def view(self, class_map: NDArray[np.int32] | None = None) -> View:
        """The same as a view; of a map the entries that Darknet reads."""
        return View(
            fit=Fit.STRETCH if self.stretch else Fit.LETTERBOX,
            # For a stretched image as large as the input nothing is undone: its boxes are fractions of any picture.
            asked=self.asked or (Asked.INPUT if self.stretch and not self.pixels else Asked.IMAGE),
            thresh=self.thresh,
            hier_thresh=self.hier,
            nms=self.nms,
            suppress=nms_obj if self.by_objectness else None,
            class_map=None if class_map is None else tuple(class_map[:MAP_ENTRIES].tolist()),
            relative=not self.pixels,
            filter=self.filter,
            tiles=self.tiles,
        )


def unit_of(network: Network) -> Asked | None:
    """What size to ask for where boxes must be fractions, as labels are: YOLOv1's are multiples of what is asked."""
    return Asked.UNIT if any(head.asks_unit for head in network.heads) else None


FoundLists = TypedDict(
    "FoundLists",
    {"size": list[int], "box": list[list[float]], "row": list[int], "class": list[int], "score": list[float]},
)
"""`Found` as a line of JSON has it."""


@dataclass(frozen=True, eq=False)
class Found:
    """What was found in one image.

    Attributes:
        size: width and height of the image.
        box: float32, k x 4: centre x, y, width, height; in final order.
        row: int64, r: for each class of each box the number of that box.
        class_id: int64, r.
        score: float32, r: probability, not 0.
    """

    size: tuple[int, int]
    box: Floats
    row: NDArray[np.int64]
    class_id: NDArray[np.int64]
    score: Floats

    @classmethod
    def of(cls, boxes: Boxes, size: tuple[int, int], setting: Setting) -> Found:
        """From suppressed boxes."""
        prob = boxes.prob[:, : setting.classes]
        if setting.by_objectness:
            above = boxes.objectness > np.float32(setting.thresh)  # YOLOv1's may be anything
            prob = np.where(above, boxes.objectness, np.float32(0))[:, None]
        row, class_id = np.nonzero(prob)
        used, place = np.unique(row, return_inverse=True)
        return cls(size, boxes.box[used], place.astype(np.int64), class_id.astype(np.int64), prob[row, class_id])

    @classmethod
    def nothing(cls) -> Found:
        """What is found in an image that cannot be read."""
        none = np.zeros(0, np.int64)
        return cls((1, 1), np.zeros((0, 4), np.float32), none, none, np.zeros(0, np.float32))

    def as_lists(self) -> FoundLists:
        """For a line of JSON; floats lose nothing."""
        return {
            "size": list(self.size), "box": self.box.tolist(), "row": self.row.tolist(),
            "class": self.class_id.tolist(), "score": self.score.tolist(),
        }  # fmt: skip

    @classmethod
    def from_lists(cls, lists: FoundLists) -> Found:
        """From `as_lists`. Raises `KeyError`, `TypeError` or `ValueError` if it is something else."""
        width, height = lists["size"]
        box = np.array(lists["box"], np.float32).reshape(-1, 4)
        row, class_id = np.array(lists["row"], np.int64), np.array(lists["class"], np.int64)
        score = np.array(lists["score"], np.float32)
        if not len(row) == len(class_id) == len(score) or (len(row) and not 0 <= row.min() <= row.max() < len(box)):
            raise ValueError("lists of different lengths")
        if len(row) and class_id.min() < 0:
            raise ValueError("a class below 0")
        return cls((int(width), int(height)), box, row, class_id, score)


def find(
    detector: Detector, group: Sequence[Ready], setting: Setting, class_map: NDArray[np.int32] | None = None
) -> list[Found]:
    """Run images together, and decode and suppress each as alone.

    Args:
        detector: the network.
        group: the images, made ready by it for the setting's view (`Detector.make_ready`).
        setting: size, fit and thresholds.
        class_map: with a WordTree, the nodes that count as classes 0, 1, ...

    Raises:
        DarknetError: the network gives no boxes.
    """
    network = detector.network
    if not network.heads:
        raise DarknetError(f"{network.path}: the network gives no boxes (for a classifier: classifier valid)")
    view = setting.view(class_map)
    if setting.tiles is not None:
        return [
            Found.of(detector.boxes_in(ready.pixels, view), ready.size, setting)
            for ready in group
            if ready.pixels is not None
        ]
    inputs = [ready.input for ready in group]
    if setting.mirrored:
        inputs = [x for image in inputs for x in (image, image[:, :, ::-1])]
    outputs = detector.predict(np.stack(inputs))
    found = []
    for number, ready in enumerate(group):
        own = [
            average_mirrored(head, *values[2 * number : 2 * number + 2]) if setting.mirrored else values[number]
            for head, values in zip(network.heads, outputs, strict=True)
        ]
        found.append(Found.of(detector.boxes(own, ready.size, view), ready.size, setting))
    return found


def average_mirrored(head: Head, output: Floats, mirrored: Floats) -> Floats:
    """The mean of a head's outputs for an image and for its mirror image (``avg_flipped_yolo``).

    Darknet means to turn the sign of each box's x, but takes the first planes of the output for it, as many as there
    are anchors, whatever they hold; and a middle column keeps its sign.
    """
    if not head.mirrored:
        return output  # Darknet averages nothing there
    flipped = mirrored.reshape(-1, head.out.h, head.out.w)[:, :, ::-1].copy()
    sides = np.arange(head.out.w) != head.out.w // 2 if head.out.w % 2 else np.ones(head.out.w, bool)
    first = flipped[: head.n]
    first[:, :, sides] = -first[:, :, sides]
    both = output.reshape(flipped.shape) + flipped
    mean: Floats = (both.astype(np.float64) / 2).astype(np.float32)
    return mean
