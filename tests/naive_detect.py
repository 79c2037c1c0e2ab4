"""Plain twins of decoding and NMS: one scalar after the other, in the order of Darknet's C code, float32 by float32."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from darknet_py.formats.tree import Tree
from darknet_py.kernels.runtime.reciprocal import intel_estimate
from darknet_py.layers import Detection, Region, Yolo

f32 = np.float32
Box = tuple[np.float32, np.float32, np.float32, np.float32]


@dataclass
class Found:
    """One box: its number, where it is, and what it is."""

    index: int
    box: Box
    objectness: np.float32
    prob: dict[int, np.float32] = field(default_factory=dict)

    def get(self, k: int) -> np.float32:
        return self.prob.get(k, f32(0))


@dataclass
class View:
    """What undoes the letterbox."""

    net: tuple[int, int]
    image: tuple[int, int]
    make: bool = False
    relative: bool = True


def anchor_box(
    values: NDArray[np.float32], index: int, stride: int, anchor: tuple[float, float], cell: tuple[int, int],
    grid: tuple[int, int], unit: tuple[int, int],
) -> Box:  # fmt: skip
    """``get_region_box`` and ``get_yolo_box``."""
    centre = [(f32(cell[a]) + values[index + a * stride]) / f32(grid[a]) for a in (0, 1)]
    size = [f32(math.exp(float(values[index + (2 + a) * stride])) * anchor[a] / unit[a]) for a in (0, 1)]
    return (centre[0], centre[1], size[0], size[1])


def reciprocal(x: int) -> np.float32:
    """gcc's way to divide: an estimate, one Newton step."""
    r = intel_estimate(f32(x))
    return (r + r) - f32(x) * r * r


