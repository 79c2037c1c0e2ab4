"""A demo watched over HTTP: its page, pictures, streams, and clients that read nothing."""

from __future__ import annotations

import io
import json
import socket
import time
from collections.abc import Iterator

import pytest
from PIL import Image

from darknet_py.video.http import Watch
from darknet_py.video.json_stream import JsonStream

from .videos import connection, get, read_part, result_at


@pytest.fixture
def watch() -> Iterator[Watch]:
    watch = Watch("<a & b>", port=0)
    yield watch
    watch.close()


def test_the_page_and_its_parts(watch: Watch) -> None:
    status, kind, body = get(watch.address, "/", Accept="text/html,*/*")
    assert (status, kind) == (200, "text/html; charset=utf-8")
    assert b"<h1>&lt;a &amp; b&gt;</h1>" in body and b"$" not in body
    assert get(watch.address, "/nothing")[0] == 404
    assert json.loads(get(watch.address, "/status.json")[2])["fps"] is None
    watch.put(result_at(7, 0.28))
    found = json.loads(get(watch.address, "/status.json")[2])
    assert (found["frame_id"], found["width"], found["height"], found["fps"]) == (7, 96, 64, 25.0)
    status, kind, body = get(watch.address, "/snapshot.jpg")
    assert kind == "image/jpeg" and Image.open(io.BytesIO(body)).size == (96, 64)
    assert watch.address.startswith("http://127.0.0.1:"), "others in the network see nothing unless asked for"


@pytest.mark.parametrize("path", ["/", "/stream.mjpg", "/stream.mjpg?1"])
def test_several_clients_and_one_that_reads_nothing(watch: Watch, path: str) -> None:
    clients = []
    host, port = watch.address.removeprefix("http://").rstrip("/").split(":")
    with socket.create_connection((host, int(port))) as lazy:
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        lazy.sendall(b"GET /stream.mjpg HTTP/1.0\r\n\r\n")
        watch.put(result_at(1, 0.0, (960, 640)))
        for _ in range(2):
            client = connection(watch.address)
            client.request("GET", path, headers={"Accept": "image/*"})
            answer = client.getresponse()
            assert answer.headers["Content-Type"] == "multipart/x-mixed-replace; boundary=mjpegstream"
            clients.append((client, answer))
        for number in range(1, 30):
            begin = time.monotonic()
            watch.put(result_at(number, 0.0, (960, 640)))
            assert time.monotonic() - begin < 1, "a client holds up the video"
            for _, answer in clients:
                assert Image.open(io.BytesIO(read_part(answer))).size == (960, 640)
        watch.close()
        for client, answer in clients:
            assert answer.read().rstrip().endswith(b"--mjpegstream--")
            client.close()


def test_pictures_are_encoded_only_for_viewers(watch: Watch) -> None:
    result = result_at(1, 0.0)
    watch.put(result)
    assert "jpeg" not in vars(result) and "picture" not in vars(result)


def test_a_stream_of_json() -> None:
    stream = JsonStream(port=0)
    stream.put(result_at(1, 0.0))
    client = connection(stream.address)
    client.request("GET", "/")
    answer = client.getresponse()
    assert answer.read(2) == b"[\n"
    for number in (2, 3):
        stream.put(result_at(number, 0.0))
    stream.close()
    text = "[\n" + answer.read().decode()
    client.close()
    assert [entry["frame_id"] for entry in json.loads(text)] == [2, 3]
    assert text == '[\n{\n "frame_id":2, \n "objects": [ \n\n ] \n}, \n{\n "frame_id":3, \n "objects": [ \n\n ] \n}\n]'
