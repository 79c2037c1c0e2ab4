"""From the heads' outputs to boxes with class probabilities (Darknet's ``get_network_boxes``)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import DarknetError
from ..kernels.denormals import denormals_as_zero
from ..layers import Detection, Layer, Region, Yolo
from .box import Frame
from .candidates import Candidates, Floats, join
from .finite import check_finite
from .region import decode_region
from .tree import check_map
from .yolo import decode_yolo
from .yolov1 import decode_detection

if TYPE_CHECKING:
    from ..formats.tree import Tree
    from ..network import Network


def decode(
    network: Network,
    outputs: Mapping[int, Floats],
    image_w: int,
    image_h: int,
    thresh: float,
    hier_thresh: float = 0.5,
    trees: Mapping[int, Tree] | None = None,
    map: NDArray[np.int32] | None = None,
    profile: str = "ieee",
    relative: bool = True,
    cpu: str = "intel",
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
        profile: "ieee": what the C source says; "make": what gcc -Ofast makes of it.
        relative: boxes as fractions of the image; False: in its pixels (as ``python/darknet.py`` asks for). A
            ``[detection]`` head gives pixels always; pass an image of 1 x 1 for fractions.
        cpu: with "make": gcc divides by way of the processor's reciprocal estimate, which differs between makers.
            "intel": Intel's; "own": that of the processor here, to compare with a Darknet that runs here.

    Raises:
        DarknetError: an output, tree or map does not fit the network; a threshold is negative or no number.
    """
    if profile not in ("ieee", "make"):
        raise DarknetError(f"unknown arithmetic profile '{profile}'; choose from ieee, make")
    if not network.heads:
        raise DarknetError(f"{network.path}: the network has no head that gives boxes")
    if image_w < 1 or image_h < 1:
        raise DarknetError(f"an image of {image_w} x {image_h} pixels has no boxes")
    for head in network.heads:
        check_finite(network, head, _flat_output(head, outputs))
    for name, value in (("thresh", thresh), ("hier_thresh", hier_thresh)):
        if math.isnan(value) or value < 0:
            raise DarknetError(f"{name}={value} must be a number from 0 to 1")
    frame = Frame(network.input.w, network.input.h, image_w, image_h, profile == "make", cpu, relative)
    limits = np.float32(thresh), np.float32(hier_thresh)
    with denormals_as_zero(frame.make):
        parts = [
            _decode_head(head, _flat_output(head, outputs), frame, *limits, (trees or {}).get(head.index), map)
            for head in network.heads
        ]
    return join(parts, frame.make)


def _decode_head(
    head: Layer,
    output: Floats,
    frame: Frame,
    thresh: np.float32,
    hier_thresh: np.float32,
    tree: Tree | None,
    classes_map: NDArray[np.int32] | None,
) -> Candidates:
    if isinstance(head, Yolo):
        return decode_yolo(head, output, frame, thresh)
    if isinstance(head, Detection):
        return decode_detection(head, output, frame, thresh)
    if not isinstance(head, Region):
        raise DarknetError(f"layer {head.index}: [{head.kind}] has no boxes")
    if head.tree:
        if tree is None:
            raise DarknetError(f"layer {head.index}: needs its tree {head.tree}")
        if tree.n != head.classes:
            raise DarknetError(f"layer {head.index}: the tree has {tree.n} nodes, [region] has {head.classes} classes")
        if classes_map is not None:
            check_map(classes_map, head.classes)
    return decode_region(head, output, frame, thresh, hier_thresh, tree if head.tree else None, classes_map)


def _flat_output(head: Layer, outputs: Mapping[int, Floats]) -> Floats:
    """A head's output as the kernels need it: flat, float32, of the right size."""
    if head.index not in outputs:
        raise DarknetError(f"the output of layer {head.index} ([{head.kind}]) is missing")
    output = np.ascontiguousarray(outputs[head.index], np.float32).reshape(-1)
    if output.size != head.out.size:
        raise DarknetError(f"the output of layer {head.index} has {output.size} values instead of {head.out.size}")
    return output
