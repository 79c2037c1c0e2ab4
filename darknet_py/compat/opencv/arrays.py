"""What scripts pass where OpenCV takes an image or a blob: NumPy arrays, and ``cv2.UMat``, which holds one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ...typing import Array


def to_array(value: Any) -> Array:
    """The values as a NumPy array; those of a ``cv2.UMat`` are fetched."""
    array: Array = np.asarray(value.get() if is_umat(value) else value)
    return array


def is_umat(value: object) -> bool:
    """Whether it is a ``cv2.UMat``."""
    return type(value).__name__ == "UMat" and callable(getattr(value, "get", None))
