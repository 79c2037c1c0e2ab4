"""Every layer's fingerprint for one image: what it takes to compare two engines bit for bit."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .detect.thresholds import check_thresholds
from .image.letterbox import letterbox, to_planar
from .view import Asked, View

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .detect.candidates import Candidates
    from .detect.nms import Boxes
    from .detector import Detector

FIRST = 3
"""How many values of each layer's output are shown."""


def trace(
    detector: Detector, pixels: NDArray[np.uint8], *, thresh: float = 0.5, hier_thresh: float = 0.5, nms: float = 0.45
) -> dict[str, Any]:
    """Run one image as Darknet's ``detector test`` does, and describe every value on the way.

    Args:
        detector: the network; all its layers' outputs are kept from now on.
        pixels: H x W x 3, uint8.
        thresh, hier_thresh, nms: as for `Detector.detect`.

    Returns:
        ``decoded`` (the picture), ``input_sha256`` (the network's input), ``layers`` (kind, size, sha256 of the float32
        little-endian output, the first values), and for networks with heads ``detections_before_nms`` and
        ``detections`` (boxes with a class above ``thresh``, in Darknet's order; hexadecimal floats).
    """
    check_thresholds(thresh=thresh, hier_thresh=hier_thresh, nms=nms)
    network = detector.network
    network.check_picture()
    planar = to_planar(pixels)
    channels, height, width = planar.shape
    x = letterbox(planar, network.input.w, network.input.h)[: network.input.c]
    detector.keep_outputs(range(len(network.layers)))
    outputs = detector.predict(np.ascontiguousarray(x))
    result: dict[str, Any] = {
        "thresh": thresh,
        "hier_thresh": hier_thresh,
        "nms": nms,
        "math": detector.math,
        "decoded": {"width": width, "height": height, "channels": channels, "sha256": array_sha256(planar)},
        "input_sha256": array_sha256(x),
        "layers": [_describe_layer(detector, number) for number in range(len(network.layers))],
    }
    if network.heads:
        view = View(asked=Asked.IMAGE, thresh=thresh, hier_thresh=hier_thresh, nms=nms)
        candidates = detector.candidates(outputs, (width, height), view)
        result["detections_before_nms"] = _describe_candidates(candidates, thresh)
        result["detections"] = _describe_boxes(view.reduce(network, candidates), thresh)
    return result


def _describe_layer(detector: Detector, number: int) -> dict[str, Any]:
    layer = detector.network.layers[number]
    output = detector.layer_output(number)
    flat = output.reshape(-1)
    return {
        "kind": layer.kind,
        "shape": list(output.shape),
        "size": int(flat.size),
        "sha256": array_sha256(flat),
        "first": [float(value).hex() for value in flat[:FIRST]],
    }


def array_sha256(array: NDArray[np.float32]) -> str:
    """sha256 of the values as little-endian float32."""
    return hashlib.sha256(np.ascontiguousarray(array, "<f4").tobytes()).hexdigest()


def file_sha256(path: str | Path) -> str:
    """sha256 of a file's bytes."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for chunk in iter(lambda: file.read(1 << 20), b""):
            digest.update(chunk)
    return digest.hexdigest()


def _describe_candidates(candidates: Candidates, thresh: float) -> list[dict[str, Any]]:
    kept = candidates.kept
    return _describe(candidates.box[kept], candidates.objectness[kept], candidates.prob, thresh)


def _describe_boxes(boxes: Boxes, thresh: float) -> list[dict[str, Any]]:
    return _describe(boxes.box, boxes.objectness, boxes.prob, thresh)


def _describe(
    box: NDArray[np.float32], objectness: NDArray[np.float32], prob: NDArray[np.float32], thresh: float
) -> list[dict[str, Any]]:
    """Boxes with a class above ``thresh``."""
    above = prob > np.float32(thresh)
    return [
        {
            "box": [float(value).hex() for value in box[i]],
            "objectness": float(objectness[i]).hex(),
            "probs": {str(k): float(prob[i, k]).hex() for k in np.flatnonzero(above[i])},
        }
        for i in np.flatnonzero(above.any(axis=1))
    ]
