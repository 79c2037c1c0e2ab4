"""``cv2.dnn`` for Darknet's networks, which OpenCV 5 no longer reads.

Use it in place of ``cv2.dnn``, or call `install` once and leave the rest of a program as it is. Nothing here needs
OpenCV itself but `install`; ``blobFromImage`` and ``NMSBoxes`` remain OpenCV's.
"""

from .model import ClassificationModel, DetectionModel, Model
from .net import Net, readNet, readNetFromDarknet
from .patch import install

__all__ = ["ClassificationModel", "DetectionModel", "Model", "Net", "install", "readNet", "readNetFromDarknet"]
