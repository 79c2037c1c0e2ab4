"""AlexeyAB's ``darknet.py``: its names, arguments and results, answered by this engine.

The module of 2020 and later (``load_network``, class names, confidences as text, ascending), and the calls of the one
before (`detect` and `detect_image` with a METADATA, descending). Images are stretched to the network's size, as
AlexeyAB's ``network_predict_image`` does it.
"""

from __future__ import annotations

import math
import os
import random
from collections.abc import Iterable, Sequence
from ctypes import *
from typing import Any

import numpy as np

from ..errors import DarknetError
from ..image.letterbox import resize as resize_image
from ..layers import Region
from .detection_arrays import read_detections, suppress, to_detections
from .handles import Handle, handle, load_meta
from .perform_detect import perform_detect
from .pjreddie import (
    c_array,
    free_detections,
    free_ptrs,
    network_height,
    network_predict,
    network_width,
    predict,
    reset_rnn,
    sample,
    set_gpu,
)
from .structs import (
    BOX,
    IMAGE,
    METADATA,
    copy_image_from_bytes,
    floats_at,
    free_image,
    letterbox_image,
    load_image,
    make_image,
    planes,
    rgbgr_image,
    text,
    to_pointer,
)

Box = tuple[float, float, float, float]


class DETECTION(Structure):
    """One box: its place, a probability for each class, its best class (or -1); the rest is for other networks."""

    _fields_ = (
        ("bbox", BOX), ("classes", c_int), ("best_class_idx", c_int), ("prob", POINTER(c_float)),
        ("mask", POINTER(c_float)), ("objectness", c_float), ("sort_class", c_int), ("uc", POINTER(c_float)),
        ("points", c_int), ("embeddings", POINTER(c_float)), ("embedding_size", c_int), ("sim", c_float),
        ("track_id", c_int),
    )  # fmt: skip


class DETNUMPAIR(Structure):
    """The detections of one image of a batch, and how many they are."""

    _fields_ = (("num", c_int), ("dets", POINTER(DETECTION)))


def load_net_custom(cfg: str | bytes, weights: str | bytes, clear: int = 0, batch: int = 1) -> Handle:
    """Read a network for ``batch`` images at a time. ``clear`` is for training and changes nothing here."""
    return Handle(cfg, weights, batch)


def load_net(cfg: str | bytes, weights: str | bytes, clear: int = 0) -> Handle:
    """Read a network."""
    return Handle(cfg, weights)


def load_network(
    config_file: str, data_file: str, weights: str, batch_size: int = 1
) -> tuple[Handle, list[str], dict[str, tuple[int, int, int]]]:
    """Read a network, its class names, and choose a colour for each class."""
    network = load_net_custom(config_file, weights, 0, batch_size)
    meta = load_meta(data_file)
    class_names = [text(meta.names[i]) for i in range(meta.classes)]
    return network, class_names, class_colors(class_names)


def free_network_ptr(net: Handle) -> None:
    """Nothing: Python frees it."""


def init_cpu() -> None:
    """Nothing is left to prepare."""


def class_colors(names: Iterable[str]) -> dict[str, tuple[int, int, int]]:
    """A random colour (blue, green, red) for each name, from Python's `random`."""
    colors = {}
    for name in names:
        colors[name] = (random.randint(0, 255), random.randint(0, 255), random.randint(0, 255))
    return colors


def bbox2points(bbox: Sequence[float]) -> tuple[int, int, int, int]:
    """Centre x, y, width, height -> left, top, right, bottom, rounded."""
    x, y, w, h = bbox
    return round(x - w / 2), round(y - h / 2), round(x + w / 2), round(y + h / 2)


def predict_image(net: Handle, im: IMAGE) -> Any:
    """Run on an image, stretched to the network's size; a pointer to the output."""
    network = handle(net)
    network.check_channels(im.c)
    values = planes(im)
    if (im.w, im.h) != (network.width, network.height):
        values = resize_image(values, network.width, network.height)
    return to_pointer(network.run(values)[0])


