"""OpenCV, which reads and writes videos; only what works on them needs it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ..errors import DarknetError

if TYPE_CHECKING:
    from types import ModuleType


def load_cv2(what: str) -> ModuleType:
    """The module ``cv2``, with its own messages off: our errors report what failed.

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
            f"{what} needs OpenCV (the extra [video]): pip install opencv-python-headless, "
            "or opencv-python, which opens windows, too"
        ) from error
    if "OPENCV_LOG_LEVEL" not in os.environ:
        # 0 is silence; OpenCV 5 has moved the function.
        set_level: Any = getattr(cv2, "setLogLevel", None) or cv2.utils.logging.setLogLevel
        set_level(0)
    return cv2
