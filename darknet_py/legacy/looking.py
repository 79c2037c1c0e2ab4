"""One image through a network, with the fit and thresholds that the command implies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..detect.detections import Detections
from ..detect.nms import nms_sort
from ..errors import DarknetError
from ..image.letterbox import letterbox_pixels, resize_pixels
from ..image.load import load_image

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..detector import Detector

    Pixels = NDArray[np.uint8]


def check_detects(detector: Detector) -> None:
    """Raise `DarknetError` if the network gives no boxes, or does not take images."""
    network = detector.network
    if not network.heads:
        raise DarknetError(f"{network.path}: the network gives no boxes (for a classifier: classifier predict)")
    network.check_picture()


@dataclass(frozen=True)
class Look:
    """How images are looked at.

    Attributes:
        thresh, hier, nms: least probability of a class and of a WordTree's node, greatest overlap.
        stretch: images are stretched to the input's size, not letterboxed into it.
        unit: boxes are asked for in an image of 1 x 1 (``yolo test``).
        grey: a network of one channel gets grey images (AlexeyAB), not the red channel.
    """

    thresh: float
    hier: float
    nms: float
    stretch: bool = False
    unit: bool = False
    grey: bool = False

    def __call__(self, detector: Detector, path: str) -> tuple[Pixels, Detections, float]:
        """Pixels, detections, and how long the network took, in seconds.

        Raises:
            ImageError: the image cannot be read.
        """
        shape = detector.network.input
        pixels = load_image(path)
        seen = load_image(path, channels=1) if self.grey and shape.c == 1 else pixels
        x = (resize_pixels if self.stretch else letterbox_pixels)(seen, shape.w, shape.h)[: shape.c]
        detector.predict(x)
        size = pixels.shape[1], pixels.shape[0]
        asked = (1, 1) if self.unit else (shape.w, shape.h) if self.stretch else size
        candidates = detector.candidates(asked, thresh=self.thresh, hier_thresh=self.hier)
        found = Detections.from_boxes(nms_sort(candidates, self.nms), self.thresh, detector.names, size)
        return pixels, found, detector.seconds
