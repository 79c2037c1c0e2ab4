"""What a file is that was expected to be another one, by its first bytes: for the errors that say so."""

from __future__ import annotations

import codecs
import re
import struct

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_CFG = re.compile(rb"\s*(?:[#;][^\n]*\n\s*)*\[[A-Za-z_0-9 \t]+\]")
_VERSION = struct.Struct("<iii")


def is_utf16(data: bytes) -> bool:
    """Whether a file looks like text in UTF-16: by its byte order mark, or by its zeros."""
    if data.startswith(_UTF16):
        return True
    start = data[:64]
    zeros, others = (start[1::2], start[::2]) if start[1:2] == b"\0" else (start[::2], start[1::2])
    return len(start) > 3 and not any(zeros) and 0 not in others


def is_text(start: bytes) -> bool:
    """Whether a file looks like text: it has no zeros, or those of UTF-16."""
    return b"\0" not in start or is_utf16(start)


def is_cfg(start: bytes) -> bool:
    """Whether a text begins like a cfg file: with a section, or with comments before it."""
    text = start.replace(b"\0", b"") if is_utf16(start) else start
    return _CFG.match(text.removeprefix(codecs.BOM_UTF8).removeprefix(_UTF16[0]).removeprefix(_UTF16[1])) is not None


def why_no_cfg(data: bytes) -> str:
    """What to say of a file with zero bytes that should be a cfg file."""
    if is_utf16(data):
        return "it is saved as UTF-16; save it as UTF-8"
    if len(data) >= 16:
        major, minor, revision = _VERSION.unpack_from(data)
        if major in (0, 1) and 0 <= minor < 10 and 0 <= revision < 100:
            return "it looks like a weights file; are the cfg and the weights given in the wrong order?"
    return "it has binary data (a text file must be saved as UTF-8)"
