"""An OpenCV from 5 on that calls itself 4.14, for scripts that refuse another before they call anything."""

from __future__ import annotations

from types import ModuleType
from typing import Any

OLDER = "4.14.0"
"""The OpenCV that `show_older` shows: the last series that read Darknet's files, whose surface `Net` has."""

_OLDER_CONSTANTS = {
    "DNN_BACKEND_HALIDE": 1, "DNN_LAYOUT_UNKNOWN": 0, "DNN_LAYOUT_ND": 1, "DNN_LAYOUT_NCHW": 2, "DNN_LAYOUT_NCDHW": 3,
    "DNN_LAYOUT_NHWC": 4, "DNN_LAYOUT_NDHWC": 5, "DNN_LAYOUT_PLANAR": 6,
}  # fmt: skip
"""What ``cv2.dnn`` of that version has and OpenCV 5 has not, of plain numbers."""


def show_older(cv2: ModuleType) -> str | None:
    """Let an OpenCV from 5 on call itself `OLDER`, for scripts that look at the version before they read a network.

    Returns:
        OpenCV's own version, or None if it is before 5 and stays as it is.
    """
    module: Any = cv2
    version = str(module.__version__)
    if not version.split(".")[0].isdigit() or int(version.split(".")[0]) < 5:
        return None
    major, minor, revision = (int(part) for part in OLDER.split("."))
    module.__version__ = OLDER
    module.getVersionString = lambda: OLDER
    module.getVersionMajor, module.getVersionMinor = lambda: major, lambda: minor
    module.getVersionRevision = lambda: revision
    if hasattr(module, "version"):
        module.version.opencv_version = OLDER
    for name, value in _OLDER_CONSTANTS.items():
        if not hasattr(module.dnn, name):
            setattr(module.dnn, name, value)
    return version
