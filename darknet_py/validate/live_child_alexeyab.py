"""As `live_child`, for a libdarknet.so of AlexeyAB's Darknet.

Called as ``python -m darknet_py.validate.live_child_alexeyab REQUEST``, a JSON file: ``library``, ``weights``, ``cfgs``
(a list of [number of a layer, cfg that ends with it], the whole network's last), ``images``, ``letterbox``, ``thresh``,
``hier_thresh``, ``nms``, ``nms_kind`` (a number), ``beta``, ``classes``, ``sizes`` (outputs of those layers), ``boxes``
(whether they are wanted), ``folder``.

Only exported functions are called: the layout of his large structures depends on how he was built, so that a layer's
output is to be had of the last layer only. That is why there are several cfgs.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

from .live_child import Picture, boxes, values

POINTER, NUMBER, FLOAT = ctypes.c_void_p, ctypes.c_int, ctypes.c_float


class Found(ctypes.Structure):
    """``detection``."""

    _fields_ = (
        ("bbox", FLOAT * 4), ("classes", NUMBER), ("best_class_idx", NUMBER), ("prob", ctypes.POINTER(FLOAT)),
        ("mask", ctypes.POINTER(FLOAT)), ("objectness", FLOAT), ("sort_class", NUMBER), ("uc", ctypes.POINTER(FLOAT)),
        ("points", NUMBER), ("embeddings", ctypes.POINTER(FLOAT)), ("embedding_size", NUMBER), ("sim", FLOAT),
        ("track_id", NUMBER),
    )  # fmt: skip


def declare(library: Any) -> None:
    """Tell ctypes about the functions that are called."""
    found = ctypes.POINTER(Found)
    signatures: dict[str, tuple[Any, list[Any]]] = {
        "load_network_custom": (POINTER, [ctypes.c_char_p, ctypes.c_char_p, NUMBER, NUMBER]),
        "network_width": (NUMBER, [POINTER]),
        "network_height": (NUMBER, [POINTER]),
        "load_image_color": (Picture, [ctypes.c_char_p, NUMBER, NUMBER]),
        "letterbox_image": (Picture, [Picture, NUMBER, NUMBER]),
        "resize_image": (Picture, [Picture, NUMBER, NUMBER]),
        "network_predict_ptr": (ctypes.POINTER(FLOAT), [POINTER, ctypes.POINTER(FLOAT)]),
        "get_network_boxes": (
            found,
            [POINTER, NUMBER, NUMBER, FLOAT, FLOAT, ctypes.POINTER(NUMBER), NUMBER, ctypes.POINTER(NUMBER), NUMBER],
        ),
        "do_nms_sort": (None, [found, NUMBER, NUMBER, FLOAT]),
        "diounms_sort": (None, [found, NUMBER, NUMBER, FLOAT, NUMBER, FLOAT]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments


def run(request: dict[str, Any]) -> None:
    """Carry out the request."""
    library = ctypes.CDLL(request["library"])
    declare(library)
    weights = os.fsencode(request["weights"])
    networks = {
        layer: library.load_network_custom(os.fsencode(cfg), weights, 0, 1) for layer, cfg in request["cfgs"]
    }  # the same images go through each of them, in order: recurrent layers of all see the same
    whole = networks[request["cfgs"][-1][0]]
    uses_avx = bool(library.is_avx()) if hasattr(library, "is_avx") else False
    for number, image in enumerate(request["images"]):
        picture = library.load_image_color(os.fsencode(image), 0, 0)
        fit = library.letterbox_image if request["letterbox"] else library.resize_image
        x = fit(picture, library.network_width(whole), library.network_height(whole))
        arrays = {"decoded": values(picture), "input": values(x), "avx": np.array(uses_avx)}
        for (layer, network), size in zip(networks.items(), request["sizes"], strict=True):
            output = library.network_predict_ptr(network, x.data)
            arrays[f"layer{layer}"] = np.ctypeslib.as_array(output, (size,)).copy()
        if request["boxes"]:
            arrays |= _boxes(library, whole, picture, request)
        arrays["size"] = np.array([picture.w, picture.h])
        np.savez(str(Path(request["folder"]) / f"{number}.npz"), allow_pickle=False, **arrays)


def _boxes(library: Any, network: Any, picture: Any, request: dict[str, Any]) -> dict[str, Any]:
    """Before and after non-maximum suppression."""
    count, classes = ctypes.c_int(), request["classes"]
    found = library.get_network_boxes(
        network, picture.w, picture.h, request["thresh"], request["hier_thresh"], None, 1, ctypes.byref(count),
        int(request["letterbox"]),
    )  # fmt: skip
    arrays = {f"before_{key}": array for key, array in boxes(found, count.value, classes).items()}
    if request["nms"] and request["nms_kind"]:
        library.diounms_sort(found, count.value, classes, request["nms"], request["nms_kind"], request["beta"])
    elif request["nms"]:
        library.do_nms_sort(found, count.value, classes, request["nms"])
    return arrays | {f"after_{key}": array for key, array in boxes(found, count.value, classes).items()}


if __name__ == "__main__":
    run(json.loads(Path(sys.argv[1]).read_text()))
