"""No command writes to a file that it reads, whatever its options are."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path

import click

WRITTEN = {"json_file", "output", "out", "out_cfg", "plot", "report"}
"""Parameters of commands that name files to be written; all others that name files name such as are read."""


def keep_inputs(command: click.Command) -> click.Command:
    """Let a command, and those below it, refuse to write to what they read, before anything else is done."""
    for below in command.commands.values() if isinstance(command, click.Group) else ():
        keep_inputs(below)
    callback = command.callback
    if callback is not None and not hasattr(callback, "keeps_inputs"):
        command.callback = _checked(callback)
    return command


def _checked(callback: Callable[..., object]) -> Callable[..., object]:
    @functools.wraps(callback)
    def run(*args: object, **params: object) -> object:
        written = [path for name in sorted(WRITTEN & params.keys()) for path in _files(params[name])]
        if written:
            from ..formats.atomic import refuse_input

            read = [path for name, value in params.items() if name not in WRITTEN for path in _files(value)]
            for path in written:
                refuse_input(path, *read)
        return callback(*args, **params)

    run.keeps_inputs = True  # type: ignore[attr-defined]
    return run


def _files(value: object) -> Iterator[Path]:
    """The files that are there among a parameter's values."""
    for each in value if isinstance(value, (tuple, list)) else [value]:
        if isinstance(each, (str, Path)) and Path(each).is_file():
            yield Path(each)
