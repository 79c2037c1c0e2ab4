"""A video file with the boxes drawn on its frames."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import FileError
from .frames import Result
from .opencv import load_cv2
from .outputs import check_directory

if TYPE_CHECKING:
    from .source import Source

CODECS = {".mp4": "mp4v", ".m4v": "mp4v", ".mov": "mp4v", ".mkv": "mp4v", ".avi": "MJPG", ".webm": "VP80"}
"""What OpenCV's wheels can write, by the file's suffix: MPEG-4, Motion JPEG, VP8 (which browsers play)."""

LONGEST_GAP = 10.0
"""Seconds of a live source without a frame that are filled with the last one; a longer gap is cut to this."""


class VideoFile:
    """Written beside its place, which it takes when it is finished, also when the run is stopped.

    A live source gives frames when it can; they are repeated or left out, so that the file runs at the true speed.
    """

    def __init__(self, path: Path, source: Source) -> None:
        """Check the place.

        Args:
            path: where to; its suffix (`CODECS`) names the format.
            source: says how many frames there are in a second, once it gives frames.

        Raises:
            FileError: unknown suffix.
            DarknetError: a file cannot be put there.
        """
        if path.suffix.lower() not in CODECS:
            raise FileError(f"cannot write videos with suffix '{path.suffix}'; choose from {', '.join(CODECS)}", path)
        check_directory(path)
        self._path = path.resolve()
        self._part = self._path.with_name(f"{self._path.stem}.{os.getpid()}.part{self._path.suffix}")
        self._cv2 = load_cv2("writing videos")
        self._source = source
        self._writer: Any = None
        self._size = (0, 0)
        self._fps = 0.0
        self._written = 0
        self._begin = 0.0

    def put(self, result: Result) -> None:
        picture = result.picture
        if self._writer is None:
            self._open((picture.shape[1], picture.shape[0]), result.frame.time)
        if picture.shape[1::-1] != self._size:
            picture = self._cv2.resize(picture, self._size)
        for _ in range(self._times(result.frame.time)):
            self._writer.write(picture)
            self._written += 1

    def _open(self, size: tuple[int, int], time: float) -> None:
        self._size, self._fps, self._begin = size, self._source.fps, time
        codec = self._cv2.VideoWriter_fourcc(*CODECS[self._path.suffix.lower()])
        self._writer = self._cv2.VideoWriter(str(self._part), codec, self._fps, size)
        if not self._writer.isOpened():
            raise FileError(f"OpenCV cannot write a video of {size[0]} x {size[1]} in this format here", self._path)

    def _times(self, time: float) -> int:
        """How often a frame goes into the file: once, but for a live source."""
        if not self._source.live:
            return 1
        due = round((time - self._begin) * self._fps) + 1 - self._written
        longest = int(LONGEST_GAP * self._fps)
        if due > longest:
            self._begin += (due - longest) / self._fps
        return max(0, min(due, longest))

    def close(self) -> None:
        """Finish the file, and put it in its place.

        Raises:
            FileError: it was not written (OpenCV does not say why; most often the disk is full).
        """
        if self._writer is None:
            return
        self._writer.release()
        self._writer = None
        try:
            if not self._is_whole():
                raise FileError("could not be written; is the disk full?", self._path)
            os.replace(self._part, self._path)
        finally:
            self._part.unlink(missing_ok=True)

    def _is_whole(self) -> bool:
        """Whether the file can be read again, its first frame at least."""
        if not self._part.is_file() or not self._written:
            return False
        capture = self._cv2.VideoCapture(str(self._part))
        try:
            return bool(capture.isOpened() and capture.read()[0])
        finally:
            capture.release()
