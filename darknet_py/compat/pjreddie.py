"""pjreddie's ``python/darknet.py``: its names, arguments and results, answered by this engine.

As there, ctypes' names are part of the module, paths may be bytes or str, names of classes are bytes, and results stand
in descending order. Images are letterboxed into the network, as ``network_predict_image`` does it.
"""

from __future__ import annotations

import math
import random
from ctypes import *
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import DarknetError
from .detection_arrays import empty_detections, read_detections, suppress, to_detections
from .handles import Handle, handle, load_meta
from .library import Library
from .structs import (
    BOX,
    IMAGE,
    METADATA,
    free_image,
    letterbox_image,
    load_image,
    make_image,
    planes,
    rgbgr_image,
    to_pointer,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .structs import Pointer

Row = tuple[bytes, float, tuple[float, float, float, float]]


class DETECTION(Structure):
    """One box: its place, a probability for each class, and its objectness."""

    _fields_ = (
        ("bbox", BOX), ("classes", c_int), ("prob", POINTER(c_float)), ("mask", POINTER(c_float)),
        ("objectness", c_float), ("sort_class", c_int),
    )  # fmt: skip


def sample(probs: Sequence[float]) -> int:
    """A random index; each has its part of the sum as probability."""
    total = sum(probs)
    left = random.uniform(0, 1)
    for index, value in enumerate(probs):
        left -= value / total
        if left <= 0:
            return index
    return len(probs) - 1


def c_array(ctype: Any, values: Sequence[float]) -> Pointer:
    """A ctypes array of these values."""
    return (ctype * len(values))(*values)


def load_net(cfg: str | bytes, weights: str | bytes, clear: int = 0) -> Handle:
    """Read a network. ``clear`` is for training and changes nothing here."""
    return Handle(cfg, weights)


def network_width(net: Handle) -> int:
    """Width of the network's input."""
    return handle(net).width


def network_height(net: Handle) -> int:
    """Height of the network's input."""
    return handle(net).height


def network_predict(net: Handle, values: Pointer) -> Pointer:
    """Run on raw values (a ctypes array or pointer); a pointer to the output."""
    return handle(net).run_flat(values)


predict = network_predict


def predict_image(net: Handle, im: IMAGE) -> Pointer:
    """Run on an image, letterboxed; a pointer to the output."""
    return to_pointer(_predict(net, im))


def _predict(net: Handle, im: IMAGE) -> Pointer:
    network = handle(net)
    network.check_channels(im.c)
    return network.run(planes(letterbox_image(im, network.width, network.height)))[0]


def get_network_boxes(
    net: Handle, w: int, h: int, thresh: float, hier: float, map: Any, relative: int, num: Pointer
) -> Pointer:
    """The boxes of the last image, for a picture of w x h; their count goes to where ``num`` points."""
    found = handle(net).boxes(w, h, thresh, hier, map, bool(relative), letter=True)
    (num._obj if hasattr(num, "_obj") else num.contents).value = len(found)  # of byref() or of pointer()
    return to_detections(found, DETECTION)


def make_network_boxes(net: Handle, thresh: float, num: Pointer) -> Pointer:
    """As many empty detections as `get_network_boxes` would give; their count goes to where ``num`` points."""
    found = handle(net).boxes(1, 1, thresh, 0.5, None, True, True)
    (num._obj if hasattr(num, "_obj") else num.contents).value = len(found)
    return empty_detections(len(found), found.prob.shape[1], DETECTION)


def do_nms_obj(dets: Pointer, total: int, classes: int, thresh: float) -> None:
    """Sort by objectness; boxes that overlap a better one lose everything."""
    suppress(dets, total, classes, thresh, by_class=False)


def do_nms_sort(dets: Pointer, total: int, classes: int, thresh: float) -> None:
    """Class after class: sort, and take the class from boxes that overlap a better one."""
    suppress(dets, total, classes, thresh, by_class=True)


def free_detections(dets: Pointer, n: int) -> None:
    """Nothing: Python frees them."""


def free_ptrs(ptrs: Pointer, n: int) -> None:
    """Nothing: Python frees them."""


def set_gpu(n: int) -> None:
    """Nothing: there is no GPU here."""


def reset_rnn(net: Handle) -> None:
    """Let recurrent layers forget."""
    handle(net).detector.reset_state()


def classify(net: Handle, meta: METADATA, im: IMAGE) -> list[tuple[bytes, float]]:
    """All classes with their probabilities, most probable first."""
    out = _predict(net, im)
    if meta.classes > out.size:
        raise DarknetError(f"the data file has {meta.classes} classes, but the network has {out.size} outputs")
    rows = [(meta.names[i], float(out[i])) for i in range(meta.classes)]
    return sorted(rows, key=lambda row: -row[1])


def detect(
    net: Handle, meta: METADATA, image: str | bytes, thresh: float = 0.5, hier_thresh: float = 0.5, nms: float = 0.45
) -> list[Row]:
    """Detect the objects in an image file.

    Returns:
        (name, probability, (centre x, centre y, width, height in pixels)), most probable first.
    """
    im = load_image(image, 0, 0)
    predict_image(net, im)
    num = c_int(0)
    dets = get_network_boxes(net, im.w, im.h, thresh, hier_thresh, None, 0, pointer(num))
    if nms:
        do_nms_obj(dets, num.value, meta.classes, nms)
    return sorted(_rows(dets, num.value, meta), key=lambda row: -row[1])


def _rows(dets: Pointer, total: int, meta: METADATA) -> list[Row]:
    """Every class of every box that has a probability, box after box."""
    box, _, prob = read_detections(dets, total, meta.classes)
    return [(meta.names[i], float(prob[j, i]), tuple(box[j].tolist())) for j, i in np.argwhere(prob > 0)]


lib = Library(globals(), {"load_network": load_net, "get_metadata": load_meta}, network_predict_image=predict_image)
"""What scripts call of libdarknet by its C names."""
