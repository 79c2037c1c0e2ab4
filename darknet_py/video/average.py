"""Detection over several frames: outputs are averaged before boxes are made of them (``avg_predictions``)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

import numpy as np

from ..detect.nms import nms_obj
from ..detect.thresholds import check_thresholds
from ..errors import DarknetError
from ..inference import find_in_regions, to_detections
from ..kernels.runtime.denormals import denormals_as_zero
from ..numeric.arithmetic import get_arithmetic
from ..view import fit_of

if TYPE_CHECKING:
    from ..detect.detections import Detections
    from ..detect.nms import Boxes
    from ..detector import Detector
    from ..typing import Floats, Pixels
    from ..view import View


FRAMES = 3
"""Over how many frames Darknet averages, whatever its ``-avg`` says."""

NMS = 0.4
"""``nms`` of Darknet's demo."""


def demo_view(
    detector: Detector, thresh: float = 0.5, hier_thresh: float = 0.5, nms: float = NMS, stretch: bool | None = None
) -> View:
    """How the demo looks at frames: as the detector does, with ``do_nms_obj``, whatever the boxes' classes.

    AlexeyAB's demo suppresses as his other commands do, class by class.

    Args:
        detector: the network.
        thresh, hier_thresh: as for `Detector.detect`.
        nms: greatest intersection over union of two boxes; 0 keeps all.
        stretch: as for `Detector.detect`.

    Raises:
        DarknetError: a threshold is not from 0 to 1.
    """
    check_thresholds(thresh=thresh, hier_thresh=hier_thresh, nms=nms)
    suppress = None if detector.network.dialect.nms_kinds else nms_obj
    view = replace(detector.view, thresh=thresh, hier_thresh=hier_thresh, nms=nms, suppress=suppress)
    return view if stretch is None else replace(view, fit=fit_of(stretch))


@dataclass
class Adjustable:
    """A view that may be changed while a video runs: the window's arrow keys do."""

    view: View

    def shift(self, thresh: float = 0.0, hier_thresh: float = 0.0) -> None:
        """Move the thresholds, as far as they stay useful."""
        self.view = replace(
            self.view,
            thresh=min(max(0.02, self.view.thresh + thresh), 1.0),
            hier_thresh=min(max(0.0, self.view.hier_thresh + hier_thresh), 1.0),
        )


class Averager:
    """Detects in one frame after the other, with the mean of the heads' last outputs.

    A frame before the first counts as zeros, as in Darknet: so probabilities rise over the first frames.
    """

    def __init__(self, detector: Detector, frames: int = FRAMES) -> None:
        """Average over ``frames`` frames; 1 looks at each frame for itself.

        Raises:
            DarknetError: the network has no head that gives boxes, or ``frames`` is less than 1.
        """
        if not detector.network.heads:
            raise DarknetError(f"{detector.network.path}: the network gives no boxes to be shown in a video")
        if frames < 1:
            raise DarknetError(f"avg={frames} must be at least 1")
        self.detector = detector
        self._profile = get_arithmetic(detector.math, detector.network.dialect)
        self._frames = frames
        self._rings: dict[int, _Ring] = {}
        """By number of the region of the frame: of the whole frame, and of its tiles."""

    def prepare(self, pixels: Pixels, view: View) -> Floats | Pixels:
        """What `detect` takes: the network's input, or with tiles the frame itself."""
        return pixels if view.tiles is not None else self.detector.prepare(pixels, view)

    def detect(self, x: Floats | Pixels, image_size: tuple[int, int], view: View) -> Detections:
        """The objects in the next frame.

        Args:
            x: made by `prepare` with the same view.
            image_size: width and height of the frame.
            view: fit and thresholds (`demo_view`).

        Returns:
            The rows in the order in which Darknet's demo prints them.
        """
        # YOLOv1's frames are stretched and its boxes relative, as in `yolo test`; Darknet's demo letterboxes them and
        # then multiplies the boxes by the picture's size twice, so that it draws none where they belong.
        if view.tiles is not None:
            boxes = self._boxes_in_tiles(cast("Pixels", x), view)
        else:
            boxes = self._boxes(cast("Floats", x), 0, image_size, view)
        return to_detections(boxes, view, self.detector.names, image_size)

    def _boxes(self, x: Floats, region: int, image_size: tuple[int, int], view: View) -> Boxes:
        """The boxes in a region, by the mean of its outputs."""
        if region not in self._rings:
            self._rings[region] = _Ring([head.out.size for head in self.detector.network.heads], self._frames)
        outputs = self.detector.predict(x)
        with denormals_as_zero(self._profile.flush_denormals):
            means = self._rings[region].mean(outputs)
        return self.detector.boxes(means, image_size, view)

    def _boxes_in_tiles(self, pixels: Pixels, view: View) -> Boxes:
        self.detector.check_tiles()
        number = itertools.count()

        def find(parts: Sequence[Pixels], plain: View) -> list[Boxes]:
            return [
                self._boxes(self.detector.prepare(part, plain), next(number), (part.shape[1], part.shape[0]), plain)
                for part in parts
            ]

        return find_in_regions(find, pixels, view)


class _Ring:
    """The last outputs of the heads for one region, and their mean."""

    def __init__(self, sizes: Sequence[int], frames: int) -> None:
        self._share = np.float32(1 / frames)
        # Frame n is kept in place n % frames, and the sum goes from place to place: the order of the additions, and
        # with it the last bits, depend on where in the ring a frame is.
        self._kept = [[np.zeros(size, np.float32) for _ in range(frames)] for size in sizes]
        self._sums = [np.zeros(size, np.float32) for size in sizes]
        self._next = 0

    def mean(self, outputs: Sequence[Floats]) -> list[Floats]:
        """Keep the heads' outputs of a frame; the mean of all that are kept."""
        for kept, total, output in zip(self._kept, self._sums, outputs, strict=True):
            kept[self._next][:] = output.reshape(-1)
            total.fill(0)
            for one in kept:
                total += self._share * one
        self._next = (self._next + 1) % len(self._kept[0])
        return self._sums
