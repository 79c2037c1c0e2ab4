"""Values that kernels are compiled for: as an argument each is a type of its own, with nothing left at run time."""

from __future__ import annotations

from typing import TypeVar

from .later import constants

_Class = TypeVar("_Class", bound=type)


def compile_time(cls: _Class) -> _Class:
    """Decorator of a frozen dataclass: kernels can take its objects, and read their numbers, as constants.

    A kernel is compiled, and cached on disk, for each object anew; objects that print alike count as the same.
    """
    constants.append(cls)
    return cls
