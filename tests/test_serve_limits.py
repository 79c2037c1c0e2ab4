"""`darknet-py serve` under load and among strangers: queues, bounds, keys, addresses, and an end that loses nothing."""

from __future__ import annotations

import base64
import http.client
import json
import socket
import struct
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import numpy as np
import pytest

from darknet_py.loading import load
from darknet_py.synth import write_synth

from .nets import net, write_cfg
from .serving import PHOTO, Held, Limits, Model, Running, make_models, multipart, running, waiting
from .waiting import wait_until

IMAGE = PHOTO.read_bytes()
REPOSITORY = Path(__file__).parent.parent
DETECT = "/api/detect?model=net"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Model]:
    return make_models(tmp_path_factory.mktemp("serve"))


@pytest.fixture(scope="module")
def strict(models: dict[str, Model]) -> Iterator[Running]:
    """A server with small bounds."""
    limits = Limits(body=200_000, pixels=600 * 600, connections=20, seconds=1.5, rows=2)  # a busy machine takes some
    with running(models, limits) as server:
        yield server


# the queue


def test_what_waits_runs_together_and_what_is_too_much_is_refused(
    models: dict[str, Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held(monkeypatch, models["net"])
    with running(models, Limits(queue=6)) as server, ThreadPoolExecutor(6) as clients:
        try:
            first = clients.submit(server.ask, "POST", DETECT, IMAGE)
            wait_until(lambda: held.sizes == [1])
            asked = [f"{DETECT}&thresh=0.{number}" for number in (5, 5, 55, 6)] + ["/api/detect?model=tree"]
            others = [clients.submit(server.ask, "POST", path, IMAGE) for path in asked]
            wait_until(lambda: waiting(server) == 6)
            for path in (DETECT, "/v1/vision/detection"):
                answer = server.form(path, image=IMAGE)
                assert answer.status == 503 and answer.headers["retry-after"] == "1" and answer.json["error"]
        finally:
            held.let_go()
        answers = [future.result() for future in (first, *others)]
    assert [answer.status for answer in answers] == [200] * 6 and held.sizes[0] == 1 and sum(held.sizes) == 5
    assert max(held.sizes) > 1, "none ran together"
    for answer, thresh in zip(answers[:5], (0.5, 0.5, 0.5, 0.55, 0.6), strict=True):
        assert len(answer.json["objects"]) == len(models["net"].detector.detect(IMAGE, thresh=thresh))


def test_a_client_that_has_gone_is_not_worked_for(models: dict[str, Model], monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held(monkeypatch, models["net"])
    with running(models) as server, ThreadPoolExecutor(1) as client:
        try:
            first = client.submit(server.ask, "POST", DETECT, IMAGE)
            wait_until(lambda: held.sizes == [1])
            with server.connect() as leaving:
                leaving.sendall(request_head(len(IMAGE)) + IMAGE)
                wait_until(lambda: waiting(server) == 2)
            wait_until(lambda: waiting(server) == 1)
        finally:
            held.let_go()
        assert first.result().status == 200 and held.sizes == [1]


def test_a_network_with_a_memory_sees_each_picture_as_the_first(tmp_path: Path) -> None:
    text = net(
        3, 32, 32, "convolutional filters=8 size=3 stride=4 pad=1 activation=leaky",
        "crnn hidden_filters=8 output_filters=24 activation=leaky", "yolo classes=3 num=3 anchors=9,9,20,30,50,50",
    )  # fmt: skip
    write_synth(write_cfg(tmp_path, text), tmp_path / "net.weights")
    model = Model("net", load(tmp_path / "net.cfg", tmp_path / "net.weights", threads=1))
    alone = model.detector.detect(IMAGE, thresh=0.1)
    assert model.together == 1
    with running({"net": model}) as server:
        for _ in range(3):
            found = server.ask("POST", f"{DETECT}&thresh=0.1", IMAGE).json["objects"]
            assert sorted(each["confidence"] for each in found) == sorted(
                each["confidence"] for each in alone.to_json()
            )


def test_a_threshold_that_lets_too_much_through(models: dict[str, Model], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("darknet_py.serve.engine.MOST_CANDIDATES", 100)
    with running(models) as server:
        answer = server.ask("POST", f"{DETECT}&thresh=0.1", IMAGE)
        assert answer.status == 400 and "raise the threshold" in answer.json["error"]
        assert server.ask("POST", f"{DETECT}&thresh=0.55", IMAGE).status == 200


def test_the_most_probable_are_kept(strict: Running, models: dict[str, Model]) -> None:
    answer = strict.ask("POST", DETECT, IMAGE)
    found = models["net"].detector.detect(IMAGE)
    assert answer.json["left_out"] == len(found) - 2 == int(answer.headers["x-detections-left-out"])
    best = sorted(found.confidence.tolist(), reverse=True)[:2]
    assert np.allclose([each["confidence"] for each in answer.json["objects"]], best)


# bodies, clients that drip, many connections


def request_head(length: int, path: str = DETECT, *more: str) -> bytes:
    return "\r\n".join([f"POST {path} HTTP/1.1", "Host: x", f"Content-Length: {length}", *more, "", ""]).encode()


def read_all(connection: socket.socket) -> bytes:
    """What comes until the server closes, or breaks off."""
    parts = []
    try:
        while part := connection.recv(65536):
            parts.append(part)
    except ConnectionError:
        pass
    return b"".join(parts)


@pytest.mark.parametrize("path", ["/api/detect", "/v1/vision/detection", "/detect", "/infer", "/v2/models/net/infer"])
def test_bodies_that_are_too_large(strict: Running, path: str) -> None:
    for claim in (b"Content-Length: 99999999999", b"Transfer-Encoding: chunked"):
        with strict.connect() as client:
            client.sendall(b"POST " + path.encode() + b" HTTP/1.1\r\nHost: x\r\n" + claim + b"\r\n\r\n")
            if b"chunked" in claim:
                for _ in range(4):
                    client.sendall(b"10000\r\n" + bytes(65536) + b"\r\n")
            with http.client.HTTPResponse(client) as answer:
                answer.begin()
                assert answer.status == 413 and b"200000 bytes" in answer.read()


def test_all_bodies_together_are_bounded(models: dict[str, Model]) -> None:
    with running(models, Limits(body=150_000, bodies=200_000, seconds=20)) as server:
        with server.connect() as one:
            one.sendall(request_head(150_000) + bytes(140_000))
            wait_until(lambda: server.ask("POST", DETECT, bytes(100_000)).status == 503)
        wait_until(lambda: server.ask("POST", DETECT, bytes(100_000)).status == 400)


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"P",
        b"POST /detect HTTP/1.1\r\nHost: x\r\nX-A: ",
        request_head(1000) + b"some",
        request_head(1000, "/infer"),
    ],
)
def test_clients_that_never_finish_are_dropped(strict: Running, start: bytes) -> None:
    """While they are there, a good client is served."""
    with strict.connect() as client:
        if start:
            client.sendall(start)
        assert strict.ask("POST", DETECT, IMAGE).status == 200
        answer = read_all(client)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 408 ")


def test_each_byte_does_not_begin_the_time_anew(strict: Running) -> None:
    with strict.connect() as client:
        client.sendall(request_head(1000))
        client.settimeout(0.05)
        answer, end = None, time.monotonic() + 30
        while answer is None:
            assert time.monotonic() < end, "it is still waited for"
            try:
                client.sendall(b"x")
                answer = client.recv(4096)
            except TimeoutError:
                continue
            except ConnectionError:  # what was sent too late resets a connection, and its answer with it
                answer = b""
    assert answer == b"" or answer.startswith(b"HTTP/1.1 408 ")


def test_many_connections_do_not_keep_a_good_client_out(strict: Running) -> None:
    others = []
    try:
        for number in range(60):
            others.append(strict.connect())
            if number % 2:
                others[-1].sendall(request_head(1000) + b"x")
            if number % 10 == 0:
                assert strict.ask("POST", DETECT, IMAGE).status == 200
        assert strict.ask("POST", DETECT, IMAGE).status == 200
        wait_until(lambda: len(strict.server.server_state.connections) <= 21)
    finally:
        for client in others:
            client.close()


def test_clients_that_do_not_take_their_answer_are_dropped(strict: Running, models: dict[str, Model]) -> None:
    tensor = {"name": "input", "datatype": "FP32", "shape": [60, 3, 96, 96]}
    tensor["parameters"] = {"binary_data_size": 60 * 3 * 96 * 96 * 4}
    head = json.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True}}).encode()
    size = len(head) + 60 * 3 * 96 * 96 * 4
    with running(models, Limits(seconds=1.5)) as server, socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", server.port))
        path, length = "/v2/models/net/infer", f"Inference-Header-Content-Length: {len(head)}"
        client.sendall(request_head(size, path, length) + head + bytes(size - len(head)))
        wait_until(lambda: b'darknet_pictures_total{model="net"} 60.0' in server.service.metrics.text())
        wait_until(lambda: 0 < server.service.bodies.bytes < size)
        wait_until(lambda: server.service.bodies.bytes == 0 and not server.server.server_state.connections)
        assert len(read_all(client)) < 60 * 24 * 24 * 24 * 4


