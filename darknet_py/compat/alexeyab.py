"""AlexeyAB's ``darknet.py``: its names, arguments and results, answered by this engine.

The module of 2020 and later (``load_network``, class names, confidences as text, ascending), and the calls of the one
before (`detect` and `detect_image` with a METADATA, descending). Images are stretched to the network's size, as
AlexeyAB's ``network_predict_image`` does it.
"""

from __future__ import annotations

import ctypes as ct
import math
import os
import random
from collections.abc import Sequence
from ctypes import *
from typing import TYPE_CHECKING, Any

import numpy as np

from ..dialect import ALEXEYAB
from ..errors import DarknetError
from ..image.letterbox import resize as resize_image
from .additions import (
    add_skipped_class,
    clear_skipped_classes,
    del_skipped_class,
    network_dimensions,
    non_max_suppression_fast,
    set_output_stream,
    set_verbose,
    show_version_info,
    version_short,
    version_string,
)
from .detection_arrays import empty_detections, read_detections, suppress, to_detections
from .drawing import Box, bbox2points, class_colors, decode_detection, draw_boxes, print_detections
from .handles import Handle, handle, load_meta
from .library import Library
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

if TYPE_CHECKING:
    from .structs import Pointer

netMain: Handle | None = None
metaMain: METADATA | None = None
altNames: Sequence[str] | None = None
"""What `performDetect` reads at its first call, or a script sets: the network, its classes, and their names as str."""

hasGPU = False

FloatPtr, IntPtr = POINTER(c_float), POINTER(c_int)


class DETECTION(Structure):
    """One box: its place, a probability for each class, its best class (or -1); the rest is for other networks."""

    _fields_ = (
        ("bbox", BOX), ("classes", c_int), ("best_class_idx", c_int), ("prob", POINTER(c_float)),
        ("mask", POINTER(c_float)), ("objectness", c_float), ("sort_class", c_int), ("uc", POINTER(c_float)),
        ("points", c_int), ("embeddings", POINTER(c_float)), ("embedding_size", c_int), ("sim", c_float),
        ("track_id", c_int),
    )  # fmt: skip


DETECTIONPtr = POINTER(DETECTION)


class DETNUMPAIR(Structure):
    """The detections of one image of a batch, and how many they are."""

    _fields_ = (("num", c_int), ("dets", POINTER(DETECTION)))


DETNUMPAIRPtr = POINTER(DETNUMPAIR)


def load_net_custom(cfg: str | bytes, weights: str | bytes, clear: int = 0, batch: int = 1) -> Handle:
    """Read a network for ``batch`` images at a time. ``clear`` is for training and changes nothing here."""
    return Handle(cfg, weights, batch, ALEXEYAB.key)


def load_net(cfg: str | bytes, weights: str | bytes, clear: int = 0) -> Handle:
    """Read a network."""
    return Handle(cfg, weights, dialect=ALEXEYAB.key)


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


def predict_image(net: Handle, im: IMAGE) -> Pointer:
    """Run on an image, stretched to the network's size; a pointer to the output."""
    network = handle(net)
    network.check_channels(im.c)
    values = planes(im)
    if (im.w, im.h) != (network.width, network.height):
        values = resize_image(values, network.width, network.height)
    return to_pointer(network.run(values)[0])


def predict_image_letterbox(net: Handle, im: IMAGE) -> Pointer:
    """Run on an image, letterboxed into the network's size; a pointer to the output."""
    network = handle(net)
    network.check_channels(im.c)
    if (im.w, im.h) != (network.width, network.height):
        im = letterbox_image(im, network.width, network.height)
    return to_pointer(network.run(planes(im))[0])


def network_predict_batch(
    net: Handle, im: IMAGE, batch_size: int, w: int, h: int, thresh: float, hier: float, map: Any, relative: int,
    letter: int,
) -> Pointer:  # fmt: skip
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


def free_batch_detections(pairs: Pointer, n: int) -> None:
    """Nothing: Python frees them."""


def get_network_boxes(
    net: Handle, w: int, h: int, thresh: float, hier: float, map: Any, relative: int, num: Pointer, letter: int = 0
) -> Pointer:
    """The boxes of the last image, for a picture of w x h; their count goes to where ``num`` points."""
    dets, count = _boxes(handle(net), w, h, thresh, hier, map, relative, letter)
    (num._obj if hasattr(num, "_obj") else num.contents).value = count  # of byref() or of pointer()
    return dets


