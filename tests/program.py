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
    handler, folder = signal.getsignal(signal.SIGINT), Path.cwd()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()):
        patch.setattr(sys, "argv", [program, *map(str, arguments)])
        patch.setattr(sys, "unraisablehook", sys.unraisablehook)
        os.chdir(cwd)
        try:
            with contextlib.redirect_stderr(said), pytest.raises(SystemExit) as end:
                main()
        finally:
            os.chdir(folder)
            signal.signal(signal.SIGINT, handler)
    assert end.value.code == code, said.getvalue()
    return said.getvalue()
