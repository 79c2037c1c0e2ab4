"""Standard output and error that take any text: no character that a terminal's encoding lacks ends a program."""

from __future__ import annotations

import codecs
import sys
from typing import Any

HANDLER = "darknet-py.keep"
"""Name of the error handler (`keep`)."""


def keep(error: UnicodeError) -> tuple[str | bytes, int]:
    r"""Error handler for encoding: raw bytes stay bytes, other characters that do not fit become ``\xe9``, ``\u5b57``.

    Bytes of a file that are not UTF-8 are lone surrogates in a str (``surrogateescape``).
    """
    if not isinstance(error, UnicodeEncodeError):
        raise error
    kept = b"".join(_kept(character, error.encoding) for character in error.object[error.start : error.end])
    return kept, error.end


def _kept(character: str, encoding: str) -> bytes:
    if "\udc80" <= character <= "\udcff" and not encoding.lower().startswith(("utf-16", "utf-32")):
        return bytes([ord(character) - 0xDC00])
    return character.encode("ascii", "backslashreplace").decode().encode(encoding)


codecs.register_error(HANDLER, keep)


def prepare_streams(utf8: bool = False, **more: Any) -> None:
    """Let standard output and standard error take any text.

    Args:
        utf8: text is written as UTF-8, whatever the locale says: bytes of files and paths come out as they are, as from
            a C program. Otherwise in the stream's own encoding, but for ASCII, which is what Python assumes where
            nothing is known.
        more: for ``reconfigure``.
    """
    for stream in (sys.stdout, sys.stderr):
        if stream is None or not hasattr(stream, "reconfigure"):
            continue
        ascii_only = codecs.lookup(stream.encoding or "ascii").name == "ascii"
        encoding = {"encoding": "utf-8"} if utf8 or ascii_only else {}
        stream.reconfigure(errors=HANDLER, **encoding, **more)
