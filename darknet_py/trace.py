"""Hashes of everything that happens to an image: what it takes to compare two engines bit for bit."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np

from .detect.nms import AlexeyabNms
from .detect.thresholds import check_thresholds
from .dialect import ALEXEYAB
from .image.letterbox import letterbox, resize, to_planar
from .view import Asked, Fit, View

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from typing_extensions import NotRequired

    from .detect.candidates import Candidates
    from .detect.nms import Boxes
    from .detector import Detector
    from .network import Network
    from .typing import JsonObject

Trace = dict[str, Any]
"""What `trace` returns: its own, or one that was recorded."""


class TracedBox(TypedDict):
    """A box in a trace, its numbers as ``float.hex`` writes them; ``probs`` by class, those above the threshold."""

    box: list[str]
    objectness: str
    uncertainty: NotRequired[list[str]]
    probs: dict[str, str]


FIRST = 3
"""How many values of each layer's output are shown."""

_FITS = {Fit.LETTERBOX: letterbox, Fit.STRETCH: resize}


def trace(
    detector: Detector, pixels: NDArray[np.uint8], *, thresh: float = 0.5, hier_thresh: float = 0.5, nms: float = 0.45
) -> Trace:
    """Run one image as ``detector test`` of the network's Darknet does, and describe every value on the way.

    Args:
        detector: the network; all its layers' outputs are kept from now on.
        pixels: H x W x 3, uint8.
        thresh, hier_thresh, nms: as for `Detector.detect`.

    Returns:
        ``decoded`` (the picture), ``input_sha256`` (the network's input), ``layers`` (kind, size, sha256 of the float32
        little-endian output, the first values), and for networks with heads ``detections_before_nms`` and
        ``detections`` (boxes with a class above ``thresh``, in Darknet's order; hexadecimal floats).

        In AlexeyAB's dialect a list of boxes comes with its ``count`` and a hash of all of it (`boxes_text`), each
        layer has its hash under the arithmetic's name, too, and ``detections_darknet_py`` are those of ``darknet.py``.
    """
    check_thresholds(thresh=thresh, hier_thresh=hier_thresh, nms=nms)
    network = detector.network
    network.check_picture()
    planar = to_planar(pixels)
    channels, height, width = planar.shape
    view = trace_view(detector, thresh, hier_thresh, nms)
    assert view.fit is not None
    x = _FITS[view.fit](planar, network.input.w, network.input.h)[: network.input.c]
    detector.keep_outputs(range(len(network.layers)))
    outputs = detector.predict(np.ascontiguousarray(x))
    result: Trace = {
        "thresh": thresh,
        "hier_thresh": hier_thresh,
        "nms": nms,
        "math": detector.math,
        "decoded": {"width": width, "height": height, "channels": channels, "sha256": array_sha256(planar)},
        "input_sha256": array_sha256(x),
        "layers": [_describe_layer(detector, number) for number in range(len(network.layers))],
    }
    if network.dialect is ALEXEYAB:
        result |= _alexeyabs_facts(network, view.fit)
    if network.heads:
        result |= _describe_detections(detector, outputs, (width, height), view)
    return result


def trace_view(detector: Detector, thresh: float, hier_thresh: float, nms: float) -> View:
    """How a trace fits images: as the detector's view does, else as ``detector test`` does, for YOLOv1 too."""
    fit = detector.view.fit or (Fit.STRETCH if detector.network.stretches else Fit.LETTERBOX)
    asked = Asked.INPUT if fit is Fit.STRETCH else Asked.IMAGE
    return View(fit=fit, asked=asked, thresh=thresh, hier_thresh=hier_thresh, nms=nms)


def _alexeyabs_facts(network: Network, fit: Fit) -> JsonObject:
    return {
        "dialect": network.dialect.key,
        "fused": True,
        "resize": fit.value,
        "size": [network.input.w, network.input.h],
    }


