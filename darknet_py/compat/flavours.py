"""What a script can be given in place of its ``darknet`` module or of OpenCV's networks."""

from __future__ import annotations

import sys
from importlib import import_module

MODULES = {"alexeyab": "alexeyab", "pjreddie": "pjreddie", "hank-ai": "hankai"}
"""Flavours that answer ``import darknet`` -> our module."""

FLAVOURS = (*MODULES, "opencv", "opencv4")
"""What a script can be given: one of the modules called ``darknet``, or ``cv2.dnn``."""


def take_place(flavour: str) -> str | None:
    """Replace ``darknet`` by our module, or this engine into ``cv2.dnn``, in this process.

    Returns:
        For ``opencv4``, the version of the OpenCV that calls itself 4.14 now; None if it stays as it is.
    """
    if flavour in MODULES:
        sys.modules["darknet"] = import_module(f"{__package__}.{MODULES[flavour]}")
        return None
    from .opencv import install

    install(replace=True)
    if flavour != "opencv4":
        return None
    from .opencv.version import show_older

    return show_older(sys.modules["cv2"])
