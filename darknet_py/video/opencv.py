"""OpenCV, which reads and writes videos; only what works on them needs it."""

from __future__ import annotations

import os
from typing import Any

from ..errors import DarknetError


def load_cv2(what: str) -> Any:
    """The module ``cv2``, with its own messages off: what went wrong is told by our errors.

    Args:
        what: what needs it, for the error.

    Raises:
        DarknetError: it is not installed.
    """
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # read by OpenCV when it opens its first video
    try:
        import cv2
    except ImportError as error:
        raise DarknetError(
            f"{what} needs OpenCV: pip install 'darknet-py[video]', or opencv-python, which can open windows, too"
        ) from error
    if "OPENCV_LOG_LEVEL" not in os.environ:
        logging = cv2.utils.logging
        logging.setLogLevel(logging.LOG_LEVEL_SILENT)
    return cv2
