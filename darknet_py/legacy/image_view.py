"""One image through a network, with the fit and thresholds that the command implies."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..errors import DarknetError
from ..image.load import load_image
from ..view import Asked, Fit, View

if TYPE_CHECKING:
    from ..detector import Detector
    from ..inference import Ready


def check_detects(detector: Detector) -> None:
    """Raise `DarknetError` if the network gives no boxes, or does not take images."""
    network = detector.network
    if not network.heads:
        raise DarknetError(f"{network.path}: the network gives no boxes (for a classifier: classifier predict)")
    network.check_picture()


@dataclass(frozen=True)
class ImageView:
    """How images are fitted and detections are selected.

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

    def load(self, detector: Detector, path: str) -> Ready:
        """An image as the network takes it, with its pixels. Raises `ImageError` if it cannot be read."""
        pixels = load_image(path)
        seen = load_image(path, channels=1) if self.grey and detector.network.input.c == 1 else pixels
        return replace(detector.make_ready(seen, self.view), pixels=pixels)

    @property
    def view(self) -> View:
        """The same as a view."""
        return View(
            fit=Fit.STRETCH if self.stretch else Fit.LETTERBOX,
            asked=Asked.UNIT if self.unit else Asked.INPUT if self.stretch else Asked.IMAGE,
            thresh=self.thresh,
            hier_thresh=self.hier,
            nms=self.nms,
        )