def _describe_detections(
    detector: Detector, outputs: Sequence[NDArray[np.float32]], image_size: tuple[int, int], view: View
) -> JsonObject:
    """The lists of boxes, by the names of their fields."""
    network = detector.network
    candidates = detector.candidates(outputs, image_size, view)
    before = _describe_candidates(candidates, view.thresh)
    after = _describe_boxes(view.reduce(network, candidates), view.thresh)
    if network.dialect is not ALEXEYAB:
        return {"detections_before_nms": before, "detections": after}
    pixels = replace(view, asked=Asked.INPUT, relative=False, suppress=AlexeyabNms())
    script = _describe_boxes(pixels.reduce(network, detector.candidates(outputs, image_size, pixels)), view.thresh)
    lists = {"detections_before_nms": before, "detections": after, "detections_darknet_py": script}
    return {name: _summed_up(boxes, detector.math) for name, boxes in lists.items()}


def _summed_up(boxes: list[TracedBox], math: str) -> JsonObject:
    text = boxes_text(boxes)
    return {"count": len(boxes), "sha256": hashlib.sha256(text.encode()).hexdigest(), math: boxes}


def boxes_text(boxes: Sequence[TracedBox]) -> str:
    """Boxes as lines: place, objectness, ``uc:`` uncertainties, ``class:probability``; floats as by C's ``%a``."""
    lines = []
    for box in boxes:
        words = [c_hex(value) for value in (*box["box"], box["objectness"])]
        if "uncertainty" in box:
            words.append("uc:" + ",".join(c_hex(value) for value in box["uncertainty"]))
        lines.append(" ".join([*words, *(f"{number}:{c_hex(value)}" for number, value in box["probs"].items())]) + "\n")
    return "".join(lines)


def c_hex(value: str) -> str:
    """A float as ``float.hex`` writes it -> as C's ``%a`` does, without zeros at the end of its digits."""
    digits, mark, exponent = value.partition("p")
    if not mark:  # inf, nan
        return value
    return (digits.rstrip("0").rstrip(".") if "." in digits else digits) + mark + exponent


def _describe_layer(detector: Detector, number: int) -> JsonObject:
    layer = detector.network.layers[number]
    output = detector.layer_output(number)
    flat = output.reshape(-1)
    digest = array_sha256(flat)
    return {
        "kind": layer.kind,
        "shape": list(output.shape),
        "size": int(flat.size),
        "sha256": digest,
        **({detector.math: digest} if detector.network.dialect is ALEXEYAB else {}),
        "first": _hex(flat[:FIRST]),
    }


def array_sha256(array: NDArray[np.float32]) -> str:
    """sha256 of the values as little-endian float32."""
    return hashlib.sha256(np.ascontiguousarray(array, "<f4").tobytes()).hexdigest()


def _describe_candidates(candidates: Candidates, thresh: float) -> list[TracedBox]:
    kept = candidates.kept
    uncertainty = None if candidates.uncertainty is None else candidates.uncertainty[kept]
    return _describe(candidates.box[kept], candidates.objectness[kept], candidates.prob, thresh, uncertainty)


def _describe_boxes(boxes: Boxes, thresh: float) -> list[TracedBox]:
    return _describe(boxes.box, boxes.objectness, boxes.prob, thresh, boxes.uncertainty)


def _describe(
    box: NDArray[np.float32], objectness: NDArray[np.float32], prob: NDArray[np.float32], thresh: float,
    uncertainty: NDArray[np.float32] | None,
) -> list[TracedBox]:  # fmt: skip
    """Boxes with a class above ``thresh``."""
    above = prob > np.float32(thresh)
    found: list[TracedBox] = []
    for i in np.flatnonzero(above.any(axis=1)):
        place, sure = _hex(box[i]), float(objectness[i]).hex()
        probs = {str(k): float(prob[i, k]).hex() for k in np.flatnonzero(above[i])}
        if uncertainty is None:
            found.append({"box": place, "objectness": sure, "probs": probs})
        else:
            found.append({"box": place, "objectness": sure, "uncertainty": _hex(uncertainty[i]), "probs": probs})
    return found


def _hex(values: NDArray[np.float32]) -> list[str]:
    return [float(value).hex() for value in values]
