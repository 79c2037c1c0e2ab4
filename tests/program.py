"""The command line called in this process: for the many ways to fail, each too short for a process of its own."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from darknet_py.cli import main


class Answer(NamedTuple):
    """How a program ended, and what it wrote, byte for byte."""

    code: object
    out: bytes
    err: bytes


def answer(
    *arguments: object, cwd: Path, program: str = "darknet-py", stdin: bytes = b"", encoding: str = "utf-8"
) -> Answer:
    """Run ``program`` in this process, its standard streams in a locale's ``encoding``."""
    streams = [io.BytesIO(), io.BytesIO()]
    texts = [io.TextIOWrapper(stream, encoding=encoding, write_through=True) for stream in streams]
    handler, folder = signal.getsignal(signal.SIGINT), Path.cwd()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [program, *map(str, arguments)])
        patch.setattr(sys, "unraisablehook", sys.unraisablehook)
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding=encoding))
        patch.setattr(sys, "stdout", texts[0])
        patch.setattr(sys, "stderr", texts[1])
        os.chdir(cwd)
        try:
            with pytest.raises(SystemExit) as end:
                main()
        finally:
            os.chdir(folder)
            signal.signal(signal.SIGINT, handler)
            for text in texts:
                text.flush()
    result = Answer(end.value.code, *(stream.getvalue() for stream in streams))
    assert b"Traceback" not in result.err, result.err
    return result


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
