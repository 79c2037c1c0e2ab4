"""Names of array types that are known in many places: each means one thing everywhere."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
"""float32: values, weights, boxes."""

Doubles = NDArray[np.float64]
"""float64."""

Ints = NDArray[np.int64]
"""int64: numbers of things, offsets."""

Pixels = NDArray[np.uint8]
"""uint8: a picture, H x W x channels."""

Array = NDArray[Any]
"""Of whatever type."""

JsonObject = dict[str, object]
"""What becomes an object of JSON."""
