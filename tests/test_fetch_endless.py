"""Servers that never come to an end: each is given up soon, with little memory."""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from darknet_py.errors import ModelError
from darknet_py.zoo import fetch_file, request
from darknet_py.zoo.patience import MOST_BYTES

from .web import BODY, put_part, remote

TIMEOUT = 0.4
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"

Server = Iterator[bytes]


def drip(*starts: bytes) -> Callable[[], Server]:
    """The beginning, then a byte each tenth of the timeout."""
    return lambda: itertools.chain(starts, slowly(itertools.repeat(b"X")))


def slowly(pieces: Iterator[bytes]) -> Server:
    for piece in pieces:
        time.sleep(TIMEOUT / 10)
        yield piece


def pour(piece: bytes, *starts: bytes) -> Callable[[], Server]:
    """The beginning, then the same at full speed."""
    return lambda: itertools.chain(starts, itertools.repeat(piece))


SERVERS: dict[str, Callable[[], Server]] = {
    "nothing": lambda: slowly(itertools.repeat(b"")),
    "drips a status": drip(b"HTTP/1.1 200 "),
    "drips headers": drip(OK),
    "drips interim answers": lambda: slowly(itertools.repeat(b"HTTP/1.1 100 Continue\r\n\r\n")),
    "drips a chunk's size": drip(CHUNKED),
    "drips a chunk's extension": drip(CHUNKED + b"4;"),
    "drips a trailer": drip(CHUNKED + b"4\r\nabcd\r\n0\r\n"),
    "drips a body": drip(OK + b"Content-Length: 1000019\r\n\r\n"),
    "drips a redirect's body": drip(b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 99999\r\n\r\n"),
    "drips an error's body": drip(b"HTTP/1.1 404 Not Found\r\nContent-Length: 99999\r\n\r\n"),
    "pours a status": pour(b"X" * 65536),
    "pours headers": pour(b"A: " + b"b" * 1000 + b"\r\n", OK),
    "pours one header": pour(b"X" * 65536, OK),
    "pours interim answers": pour(b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
    "pours a chunk's size": pour(b"0" * 65536, CHUNKED),
    "pours a trailer": pour(b"A: b\r\n" * 1000, CHUNKED + b"4\r\nabcd\r\n0\r\n"),
    "pours a redirect's body": pour(b"X" * 65536, b"HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n"),
    "pours an error's body": pour(b"X" * 65536, b"HTTP/1.1 503 Not Now\r\n\r\n"),
}


@contextlib.contextmanager
def serve(answer: Callable[[], Server]) -> Iterator[str]:
    """A server that answers every request so, until the client has gone. Yields its address."""
    ended = threading.Event()

    def one(client: socket.socket) -> None:
        with contextlib.suppress(OSError), client:
            client.recv(65536)
            for piece in answer():
                if ended.is_set():
                    break
                client.sendall(piece)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=one, args=(server.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=accept, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}"
        finally:
            ended.set()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DARKNET_PY_WEIGHTS", str(tmp_path / "fetched"))
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(request, "TIMEOUT", TIMEOUT)
    return tmp_path / "fetched"


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_without_end_is_given_up(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = time.monotonic()
    tracemalloc.start()
    try:
        with serve(SERVERS[name]) as address:
            monkeypatch.setenv("DARKNET_PY_MIRROR", address)
            with pytest.raises(ModelError, match="could not be fetched: ") as told:
                fetch_file(remote())
        assert tracemalloc.get_traced_memory()[1] < 4 * MOST_BYTES
    finally:
        tracemalloc.stop()
    assert time.monotonic() - begun < 40 * TIMEOUT, "also on a machine that has much else to do"
    assert len(str(told.value)) < 1000 and "\n" not in str(told.value)
    assert not (folder / "thing.weights").exists()


def test_what_is_there_is_not_compared_for_ever(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_part(folder, BODY[:400_000])
    first = 400_000 - 65536
    head = f"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {first}-1000018/1000019\r\n"
    head += f"Content-Length: {1_000_019 - first}\r\n\r\n"

    def answer() -> Server:
        return itertools.chain([head.encode()], slowly(BODY[at : at + 1] for at in range(first, len(BODY))))

    with serve(answer) as address:
        monkeypatch.setenv("DARKNET_PY_MIRROR", address)
        begun = time.monotonic()
        with pytest.raises(ModelError, match="sends less than 100 bytes per second"):
            fetch_file(remote())
    assert time.monotonic() - begun < 40 * TIMEOUT
    assert (folder / "thing.weights.part").read_bytes() == BODY[:400_000], "what is there stays"
