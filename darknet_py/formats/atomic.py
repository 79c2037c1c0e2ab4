"""Files that appear at once and whole, or not at all."""

from __future__ import annotations

import errno
import os
import signal
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import FileError

if TYPE_CHECKING:
    from types import FrameType


def refuse_input(out: str | Path, *inputs: str | Path) -> None:
    """Raise `FileError` if ``out`` is one of the files that are read, by whatever name."""
    for path in inputs:
        try:
            same = Path(out).samefile(path)
        except (OSError, ValueError):  # a path with a zero byte
            same = Path(out).absolute() == Path(path).absolute()
        if same:
            raise FileError("this file is read from: write to another one", out)


def check_writable(path: str | Path) -> None:
    """Raise `FileError` if a file cannot be put at ``path``: before the work, not after it. (A disk may still fill.)"""
    target = Path(path)
    try:
        folder = target.resolve().parent
        if target.is_dir():
            raise FileError("is a folder; name a file to write to", path)
        if not folder.is_dir():
            raise FileError(f"cannot be written: there is no folder {target.parent}", path)
        if not os.access(target if target.exists() and not target.is_file() else folder, os.W_OK):
            raise FileError(f"cannot be written: {os.strerror(_refusal(folder))}", path)
    except (OSError, ValueError, RuntimeError) as error:
        raise FileError(f"cannot be written: {getattr(error, 'strerror', None) or error}", path) from None


def _refusal(folder: Path) -> int:
    """The error's number where the system lets nobody write to a folder, or not this user."""
    read_only = hasattr(os, "statvfs") and os.statvfs(folder).f_flag & os.ST_RDONLY
    return errno.EROFS if read_only else errno.EACCES


def encode_text(text: str) -> bytes:
    """UTF-8; what was read as bytes that are no UTF-8 becomes those bytes again."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half a character of a Windows file name
        return text.encode("utf-8", "surrogatepass")


def write_text(path: str | Path, text: str) -> None:
    """Write a text file (UTF-8), at once and whole. Raises `FileError` if it cannot be written."""
    try:
        with whole_file(path) as part:
            part.write_bytes(encode_text(text))
    except (OSError, ValueError) as error:
        raise FileError(f"cannot be written: {getattr(error, 'strerror', None) or error}", path) from None


@contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """Yields a path to write to; what stands there at the end becomes ``path``.

    If the block raises, or the program is killed, ``path`` is what it was before. A link's target is replaced, not the
    link. What is no regular file (``/dev/stdout``, a named pipe) is written to directly. A new file gets the mode that
    the umask gives, whoever writes it (some libraries make theirs 0600); one that was there keeps its own.

    Raises:
        OSError: the file cannot be written; ``path`` is its ``filename``.
    """
    special = Path(path).exists() and not Path(path).is_file()
    # /dev/stdout leads to something like /proc/1/fd/pipe:[7], which only the kernel can open
    target = Path(path) if special else Path(path).resolve()
    part = target if special else target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        mode = 0 if special else _usual_mode(target, part)
        yield part
        if not special:
            if stat.S_IMODE(part.stat().st_mode) != mode:
                with suppress(OSError):  # a file system without modes
                    part.chmod(mode)
            os.replace(part, target)
    except OSError as error:
        if error.filename in (None, str(part), part):
            error.filename = str(path)  # by the name that its user knows
        raise
    finally:
        if not special:
            with suppress(OSError):
                part.unlink(missing_ok=True)


def _usual_mode(target: Path, part: Path) -> int:
    """The mode of a file that is replaced, or of a new one; makes ``part``, empty, to ask the system for that."""
    part.write_bytes(b"")
    return stat.S_IMODE((target if target.exists() else part).stat().st_mode)


@contextmanager
def signals_held() -> Iterator[None]:
    """Let an interrupt or a termination signal wait until the block is done: it must not be left half way.

    A second signal does not wait, for a block that hangs (on a pipe that nobody reads).
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in numbers}
    came: list[int] = []

    def hold(number: int, frame: FrameType | None) -> None:
        handler = before[signal.Signals(number)]
        if came and callable(handler):
            handler(number, frame)
        came.append(number)

    held = [
        number for number, handler in before.items() if callable(handler)
    ]  # not where ignored or left to the system
    for number in held:
        signal.signal(number, hold)
    try:
        yield
    finally:
        for number in held:
            signal.signal(number, before[number])
        if came:
            signal.raise_signal(came[0])
