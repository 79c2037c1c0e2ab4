"""Runs a user's libdarknet.so in a process of its own, because a C library may exit or crash.

Called as ``python -m darknet_py.validate.live_child REQUEST``, a JSON file: ``library``, ``cfg``, ``weights``,
``images``, ``layers`` (how many), ``thresh``, ``hier_thresh``, ``nms``, ``folder``. For every image it writes
``folder/N.npz``: the decoded picture, the network's input, every layer's output, boxes before and after NMS.

Only Darknet's exported functions are used, so that the layout of its large structures does not matter; its small ones
(``image``, ``detection``) must be those of pjreddie's Darknet.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np


class Picture(ctypes.Structure):
    """``image``: width, height, channels, planar floats."""

    _fields_ = (("w", ctypes.c_int), ("h", ctypes.c_int), ("c", ctypes.c_int), ("data", ctypes.POINTER(ctypes.c_float)))


class Found(ctypes.Structure):
    """``detection``."""

    _fields_ = (
        ("bbox", ctypes.c_float * 4), ("classes", ctypes.c_int), ("prob", ctypes.POINTER(ctypes.c_float)),
        ("mask", ctypes.POINTER(ctypes.c_float)), ("objectness", ctypes.c_float), ("sort_class", ctypes.c_int),
    )  # fmt: skip


def declare(library: Any) -> None:
    """Tell ctypes about the functions that are called."""
    pointer, number, floats = ctypes.c_void_p, ctypes.c_int, ctypes.c_float
    found = ctypes.POINTER(Found)
    signatures: dict[str, tuple[Any, list[Any]]] = {
        "load_network": (pointer, [ctypes.c_char_p, ctypes.c_char_p, number]),
        "set_batch_network": (None, [pointer, number]),
        "network_width": (number, [pointer]),
        "network_height": (number, [pointer]),
        "load_image_color": (Picture, [ctypes.c_char_p, number, number]),
        "letterbox_image": (Picture, [Picture, number, number]),
        "network_predict": (ctypes.POINTER(floats), [pointer, ctypes.POINTER(floats)]),
        "get_network_image_layer": (Picture, [pointer, number]),
        "get_network_boxes": (
            found, [pointer, number, number, floats, floats, ctypes.POINTER(number), number, ctypes.POINTER(number)]
        ),
        "do_nms_sort": (None, [found, number, number, floats]),
    }  # fmt: skip
    for name, (result, arguments) in signatures.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments


def values(picture: Picture) -> np.ndarray[Any, Any]:
    """A copy of an image's floats; empty for none."""
    size = picture.w * picture.h * picture.c
    return np.ctypeslib.as_array(picture.data, (size,)).copy() if size else np.zeros(0, np.float32)


def boxes(found: Any, count: int, classes: int) -> dict[str, Any]:
    """Boxes with their probabilities, as arrays."""
    return {
        "box": np.array([list(found[i].bbox) for i in range(count)], np.float32).reshape(count, 4),
        "objectness": np.array([found[i].objectness for i in range(count)], np.float32),
        "prob": np.array([np.ctypeslib.as_array(found[i].prob, (classes,)) for i in range(count)], np.float32).reshape(
            count, classes
        ),
    }


def run(request: dict[str, Any]) -> None:
    """Carry out the request."""
    library = ctypes.CDLL(request["library"])
    declare(library)
    network = library.load_network(os.fsencode(request["cfg"]), os.fsencode(request["weights"]), 0)
    library.set_batch_network(network, 1)
    for number, image in enumerate(request["images"]):
        picture = library.load_image_color(os.fsencode(image), 0, 0)
        x = library.letterbox_image(picture, library.network_width(network), library.network_height(network))
        output = library.network_predict(network, x.data)
        arrays = {"decoded": values(picture), "input": values(x)}
        for layer in range(request["layers"]):
            arrays[f"layer{layer}"] = values(library.get_network_image_layer(network, layer))
        # The last layer may give no image (softmax, YOLOv1's head): then the function above does not show it.
        last, size = request["output"]
        arrays[f"layer{last}"] = np.ctypeslib.as_array(output, (size,)).copy()
        count = ctypes.c_int()
        found = library.get_network_boxes(
            network, picture.w, picture.h, request["thresh"], request["hier_thresh"], None, 1, ctypes.byref(count)
        )
        classes = request["classes"]
        arrays |= {f"before_{key}": array for key, array in boxes(found, count.value, classes).items()}
        if request["nms"]:
            library.do_nms_sort(found, count.value, classes, request["nms"])
        arrays |= {f"after_{key}": array for key, array in boxes(found, count.value, classes).items()}
        arrays["size"] = np.array([picture.w, picture.h])
        np.savez(str(Path(request["folder"]) / f"{number}.npz"), allow_pickle=False, **arrays)


if __name__ == "__main__":
    run(json.loads(Path(sys.argv[1]).read_text()))
