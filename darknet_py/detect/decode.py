"""From the heads' outputs to boxes with class probabilities (Darknet's ``get_network_boxes``)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import DarknetError
from ..kernels.runtime.denormals import denormals_as_zero
from ..numeric.arithmetic import PROFILES, Arithmetic
from ..numeric.boxes import Frame
from ..typing import Floats
from .candidates import Candidates, join
from .finite import check_finite

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..formats.tree import Tree
    from ..layers import Detection, GaussianYolo, Head, Region, Yolo
    from ..network import Network


@dataclass(frozen=True)
class _Request:
    """What every head's decoder is asked."""

    frame: Frame
    thresh: np.float32
    hier_thresh: np.float32
    trees: Mapping[int, Tree]
    class_map: NDArray[np.int32] | None
    profile: Arithmetic


def decode(
    network: Network,
    outputs: Mapping[int, Floats],
    image_w: int,
    image_h: int,
    thresh: float,
    hier_thresh: float = 0.5,
    trees: Mapping[int, Tree] | None = None,
    map: NDArray[np.int32] | None = None,
    profile: Arithmetic = PROFILES["ieee"],
    pixels_of: tuple[int, int] | None = None,
) -> Candidates:
    """Decode all heads of a network, in Darknet's order and with Darknet's bits.

    Args:
        network: the graph.
        outputs: float32 output of each head, by layer number, after its own activations and softmax. Not changed
            (Darknet multiplies a WordTree's probabilities in place).
        image_w, image_h: size of the image that was letterboxed into the network's input.
        thresh: least objectness, and least probability of a class (not for YOLOv1's objectness).
        hier_thresh: least probability of a WordTree node for going down to its children.
        trees: WordTrees, by layer number.
        map: with a WordTree, report only these nodes, as classes 0, 1, ... (``coco9k.map``, ``inet9k.map``).
        profile: the arithmetic.
        pixels_of: boxes in the pixels of a picture of this width and height (as ``python/darknet.py`` asks for); None:
            as fractions. A ``[detection]`` head gives pixels of the image always; pass one of 1 x 1 for fractions.

    Raises:
        DarknetError: an output, tree or map does not fit the network; a threshold is negative or no number.
    """
    if not network.heads:
        raise DarknetError(f"{network.path}: the network has no head that gives boxes")
    if image_w < 1 or image_h < 1:
        raise DarknetError(f"an image of {image_w} x {image_h} pixels has no boxes")
    for head in network.heads:
        check_finite(network, head, _flat_output(head, outputs))
    for name, value in (("thresh", thresh), ("hier_thresh", hier_thresh)):
        if math.isnan(value) or value < 0:
            raise DarknetError(f"{name}={value} must be a number from 0 to 1")
    frame = Frame(network.input.w, network.input.h, image_w, image_h, pixels_of)
    request = _Request(frame, np.float32(thresh), np.float32(hier_thresh), trees or {}, map, profile)
    with denormals_as_zero(profile.boxes.flushes):
        parts = [_DECODERS[head.kind](head, _flat_output(head, outputs), request) for head in network.heads]
    return join(parts, profile.boxes.flushes)


def _yolo(head: Yolo, output: Floats, request: _Request) -> Candidates:
    from .yolo import decode_yolo

    return decode_yolo(head, output, request.frame, request.thresh, request.profile.boxes)


def _gaussian(head: GaussianYolo, output: Floats, request: _Request) -> Candidates:
    from .gaussian import decode_gaussian

    return decode_gaussian(head, output, request.frame, request.thresh)


def _detection(head: Detection, output: Floats, request: _Request) -> Candidates:
    from .yolov1 import decode_detection

    return decode_detection(head, output, request.frame, request.thresh, request.profile.boxes)


def _region(head: Region, output: Floats, request: _Request) -> Candidates:
    from .flat_region import decode_flat_region
    from .region import decode_region
    from .tree import check_map

    tree = request.trees.get(head.index) if head.tree else None
    if head.tree:
        if tree is None:
            raise DarknetError(f"layer {head.index}: needs its tree {head.tree}")
        if tree.n != head.classes:
            raise DarknetError(f"layer {head.index}: the tree has {tree.n} nodes, [region] has {head.classes} classes")
        if request.class_map is not None:
            check_map(request.class_map, head.classes)
    if head.flat:
        return decode_flat_region(
            head, output, request.frame, request.thresh, request.profile.boxes, tree, request.class_map
        )
    return decode_region(
        head, output, request.frame, request.thresh, request.hier_thresh, request.profile.boxes, tree, request.class_map
    )


_DECODERS: dict[str, Callable[..., Candidates]] = {
    "Gaussian_yolo": _gaussian, "detection": _detection, "region": _region, "yolo": _yolo
}  # fmt: skip
"""Decoder by kind of head. Each imports its own when a network has such a head."""


def _flat_output(head: Head, outputs: Mapping[int, Floats]) -> Floats:
    """A head's output as the kernels need it: flat, float32, of the right size."""
    if head.index not in outputs:
        raise DarknetError(f"the output of layer {head.index} ([{head.kind}]) is missing")
    output = np.ascontiguousarray(outputs[head.index], np.float32).reshape(-1)
    if output.size != head.out.size:
        raise DarknetError(f"the output of layer {head.index} has {output.size} values instead of {head.out.size}")
    return output
