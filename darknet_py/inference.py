"""The one way from an image to what is found in it: every command and surface goes through these functions.

``pixels -> network_input -> (the network runs) -> find_candidates -> View.reduce -> View.filter -> to_detections``
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from .detect.decode import decode
from .detect.detections import Detections
from .detect.filters import NO_FILTER
from .detect.finite import check_boxes
from .detect.tiles import join
from .image.letterbox import crop_pixels, letterbox_pixels, resize_pixels
from .plan.runner import in_groups
from .view import Fit, View

if TYPE_CHECKING:
    from .detect.candidates import Candidates
    from .detect.nms import Boxes
    from .formats.tree import Tree
    from .network import Network
    from .numeric.arithmetic import Arithmetic
    from .typing import Floats, Pixels


@dataclass(frozen=True, eq=False)
class Ready:
    """A picture as a network takes it.

    Attributes:
        size: its width and height.
        network: what it is made ready for.
        input: float32, channels x height x width (`network_input`); empty where the view has tiles.
        pixels: H x W x 3; None if nobody needs them any more.
    """

    size: tuple[int, int]
    network: Network
    input: Floats
    pixels: Pixels | None


_FITS = {Fit.LETTERBOX: letterbox_pixels, Fit.STRETCH: resize_pixels, Fit.CROP: crop_pixels}


def network_input(network: Network, pixels: Pixels, view: View) -> Floats:
    """Pixels as the network's input.

    Args:
        network: the graph.
        pixels: uint8, H x W x 3, RGB (or H x W x 1 for a network of one channel).
        view: how they are fitted.

    Returns:
        float32, channels x height x width, from 0 to 1, of the network's size.

    Raises:
        CfgError: the network's input is no picture.
    """
    network.check_picture()
    fit = view.of(network).fit
    assert fit is not None
    shape = network.input
    # Darknet decodes three channels whatever the network has; the network reads the first ones.
    return _FITS[fit](pixels, shape.w, shape.h)[: shape.c]


def find_candidates(
    network: Network,
    outputs: Mapping[int, Floats],
    image_size: tuple[int, int],
    view: View,
    trees: Mapping[int, Tree] | None,
    profile: Arithmetic,
) -> Candidates:
    """Boxes before non-maximum suppression (Darknet's ``get_network_boxes``).

    Args:
        network: the graph.
        outputs: float32 output of each head, by layer number; not changed.
        image_size: width and height of the image.
        view: fit, thresholds and map.
        trees: WordTrees, by layer number.
        profile: the arithmetic.

    Raises:
        DarknetError: an output, tree, map or threshold does not fit.
    """
    asked = view.asked_size(network, image_size)
    return decode(
        network,
        outputs,
        *asked,
        view.thresh,
        view.hier_thresh,
        trees,
        None if view.class_map is None else np.array(view.class_map, np.int32),
        profile,
        pixels_of=None if view.relative else image_size,
    )


def find_boxes(
    network: Network,
    outputs: Mapping[int, Floats],
    image_size: tuple[int, int],
    view: View,
    trees: Mapping[int, Tree] | None,
    profile: Arithmetic,
) -> Boxes:
    """Boxes after non-maximum suppression, with the classes that the view knows, as its filter lets them through.

    Arguments as for `find_candidates`.
    """
    boxes = view.reduce(network, find_candidates(network, outputs, image_size, view, trees, profile))
    check_boxes(network, boxes.box)
    if view.class_map is not None:
        boxes = replace(boxes, prob=boxes.prob[:, : len(view.class_map)])
    return view.filter.apply(boxes, image_size, view.relative)


def find_in_regions(find: Callable[[Sequence[Pixels], View], Sequence[Boxes]], pixels: Pixels, view: View) -> Boxes:
    """Boxes in a picture that is looked at in tiles (`detect.tiles`), as the view's filter lets them through.

    Args:
        find: pictures and a view -> the boxes of each; called for up to `BATCH` tiles at a time.
        pixels: the picture.
        view: has tiles.
    """
    assert view.tiles is not None
    size = pixels.shape[1], pixels.shape[0]
    regions = view.tiles.regions(size)
    plain = replace(view, filter=NO_FILTER, tiles=None)
    parts: list[Boxes] = []
    for group in in_groups(regions):
        cut = [np.ascontiguousarray(pixels[part.y : part.y + part.h, part.x : part.x + part.w]) for part in group]
        parts += find(cut, plain)
    boxes = parts[0] if len(parts) == 1 else join(parts, regions, view.nms)
    return view.filter.apply(boxes, size)


def to_detections(boxes: Boxes, view: View, names: Sequence[str], image_size: tuple[int, int]) -> Detections:
    """Boxes (relative ones) as the rows that Darknet prints: every class above the view's threshold."""
    return Detections.from_boxes(boxes, view.thresh, names, image_size)
