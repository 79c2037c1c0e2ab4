"""This engine's results against a reference's: what agrees, what is missing, what differs first and by how much."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ..formats.text import as_unicode
from ..output.writers import writers_of
from .references import Reference, ReferenceBox

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..detect.detections import Detections
    from ..trace import Trace, TracedBox
    from ..typing import Array, Floats


@dataclass(frozen=True)
class Tolerance:
    """How much may differ.

    Attributes:
        ulp: units in the last place of a float32, for exact references.
        box_iou: least intersection over union of two boxes that count as one, for references that are not exact.
        score: greatest difference of two probabilities, for those.
    """

    ulp: int = 0
    box_iou: float = 0.99
    score: float = 0.001

    @property
    def exactly(self) -> str:
        """How closely exact references must agree, in words."""
        return f"within {self.ulp} ulp" if self.ulp else "bit for bit"


@dataclass
class LayerResult:
    """One layer's output against the reference's. ``ulp``: greatest difference, None where only hashes are known."""

    index: int
    kind: str
    equal: bool
    ulp: float | None = None


@dataclass
class ImageResult:
    """The verdict on one image.

    Attributes:
        image: the image file.
        reference: what it was compared with.
        problems: what does not agree, the first difference first; nothing if all agrees.
        layers: for traces and libraries.
        found: this engine's detections.
        expected: the reference's boxes (pixels), to be drawn.
        boxes_known: the reference says where its boxes are.
        how: how closely it agrees, if it does.
    """

    image: str
    reference: str
    problems: list[str] = field(default_factory=list)
    layers: list[LayerResult] = field(default_factory=list)
    found: Detections | None = None
    expected: list[ReferenceBox] = field(default_factory=list)
    boxes_known: bool = False
    how: str = "within tolerance"

    @property
    def agrees(self) -> bool:
        """Whether nothing differs."""
        return not self.problems


def ulps(a: Floats, b: Floats) -> NDArray[np.int64]:
    """Distance of two float32 arrays in units in the last place; two NaNs agree, a NaN is far from everything else."""
    ordered = []
    for values in (a, b):
        bits = np.ascontiguousarray(values, np.float32).view(np.int32).astype(np.int64)
        ordered.append(np.where(bits < 0, -(bits & 0x7FFFFFFF), bits))
    distance: NDArray[np.int64] = np.abs(ordered[0] - ordered[1])
    nan = np.isnan(a), np.isnan(b)
    distance[nan[0] & nan[1]] = 0
    distance[nan[0] ^ nan[1]] = 2**31
    return distance


def compare_trace(ours: Trace, theirs: Trace, math: str, tolerance: Tolerance) -> ImageResult:
    """A trace of this engine against a recorded one, value by value on the way from the file to the boxes."""
    result = ImageResult(str(theirs["image"]), "trace", how=tolerance.exactly)
    profile = "make" if math.startswith("make") else "ieee"
    if theirs.get("decoded", ours["decoded"]) != ours["decoded"]:
        result.problems.append("the decoded image differs: another file, or another decoder")
    if theirs.get("input_sha256", ours["input_sha256"]) != ours["input_sha256"]:
        result.problems.append("the network's input differs")
    for index, (a, b) in enumerate(zip(ours["layers"], theirs["layers"], strict=False)):
        wanted = b.get("sha256") or b.get(profile) or b.get("ieee")
        equal = wanted == a["sha256"]
        first = [np.array([float.fromhex(v) for v in layer.get("first", [])], np.float32) for layer in (a, b)]
        known = len(first[0]) == len(first[1]) > 0
        result.layers.append(LayerResult(index, a["kind"], equal, 0 if equal else None))
        if not equal:
            by = f"; its first values are {int(ulps(*first).max())} ulp apart" if known else ""
            result.problems.append(f"layer {index} ({a['kind']}) differs{by}")
    if len(ours["layers"]) != len(theirs["layers"]):
        result.problems.append(f"{len(theirs['layers'])} layers in the reference, {len(ours['layers'])} here")
    for key in ("detections_before_nms", "detections"):
        wanted = recorded(theirs, key, math)
        if wanted is not None:
            cut = theirs.get("first_only", {}).get(key)
            problem = _first_box_difference((recorded(ours, key, math) or [])[:cut], wanted, tolerance.ulp)
            if problem:
                result.problems.append(f"{key.replace('_', ' ')}: {problem}")
    return result


@np.errstate(all="ignore")
def expected_boxes(box: Array, prob: Array, found: Detections, thresh: float, relative: bool) -> list[ReferenceBox]:
    """The reference's boxes in pixels: centre, width, height -> corners, a row for each class above ``thresh``."""
    scale = np.array(found.image_size * 2 if relative else (1, 1, 1, 1), np.float64)
    centre, half = box[:, :2].astype(np.float64), box[:, 2:].astype(np.float64) / 2
    corners = np.concatenate([centre - half, centre + half], axis=1) * scale
    return [
        ReferenceBox(found.class_name(k), float(prob[i, k]), tuple(corners[i].tolist()))
        for i, k in zip(*np.nonzero(prob > np.float32(thresh)), strict=True)
    ]


def recorded_arrays(boxes: Sequence[TracedBox], classes: int) -> tuple[Floats, Floats]:
    """A trace's boxes as arrays: n x 4, n x classes."""
    box = np.array([[float.fromhex(value) for value in entry["box"]] for entry in boxes], np.float32).reshape(-1, 4)
    prob = np.zeros((len(boxes), classes), np.float32)
    for row, entry in enumerate(boxes):
        for k, value in entry["probs"].items():
            prob[row, int(k)] = float.fromhex(value)
    return box, prob


