"""Arguments of kernels, small enough to be written down, and of the same kinds as those that they stand for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Array:
    """Stands for arrays of one kind, see `values.kind_of`."""

    dtype: str
    dimensions: int
    layout: str
    writeable: bool

    def make(self) -> Any:
        """The smallest one."""
        if self.layout == "A":
            array = np.zeros((4,) * self.dimensions, self.dtype)[(slice(None, None, 2),) * self.dimensions]
        else:
            array = np.zeros((2,) * self.dimensions, self.dtype, order="F" if self.layout == "F" else "C")
        array.flags.writeable = self.writeable
        return array


def noted(argument: Any) -> Any:
    """What is written down for an argument: arrays become `Array`, whatever they are part of."""
    if isinstance(argument, np.ndarray):
        flags = argument.flags
        layout = "C" if flags.c_contiguous else "F" if flags.f_contiguous else "A"
        return Array(argument.dtype.str, argument.ndim, layout, flags.writeable)
    return _with_parts(argument, noted)


def example(note: Any) -> Any:
    """An argument of the same kind as the one that was `noted`."""
    return note.make() if isinstance(note, Array) else _with_parts(note, example)


def _with_parts(argument: Any, change: Any) -> Any:
    if not isinstance(argument, tuple):
        return argument
    parts = map(change, argument)
    return type(argument)(*parts) if hasattr(argument, "_fields") else type(argument)(parts)
