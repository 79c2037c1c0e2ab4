"""Runs a script that imports Darknet's Python module, or reads Darknet's networks with OpenCV, as it stands."""

from __future__ import annotations

import os
import runpy
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

FLAVOURS = ("alexeyab", "pjreddie", "opencv")
"""What a script can be given: one of the modules called ``darknet``, or ``cv2.dnn``."""


def run_script(path: str, arguments: Sequence[str], flavour: str) -> None:
    """Run ``path`` as Python itself would: as ``__main__``, with its arguments, its folder first on ``sys.path``.

    ``import darknet`` gives our module, whatever file of that name lies beside the script.

    Args:
        path: the script.
        arguments: its command line.
        flavour: one of `FLAVOURS`.

    Raises:
        SystemExit: what the script raised; with code 1 after an exception, told on standard error with its traceback.
    """
    if flavour == "opencv":
        from .opencv import install

        install(replace=True)
    else:
        sys.modules["darknet"] = import_module(f"{__package__}.{flavour}")
    sys.argv = [path, *arguments]
    if not getattr(sys.flags, "safe_path", False):
        sys.path[0] = os.path.dirname(os.path.realpath(path))
    try:
        runpy.run_path(path, run_name="__main__")
    except Exception as error:
        error = error.with_traceback(_of_script(error.__traceback__))
        sys.excepthook(type(error), error, error.__traceback__)
        sys.exit(1)


def _of_script(trace: TracebackType | None) -> TracebackType | None:
    """The traceback without this module's frame and runpy's."""
    start = trace
    while trace is not None and trace.tb_frame.f_globals.get("__name__") in (__name__, "runpy"):
        trace = trace.tb_next
    return trace or start
