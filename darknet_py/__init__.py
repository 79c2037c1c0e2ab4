"""darknet-py: runs Darknet's ``.cfg`` and ``.weights`` files on a CPU, bit for bit as Darknet does.

>>> import darknet_py
>>> net = darknet_py.load("yolov3-tiny")            # doctest: +SKIP
>>> for found in net.detect("photo.jpg"):           # doctest: +SKIP
...     print(found.name, found.confidence, found.xyxy)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .version import __version__, why_not_here

if TYPE_CHECKING:
    from .detect.detections import Detections
    from .detector import Detector
    from .errors import (
        CfgError,
        DarknetError,
        DarknetWarning,
        DataError,
        ImageError,
        ModelError,
        OrientationWarning,
        WeightsError,
    )
    from .loading import load


_PLACES = {
    "Detections": "detect.detections",
    "Detector": "detector",
    "load": "loading",
    **dict.fromkeys(
        (
            "CfgError",
            "DarknetError",
            "DarknetWarning",
            "DataError",
            "ImageError",
            "ModelError",
            "OrientationWarning",
            "WeightsError",
        ),
        "errors",
    ),
}


def __getattr__(name: str) -> Any:
    """Import the public names when they are first used: ``darknet-py --help`` needs neither NumPy nor Numba."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if why := why_not_here():
        raise ImportError(f"darknet-py: {why}")
    value = getattr(import_module(f".{_PLACES[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_PLACES])


__all__ = [
    "CfgError", "DarknetError", "DarknetWarning", "DataError", "Detections", "Detector", "ImageError", "ModelError",
    "OrientationWarning",
    "WeightsError", "__version__", "load",
]  # fmt: skip
