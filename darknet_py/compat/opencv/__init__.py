"""``cv2.dnn`` for Darknet's networks, which OpenCV 5 no longer reads.

Use it in place of ``cv2.dnn``, or call `install` once and leave the rest of a program as it is. Nothing here needs
OpenCV itself but `install`; ``blobFromImage`` and ``NMSBoxes`` remain OpenCV's.
"""

from .layer import Layer
from .model import ClassificationModel, DetectionModel, Model
from .net import Net
from .patch import install
from .read import readNet, readNetFromDarknet
from .results import AsyncArray

__all__ = [
    "AsyncArray", "ClassificationModel", "DetectionModel", "Layer", "Model", "Net", "install", "readNet",
    "readNetFromDarknet",
]  # fmt: skip
