"""The files that Darknet's ``valid`` commands write, byte for byte."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..formats.cfg import c_int
from ..output.text import c_float
from ..validate.references import COCO_IDS

if TYPE_CHECKING:
    from ..typing import Doubles
    from .found import Found


f32 = np.float32


def image_id(path: str) -> str:
    """An image's name without folders and from its first dot on (``basecfg``)."""
    return path.rsplit("/", 1)[-1].split(".", 1)[0]


def coco_id(path: str) -> int:
    """An image's number (``get_coco_image_id``): what follows the last ``_`` of the path, else the last ``/``."""
    begin = path.rfind("_") if "_" in path else path.rfind("/")
    number = re.match(r"\s*[+-]?\d+", path[begin + 1 :], re.ASCII)
    return int(number[0]) if number else 0


def corners(found: Found, first: int) -> Doubles:
    """Left, top, right and bottom of each box, clipped to the image; its first pixel's number is 0 or 1.

    As in C: the halves are doubles, each corner is then a float.
    """
    centre, half = found.box[:, :2].astype(np.float64), found.box[:, 2:] / 2.0
    low, high = (centre - half + first).astype(f32), (centre + half + first).astype(f32)
    least, size = f32(first), np.array(found.size, f32)
    low = np.where(low < least, least, low)
    high = np.where(high > size, size, high)
    return np.concatenate([low, high], axis=1).astype(np.float64)


def class_lines(images: Sequence[str], results: Sequence[Found], first: int) -> dict[int, list[str]]:
    """Lines by class; the first pixel is 1 (``print_detector_detections``) or 0 (``print_yolo_detections``)."""
    lines: dict[int, list[str]] = {}
    for image, found in zip(images, results, strict=True):
        place, name = corners(found, first), image_id(image)
        for row, class_id, score in zip(found.row, found.class_id.tolist(), found.score.tolist(), strict=True):
            left, top, right, bottom = place[row]
            line = f"{name} {c_float(score)} {c_float(left)} {c_float(top)} {c_float(right)} {c_float(bottom)}\n"
            lines.setdefault(class_id, []).append(line)
    return lines


def base_id(path: str) -> int:
    """An image's number for AlexeyAB's Darknet: what its name begins with."""
    return c_int(image_id(path))


def coco_text(images: Sequence[str], results: Sequence[Found], number_of: Callable[[str], int] = coco_id) -> str:
    """``coco_results.json`` (``print_cocos``): boxes are left, top, width and height."""
    entries = []
    for image, found in zip(images, results, strict=True):
        number, place = number_of(image), corners(found, 0)
        sides = (place[:, 2:].astype(f32) - place[:, :2].astype(f32)).astype(np.float64)
        for row, class_id, score in zip(found.row, found.class_id.tolist(), found.score.tolist(), strict=True):
            values = ", ".join(c_float(value) for value in (*place[row, :2], *sides[row]))
            entries.append(
                f'{{"image_id":{number}, "category_id":{COCO_IDS[class_id]}, "bbox":[{values}], '
                f'"score":{c_float(score)}}}'
            )
    return "[\n" + ",\n".join(entries) + "\n]\n"


def imagenet_lines(results: Sequence[Found]) -> Iterator[str]:
    """``imagenet-detection.txt`` (``print_imagenet_detections``): images and classes are numbers from 1."""
    for number, found in enumerate(results, start=1):
        place = corners(found, 0)
        for row, class_id, score in zip(found.row, found.class_id.tolist(), found.score.tolist(), strict=True):
            left, top, right, bottom = place[row]
            yield (
                f"{number} {class_id + 1} {c_float(score)} {c_float(left)} {c_float(top)} {c_float(right)} "
                f"{c_float(bottom)}\n"
            )


KITTI_CLASSES = ("car", "pedestrian", "cyclist")
"""Classes of ``eval=kitti``, by number, whatever the names file says."""

BDD_CLASSES = (
    "bike", "bus", "car", "motor", "person", "rider", "traffic light", "traffic sign", "train", "truck",
)  # fmt: skip
"""Classes of ``eval=bdd``."""


def kitti_text(found: Found) -> str:
    """The file of an image for KITTI's server (AlexeyAB's ``print_kitti_detections``)."""
    lines = []
    for row, class_id, score in zip(found.row, found.class_id.tolist(), found.score.tolist(), strict=True):
        sides = " ".join(map(c_float, corners(found, 0)[row]))
        lines.append(f"{KITTI_CLASSES[class_id]} -1 -1 -10 {sides} -1 -1 -1 -1000 -1000 -1000 -10 {c_float(score)}\n")
    return "".join(lines)


def bdd_text(images: Sequence[str], results: Sequence[Found]) -> str:
    """``bdd_results.json`` (AlexeyAB's ``print_bdd_detections``)."""
    entries = []
    for image, found in zip(images, results, strict=True):
        name, place = image.rsplit("/", 1)[-1].replace(".jpg", ""), corners(found, 0)
        for row, class_id, score in zip(found.row, found.class_id.tolist(), found.score.tolist(), strict=True):
            entries.append(
                f'\t{{\n\t\t"name":"{name}",\n\t\t"category":"{BDD_CLASSES[class_id]}",\n'
                f'\t\t"bbox":[{", ".join(map(c_float, place[row]))}],\n\t\t"score":{c_float(score)}\n\t}}'
            )
    return "[\n" + ",\n".join(entries) + "\n]\n"
