"""What kernels take: of which kind a value is, and what machine code is given for it."""

from __future__ import annotations

from typing import Any

import numpy as np

from .later import constants

_SCALARS: dict[type, str] = {bool: "bool", int: "int64", float: "float64"}
_SCALARS |= {np.dtype(code).type: np.dtype(code).name for code in "?bBhHiIlLqQfd"}
"""Types of numbers, and what they are for Numba (Python's own are int64 and float64, too)."""

_seen: set[type] = set()


def kind_of(argument: Any) -> Any:
    """What code depends on; two values of equal kinds run the same. Raises TypeError for what has none."""
    cls = type(argument)
    if cls is np.ndarray or cls is np.memmap:
        flags, dtype = argument.flags, argument.dtype
        if dtype.kind not in "biuf" or not dtype.isnative or not flags.aligned:
            raise TypeError
        layout = "C" if flags.c_contiguous else "F" if flags.f_contiguous else "A"
        return dtype.str, argument.ndim, layout, flags.writeable
    if cls in _SCALARS:
        return _SCALARS[cls]
    if isinstance(argument, tuple):
        return cls.__module__, cls.__qualname__, getattr(cls, "_fields", ()), *map(kind_of, argument)
    if cls in _seen or any(cls is known for known in constants):
        _seen.add(cls)
        return cls.__qualname__, str(argument)
    raise TypeError


def parts_of(argument: Any, parts: list[int | float]) -> None:
    """Add the values that are passed for an argument, as Numba's data model has them."""
    if isinstance(argument, np.ndarray):
        parts += (0, 0, argument.size, argument.itemsize, argument.ctypes.data, *argument.shape, *argument.strides)
    elif isinstance(argument, tuple):
        for part in argument:
            parts_of(part, parts)
    elif isinstance(argument, (int, float)):
        parts.append(argument)
    elif isinstance(argument, np.generic):
        parts.append(argument.item())
    else:
        parts.append(0)  # nothing is left of it at run time