def correct(box: Box, view: View, position: int, count: int) -> Box:
    """``correct_*_boxes`` for box ``position`` of ``count``."""
    net, image = view.net, view.image
    if f32(net[0]) / f32(image[0]) < f32(net[1]) / f32(image[1]):
        new = (net[0], image[1] * net[0] // image[0])
    else:
        new = (image[0] * net[1] // image[1], net[1])
    out = list(box)
    for a in (0, 1):
        border = (net[a] - new[a]) / 2.0 / net[a]
        if view.make:
            stretch = 1.0 / float(f32(new[a]) * reciprocal(net[a]))
            scale = f32(net[a]) * reciprocal(new[a])
            out[a] = f32((float(box[a]) - border) * stretch)
            paired = position < (count - 1) // 2 * 2
            if not view.relative and paired:
                out[2 + a] = box[2 + a] * (scale * f32(image[a]))
            else:
                out[2 + a] = box[2 + a] * scale
        else:
            paired = False
            out[a] = f32((float(box[a]) - border) / float(f32(new[a]) / f32(net[a])))
            out[2 + a] = box[2 + a] * (f32(net[a]) / f32(new[a]))
        if not view.relative:
            out[a] = out[a] * f32(image[a])
            if not paired:
                out[2 + a] = out[2 + a] * f32(image[a])
    return (out[0], out[1], out[2], out[3])


def top_class(tree: Tree, conditional: list[np.float32], hier_thresh: np.float32) -> int:
    """``hierarchy_predictions``, then ``hierarchy_top_prediction``."""
    absolute = list(conditional)
    for j, parent in enumerate(tree.parent):
        if parent >= 0:
            absolute[j] = absolute[j] * absolute[parent]
    p, group = f32(1), 0
    while True:
        best, best_class = f32(0), 0
        for j in range(tree.group_offset[group], tree.group_offset[group] + tree.group_size[group]):
            if absolute[j] > best:
                best, best_class = absolute[j], j
        if p * best > hier_thresh:
            p = p * best
            if tree.child[best_class] < 0:
                return best_class
            group = tree.child[best_class]
        elif group == 0:
            return best_class
        else:
            return int(tree.parent[tree.group_offset[group]])


def region(
    head: Region, values: NDArray[np.float32], view: View, thresh: float, hier_thresh: float = 0.5,
    tree: Tree | None = None, classes_map: list[int] | None = None,
) -> list[Found]:  # fmt: skip
    """``get_region_detections``."""
    stride, limit, found = head.w * head.h, f32(thresh), []
    for location in range(head.n * stride):
        n, cell = divmod(location, stride)
        base = n * stride * (head.coords + 1 + head.classes) + cell
        scale = f32(1) if head.background else values[base + head.coords * stride]
        box = anchor_box(
            values, base, stride, (head.biases[2 * n], head.biases[2 * n + 1]), (cell % head.w, cell // head.w),
            (head.w, head.h), (head.w, head.h),
        )  # fmt: skip
        result = Found(location, box, scale if scale > limit else f32(0))
        if tree is not None:
            conditional = [values[base + (head.coords + 1 + j) * stride] for j in range(tree.n)]
            if classes_map is None:
                if scale > limit:
                    result.prob[top_class(tree, conditional, f32(hier_thresh))] = scale
            else:
                for k, node in enumerate(classes_map):
                    absolute = f32(1)
                    for step in tree.path(node):
                        absolute = conditional[step] * absolute
                    if scale * absolute > limit:
                        result.prob[k] = scale * absolute
        elif result.objectness:
            for k in range(head.classes):
                prob = scale * values[base + (head.coords + 1 + k) * stride]
                if prob > limit:
                    result.prob[k] = prob
        found.append(result)
    for result in found:
        result.box = correct(result.box, view, result.index, len(found))
    return found


def yolo(head: Yolo, values: NDArray[np.float32], view: View, thresh: float) -> list[Found]:
    """``get_yolo_detections``."""
    stride, limit, found = head.w * head.h, f32(thresh), []
    for cell in range(stride):
        for n, mask in enumerate(head.mask):
            base = n * stride * (5 + head.classes) + cell
            objectness = values[base + 4 * stride]
            if not objectness > limit:
                continue
            box = anchor_box(
                values, base, stride, (head.biases[2 * mask], head.biases[2 * mask + 1]),
                (cell % head.w, cell // head.w), (head.w, head.h), view.net,
            )  # fmt: skip
            probs = {k: objectness * values[base + (5 + k) * stride] for k in range(head.classes)}
            found.append(Found(len(found), box, objectness, {k: p for k, p in probs.items() if p > limit}))
    for result in found:
        result.box = correct(result.box, view, result.index, len(found))
    return found


def detection(head: Detection, values: NDArray[np.float32], view: View, thresh: float) -> list[Found]:
    """``get_detection_detections``."""
    side, limit, found = head.side, f32(thresh), []
    for cell in range(side * side):
        for n in range(head.n):
            index = cell * head.n + n
            scale = values[side * side * head.classes + index]
            place = side * side * (head.classes + head.n) + index * 4
            box = [f32(0)] * 4
            for a in (0, 1):
                moved = values[place + a] + f32((cell % side, cell // side)[a])
                if view.make:
                    box[a] = moved * (f32(view.image[a]) * (f32(1) / f32(side)))
                else:
                    box[a] = moved / f32(side) * f32(view.image[a])
                box[2 + a] = f32(math.pow(float(values[place + 2 + a]), 2 if head.sqrt else 1) * view.image[a])
            probs = {k: scale * values[cell * head.classes + k] for k in range(head.classes)}
            kept = {k: p for k, p in probs.items() if p > limit}
            found.append(Found(index, (box[0], box[1], box[2], box[3]), scale, kept))
    return found


def iou(a: Box, b: Box) -> np.float32:
    """``box_iou``."""
    half = f32(0.5)
    sides = []
    for i in (0, 1):
        left = max(a[i] - a[2 + i] * half, b[i] - b[2 + i] * half)
        right = min(a[i] + a[2 + i] * half, b[i] + b[2 + i] * half)
        sides.append(right - left)
    common = f32(0) if sides[0] < 0 or sides[1] < 0 else sides[0] * sides[1]
    return common / (a[2] * a[3] + b[2] * b[3] - common)


def swap_zeros_back(found: list[Found]) -> list[Found]:
    """The first loop of ``do_nms_sort`` and ``do_nms_obj``; the boxes of objectness 0 are left out."""
    boxes = list(found)
    i, k = 0, len(boxes) - 1
    while i <= k:
        if boxes[i].objectness == 0:
            boxes[i], boxes[k] = boxes[k], boxes[i]
            k -= 1
        else:
            i += 1
    return boxes[: k + 1]


def nms_sort(found: list[Found], classes: int, thresh: float) -> list[Found]:
    """``do_nms_sort``."""
    boxes = swap_zeros_back(found)
    for k in range(classes):
        boxes.sort(key=lambda box: -float(box.get(k)))
        for i, a in enumerate(boxes):
            if a.get(k) == 0:
                continue
            for b in boxes[i + 1 :]:
                if iou(a.box, b.box) > f32(thresh):
                    b.prob.pop(k, None)
    return boxes


def nms_obj(found: list[Found], thresh: float) -> list[Found]:
    """``do_nms_obj``."""
    boxes = swap_zeros_back(found)
    boxes.sort(key=lambda box: -float(box.objectness))
    for i, a in enumerate(boxes):
        if a.objectness == 0:
            continue
        for b in boxes[i + 1 :]:
            if b.objectness != 0 and iou(a.box, b.box) > f32(thresh):
                b.objectness = f32(0)
                b.prob = {}
    return boxes
