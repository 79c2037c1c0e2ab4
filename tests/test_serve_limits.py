"""`darknet-py serve` under load and among strangers: queues, bounds, keys, addresses, and an end that loses nothing."""

from __future__ import annotations

import http.client
import json
import logging
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from darknet_py.errors import DarknetError
from darknet_py.loading import load
from darknet_py.synth import write_synth

from .nets import net, write_cfg
from .program import failure
from .serving import PHOTO, Answer, Limits, Model, Running, make_models, multipart, running, write_files
from .waiting import wait_until
from .web import Page
from .web import serve as serve_web

IMAGE = PHOTO.read_bytes()
REPOSITORY = Path(__file__).parent.parent
DETECT = "/api/detect?model=net"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Model]:
    return make_models(tmp_path_factory.mktemp("serve"))


@pytest.fixture(scope="module")
def strict(models: dict[str, Model]) -> Iterator[Running]:
    """A server with small bounds."""
    limits = Limits(body=200_000, pixels=600 * 600, connections=20, seconds=0.5, rows=2)
    with running(models, limits) as server:
        yield server


class Held:
    """A model whose network waits until it is let go; ``sizes``: how many pictures ran together."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, model: Model) -> None:
        self.sizes: list[int] = []
        self._go = threading.Event()
        run = model.run

        def wait(inputs: Any) -> Any:
            self.sizes.append(len(inputs))
            assert self._go.wait(60)
            return run(inputs)

        monkeypatch.setattr(model, "run", wait)

    def let_go(self) -> None:
        self._go.set()


def waiting(server: Running) -> float:
    found = re.search(rb"^darknet_waiting_pictures (\S+)", server.service.metrics.text(), re.MULTILINE)
    assert found is not None
    return float(found[1])


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
    with running(models, Limits(seconds=0.5)) as server, socket.socket() as client:
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


# keys


def ask_all(server: Running, headers: dict[str, str]) -> list[Answer]:
    """A detection by every protocol."""
    picture = {"data": "aaaa", "detect": {"*": 50}}
    return [
        server.form("/v1/vision/detection", headers=headers, image=IMAGE),
        server.form("/infer", {"type": "object"}, headers, image=IMAGE),
        server.post("/detect", picture, headers),
        server.post("/v2/models/net/infer", {"inputs": []}, headers),
        server.ask("POST", "/api/detect", IMAGE, headers),
        *(server.get(path, **headers) for path in ("/detectors", "/models", "/v2/models/net", "/metrics", "/api/models",
                                                   "/v1/vision/custom/list")),
    ]  # fmt: skip


def test_a_key(models: dict[str, Model]) -> None:
    with running(models, key="söme key") as server:
        assert {answer.status for answer in ask_all(server, {})} == {401}
        assert {answer.status for answer in ask_all(server, {"Authorization": "Bearer nope"})} == {401}
        assert {answer.status for answer in ask_all(server, {"Authorization": "Bearer 99999999999.abc"})} == {401}
        for encoding in ("utf-8", "latin-1"):
            spelled = "Bearer söme key".encode(encoding).decode("latin-1")
            assert server.get("/models", Authorization=spelled).status == 200
        for open_page in ("/", "/health", "/v1/status/ping", "/v2/health/ready", "/openapi.json"):
            assert server.get(open_page).status == 200
    with running(models, key="key") as server:
        for name, value in (("Authorization", "Bearer key"), ("X-API-Key", "key"), ("doods-auth-key", "key")):
            assert 401 not in {answer.status for answer in ask_all(server, {name: value})}
        assert server.form("/v1/vision/detection", {"api_key": "key"}, image=IMAGE).status == 200
        wrong = server.form("/v1/vision/detection", {"api_key": "kex"}, image=IMAGE)
        assert wrong.status == 401 and wrong.json["error"] == "Incorrect api key"
        assert server.post("/login", {"username": "zm", "password": "x"}).status == 401
        token = server.post("/login", {"username": "zm", "password": "key"}).json["access_token"]
        assert (
            server.form("/infer", {"type": "object"}, {"Authorization": f"Bearer {token}"}, image=IMAGE).status == 200
        )
        changed = token[:-1] + ("0" if token[-1] != "0" else "1")
        assert server.get("/models", Authorization=f"Bearer {changed}").status == 401


# addresses


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("http://cam.lan/shots/1.jpg", 200), ("http://CAM.lan:80/shots/", 200), ("http://cam.lan/shots?x=1", 200),
        ("http://cam.lan/shotsx", 403), ("http://cam.lan/other", 403), ("https://cam.lan/shots/1", 403),
        ("http://cam.lan:81/shots/1", 403), ("http://cam.lan.evil/shots/1", 403), ("http://cam.lan@evil/shots/1", 403),
        ("http://evil/#http://cam.lan/shots/", 403), ("http://cam.lan/shots/../x", 403),
        ("http://cam.lan/shots/%2e%2e/x", 403),
        ("http://cam.lan/shots/..", 403), ("http://cam.lan\\@evil/shots/1", 403), ("http://cam.lan/shots/a b", 403),
        ("http://cam.lan/shots/\r\nX: y", 403), ("file:///etc/passwd", 403), ("//cam.lan/shots/1", 403), ("", 403),
        ("http://[::1/shots/", 403), ("http://cam.lan:x/shots/", 403), ("http://cäm.lan/shots/", 403),
    ],
)  # fmt: skip
def test_only_addresses_on_the_list(url: str, status: int) -> None:
    from darknet_py.serve.limits import Refused
    from darknet_py.serve.urls import Urls

    urls = Urls(["http://cam.lan/shots"], 1000, 1)
    if status == 200:
        urls.check(url)
        return
    with pytest.raises(Refused) as refused:
        urls.check(url)
    assert refused.value.status == status


def test_frames_by_address(models: dict[str, Model]) -> None:
    limits = Limits(body=1_000_000, seconds=2)
    with serve_web() as web, running(models, limits, allow_urls=[web.url("zm")]) as server:
        web.pages["zm/1.jpg?token=abc"] = web.pages["zm/1.jpg"] = Page(IMAGE)
        web.pages["zm/moved"] = Page(status=302, headers={"Location": web.url("secret")})
        web.pages["zm/large"] = Page(bytes(1_000_001))
        web.pages["zm/drip"] = Page(bytes(100), drip=0.2)
        web.pages["zm/no.jpg"] = Page(b"no picture")
        frame = {"type": "object", "url": web.url("zm/1.jpg"), "zm_auth": "token=abc"}
        assert server.form("/infer", frame).json == server.form("/infer", {"type": "object"}, image=IMAGE).json
        assert [path for path, _ in web.requests] == ["zm/1.jpg?token=abc"]
        assert server.ask("POST", f"/api/detect?url={web.url('zm/1.jpg')}").status == 200
        for path in ("zm/moved", "zm/large", "zm/drip", "zm/no.jpg", "zm/none"):
            answer = server.form("/infer", {**frame, "url": web.url(path)})
            assert answer.status == 200 and answer.json["error"].startswith("fetch failed")
            assert b"token" not in answer.body
        assert server.form("/infer", {**frame, "zm_auth": "a\r\nb"}).json["error"].startswith("fetch failed")
        assert "secret" not in [path for path, _ in web.requests]
        web.requests.clear()
        for path in ("secret", "zmx"):
            assert "not among those" in server.form("/infer", {**frame, "url": web.url(path)}).json["error"]
        assert not web.requests


# what goes wrong inside


def test_nothing_of_the_inside_gets_out(
    models: dict[str, Model], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(inputs: Any) -> Any:
        raise RuntimeError("/secret/path\nsecond line")

    monkeypatch.setattr(models["net"], "run", fail)
    forms: dict[str, Callable[[Running], Answer]] = {
        "success": lambda server: server.form("/v1/vision/detection", image=IMAGE),
        "detail": lambda server: server.form("/infer", {"type": "object"}, image=IMAGE),
        "detections": lambda server: server.post("/detect", {"data": "UDYgMSAxIDI1NQoAAAA=", "detect": {"*": 1}}),
        "error": lambda server: server.ask("POST", DETECT, IMAGE),
    }
    with running(models) as server, caplog.at_level(logging.ERROR, "darknet_py.serve"):
        for key, ask in forms.items():
            answer = ask(server)
            assert answer.status == 500 and key in answer.json and b"secret" not in answer.body
    assert "RuntimeError: /secret/path" in caplog.text and "path\nsecond" not in caplog.text


def test_the_access_log_has_neither_queries_nor_control_characters(
    models: dict[str, Model], caplog: pytest.LogCaptureFixture
) -> None:
    with running(models) as server, caplog.at_level(logging.INFO, "darknet_py.serve.access"):
        server.get("/nothing%0Ahere%1b[1m?key=secret")
        wait_until(lambda: caplog.records)
    [line] = [record.getMessage() for record in caplog.records]
    assert re.fullmatch(r"\S+Z 127\.0\.0\.1 GET /nothing\\nhere\\x1b\[1m 404 \d+ [\d.]+ms", line)


# the end


def refused(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 5):
            return False
    except OSError:
        return True


def test_a_stop_answers_what_was_accepted(models: dict[str, Model], monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held(monkeypatch, models["net"])
    with running(models) as server, ThreadPoolExecutor(6) as clients:
        try:
            asked = [clients.submit(server.ask, "POST", DETECT, IMAGE) for _ in range(6)]
            wait_until(lambda: waiting(server) == 6)
            server.server.stop()
            wait_until(lambda: refused(server.port))
        finally:
            held.let_go()
        assert [future.result().status for future in asked] == [200] * 6


@contextmanager
def program(folder: Path, *arguments: object) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """`darknet-py serve` in a process of its own, and its port."""
    command = [sys.executable, "-m", "darknet_py", "serve", "--port", "0", *map(str, arguments)]
    process = subprocess.Popen(
        command, cwd=folder, text=True, stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(REPOSITORY)}
    )
    try:
        assert process.stderr is not None
        said = ""
        while not (found := re.search(r"Serving .* at http://127\.0\.0\.1:(\d+)/", said)):
            line = process.stderr.readline()
            assert line, said
            said += line
        yield process, int(found[1])
    finally:
        process.kill()
        process.communicate()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM that a program could catch")
def test_sigterm_in_the_middle_loses_no_accepted_request(tmp_path: Path) -> None:
    write_files(tmp_path)
    body, kind = multipart({}, {"image": IMAGE})
    model = ("-m", "net=net.cfg,net.weights,net.names", "--threads", 1)
    with program(tmp_path, *model) as (process, port):
        clients = [http.client.HTTPConnection("127.0.0.1", port, timeout=60) for _ in range(4)]
        for client in clients:
            client.putrequest("POST", "/v1/vision/detection")
            for name, value in (("Content-Type", kind), ("Content-Length", str(len(body))), ("Expect", "100-continue")):
                client.putheader(name, value)
            client.endheaders()
            assert client.sock.recv(100).startswith(b"HTTP/1.1 100 "), "it is accepted"
        process.send_signal(signal.SIGTERM)
        wait_until(lambda: refused(port))
        for client in clients:
            client.send(body)
        for client in clients:
            with closing(client), client.getresponse() as answer:
                assert answer.status == 200 and b'"success":true' in answer.read()
        assert process.wait(60) == 0
        assert process.stderr is not None
        said = process.stderr.read()
    assert "Stopped" in said and said.count("POST /v1/vision/detection 200") == 4 and "Traceback" not in said


# the command


def test_the_command_says_what_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_files(tmp_path)
    model = ("-m", "net=net.cfg,net.weights")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert "cannot listen on port" in failure("serve", *model, "--port", taken.getsockname()[1], cwd=tmp_path)
    for arguments, message in (
        ((*model, *model), "two models are called net"),
        ((*model, "--thresh", "other=.5"), "thresholds for the model other"),
        ((*model, "--allow-url", "ftp://x/"), "--allow-url ftp://x/"),
        (("-m", "a=b,c,d,e"), "write NAME"),
        (("-m", "a b=net.cfg,net.weights"), "stands in addresses"),
        (("-m", "net=none.cfg,net.weights"), "none.cfg"),
    ):
        assert message in failure("serve", *arguments, "--port", 0, cwd=tmp_path)
    for arguments in (("--thresh", "2"), ("--thresh", "net=x"), ("--cfg", "net.cfg"), ("--names", "x")):
        assert "Error" in failure("serve", *arguments, cwd=tmp_path, code=2)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert "not installed: pip install uvicorn\n" in failure("serve", *model, cwd=tmp_path)


def test_thresholds_by_model() -> None:
    from darknet_py.serve.models import Choice, Thresholds, by_name

    found = by_name(thresh=[("a", 0.1), (None, 0.3)], nms=[(None, 0.2)])
    assert found == {None: Thresholds(0.3, None, 0.2), "a": Thresholds(0.1, None, 0.2)}
    assert Choice.parse("x/my.cfg") == Choice("my", "x/my.cfg")
    assert Choice.parse("b=yolov3-tiny") == Choice("b", "yolov3-tiny")
    assert Choice.parse("b=c.cfg,c.weights,c.names") == Choice("b", "c.cfg", "c.weights", "c.names")
    with pytest.raises(DarknetError):
        Choice.parse("b=")


def test_only_networks_that_detect(tmp_path: Path) -> None:
    write_synth(write_cfg(tmp_path, net(3, 8, 8, "connected output=4", "softmax")), tmp_path / "net.weights")
    with pytest.raises(DarknetError, match="gives no boxes"):
        Model("net", load(tmp_path / "net.cfg", tmp_path / "net.weights"))


# what stands beside it


@pytest.mark.parametrize("name", ["Dockerfile", "darknet-py.service"])
def test_the_examples_use_options_that_there_are(name: str) -> None:
    from darknet_py.cli.serve import serve

    text = (REPOSITORY / "examples" / "serve" / name).read_text(encoding="utf-8")
    known = {option for parameter in serve.params for option in parameter.opts}
    [line] = [line for line in text.splitlines() if re.match("ENTRYPOINT|ExecStart=", line)]
    used = set(re.findall(r"--[a-z-]+", line))
    assert len(used) >= 2 and used <= known
    assert "USER darknet" in text or "DynamicUser=yes" in text, "not as root"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd on this machine")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    text = (REPOSITORY / "examples" / "serve" / "darknet-py.service").read_text(encoding="utf-8")
    unit = tmp_path / "darknet-py.service"
    unit.write_text(text.replace("/opt/darknet-py/bin/darknet-py serve", "/bin/true"), encoding="utf-8")
    result = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0 and "darknet-py.service" not in result.stderr, result.stderr


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="it reads /proc")
def test_the_load_script(tmp_path: Path) -> None:
    script = [sys.executable, str(REPOSITORY / "benchmarks" / "serve_load.py")]
    results = {}
    for words in (("stop", "--rounds", "2"), ("memory", "--requests", "2000"), ("hostile", "--seconds", "2")):
        command = [*script, words[0], str(PHOTO), *words[1:]]
        result = subprocess.run(command, capture_output=True, text=True, timeout=600, cwd=tmp_path)
        assert result.returncode == 0, result.stderr
        results[words[0]] = [line.strip("| ").split(" | ") for line in result.stdout.splitlines() if line[:1] == "|"][
            2:
        ]
    [[_, answered, _, lost, codes]] = results["stop"]
    assert int(answered) >= 400 and (lost, codes) == ("0", "0")
    sizes = [float(row[1].removesuffix(" MB")) for row in results["memory"]]
    assert sizes[-1] < sizes[1] + 20
    assert len(results["hostile"]) == 7
    assert all(int(row[1]) > 0 and row[2] == "0" for row in results["hostile"])