def recorded(theirs: Trace, key: str, math: str) -> list[TracedBox] | None:
    """A trace's list of boxes, for the arithmetic profile where it has several."""
    boxes = theirs.get(key)
    if isinstance(boxes, dict):
        boxes = boxes.get("make" if math.startswith("make") else "ieee", boxes.get("ieee"))
        if boxes is None:
            boxes = theirs[key].get(math)
    return boxes


def _box_values(box: TracedBox) -> tuple[list[str], Floats]:
    """A recorded box's classes, and all its numbers."""
    numbers = [*box["box"], box["objectness"], *box.get("uncertainty", ()), *box["probs"].values()]
    return list(box["probs"]), np.array([float.fromhex(number) for number in numbers], np.float32)


def _first_box_difference(ours: Sequence[TracedBox], theirs: Sequence[TracedBox], allowed: int) -> str | None:
    if len(ours) != len(theirs):
        return f"{len(theirs)} boxes in the reference, {len(ours)} here"
    for number, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        (classes_a, values_a), (classes_b, values_b) = _box_values(a), _box_values(b)
        if classes_a != classes_b:
            return f"box {number} has classes {', '.join(classes_a)} here, {', '.join(classes_b)} in the reference"
        apart = int(ulps(values_a, values_b).max())
        if apart > allowed:
            return f"box {number} is {apart} ulp off"
    return None


def compare_text(found: Detections, reference: Reference) -> ImageResult:
    """Names, percents and their order against what Darknet printed."""
    result = ImageResult(reference.image, "text", found=found, expected=reference.boxes, how="line for line")
    ours = [as_unicode(line) for line in writers_of(reference.dialect).lines(found)]
    theirs = [f"{as_unicode(box.name)}: {round(box.score * 100)}%" for box in reference.boxes]
    for number, (a, b) in enumerate(zip(ours, theirs, strict=False), start=1):
        if a != b:
            result.problems.append(f"line {number} is '{a}' here, '{b}' in the reference")
            break
    if len(ours) != len(theirs):
        result.problems.append(f"{len(theirs)} lines in the reference, {len(ours)} here")
    return result


def compare_boxes(found: Detections, reference: Reference, tolerance: Tolerance) -> ImageResult:
    """Matching by class and overlap: each reference box, best score first, takes the box that overlaps it most."""
    scale = np.array(found.image_size * 2, np.float64) if reference.relative else np.ones(4)
    expected = [
        ReferenceBox(as_unicode(box.name), box.score, tuple(np.array(box.xyxy) * scale)) for box in reference.boxes
    ]
    result = ImageResult(reference.image, "boxes", found=found, expected=expected, boxes_known=True)
    names = np.array([as_unicode(name) for name in found.names], dtype=object)
    corners = found.xyxy.astype(np.float64) if reference.relative else clipped(found, reference.margin)
    free = np.ones(len(found), bool)
    for box in sorted(expected, key=lambda box: -box.score):
        assert box.xyxy is not None
        rivals = np.flatnonzero(free & (names == box.name))
        overlaps = iou(corners[rivals], np.array(box.xyxy))
        best = int(np.argmax(overlaps)) if rivals.size else -1
        if best < 0 or overlaps[best] < tolerance.box_iou:
            nearest = f" (the nearest overlaps by {overlaps[best]:.3f})" if best >= 0 else ""
            result.problems.append(f"missing: {box.name} {box.score:.3f} at {_place(box.xyxy)}{nearest}")
            continue
        free[rivals[best]] = False
        apart = abs(float(found.confidence[rivals[best]]) - box.score)
        if apart > tolerance.score:
            result.problems.append(f"{box.name} at {_place(box.xyxy)}: score differs by {apart:.2g}")
    for i in np.flatnonzero(free):
        result.problems.append(f"extra: {names[i]} {found.confidence[i]:.3f} at {_place(corners[i])}")
    return result


def clipped(found: Detections, margin: int) -> NDArray[np.float64]:
    """Corners in pixels, cut off at the image's borders as result files have them (``margin`` before the far ones)."""
    width, height = found.image_size
    corners = found.xyxy.astype(np.float64)
    corners[:, :2] = np.maximum(corners[:, :2], 0)
    corners[:, 2:] = np.minimum(corners[:, 2:], [width - margin, height - margin])
    return corners


@np.errstate(all="ignore")
def iou(boxes: NDArray[np.float64], box: NDArray[np.float64]) -> NDArray[np.float64]:
    """Intersection over union of n boxes with one, given by corners; 1 for what is the same to 1/100 pixel."""
    wide = np.minimum(boxes[:, 2], box[2]) - np.maximum(boxes[:, 0], box[0])
    high = np.minimum(boxes[:, 3], box[3]) - np.maximum(boxes[:, 1], box[1])
    common = np.maximum(wide, 0) * np.maximum(high, 0)
    areas = np.maximum(boxes[:, 2] - boxes[:, 0], 0) * np.maximum(boxes[:, 3] - boxes[:, 1], 0)
    total = areas + max(box[2] - box[0], 0) * max(box[3] - box[1], 0) - common
    same = np.abs(boxes - box).max(axis=1, initial=0) <= 0.01
    return np.where(same, 1.0, common / np.where(total > 0, total, 1))


def _place(corners: Sequence[float]) -> str:
    return "(" + ", ".join(f"{value:.0f}" for value in corners) + ")"
