"""The command line called in this process: for the many ways to fail, each too short for a process of its own."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from darknet_py.cli import main

_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


class Answer(NamedTuple):
    """What a command printed, and its exit code."""

    code: object
    out: str
    err: str


class Bytes(NamedTuple):
    """How a program ended, and what it wrote, byte for byte."""

    code: object
    out: bytes
    err: bytes


def answer(
    *arguments: object, cwd: Path, program: str = "darknet-py", stdin: bytes = b"", encoding: str = "utf-8"
) -> Bytes:
    """Run ``program`` in this process, its standard streams in a locale's ``encoding``."""
    streams = [io.BytesIO(), io.BytesIO()]
    texts = [io.TextIOWrapper(stream, encoding=encoding, write_through=True) for stream in streams]
    handlers, folder = {number: signal.getsignal(number) for number in _SIGNALS}, Path.cwd()
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
            for number, handler in handlers.items():
                signal.signal(number, handler)
            for text in texts:
                text.flush()
    result = Bytes(end.value.code, *(stream.getvalue() for stream in streams))
    assert b"Traceback" not in result.err, result.err
    return result


def ask(*arguments: object, cwd: Path, program: str = "darknet-py", stdin: bytes = b"") -> Answer:
    """Run ``program`` in this process; an exception that gets out fails the test."""
    said, complained = io.StringIO(), io.StringIO()
    handlers, folder = {number: signal.getsignal(number) for number in _SIGNALS}, Path.cwd()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(said):
        patch.setattr(sys, "argv", [program, *map(str, arguments)])
        patch.setattr(sys, "unraisablehook", sys.unraisablehook)
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        os.chdir(cwd)
        try:
            with contextlib.redirect_stderr(complained), pytest.raises(SystemExit) as end:
                main()
        finally:
            os.chdir(folder)
            for number, handler in handlers.items():
                signal.signal(number, handler)
    lines = [line for line in complained.getvalue().splitlines(True) if not line.startswith("Compiling kernels")]
    return Answer(end.value.code, said.getvalue(), "".join(lines))


def run(*arguments: object, cwd: Path | None = None, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run darknet-py in this process and check its exit code; ``test_cli.run`` does the same in one of its own."""
    done = answer(*arguments, cwd=cwd or Path.cwd())
    out, err = done.out.decode(), done.err.decode()
    assert (done.code or 0) == code, f"exit code {done.code}\n{out}\n{err}"
    return subprocess.CompletedProcess(["darknet-py", *map(str, arguments)], code, out, err)


def failure(*arguments: object, cwd: Path, code: int = 1, program: str = "darknet-py") -> str:
    """What ``program`` says on standard error as it ends with ``code``; that no traceback gets out is part of it."""
    answer = ask(*arguments, cwd=cwd, program=program)
    assert answer.code == code, answer.err
    return answer.err
