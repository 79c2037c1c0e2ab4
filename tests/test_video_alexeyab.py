"""What AlexeyAB's demo has beside pjreddie's: its lines, a JSON array, a POST for each frame, a limit of time."""

from __future__ import annotations

import io
import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest

from darknet_py.detect.detections import Detections
from darknet_py.errors import DarknetError
from darknet_py.video import alexeyab
from darknet_py.video.alexeyab import AlexeyText, HttpPost, JsonArray, TimeLimit, post_text
from darknet_py.video.frames import Frame, Result

NAMES = ("ant", "caf\udce9", "dont_show_bee")


def result(*classes: int, number: int = 1, boxes: bool = True) -> Result:
    """A frame of 200 x 100 with a box for every two of the classes."""
    count = len(classes)
    box = np.tile(np.array([[0.2, 0.5, 0.2, 0.4]]), (count, 1))
    ids = [row // 2 for row in range(count)]
    found = Detections(box, np.full(count, 0.5), classes, ids, (200, 100), 3, NAMES)  # type: ignore[arg-type]
    return Result(Frame(number, 0.0, np.zeros((100, 200, 3), np.uint8)), found, 12.5, boxes)


@contextmanager
def server(answers: bool = True) -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    """An address, and what was posted to it; without ``answers`` a server that takes everything and says nothing."""
    posted: list[tuple[str, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(500)  # what it answers does not matter
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    if not answers:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            yield f"127.0.0.1:{silent.getsockname()[1]}/x", posted
        return
    with HTTPServer(("127.0.0.1", 0), Handler) as web:
        thread = threading.Thread(target=web.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"127.0.0.1:{web.server_port}/hook?a=1", posted
        finally:
            web.shutdown()
            thread.join()


def test_lines() -> None:
    stream = io.StringIO()
    text = AlexeyText(stream, coordinates=False, sent=(" JSON-stream sent. ",), video=True)
    for shown in (result(0, 1, 2, 1, 2, 2), result()):
        text.put(shown)
    text.close()
    frames = re.sub(r"AVG_FPS:[\d.]+", "AVG_FPS:A", stream.getvalue()).split("\033[H\033[J")
    rate = "\nFPS:12.5 \t AVG_FPS:A\n JSON-stream sent. \n"
    assert frames == [
        "Video stream: 200 x 100 \n", f"Objects:\n\nant: 50% , caf\udce9: 50% \ncaf\udce9: 50% \n{rate}",
        f"Objects:\n\n{rate}input video stream closed. \noutput_video_writer closed. \n",
    ]  # fmt: skip
    stream = io.StringIO()
    AlexeyText(stream, coordinates=True).put(result(0))
    # top is (.5 - .4f / 2.) * 100 cut to an int, and .4f is a little more than .4
    assert "ant: 50% \t(left_x:   20   top_y:   29   width:   40   height:   40)\n" in stream.getvalue()


def test_a_json_array(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    array = JsonArray(str(path))
    for number, classes in enumerate([(0, 1, 2), ()], start=1):
        array.put(result(*classes, number=number))
        assert json.loads(path.read_text(encoding="utf-8") + "\n]")[-1]["frame_id"] == number, "written at once"
    array.close()
    frames = json.loads(path.read_text(encoding="utf-8"))
    assert [[found["name"] for found in frame["objects"]] for frame in frames] == [["ant", "caf\xe9"], []]
    assert "filename" not in frames[0]
    empty = JsonArray(str(path))
    empty.close()
    assert json.loads(path.read_text()) == []
    with pytest.raises(DarknetError, match="there is no folder"):
        JsonArray(str(tmp_path / "none" / "a.json"))


def test_without_boxes_drawn() -> None:
    pytest.importorskip("cv2", reason="OpenCV is not installed")
    assert not result(0, boxes=False).picture.any() and result(0).picture.any()


def test_the_run_ends_when_its_time_is_over() -> None:
    over = threading.Event()
    limit = TimeLimit(0.05, over.set)
    assert not over.wait(0.1), "time begins with the first frame"
    limit.put(result())
    limit.put(result())
    assert over.wait(20)
    limit.put(result())
    limit.close()
    never = threading.Event()
    early = TimeLimit(0.05, never.set)
    early.put(result())
    early.close()
    TimeLimit(1, never.set).close()
    assert not never.wait(0.1)


def test_frames_are_posted() -> None:
    said: list[str] = []
    with server() as (address, posted):
        post = HttpPost(address, "street.mp4", said.append)
        for shown in (result(0, 2, 1), result(), result(2), result(0)):
            post.put(shown)
        post.close()
    assert [path for path, _ in posted] == ["/hook?a=1"] * 2 and not said
    text = posted[0][1]
    assert text.startswith(b"ant, id: 0\ncaf\xe9, id: 1\n\ntime:\n") and text.endswith(b"\nvideosource:\nstreet.mp4")
    with server() as (address, posted):
        once = HttpPost(f"http://{address}", "0", said.append, once=True)
        for _ in range(3):
            once.put(result(0))
        once.close()
    assert len(posted) == 1 and not said
    assert post_text(result(2).found, "x") == ""


def test_a_server_that_never_answers_holds_up_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alexeyab, "POST_TIMEOUT", 0.2)
    said: list[str] = []
    begin = time.monotonic()
    with server(answers=False) as (address, _):
        post = HttpPost(address, "0", said.append)
        for _ in range(200):
            post.put(result(0))
        posting = time.monotonic() - begin
        post.close()
    assert posting < 1.5 and time.monotonic() - begin < 10
    assert re.search(r"frames could not be posted, \d+ were left out", said[-1])


def test_a_server_that_is_not_there_and_no_address() -> None:
    said: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    post = HttpPost(f"127.0.0.1:{port}", "0", said.append)
    for _ in range(2):
        post.put(result(0))
    post.close()
    assert len(said) == 2 and f"cannot post to 127.0.0.1:{port}" in said[0] and said[1].startswith("http_post_host: 2")
    for address in ("", "ftp://a/b", "a b/c", "ä.de/x", "a/\r\nHost: b", "[::1"):
        with pytest.raises(DarknetError, match="is no address"):
            HttpPost(address, "0", said.append)