def predict_image_letterbox(net: Handle, im: IMAGE) -> Any:
    """Run on an image, letterboxed into the network's size; a pointer to the output."""
    network = handle(net)
    network.check_channels(im.c)
    if (im.w, im.h) != (network.width, network.height):
        im = letterbox_image(im, network.width, network.height)
    return to_pointer(network.run(planes(im))[0])


def network_predict_batch(
    net: Handle, im: IMAGE, batch_size: int, w: int, h: int, thresh: float, hier: float, map: Any, relative: int,
    letter: int,
) -> Any:  # fmt: skip
    """Run on ``batch_size`` images, which follow one another in ``im.data`` at the network's size.

    Returns:
        A pointer to as many DETNUMPAIR: boxes for pictures of w x h.
    """
    network = handle(net)
    network.check_channels(im.c)
    count = batch_size * network.detector.network.input.size
    network.run(floats_at(im.data, count))
    pairs = (DETNUMPAIR * batch_size)()
    for image in range(batch_size):
        pairs[image].dets, pairs[image].num = _boxes(network, w, h, thresh, hier, map, relative, letter, image)
    return cast(pairs, POINTER(DETNUMPAIR))


def free_batch_detections(pairs: Any, n: int) -> None:
    """Nothing: Python frees them."""


def get_network_boxes(
    net: Handle, w: int, h: int, thresh: float, hier: float, map: Any, relative: int, num: Any, letter: int = 0
) -> Any:
    """The boxes of the last image, for a picture of w x h; their count goes to where ``num`` points."""
    dets, count = _boxes(handle(net), w, h, thresh, hier, map, relative, letter)
    (num._obj if hasattr(num, "_obj") else num.contents).value = count  # of byref() or of pointer()
    return dets


def _boxes(
    net: Handle, w: int, h: int, thresh: float, hier: float, map: Any, relative: int, letter: int, image: int = 0
) -> tuple[Any, int]:
    """A pointer to the boxes of one image, and how many they are."""
    found = net.boxes(w, h, thresh, hier, map, bool(relative), bool(letter), image)
    dets = to_detections(found, DETECTION)
    best = np.full(len(found), -1)
    best[found.kept] = np.where(found.prob.any(axis=1), found.prob.argmax(axis=1), -1)
    region = any(isinstance(head, Region) for head in net.detector.network.heads)
    for row in range(len(found)):
        dets[row].best_class_idx = best[row]
        if region:
            dets[row].objectness = 1  # AlexeyAB notes no other for [region]
    return dets, len(found)


def do_nms_obj(dets: Any, total: int, classes: int, thresh: float) -> None:
    """Sort by objectness; boxes that overlap a better one lose everything."""
    suppress(dets, total, classes, thresh, by_class=False)


def do_nms_sort(dets: Any, total: int, classes: int, thresh: float) -> None:
    """Class after class: sort, and take the class from boxes that overlap a better one."""
    suppress(dets, total, classes, thresh, by_class=True)


def remove_negatives(detections: Any, class_names: Sequence[str], num: int) -> list[tuple[str, float, Box]]:
    """(name, probability, (x, y, w, h)) of every class that a box has, box after box."""
    box, _, prob = read_detections(detections, num, len(class_names))
    return [(class_names[i], float(prob[j, i]), tuple(box[j].tolist())) for j, i in np.argwhere(prob > 0)]


def remove_negatives_faster(detections: Any, class_names: Sequence[str], num: int) -> list[tuple[str, float, Box]]:
    """The same for each box's best class alone."""
    box, _, prob = read_detections(detections, num, len(class_names))
    best = [(j, detections[j].best_class_idx) for j in range(num)]
    return [(class_names[i], float(prob[j, i]), tuple(box[j].tolist())) for j, i in best if i >= 0]


