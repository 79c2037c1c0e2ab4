"""Videos and what stands for them: for tests of the video stages."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Generator
from pathlib import Path
from typing import IO

import numpy as np
import pytest

from darknet_py.detect.detections import Detections
from darknet_py.errors import DarknetError
from darknet_py.video.frames import Frame, Result
from darknet_py.video.source import Source

cv2 = pytest.importorskip("cv2", reason="OpenCV is not installed")
DATA = Path(__file__).parent / "data"
PHOTO = DATA / "photos" / "chelsea.jpg"
GOLDEN = json.loads((DATA / "demo.json").read_text(encoding="utf-8"))
NET = "\n".join(GOLDEN["cfg"])


def make_video(path: Path, count: int, codec: str = "mp4v", size: tuple[int, int] = (96, 64), fps: float = 10) -> Path:
    """A video of crops that move over the photograph."""
    photo = cv2.imread(str(PHOTO))
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*codec), fps, size)
    assert writer.isOpened()
    for k in range(count):
        x, y = 3 * k % 200, 2 * k % 150
        writer.write(cv2.resize(photo[y : y + 130, x : x + 200], size))
    writer.release()
    return path


def read_video(path: Path) -> tuple[list[np.ndarray], float]:
    """All frames, and how many there are in a second."""
    capture = cv2.VideoCapture(str(path))
    frames = []
    while (read := capture.read())[0]:
        frames.append(read[1])
    return frames, capture.get(cv2.CAP_PROP_FPS)


def rows(found: Detections) -> list[str]:
    return [
        " ".join([str(class_id), *(float(value).hex() for value in [*box, probability])])
        for class_id, box, probability in zip(found.class_id, found.box, found.confidence, strict=True)
    ]


class Numbers(Source):
    """Small frames; ``before`` is called before each is read."""

    def __init__(
        self, count: int, before: Callable[[int], object] = lambda number: None, live: bool = False, fails: bool = False
    ) -> None:
        self.name, self.live = "numbers", live
        self.count, self.before, self.fails = count, before, fails
        self.closed = False

    def frames(self) -> Generator[Frame, None, None]:
        try:
            for number in range(1, self.count + 1):
                self.before(number)
                yield Frame(number, number / 25, np.zeros((4, 6, 3), np.uint8))
            if self.fails:
                raise DarknetError("the source fails")
        finally:
            self.closed = True


def nothing(frame: Frame) -> Detections:
    return Detections(np.zeros((0, 4)), np.zeros(0), np.zeros(0), np.zeros(0), (6, 4), 1)  # type: ignore[arg-type]


def result_at(number: int, seconds: float, size: tuple[int, int] = (96, 64)) -> Result:
    found = Detections(np.zeros((0, 4)), np.zeros(0), np.zeros(0), np.zeros(0), size, 1)  # type: ignore[arg-type]
    return Result(Frame(number, seconds, np.full((size[1], size[0], 3), 8 * number, np.uint8)), found, 25.0)


def read_part(stream: IO[bytes]) -> bytes:
    """The next picture of a multipart stream."""
    while not (line := stream.readline()).startswith(b"--mjpegstream"):
        assert line in (b"\r\n", b""), line
        assert line, "the stream has ended"
    headers = {}
    while (line := stream.readline().strip()) != b"":
        name, _, value = line.decode().partition(": ")
        headers[name] = value
    assert headers["Content-Type"] == "image/jpeg"
    return stream.read(int(headers["Content-Length"]))


def connection(address: str) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(address.removeprefix("http://").rstrip("/"), timeout=10)


def get(address: str, path: str, **headers: str) -> tuple[int, str, bytes]:
    client = connection(address)
    client.request("GET", path, headers=headers)
    answer = client.getresponse()
    body = answer.read()
    client.close()
    return answer.status, answer.headers["Content-Type"], body
