"""What scripts pass where OpenCV takes an image or a blob: NumPy arrays, and ``cv2.UMat``, which holds one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def to_array(value: Any) -> NDArray[Any]:
    """The values as a NumPy array; those of a ``cv2.UMat`` are fetched."""
    if type(value).__name__ == "UMat" and callable(getattr(value, "get", None)):
        value = value.get()
    array: NDArray[Any] = np.asarray(value)
    return array
