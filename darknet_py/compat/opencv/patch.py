"""Darknet's networks back in ``cv2.dnn``."""

from __future__ import annotations

from typing import Any

from ...errors import DarknetError
from . import model as models
from .net import Net, is_darknet, readNet, readNetFromDarknet


def install(replace: bool = False) -> None:
    """Let ``cv2.dnn`` of this process read Darknet's networks with this engine.

    Sets ``readNetFromDarknet``, and lets ``readNet``, ``DetectionModel`` and ``ClassificationModel`` take Darknet's
    files (the models our `Net`, too); whatever else they are given goes to OpenCV's own.

    Args:
        replace: also where OpenCV (before 5) still reads these files itself.

    Raises:
        DarknetError: OpenCV is not installed.
    """
    try:
        import cv2
    except ImportError as error:
        raise DarknetError(
            "install() changes OpenCV's cv2.dnn, which is not installed (pip install opencv-python-headless); "
            "without it use darknet_py.compat.opencv itself"
        ) from error
    dnn: Any = cv2.dnn
    if getattr(dnn, "readNetFromDarknet", None) is readNetFromDarknet:
        return
    if hasattr(dnn, "readNetFromDarknet") and not replace:
        return
    dnn.readNetFromDarknet = readNetFromDarknet
    dnn.readNet = _either(readNet, dnn.readNet)
    for name in ("DetectionModel", "ClassificationModel"):
        made = _either(getattr(models, name), getattr(dnn, name))
        setattr(dnn, name, made)
        setattr(cv2, f"dnn_{name}", made)


def _either(ours: Any, theirs: Any) -> Any:
    """A function that gives Darknet's networks to ``ours`` and the rest to ``theirs``."""

    def choose(*args: Any, **options: Any) -> Any:
        given = [*args, *options.values()]
        if given and (isinstance(given[0], Net) or is_darknet(*given[:3])):
            return ours(*args, **options)
        return theirs(*args, **options)

    choose.__name__ = choose.__qualname__ = ours.__name__
    choose.__doc__ = ours.__doc__
    return choose