def make_network_boxes(net: Handle, thresh: float, num: Pointer) -> Pointer:
    """As many empty detections as `get_network_boxes` would give; their count goes to where ``num`` points."""
    found = handle(net).boxes(1, 1, thresh, 0.5, None, True, True)
    (num._obj if hasattr(num, "_obj") else num.contents).value = len(found)
    return empty_detections(len(found), found.prob.shape[1], DETECTION)


def _boxes(
    net: Handle, w: int, h: int, thresh: float, hier: float, map: Any, relative: int, letter: int, image: int = 0
) -> tuple[Pointer, int]:
    """A pointer to the boxes of one image, and how many they are."""
    found = net.boxes(w, h, thresh, hier, map, bool(relative), bool(letter), image)
    dets = to_detections(found, DETECTION)
    best = np.full(len(found), -1)
    best[found.kept] = np.where(found.prob.any(axis=1), found.prob.argmax(axis=1), -1)
    flat = any(head.flat for head in net.detector.network.heads)
    for row in range(len(found)):
        dets[row].best_class_idx = best[row]
        if flat:
            dets[row].objectness = 1  # AlexeyAB notes no other for [region]
    return dets, len(found)


def do_nms_obj(dets: Pointer, total: int, classes: int, thresh: float) -> None:
    """Sort by objectness; boxes that overlap a better one lose everything."""
    suppress(dets, total, classes, thresh, by_class=False)


def do_nms_sort(dets: Pointer, total: int, classes: int, thresh: float) -> None:
    """Class after class: sort, and take the class from boxes that overlap a better one."""
    suppress(dets, total, classes, thresh, by_class=True)


def remove_negatives(detections: Pointer, class_names: Sequence[str], num: int) -> list[tuple[str, float, Box]]:
    """(name, probability, (x, y, w, h)) of every class that a box has, box after box."""
    box, _, prob = read_detections(detections, num, len(class_names))
    return [(class_names[i], float(prob[j, i]), tuple(box[j].tolist())) for j, i in np.argwhere(prob > 0)]


def remove_negatives_faster(detections: Pointer, class_names: Sequence[str], num: int) -> list[tuple[str, float, Box]]:
    """The same for each box's best class alone."""
    box, _, prob = read_detections(detections, num, len(class_names))
    best = [(j, detections[j].best_class_idx) for j in range(num)]
    return [(class_names[i], float(prob[j, i]), tuple(box[j].tolist())) for j, i in best if i >= 0]


def detect_image(
    network: Handle, class_names: Any, image: IMAGE, thresh: float = 0.5, hier_thresh: float = 0.5, nms: float = 0.45,
    debug: bool = False,
) -> list[Any]:  # fmt: skip
    """Detect the objects in an image.

    Returns:
        (label, percent as text, (centre x, centre y, width, height in pixels of the image)), sorted by that text. For a
        METADATA instead of the class names, as the older module: (name, probability, box), most probable first;
        the names as bytes, or those of `altNames` where that is set.
    """
    older = isinstance(class_names, METADATA)
    names = _names(class_names) if older else class_names
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


def _names(meta: METADATA) -> list[Any]:
    """The names of all classes as the older module returns them."""
    if altNames is not None:
        if len(altNames) < meta.classes:
            raise DarknetError(f"altNames has {len(altNames)} names, but the data file {meta.classes} classes")
        return list(altNames[: meta.classes])
    return [meta.names[i] for i in range(meta.classes)]


def performDetect(*args: Any, **options: Any) -> Any:
    """The older module's one call for one image; see `compat.perform_detect`."""
    return perform_detect(globals(), *args, **options)


def classify(net: Handle, meta: METADATA, im: IMAGE) -> list[tuple[Any, float]]:
    """All classes with their probabilities, most probable first; names as of `detect`."""
    out = predict_image(net, im)
    size = handle(net).detector.network.output_layer.out.size
    if meta.classes > size:
        raise DarknetError(f"the data file has {meta.classes} classes, but the network has {size} outputs")
    return sorted([(name, out[i]) for i, name in enumerate(_names(meta))], key=lambda row: -row[1])


def array_to_image(arr: Any) -> tuple[IMAGE, Any]:
    """H x W x C bytes as an image, and its values."""
    values = np.ascontiguousarray(np.asarray(arr).transpose(2, 0, 1).astype(np.float32) / np.float32(255))
    channels, height, width = values.shape
    return IMAGE(width, height, channels, to_pointer(values)), values.reshape(-1)


lib = Library(
    globals(), {"load_network": load_net, "load_network_custom": load_net_custom, "get_metadata": load_meta},
    network_predict_ptr=network_predict, network_predict_image=predict_image,
    network_predict_image_letterbox=predict_image_letterbox,
)  # fmt: skip
"""What scripts call of libdarknet by its C names."""
