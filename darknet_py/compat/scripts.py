"""Runs a script that imports Darknet's Python module, or reads Darknet's networks with OpenCV, as it stands."""

from __future__ import annotations

import os
import runpy
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ..errors import DarknetError
from .bootstrap import hook
from .flavours import take_place

if TYPE_CHECKING:
    from types import TracebackType


def run_script(path: str, arguments: Sequence[str], flavour: str) -> None:
    """Run ``path`` as Python itself would: as ``__main__``, with its arguments, its folder first on ``sys.path``.

    ``import darknet`` gives our module, whatever file of that name lies beside the script; in the Python processes that
    the script starts, too.

    Args:
        path: the script.
        arguments: its command line.
        flavour: one of `flavours.FLAVOURS`.

    Raises:
        SystemExit: what the script raised; with code 1 after an exception, whose traceback is on standard error.
    """
    _prepare(flavour, [path, *arguments], os.path.dirname(os.path.realpath(path)))
    _run(lambda: runpy.run_path(path, run_name="__main__"))


def run_module(module: str, arguments: Sequence[str], flavour: str) -> None:
    """`run_script` of a module, as ``python -m`` runs it: the working folder is first on ``sys.path``.

    Raises:
        DarknetError: there is no such module, or it is a package that cannot be run.
    """
    _prepare(flavour, [module, *arguments], os.getcwd())
    _run(lambda: runpy.run_module(module, run_name="__main__", alter_sys=True))


def _prepare(flavour: str, command: list[str], folder: str) -> None:
    version = take_place(flavour)
    if version is not None:
        from .opencv.version import OLDER

        print(f"darknet-py: the script is shown OpenCV {OLDER}; it runs on OpenCV {version}", file=sys.stderr)
    hook.begin(flavour)
    sys.argv = command
    if not getattr(sys.flags, "safe_path", False):
        sys.path[0] = folder


def _run(run: Callable[[], object]) -> None:
    try:
        run()
    except Exception as error:
        trace = _of_script(error.__traceback__)
        if trace is None and isinstance(error, ImportError):  # runpy has not found the module
            raise DarknetError(str(error)) from None
        error = error.with_traceback(trace or error.__traceback__)
        sys.excepthook(type(error), error, error.__traceback__)
        sys.exit(1)


def _of_script(trace: TracebackType | None) -> TracebackType | None:
    """The traceback without this module's frames and runpy's; None if nothing else is there."""
    while trace is not None and trace.tb_frame.f_globals.get("__name__") in (__name__, "runpy"):
        trace = trace.tb_next
    return trace
