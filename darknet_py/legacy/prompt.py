"""Image paths from the command line or, one by one, from standard input."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

from ..errors import DarknetError

PROMPT = "Enter Image Path: "


def image_paths(filename: str | None) -> Iterator[str]:
    """The one image of the command line, or those that standard input names, a line each, until it ends.

    Before each line that is read the prompt goes to standard output and is flushed: a parent process may wait for it,
    because everything about the image before has then been written.
    """
    if filename is not None:
        yield filename
        return
    while True:
        print(PROMPT, end="", flush=True)
        line = sys.stdin.buffer.readline() if sys.stdin is not None else b""
        if not line:
            return
        path = os.fsdecode(line.rstrip(b"\r\n"))
        if not path:
            raise DarknetError("standard input: an empty line is no path of an image")
        yield path
