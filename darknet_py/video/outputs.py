"""What becomes of each frame's result: text, JSON lines, pictures, a window."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, TextIO

from ..detect.detections import Detections
from ..errors import DarknetError
from ..formats.atomic import whole_file
from ..output.json import frame as json_frame
from ..output.json import unicode_only
from ..terminal import control
from .average import Adjustable
from .frames import Result, to_jpeg
from .opencv import load_cv2

CLEAR = "\033[2J\033[1;1H"
"""Clears a terminal and goes to its upper left corner."""


class Output(Protocol):
    """Takes results, one after the other, in a thread of its own."""

    def put(self, result: Result) -> None:
        """Take the next result."""

    def close(self) -> None:
        """Finish, after the last result or when the run was stopped."""


class Text:
    """Darknet's lines: ``FPS:31.4``, ``Objects:``, and a line for each object."""

    def __init__(self, stream: TextIO, clear: bool, lines: Callable[[Detections, bool], Iterable[str]]) -> None:
        """Write to ``stream`` the ``lines`` of a dialect; with ``clear`` the terminal is cleared before each frame."""
        self._stream, self._clear, self._lines = stream, clear, lines

    def put(self, result: Result) -> None:
        if self._clear:
            control(self._stream).write(CLEAR)
        head = f"\nFPS:{result.fps:.1f}\nObjects:\n\n"
        counts = [f"Line {number}: {each.text()}" for number, each in enumerate(result.crossings, start=1)]
        self._stream.write(head + "".join(f"{line}\n" for line in [*self._lines(result.found, False), *counts]))
        self._stream.flush()

    def close(self) -> None:
        """Nothing is left to do."""


def open_text(path: str) -> TextIO:
    """A new text file that stays open. Raises `DarknetError` if it cannot be written."""
    with names_file(path):
        return open(path, "w", encoding="utf-8", newline="\n")


class JsonLines:
    """A JSON object on a line for each frame, written at once so that others can follow.

    ``{"frame_id", "filename", "time", "objects"}``; the objects are those of `Detections.to_json`. With lines that
    objects are counted at, a ``"lines"``: for each ``{"right", "left"}``, how many have crossed it so far, by name.
    """

    def __init__(self, target: str, source: str) -> None:
        """Write to a file, or to standard output for ``-``. ``source`` is the file name in each line.

        Raises:
            DarknetError: the file cannot be written.
        """
        self._target, self._source = target, source
        self._stream = sys.stdout if target == "-" else open_text(target)

    def put(self, result: Result) -> None:
        entry = unicode_only(json_frame(result.found, result.frame.number, self._source))
        objects = entry.pop("objects")
        entry["time"] = round(result.frame.time, 3)
        if result.crossings:
            entry["lines"] = unicode_only([each.to_json() for each in result.crossings])
        line = json.dumps({**entry, "objects": objects}, allow_nan=False)
        with names_file(self._target):
            self._stream.write(line + "\n")
            self._stream.flush()

    def close(self) -> None:
        if self._stream is not sys.stdout:
            with names_file(self._target):
                self._stream.close()


class FrameFiles:
    """``PREFIX_00000001.jpg`` and so on: each frame with its boxes, numbered as in the JSON lines.

    Darknet writes the first frame once more, without boxes, as number 0 (`raw_first`), and never the last one.
    """

    def __init__(self, prefix: str, raw_first: bool = False) -> None:
        """Write files whose names begin with ``prefix``. Raises `DarknetError` if their directory does not exist."""
        check_directory(Path(f"{prefix}_"))
        self._prefix, self._raw_first = prefix, raw_first

    def put(self, result: Result) -> None:
        if self._raw_first:
            self._raw_first = False
            self._write(0, to_jpeg(result.frame.pixels[:, :, ::-1]))
        self._write(result.frame.number, result.jpeg)

    def _write(self, number: int, jpeg: bytes) -> None:
        name = f"{self._prefix}_{number:08d}.jpg"
        with names_file(name), whole_file(name) as part:
            part.write_bytes(jpeg)

    def close(self) -> None:
        """Nothing is left to do."""


class Window:
    """A window; the arrow keys change the thresholds by .02, as in Darknet, and Escape ends the run."""

    def __init__(self, adjustable: Adjustable, stop: Callable[[], None], fullscreen: bool = False) -> None:
        """Open it; in the main thread, as OpenCV wants it.

        Raises:
            DarknetError: this OpenCV opens no windows, or there is no display.
        """
        self._cv2 = load_cv2("a window")
        self._adjustable, self._stop = adjustable, stop
        self._latest: Result | None = None
        if sys.platform.startswith("linux") and not os.environ.keys() & {"DISPLAY", "WAYLAND_DISPLAY"}:
            # OpenCV's Qt would end the whole process.
            raise DarknetError("there is no display for a window; watch in a browser instead (--mjpeg-port 8090)")
        try:
            self._cv2.namedWindow("Demo", self._cv2.WINDOW_NORMAL)
            if fullscreen:
                self._cv2.setWindowProperty("Demo", self._cv2.WND_PROP_FULLSCREEN, self._cv2.WINDOW_FULLSCREEN)
            else:
                self._cv2.resizeWindow("Demo", 1352, 1013)
        except self._cv2.error as error:
            raise DarknetError(
                "this OpenCV opens no windows: pip install opencv-python instead of opencv-python-headless, "
                "or watch in a browser (--mjpeg-port 8090)"
            ) from error

    def put(self, result: Result) -> None:
        _ = result.picture  # drawn in this thread, not in the one that shows it
        self._latest = result

    def update(self) -> None:
        """Show the latest picture and look at the keys; in the main thread."""
        latest, self._latest = self._latest, None
        if latest is not None:
            self._cv2.imshow("Demo", latest.picture)
        key = self._cv2.waitKey(1)
        match key % 256 if key != -1 else None:
            case 27:
                self._stop()
            case 82:
                self._adjustable.shift(thresh=0.02)
            case 84:
                self._adjustable.shift(thresh=-0.02)
            case 83:
                self._adjustable.shift(hier_thresh=0.02)
            case 81:
                self._adjustable.shift(hier_thresh=-0.02)

    def close(self) -> None:
        self._cv2.destroyAllWindows()


def check_directory(path: Path) -> None:
    """Raise `DarknetError` if a file cannot be put at ``path``: before hours of work, not after them."""
    folder = path.absolute().parent
    if not folder.is_dir():
        raise DarknetError(f"{path}: the directory {path.parent} does not exist")
    if path.is_dir():
        raise DarknetError(f"{path}: is a directory")
    if not os.access(folder, os.W_OK):
        raise DarknetError(f"{path}: the directory {path.parent} cannot be written to")


@contextmanager
def names_file(name: str) -> Iterator[None]:
    """Turn a system error while ``name`` is written into an error that names it."""
    try:
        yield
    except BrokenPipeError:  # the reader of standard output has closed it, which is no error
        raise
    except OSError as error:
        raise DarknetError(f"{name}: cannot be written: {error.strerror or error}") from error
