"""Errors that are both ours and ``cv2.error``, so that the ``except`` clauses of either kind of program find them."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from ...errors import CfgError, DarknetError, FileError, WeightsError

T = TypeVar("T", bound=type)
P = ParamSpec("P")
R = TypeVar("R")

BAD_ARGUMENT, PARSE_ERROR, NOT_FOUND = -5, -212, -204
"""``cv2.Error``'s numbers: StsBadArg, StsParseError, StsObjectNotFound."""


class NotFound(DarknetError):
    """A layer or an input that the network does not have."""


_made: dict[tuple[type, type], type[DarknetError]] = {}


def _both(kind: type[DarknetError], theirs: type[Exception]) -> type[DarknetError]:
    """The class that is a child of both."""
    if (kind, theirs) not in _made:
        names = {"__module__": kind.__module__, "__doc__": kind.__doc__}
        _made[kind, theirs] = type(kind.__name__, (kind, theirs), names)
    return _made[kind, theirs]


def as_opencv(error: DarknetError, function: str) -> DarknetError:
    """The same error, a ``cv2.error`` too where OpenCV is imported, with that class's attributes.

    Args:
        error: what was raised.
        function: the name that the script called.
    """
    theirs = getattr(sys.modules.get("cv2"), "error", None)
    if not (isinstance(theirs, type) and issubclass(theirs, Exception)) or isinstance(error, theirs):
        return error
    error.__class__ = _both(type(error), theirs)
    code = BAD_ARGUMENT
    if isinstance(error, (CfgError, WeightsError)):
        code = PARSE_ERROR
    elif isinstance(error, NotFound):
        code = NOT_FOUND
    text, file = str(error), (error.path or "") if isinstance(error, FileError) else ""
    line = getattr(error, "line", None) or 0
    vars(error).update(code=code, err=text, msg=text, func=function, file=file, line=line)
    return error


def raises_opencv(function: Callable[P, R]) -> Callable[P, R]:
    """A function whose errors are ``cv2.error``, too."""

    @functools.wraps(function)
    def call(*args: P.args, **options: P.kwargs) -> R:
        try:
            return function(*args, **options)
        except DarknetError as error:
            as_opencv(error, function.__name__)
            raise

    return call


def opencv_surface(cls: T) -> T:
    """A class whose public methods raise such errors."""
    for name, value in list(vars(cls).items()):
        if callable(value) and not name.startswith("_"):
            setattr(cls, name, raises_opencv(value))
    return cls
