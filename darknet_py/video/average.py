"""Detection over several frames: outputs are averaged before boxes are made of them (``avg_predictions``)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..detect.decode import decode
from ..detect.detections import Detections
from ..detect.nms import nms_obj
from ..errors import DarknetError
from ..kernels.runtime.denormals import denormals_as_zero
from ..plan.profile import get_profile

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..detector import Detector

    Floats = NDArray[np.float32]

FRAMES = 3
"""Over how many frames Darknet averages, whatever its ``-avg`` says."""

NMS = 0.4
"""``nms`` of Darknet's demo."""


@dataclass
class Thresholds:
    """What counts as a detection; may be changed while a video runs.

    Attributes:
        thresh: least probability.
        hier_thresh: least probability of a WordTree node for going down to its children.
        nms: greatest intersection over union of two boxes, whatever their classes (``do_nms_obj``); 0 keeps all.
    """

    thresh: float = 0.5
    hier_thresh: float = 0.5
    nms: float = NMS


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
        self._profile = get_profile(detector.math)
        self._share = np.float32(1 / frames)
        # Frame n is kept in place n % frames, and the sum goes from place to place: the order of the additions, and
        # with it the last bits, depend on where in the ring a frame is.
        self._kept = [[np.zeros(head.out.size, np.float32) for _ in range(frames)] for head in detector.network.heads]
        self._sums = [np.zeros(head.out.size, np.float32) for head in detector.network.heads]
        self._next = 0

    def detect(self, x: Floats, image_size: tuple[int, int], thresholds: Thresholds) -> Detections:
        """The objects in the next frame.

        Args:
            x: the network's input, made by `Detector.prepare`.
            image_size: width and height of the frame.
            thresholds: for this frame.

        Returns:
            The rows in the order in which Darknet's demo prints them.
        """
        outputs = self._average(self.detector.predict(x))
        network = self.detector.network
        # YOLOv1's frames are stretched and its boxes relative, as in `yolo test`; Darknet's demo letterboxes them and
        # then multiplies the boxes by the picture's size twice, so that it draws none where they belong.
        stretched = any(head.kind == "detection" for head in network.heads)
        candidates = decode(
            network,
            {head.index: output for head, output in zip(network.heads, outputs, strict=True)},
            *((1, 1) if stretched else image_size),
            thresholds.thresh,
            thresholds.hier_thresh,
            trees=self.detector.trees,
            profile="make" if self._profile.make else "ieee",
            cpu=self._profile.cpu,
        )
        boxes = nms_obj(candidates, thresholds.nms)
        return Detections.from_boxes(boxes, thresholds.thresh, self.detector.names, image_size)

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
