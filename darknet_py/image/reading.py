"""How this process reads image files where a caller does not say: set by commands, plain Darknet otherwise."""

from __future__ import annotations

import os
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..errors import ImageError, OrientationWarning, PictureTooLarge

DECODERS = ("stb", "pillow")

DECODER = "DARKNET_PY_DECODER"
"""Environment variable: the decoder of files for which none is given."""


@dataclass(frozen=True)
class Reading:
    """One way of reading.

    Attributes:
        decoder: "stb" or "pillow"; None: what the environment says, or "stb".
        exif: whether pictures are turned as the camera noted.
        most_pixels: larger pictures are refused as soon as the file has said its size; None: Darknet's limits alone.
        decoder_words, exif_words: what one types here to have Pillow decode, and to have pictures turned.
        report: takes a line about a picture that is not turned; None: Python's `warnings` do.
        reported: lines that ``report`` was called with; each is reported once.
    """

    decoder: str | None = None
    exif: bool = False
    most_pixels: int | None = None
    decoder_words: str = 'decoder="pillow"'
    exif_words: str = "exif=True"
    report: Callable[[str], None] | None = None
    reported: set[str] = field(default_factory=set)


_current = Reading()


def current() -> Reading:
    """How files are read now."""
    return _current


@contextmanager
def reading(**changes: object) -> Iterator[None]:
    """Read files in another way for a while (fields of `Reading`), in all threads of the process."""
    global _current
    before = _current
    _current = replace(before, **changes)  # type: ignore[arg-type]
    try:
        yield
    finally:
        _current = before


def chosen_decoder(decoder: str | None) -> str:
    """The decoder that a caller names, or the process, or the environment. Raises `ImageError`: there is no such."""
    where = "decoder="
    if decoder is None:
        decoder = _current.decoder
    if decoder is None:
        decoder, where = os.environ.get(DECODER) or DECODERS[0], f"{DECODER}="
    if decoder not in DECODERS:
        raise ImageError(f"{where}{decoder!r}: choose one of {', '.join(DECODERS)}")
    return decoder


def check_pixels(width: int, height: int, name: str | None) -> None:
    """Refuse a picture of more pixels than the process reads (`Reading.most_pixels`), before memory is taken for it.

    Raises:
        PictureTooLarge: it has.
    """
    most = _current.most_pixels
    if most is not None and width * height > most:
        raise PictureTooLarge(f"says that it has {width} x {height} pixels; here pictures have at most {most}", name)
    ahead: Ahead | None = getattr(_thread, "ahead", None)
    if ahead is not None:
        ahead.admit(width * height)


@dataclass
class Ahead:
    """How a thread reads pictures before it is their turn.

    Attributes:
        admit: called with a picture's pixels before memory is taken for them.
        warnings: takes the orientations that are to be warned of when it is the picture's turn.
    """

    admit: Callable[[int], None]
    warnings: list[tuple[int, str | None]]


_thread = threading.local()
"""``ahead``: `Ahead`, if this thread reads so."""


@contextmanager
def reading_ahead(ahead: Ahead) -> Iterator[None]:
    """This thread reads ahead for a while."""
    _thread.ahead = ahead
    try:
        yield
    finally:
        del _thread.ahead


def unusual() -> dict[str, object]:
    """What makes pixels others than Darknet's here; empty if nothing does. Kept with results."""
    found = {"decoder": chosen_decoder(None), "exif": _current.exif}
    return {name: value for name, value in found.items() if value not in ("stb", False)}


def try_pillow(text: str) -> str:
    """What to type here, and that it ``text``, for the end of a message."""
    return f"{_current.decoder_words} {text}"


def warn_of_orientation(orientation: int, name: str | None) -> None:
    """Warn, once for each file, that its picture is meant to be shown turned or mirrored, and is not."""
    habit, ahead = _current, getattr(_thread, "ahead", None)
    if ahead is not None:
        ahead.warnings.append((orientation, name))
        return
    text = (
        f"{name or 'an image'}: its camera noted that it is to be turned (EXIF orientation {orientation}); "
        f"Darknet ignores that and sees it as it is stored; {habit.exif_words} turns it"
    )
    if habit.report is None:
        warnings.warn(text, OrientationWarning, stacklevel=_levels_to_caller())
    elif text not in habit.reported:
        habit.reported.add(text)
        habit.report(f"Warning: {text}")


def _levels_to_caller() -> int:
    """The ``stacklevel`` that makes a warning of `tell_orientation` one about the line that called this package."""
    package = str(Path(__file__).resolve().parent.parent) + os.sep
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and os.path.realpath(frame.f_code.co_filename).startswith(package):
        level, frame = level + 1, frame.f_back
    return level