def decode_detection(detections: Iterable[tuple[str, float, Box]]) -> list[tuple[str, str, Box]]:
    """Probabilities -> percents as text: .8239 is "82.39"."""
    return [(str(label), str(round(confidence * 100, 2)), bbox) for label, confidence, bbox in detections]


def detect_image(
    network: Handle, class_names: Any, image: IMAGE, thresh: float = 0.5, hier_thresh: float = 0.5, nms: float = 0.45,
    debug: bool = False,
) -> list[Any]:  # fmt: skip
    """Detect the objects in an image.

    Returns:
        (label, percent as text, (centre x, centre y, width, height in pixels of the image)), sorted by that text. For a
        METADATA in the place of the class names, as the older module: (name, probability, box), most probable first.
    """
    older = isinstance(class_names, METADATA)
    names = [class_names.names[i] for i in range(class_names.classes)] if older else class_names
    num = c_int(0)
    predict_image(network, image)
    dets = get_network_boxes(network, image.w, image.h, thresh, hier_thresh, None, 0, pointer(num), 0)
    if nms:
        do_nms_sort(dets, num.value, len(names), nms)
    found = remove_negatives(dets, names, num.value)
    if older:
        return sorted(found, key=lambda row: -row[1])
    return sorted(decode_detection(found), key=lambda row: row[1])


def detect(
    net: Handle, meta: METADATA, image: str | bytes, thresh: float = 0.5, hier_thresh: float = 0.5, nms: float = 0.45,
    debug: bool = False,
) -> list[Any]:  # fmt: skip
    """`detect_image` of a file, as the older module."""
    return detect_image(net, meta, load_image(image, 0, 0), thresh, hier_thresh, nms)


def performDetect(*args: Any, **options: Any) -> Any:
    """The older module's one call for one image; see `compat.perform_detect`."""
    return perform_detect(detect, *args, **options)


def classify(net: Handle, meta: METADATA, im: IMAGE) -> list[tuple[bytes, float]]:
    """All classes with their probabilities, most probable first."""
    out = predict_image(net, im)
    size = handle(net).detector.network.output_layer.out.size
    if meta.classes > size:
        raise DarknetError(f"the data file has {meta.classes} classes, but the network has {size} outputs")
    return sorted([(meta.names[i], out[i]) for i in range(meta.classes)], key=lambda row: -row[1])


def array_to_image(arr: Any) -> tuple[IMAGE, Any]:
    """H x W x C bytes as an image, and its values."""
    values = np.ascontiguousarray(np.asarray(arr).transpose(2, 0, 1).astype(np.float32) / np.float32(255))
    channels, height, width = values.shape
    return IMAGE(width, height, channels, to_pointer(values)), values.reshape(-1)


def print_detections(detections: Iterable[tuple[str, str, Box]], coordinates: bool = False) -> None:
    """A line for each detection, with its box if ``coordinates``."""
    print("\nObjects:")
    for label, confidence, (x, y, w, h) in detections:
        place = f"    (left_x: {x:.0f}   top_y:  {y:.0f}   width:   {w:.0f}   height:  {h:.0f})" if coordinates else ""
        print(f"{label}: {confidence}%{place}")


def draw_boxes(detections: Iterable[tuple[str, Any, Box]], image: Any, colors: Any) -> Any:
    """Draw boxes and labels into an image (H x W x 3 bytes), which is returned.

    Raises:
        DarknetError: OpenCV, which draws them, is not installed.
    """
    try:
        import cv2
    except ImportError as error:
        raise DarknetError("draw_boxes draws with OpenCV: pip install opencv-python-headless") from error
    for label, confidence, bbox in detections:
        left, top, right, bottom = bbox2points(bbox)
        cv2.rectangle(image, (left, top), (right, bottom), colors[label], 1)
        caption = f"{label} [{float(confidence):.2f}]"
        cv2.putText(image, caption, (left, top - 5), cv2.FONT_HERSHEY_SIMPLEX, 0.5, colors[label], 2)
    return image
