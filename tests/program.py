"""The command line called in this process: for the many ways to fail, each too short for a process of its own."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
from pathlib import Path

import pytest

from darknet_py.cli import main


def failure(*arguments: object, cwd: Path, code: int = 1, program: str = "darknet-py") -> str:
    """What ``program`` says on standard error as it ends with ``code``; that no traceback gets out is part of it."""
    said = io.StringIO()
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    handlers, folder = [signal.getsignal(number) for number in numbers], Path.cwd()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()):
        patch.setattr(sys, "argv", [program, *map(str, arguments)])
        patch.setattr(sys, "unraisablehook", sys.unraisablehook)
        os.chdir(cwd)
        try:
            with contextlib.redirect_stderr(said), pytest.raises(SystemExit) as end:
                main()
        finally:
            os.chdir(folder)
            for number, handler in zip(numbers, handlers, strict=True):
                signal.signal(number, handler)
    assert end.value.code == code, said.getvalue()
    return said.getvalue()
