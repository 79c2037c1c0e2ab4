"""Files that appear at once and whole, or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import FileError


def refuse_input(out: str | Path, *inputs: str | Path) -> None:
    """Raise `FileError` if ``out`` is one of the files that are read, by whatever name."""
    for path in inputs:
        try:
            same = Path(out).samefile(path)
        except OSError:
            same = Path(out).absolute() == Path(path).absolute()
        if same:
            raise FileError("this file is read from: write to another one", out)


@contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """Yields a path to write to; what stands there at the end becomes ``path``.

    If the block raises, or the program is killed, ``path`` is what it was before. A link's target is replaced, not the
    link. What is no regular file (``/dev/stdout``, a named pipe) is written to directly.

    Raises:
        FileError: the file cannot be written.
    """
    target = Path(path).resolve()
    special = target.exists() and not target.is_file()
    part = target if special else target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        yield part
        if not special:
            os.replace(part, target)
    except OSError as error:
        if error.filename not in (None, str(part), part):
            raise
        raise FileError(f"cannot be written: {error.strerror or error}", path) from error
    finally:
        if not special:
            with suppress(OSError):
                part.unlink(missing_ok=True)


def check_folder(path: str | Path) -> None:
    """Raise `FileError` where a file can surely not be written, before work is done for it."""
    target = Path(path).resolve()
    if not target.parent.is_dir():
        raise FileError("cannot be written: there is no such folder", path)
    if target.is_dir():
        raise FileError("cannot be written: this is a folder", path)
