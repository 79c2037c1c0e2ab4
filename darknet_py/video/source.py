"""Where frames come from: a video file, a camera, an address on the network, pictures."""

from __future__ import annotations

import glob
import re
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

from ..errors import DarknetError, FileError, ImageError
from ..image.files import SUFFIXES, find_images
from ..image.load import load_image
from .frames import Frame
from .opencv import load_cv2

DEFAULT_FPS = 25.0

TIMEOUT = 10_000
"""Milliseconds that an address on the network may take to answer, or to send the next frame."""

RETRIES = 5
"""How often reading is retried in a file that should have more frames: decoders recover after a broken one."""

TOLERANCE = 0.95
"""A file's number of frames is an estimate in some formats; a file that has less of it than this is cut short."""

Report = Callable[[str], None]


@dataclass(frozen=True)
class CaptureSettings:
    """What is asked of a source; a camera gives what it can.

    Attributes:
        width, height, fps: of a camera, which gives what it can; ``fps`` is the rate of pictures, too. 0: its own.
        skip: how many frames to leave out after each one.
        limit: how many frames to give at most; 0: all.
    """

    width: int = 0
    height: int = 0
    fps: float = 0.0
    skip: int = 0
    limit: int = 0


class Source:
    """Frames of a video.

    Attributes:
        name: for messages and files, without a password.
        fps: frames per second that come out, after those left out; known once the source is open.
        live: it cannot be held up, and is not expected to end (a camera, most addresses); known from `frames` on.
    """

    name: str
    fps: float = DEFAULT_FPS
    live: bool = False

    def frames(self) -> Generator[Frame, None, None]:
        """Open the source and give its frames; closing the generator closes it.

        Raises:
            DarknetError: it cannot be opened, has no frame, or is live and broke off.
        """
        raise NotImplementedError


def find_source(text: str, settings: CaptureSettings, report: Report) -> Source:
    """The source that a user names.

    Args:
        text: a number (camera; ``/dev/video0``, too), an address with ``://``, a directory of images, a pattern such as
            ``frames/*.png``, an image, or a video file.
        settings: what to ask of it, see `CaptureSettings`.
        report: takes a line about what is wrong with single frames.

    Raises:
        DarknetError: there is no such file or directory, or no image in it.
    """
    camera = re.fullmatch(r"(?:/dev/video)?(\d{1,4})", text)
    if camera:
        return Video(int(camera[1]), f"camera {camera[1]}", settings, report, live=True)
    if "://" in text:
        return Video(
            text, _without_password(text), settings, report, live=not text.lower().startswith(("file:", "http"))
        )
    path = Path(text)
    if not path.exists() and glob.has_magic(text):
        files = sorted(Path(found) for found in glob.glob(text, recursive=True))
        if not files:
            raise DarknetError(f"{text}: no file matches this pattern")
        return Pictures(text, files, settings, report)
    if path.is_dir() or (path.is_file() and path.suffix.lower() in SUFFIXES - {".gif"}):
        return Pictures(text, find_images([path]), settings, report)
    if not path.exists():
        raise DarknetError(f"{text}: there is no such file (a camera is a number, a stream an address with ://)")
    return Video(text, text, settings, report, live=path.is_char_device())  # a capture device by another name


def _without_password(address: str) -> str:
    return re.sub(r"^(\w+://[^/@:]*):[^/@]*@", r"\1:***@", address)


class Pictures(Source):
    """Images of any sizes, one after the other, decoded as Darknet decodes them."""

    def __init__(self, name: str, files: list[Path], settings: CaptureSettings, report: Report) -> None:
        self.name = name
        self.fps = (settings.fps or DEFAULT_FPS) / (settings.skip + 1)
        self._files, self._settings, self._report = files, settings, report

    def frames(self) -> Generator[Frame, None, None]:
        given = 0
        rate = self.fps * (self._settings.skip + 1)
        for number, file in list(enumerate(self._files, start=1))[:: self._settings.skip + 1]:
            try:
                pixels = load_image(file)
            except ImageError as error:
                if len(self._files) == 1:
                    raise
                self._report(f"Warning: left out {error}")
                continue
            yield Frame(number, (number - 1) / rate, pixels)
            given += 1
            if given == self._settings.limit:
                return
        if not given:
            raise DarknetError(f"{self.name}: none of these files is an image that can be read")


