"""Clients of the demo's servers who do not behave."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator

import pytest

from darknet_py.video import http
from darknet_py.video.http import Watch
from darknet_py.video.json_stream import JsonStream


@pytest.fixture(params=[lambda: Watch("a", port=0), lambda: JsonStream(port=0)], ids=["watch", "json"])
def address(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, int]]:
    """Where a server with place for three clients, and little patience, is."""
    monkeypatch.setattr(http, "CLIENT_TIMEOUT", 0.4)
    monkeypatch.setattr(http, "MOST_CLIENTS", 3)
    server = request.param()
    host, _, port = server.address.removeprefix("http://").rstrip("/").partition(":")
    try:
        yield host, int(port)
    finally:
        server.close()


def ask(address: tuple[str, int]) -> bytes:
    """The first bytes of an answer to a whole request."""
    with socket.create_connection(address, timeout=10) as client:
        client.sendall(b"GET /status.json HTTP/1.0\r\n\r\n")
        return client.recv(12)


@pytest.mark.parametrize("start", [b"", b"GET / HTTP/1.1\r\n"], ids=["request", "headers"])
def test_a_client_who_drips_is_dropped(address: tuple[str, int], start: bytes) -> None:
    begun = time.monotonic()
    with socket.create_connection(address, timeout=0.1) as client:
        client.sendall(start)
        while True:
            try:
                client.sendall(b"X")
                if not client.recv(1):
                    break
            except TimeoutError:
                assert time.monotonic() - begun < 15, "it is never dropped"
            except OSError:
                break
    assert time.monotonic() - begun > 0.3, "it has its time"
    assert ask(address) == b"HTTP/1.0 200"


def test_clients_are_turned_away_beyond_a_number(address: tuple[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "CLIENT_TIMEOUT", 60)
    clients = [socket.create_connection(address, timeout=10) for _ in range(3)]
    for _ in range(50):
        with contextlib.suppress(ConnectionError):  # turned away before it could ask
            assert ask(address) in (b"HTTP/1.0 503", b"")
    for client in clients:
        client.close()
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        with contextlib.suppress(ConnectionError):
            if ask(address) == b"HTTP/1.0 200":
                return
    pytest.fail("places are not given back")
