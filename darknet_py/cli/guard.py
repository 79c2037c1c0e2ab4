"""No command writes to a file that it reads, or twice to one file, whatever its options are."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import click

from ..formats.text import is_file

WRITTEN = {"chart", "json_file", "out", "out_cfg", "output", "picture", "plot", "report"}
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
        _refuse_twice(params)
        written = _written(params)
        if written:
            from ..formats.atomic import refuse_input

            read = [path for name, value in params.items() if name not in WRITTEN for path in _files(value)]
            for path in written:
                refuse_input(path, *read)
        return callback(*args, **params)

    run.keeps_inputs = True  # type: ignore[attr-defined]
    return run


def keep_found(files: Iterable[str | Path]) -> None:
    """Refuse to write to files that the running command has found to read: those of a folder, or of a list."""
    context = click.get_current_context(silent=True)
    written = [] if context is None else _written(context.params)
    if written:
        from ..formats.atomic import refuse_input

        files = list(files)
        for path in written:
            refuse_input(path, *files)


def _written(params: Mapping[str, object]) -> list[Path]:
    """The files to be written that are there already."""
    return [path for name in sorted(WRITTEN & params.keys()) for path in _files(params[name])]


def _refuse_twice(params: Mapping[str, object]) -> None:
    """Raise `FileError` if two parameters name one file to be written: only the last would be left of them."""
    from ..errors import FileError

    seen: set[str] = set()
    for value in (params[name] for name in sorted(WRITTEN & params.keys())):
        if not isinstance(value, (str, Path)) or str(value) == "-" or (os.path.exists(value) and not is_file(value)):
            continue  # standard output; a folder, or a device, that takes several
        real = os.path.realpath(value)
        if real in seen:
            raise FileError("two results would be written to this file: give them different names", value)
        seen.add(real)


def _files(value: object) -> Iterator[Path]:
    """The files that are there among a parameter's values."""
    for each in value if isinstance(value, (tuple, list)) else [value]:
        if isinstance(each, (str, Path)) and is_file(each):
            yield Path(each)