class Video(Source):
    """Whatever OpenCV opens: a file, a camera's number, an address."""

    def __init__(
        self, target: str | int, name: str, settings: CaptureSettings, report: Report, live: bool = False
    ) -> None:
        self.name, self.live = name, live
        self._target, self._settings, self._report = target, settings, report
        self._cv2 = load_cv2("video")

    def frames(self) -> Generator[Frame, None, None]:
        capture = self._open()
        try:
            yield from self._read(capture)
        finally:
            capture.release()

    def _open(self) -> Any:
        cv2 = self._cv2
        if isinstance(self._target, str) and "://" in self._target:
            limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, TIMEOUT, cv2.CAP_PROP_READ_TIMEOUT_MSEC, TIMEOUT]
            capture = cv2.VideoCapture(self._target, cv2.CAP_FFMPEG, limits)
        else:
            capture = cv2.VideoCapture(self._target)
        if not capture.isOpened():
            raise self._cannot_open()
        if isinstance(self._target, int):
            for setting, value in (
                (cv2.CAP_PROP_FRAME_WIDTH, self._settings.width),
                (cv2.CAP_PROP_FRAME_HEIGHT, self._settings.height),
                (cv2.CAP_PROP_FPS, self._settings.fps),
            ):
                if value:
                    capture.set(setting, value)
        return capture

    def _cannot_open(self) -> DarknetError:
        if isinstance(self._target, int):
            return DarknetError(f"{self.name}: cannot be opened; is it plugged in, and does no other program use it?")
        if "://" in self._target:
            return DarknetError(f"{self.name}: cannot be opened; is the address right, and does it send a video?")
        return FileError("cannot be read as a video: damaged, or in a format that OpenCV does not know", self.name)

    def _read(self, capture: Any) -> Generator[Frame, None, None]:
        cv2, step = self._cv2, self._settings.skip + 1
        length = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        rate = capture.get(cv2.CAP_PROP_FPS)
        rate = rate if 1 <= rate <= 480 else DEFAULT_FPS  # cameras and streams may not know
        self.live = self.live or (isinstance(self._target, str) and "://" in self._target and length <= 0)
        self.fps = rate / step
        begin, number, given = 0.0, 0, 0
        while self._grab(capture, number, length):
            number += 1
            if (number - 1) % step:
                continue
            got, pixels = capture.retrieve()
            if not got:
                self._report(f"Warning: {self.name}: frame {number} cannot be decoded and is left out")
                continue
            now = monotonic()
            begin = begin or now
            yield Frame(number, now - begin if self.live else (number - 1) / rate, _to_rgb(cv2, pixels))
            given += 1
            if given == self._settings.limit:
                return
        self._check_end(number, length)

    def _grab(self, capture: Any, number: int, length: int) -> bool:
        """Go to the next frame."""
        tries = 1 if self.live or number >= length else 1 + RETRIES
        return any(capture.grab() for _ in range(tries))

    def _check_end(self, number: int, length: int) -> None:
        """Raise or tell if frames that were to be expected are missing."""
        if not number:
            raise FileError("has no frame that can be read", self.name)
        if self.live:
            raise DarknetError(f"{self.name}: the stream broke off after {number} frames")
        if number < length * TOLERANCE:
            self._report(
                f"Warning: {self.name}: ends after {number} of {length} frames; the rest is missing or damaged"
            )


def _to_rgb(cv2: Any, pixels: Any) -> Any:
    return cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB if pixels.ndim == 2 else cv2.COLOR_BGR2RGB)
