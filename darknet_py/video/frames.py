"""What goes from stage to stage: a frame, then what was found in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from ..image.draw import draw_detections
from .opencv import load_cv2

if TYPE_CHECKING:
    from ..detect.detections import Detections
    from ..typing import Pixels
    from .track import Crossings


JPEG_QUALITY = 90


@dataclass(frozen=True, eq=False)
class Frame:
    """A picture of a video.

    Attributes:
        number: from 1; where frames were left out, numbers are, too.
        time: seconds since the first frame: by the video's frame rate, or by the clock for what is live.
        pixels: H x W x 3, uint8, RGB.
    """

    number: int
    time: float
    pixels: Pixels


@dataclass(frozen=True, eq=False)
class Result:
    """A frame and what was found in it.

    Attributes:
        frame: the frame.
        found: the objects.
        fps: how many frames a second are got through at present.
        boxes: whether they are drawn.
        crossings: how many objects have crossed each line so far.
    """

    frame: Frame
    found: Detections
    fps: float
    boxes: bool = True
    crossings: Sequence[Crossings] = ()

    @cached_property
    def picture(self) -> Pixels:
        """The frame with the boxes drawn on it, H x W x 3, blue, green, red, as OpenCV has it. Drawn when asked for."""
        cv2 = load_cv2("drawing")
        drawn = draw_detections(self.frame.pixels, self.found) if self.boxes else self.frame.pixels
        picture: Pixels = cv2.cvtColor(drawn, cv2.COLOR_RGB2BGR)
        return picture

    @cached_property
    def jpeg(self) -> bytes:
        """`picture` as a JPEG file."""
        return to_jpeg(self.picture)


def to_jpeg(picture: Pixels) -> bytes:
    """H x W x 3 pixels (blue, green, red) as a JPEG file."""
    cv2 = load_cv2("writing pictures")
    _, encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return bytes(encoded.tobytes())
