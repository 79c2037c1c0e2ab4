"""Detection over several frames: outputs are averaged before boxes are made of them (``avg_predictions``)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ..detect.nms import nms_obj
from ..detect.thresholds import check_thresholds
from ..errors import DarknetError
from ..kernels.runtime.denormals import denormals_as_zero
from ..numeric.arithmetic import get_arithmetic
from ..view import fit_of

if TYPE_CHECKING:
    from ..detect.detections import Detections
    from ..detector import Detector
    from ..typing import Floats
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
        self._share = np.float32(1 / frames)
        # Frame n is kept in place n % frames, and the sum goes from place to place: the order of the additions, and
        # with it the last bits, depend on where in the ring a frame is.
        self._kept = [[np.zeros(head.out.size, np.float32) for _ in range(frames)] for head in detector.network.heads]
        self._sums = [np.zeros(head.out.size, np.float32) for head in detector.network.heads]
        self._next = 0

    def detect(self, x: Floats, image_size: tuple[int, int], view: View) -> Detections:
        """The objects in the next frame.

        Args:
            x: the network's input, made by `Detector.prepare` with the same view.
            image_size: width and height of the frame.
            view: fit and thresholds (`demo_view`).

        Returns:
            The rows in the order in which Darknet's demo prints them.
        """
        # YOLOv1's frames are stretched and its boxes relative, as in `yolo test`; Darknet's demo letterboxes them and
        # then multiplies the boxes by the picture's size twice, so that it draws none where they belong.
        return self.detector.detections(self._average(self.detector.predict(x)), image_size, view)

    def _average(self, outputs: list[Floats]) -> list[Floats]:
        """Keep the heads' outputs of this frame; the mean of all that are kept."""
        with denormals_as_zero(self._profile.flush_denormals):
            for kept, total, output in zip(self._kept, self._sums, outputs, strict=True):
                kept[self._next][:] = output.reshape(-1)
                total.fill(0)
                for one in kept:
                    total += self._share * one
        self._next = (self._next + 1) % len(self._kept[0])
        return self._sums
