"""Outputs of a demo that AlexeyAB's Darknet has: its lines, a JSON array, a POST for each frame, a limit of time."""

from __future__ import annotations

import contextlib
import queue
import re
import socket
import threading
import time
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import TYPE_CHECKING, TextIO

from ..errors import DarknetError
from ..formats.atomic import check_writable, encode_text
from ..output.alexeyab import frame_lines, json_text, visible_boxes
from ..terminal import control
from .frames import Result
from .outputs import names_file, open_text

if TYPE_CHECKING:
    from ..detect.detections import Detections

HOME = "\033[H\033[J"
"""Goes to a terminal's upper left corner and clears what is below."""

POST_TIMEOUT = 3.0
"""Seconds that a POST may take in all."""

POSTS_WAITING = 64
"""How many frames may wait to be posted before the oldest is left out."""


class AlexeyText:
    """What his demo prints: ``Video stream: 1280 x 720``, then for each frame the objects and the rate."""

    def __init__(self, stream: TextIO, coordinates: bool, sent: tuple[str, ...] = (), video: bool = False) -> None:
        """Args: where to, whether with places, lines about what else becomes of each frame, and of a video file."""
        self._stream, self._coordinates, self._sent, self._video = stream, coordinates, sent, video
        self._begin = 0.0
        self._count = 0

    def put(self, result: Result) -> None:
        head = ""
        if not self._count:
            height, width = result.frame.pixels.shape[:2]
            head = f"Video stream: {width} x {height} \n"
            self._begin = time.monotonic()
        elapsed = time.monotonic() - self._begin
        average = self._count / elapsed if elapsed else 0.0
        self._count += 1
        lines = "".join(f"{line}\n" for line in frame_lines(result.found, self._coordinates))
        sent = "".join(f"{line}\n" for line in self._sent)
        rate = f"\nFPS:{result.fps:.1f} \t AVG_FPS:{average:.1f}\n"
        self._stream.write(head)
        control(self._stream).write(HOME)
        self._stream.write(f"Objects:\n\n{lines}{rate}{sent}")
        self._stream.flush()

    def close(self) -> None:
        """Say that it is over."""
        self._stream.write("input video stream closed. \n" + "output_video_writer closed. \n" * self._video)
        self._stream.flush()


class JsonArray:
    """``-json_file_output``: an array of frames in a file, each written at once."""

    def __init__(self, path: str) -> None:
        """Begin the file. Raises `DarknetError` if it cannot be written."""
        check_writable(path)
        self._path = path
        self._separator = "[\n"
        self._stream = open_text(path)

    def put(self, result: Result) -> None:
        with names_file(self._path):
            self._stream.write(self._separator + json_text(result.found, result.frame.number))
            self._stream.flush()
        self._separator = ", \n"

    def close(self) -> None:
        with names_file(self._path):
            self._stream.write("[\n\n]" if self._separator == "[\n" else "\n]")
            self._stream.close()


class TimeLimit:
    """``-time_limit_sec``: ends the run so many seconds after its first frame."""

    def __init__(self, seconds: float, stop: Callable[[], None]) -> None:
        """``stop`` ends the run."""
        self._timer = threading.Timer(seconds, stop)
        self._timer.daemon = True

    def put(self, result: Result) -> None:
        if not self._timer.is_alive() and not self._timer.finished.is_set():
            self._timer.start()

    def close(self) -> None:
        """The run has ended."""
        self._timer.cancel()


class HttpPost:
    """``-http_post_host``: posts the objects of each frame that has some, as text, in a thread of its own.

    A server that is slow, or not there, holds up nothing: what it does not take in time is left out and counted.
    """

    def __init__(self, address: str, source: str, report: Callable[[str], None], once: bool = False) -> None:
        """Start the thread.

        Args:
            address: ``host/path``, also with ``http://`` or ``https://`` and a port.
            source: what is watched, for the text.
            report: takes a line about what fails, the first time.
            once: post one frame only (as with ``-time_limit_sec``).

        Raises:
            DarknetError: this is no address.
        """
        found = re.fullmatch(r"(?:(https?)://)?([^/:\s\[\]]+|\[[0-9A-Fa-f:.]+\])(?::(\d{1,5}))?(/\S*)?", address)
        if not found or not address.isascii():
            raise DarknetError(f"-http_post_host {address}: is no address; write HOST/PATH")
        self._secure, self._host = found[1] == "https", found[2].strip("[]")
        self._port = int(found[3]) if found[3] else 443 if self._secure else 80
        self._path = found[4] or "/"
        self._address, self._source, self._report, self._once = address, source, report, once
        self._posts: queue.Queue[str | None] = queue.Queue(POSTS_WAITING)
        self._failed = self._left_out = self._sent = 0
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="demo-post", daemon=True)
        self._thread.start()

    def put(self, result: Result) -> None:
        message = post_text(result.found, self._source)
        if not message or (self._once and self._sent):
            return
        self._sent += 1
        self._enqueue(message)

    def _enqueue(self, message: str | None) -> None:
        while True:
            try:
                self._posts.put_nowait(message)
                return
            except queue.Full:
                with contextlib.suppress(queue.Empty):
                    self._posts.get_nowait()
                    self._left_out += 1

    def close(self) -> None:
        """Post what waits, as far as that can be done in `POST_TIMEOUT` seconds."""
        self._enqueue(None)
        self._thread.join(POST_TIMEOUT)
        self._closed = True  # the thread may still wait for an answer
        left_out = self._left_out + self._posts.qsize()
        if self._failed or left_out:
            self._report(f"http_post_host: {self._failed} frames could not be posted, {left_out} were left out")

    def _work(self) -> None:
        while (message := self._posts.get()) is not None:
            try:
                self._post(message)
            except (OSError, HTTPException, ValueError) as error:
                self._failed += 1
                if self._failed == 1 and not self._closed:
                    self._report(f"http_post_host: cannot post to {self._address}: {error or type(error).__name__}")

    def _post(self, message: str) -> None:
        """One request, in bounded time however slowly the server drips; what it answers does not matter."""
        connect = HTTPSConnection if self._secure else HTTPConnection
        connection = connect(self._host, self._port, timeout=POST_TIMEOUT)
        late = threading.Timer(POST_TIMEOUT, _hang_up, (connection,))
        late.daemon = True
        late.start()
        try:
            headers = {"Content-Type": "text/plain", "Connection": "close"}
            connection.request("POST", self._path, encode_text(message), headers)
            connection.getresponse()
        finally:
            late.cancel()
            connection.close()


def _hang_up(connection: HTTPConnection) -> None:
    with contextlib.suppress(OSError, AttributeError):
        connection.sock.shutdown(socket.SHUT_RDWR)


def post_text(found: Detections, source: str) -> str:
    """The text of ``send_http_post_request``: a line for each box, the time, the source; nothing without boxes."""
    lines = [f"{found.names[rows[0]]}, id: {found.class_id[rows[0]]}\n" for rows in visible_boxes(found)]
    if not lines:
        return ""
    return "".join(lines) + f"\ntime:\n{time.strftime('%A %Y-%m-%d %H:%M:%S')}\nvideosource:\n{source}"