def test_json_that_would_become_large(strict: Running) -> None:
    with_room = b'{"inputs": [' + b"[]," * 1_000_000 + b"[]]}"
    for path in ("/v2/models/net/infer", "/detect"):
        assert strict.ask("POST", path, b'{"a": [' + b"{}," * 60_000 + b"{}]}").status == 400
        with running(strict.service.engine.models) as server:
            answer = server.ask("POST", path, with_room)
        assert answer.status == 413 and "values" in answer.json["error"]


def test_rubbish_is_answered_with_400(strict: Running) -> None:
    for rubbish in (b"\0\1\2\r\n\r\n", b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
                    b"GET / HTTP/1.1\r\nX: " + b"y" * 200_000):  # fmt: skip
        with strict.connect() as client:
            client.sendall(rubbish)
            assert b" 400 " in read_all(client)[:20]


# pictures


def png(width: int, height: int, rows: int) -> bytes:
    """A PNG file that says so many pixels; its data are rows of zeros."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(bytes((3 * width + 1) * rows)))
        + chunk(b"IEND", b"")
    )


def bombs() -> dict[str, bytes]:
    """Files that are small and say that they are large, or are."""
    photo = bytearray(IMAGE)
    place = next(place for place in range(len(photo)) if photo[place : place + 2] in (b"\xff\xc0", b"\xff\xc2"))
    photo[place + 5 : place + 9] = struct.pack(">HH", 60000, 60000)
    bmp = b"BM" + struct.pack("<IHHIIiiHHIIIIII", 99, 0, 0, 54, 40, 20000, 20000, 1, 24, 0, 0, 0, 0, 0, 0) + bytes(99)
    return {
        "png": png(1000, 1000, 1000), "png that lies": png(30000, 30000, 1), "jpeg": bytes(photo), "bmp": bmp,
        "gif": b"GIF89a" + struct.pack("<HHBBB", 60000, 60000, 0, 0, 0) + bytes(50),
        "pnm": b"P6 30000 30000 255\n" + bytes(50),
        "psd": b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, 30000, 30000, 8, 3) + bytes(90),
        "hdr": b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 30000 +X 30000\n" + bytes(50),
        "tga": struct.pack("<BBBHHBHHHHBB", 0, 0, 2, 0, 0, 0, 0, 0, 30000, 30000, 24, 0) + bytes(50),
    }  # fmt: skip


@pytest.mark.parametrize("kind", bombs())
def test_bombs(strict: Running, kind: str) -> None:
    answer = strict.ask("POST", DETECT, bombs()[kind])
    assert answer.status == 413 and "at most 360000" in answer.json["error"], answer.body


def test_pillow_has_the_same_bound(models: dict[str, Model], monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    from PIL import Image

    monkeypatch.setenv("DARKNET_PY_DECODER", "pillow")
    webp = io.BytesIO()
    Image.new("RGB", (700, 700)).save(webp, "WEBP")
    with running(models, Limits(pixels=600 * 600)) as server:
        assert server.ask("POST", DETECT, webp.getvalue()).status == 413


def test_pictures_too_narrow_to_have_places(strict: Running) -> None:
    for size in ((4000, 1), (1, 4000)):
        picture = b"P6 %d %d 255\n" % size + bytes(range(250)) * 48
        encoded = base64.b64encode(picture).decode()
        for answer in (
            strict.ask("POST", f"{DETECT}&thresh=0.3", picture),
            strict.form("/v1/vision/detection", {"min_confidence": "0.3"}, image=picture),
            strict.form("/infer", {"type": "object", "min_confidence": "0.3"}, image=picture),
            strict.post("/detect", {"data": encoded, "detect": {"*": 30}}),
        ):
            assert answer.status == 400 and b"too narrow" in answer.body


FIELDS = {"min_confidence": "0.5", "type": "object", "name": "net"}

REQUESTS = [
    *((path, *multipart(FIELDS, {"image": b"P6 2 2 255\n123456789012"}))
      for path in ("/v1/vision/detection", "/v1/vision/custom/net", "/infer", "/api/detect")),
    ("/detect", b'{"id":"a","data":"UDYgMiAyIDI1NQoxMjM0NTY3ODkwMTI=","detect":{"*":50,"ant":40},"regions":[{"id":"r",'
                b'"top":0.1,"left":0,"bottom":1,"right":1,"detect":{"*":10},"covers":true}]}', "application/json"),
    ("/v2/models/net/infer", b'{"inputs":[{"name":"pixels","datatype":"UINT8","shape":[2,2,3],"data":[1,2,3,4,5,6,7,8,'
                             b'9,10,11,12]}],"parameters":{"thresh":0.5},"outputs":[{"name":"boxes"}]}', ""),
    ("/login", b'{"username":"a","password":"b"}', ""),
]  # fmt: skip


def test_requests_that_were_valid_once(models: dict[str, Model]) -> None:
    """A client's mistakes are the client's (400 to 499), and answered in words."""
    random = Random(7)
    pieces = (
        b"\0",
        b"-1",
        b"1e999",
        b"NaN",
        b"null",
        b"{}",
        b"[]",
        b'"',
        b"\r\n",
        b"--XyZ",
        b"9" * 20,
        b"true",
        b"\xff",
    )
    with running(models) as server:
        for _ in range(400):
            path, body, kind = random.choice(REQUESTS)
            changed = bytearray(body)
            for _ in range(random.choice((1, 1, 2, 5))):
                at = random.randrange(len(changed) + 1)
                how = random.randrange(3)
                changed[at : at + (how == 0) * random.randrange(20)] = b"" if how == 0 else random.choice(pieces)
                if how == 2:
                    del changed[at + 1 :]
            answer = server.ask("POST", path, bytes(changed), {"Content-Type": kind})
            assert answer.status < 500 and isinstance(answer.json, dict), (path, bytes(changed), answer)
