"""Image paths from the command line or, one by one, from standard input."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator

from ..errors import FileError, ImageError

PROMPT = "Enter Image Path: "


def chat(text: str, end: str = "\n") -> None:
    """Something on standard error, at once; nothing where the parent has closed it."""
    if sys.stderr is not None:
        print(text, end=end, file=sys.stderr, flush=True)


def for_each_image(filename: str | None, work: Callable[[str], None]) -> int:
    """Call ``work`` with the image of the command line, or with each path that standard input gives, a line each.

    An image that cannot be read is a line on standard error, and the others are still worked on. (pjreddie's Darknet
    ends at the first such image, AlexeyAB's takes a grey picture for it; both end with exit code 0.)

    Returns:
        The exit code: 1 if an image could not be read.
    """
    code = 0
    for path in _ask_paths() if filename is None else [filename]:
        try:
            work(path)
        except ImageError as error:
            code = 1
            chat(_complaint(path, error))
    return code


def _ask_paths() -> Iterator[str]:
    """Prompt for paths until the end of the input; an empty line is asked again.

    The prompt is flushed before each line that is read: a parent process may wait for it, because everything about the
    image before has then been written.
    """
    while True:
        print(PROMPT, end="", flush=True)
        line = sys.stdin.buffer.readline() if sys.stdin is not None else b""
        if not line:
            return
        path = os.fsdecode(line.rstrip(b"\r\n"))
        if path:
            yield path


def _complaint(path: str, error: FileError) -> str:
    """Darknet's words for an image that cannot be read, and the reason."""
    return f'Cannot load image "{path}": {error.message}' if error.path == path else f"Error: {error}"
