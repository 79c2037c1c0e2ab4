"""A web server on this machine that behaves as badly as it is told to."""

from __future__ import annotations

import hashlib
import os
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from darknet_py.zoo import Progress, RemoteFile, UrlSource, download

BODY = b"\0" * 16 + random.Random(7).randbytes(1_000_003)
NAME = "thing.weights"
REPOSITORY = Path(__file__).resolve().parent.parent


@dataclass
class Page:
    """What is at a path.

    Attributes:
        body: its bytes.
        ranges: whether the server answers requests for a part with that part.
        kind: the content type.
        length: whether the answer says how long it is.
        status: sent instead of 200.
        cuts: after how many bytes the connection breaks, request by request; then it holds.
        hold: an event that the server waits for after the first ``hold_after`` bytes.
        drip: seconds between single bytes, after the first ``hold_after``.
        headers: more headers; they win over the server's own.
    """

    body: bytes = b""
    ranges: bool = True
    kind: str = "application/octet-stream"
    length: bool = True
    status: int = 200
    cuts: list[int] = field(default_factory=list)
    hold: threading.Event | None = None
    hold_after: int = 0
    drip: float = 0
    headers: dict[str, str] = field(default_factory=dict)


class Web:
    """The server: ``pages`` by path (without the slash), and the requests that came."""

    def __init__(self, port: int) -> None:
        self.address = f"http://127.0.0.1:{port}"
        self.pages: dict[str, Page | list[Page]] = {}
        """A list is answered request by request; its last page stays."""
        self.requests: list[tuple[str, str | None]] = []
        """Path and Range header of each request."""
        self.agents: set[str | None] = set()

    def page(self, path: str) -> Page | None:
        """What is at a path at this time of asking."""
        found = self.pages.get(path)
        if isinstance(found, list):
            return found.pop(0) if len(found) > 1 else found[0]
        return found

    def url(self, path: str) -> str:
        return f"{self.address}/{path}"


def _handler(web: Web) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path, wanted = self.path.lstrip("/"), self.headers.get("Range")
            web.requests.append((path, wanted))
            web.agents.add(self.headers.get("User-Agent"))
            page = web.page(path)
            if page is None:
                self.send_error(404, "Not Found")
                return
            begin = (
                int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and page.ranges and page.status == 200 else 0
            )
            headers: dict[str, Any] = {"Content-Type": page.kind}
            status = page.status
            if begin >= len(page.body) > 0:
                status, body = 416, b""
                headers["Content-Range"] = f"bytes */{len(page.body)}"
            else:
                body = page.body[begin:]
                if begin:
                    status = 206
                    headers["Content-Range"] = f"bytes {begin}-{len(page.body) - 1}/{len(page.body)}"
            if page.length:
                headers["Content-Length"] = len(body)
            self.send_response(status)
            for name, value in {**headers, **page.headers}.items():
                self.send_header(name, str(value))
            self.end_headers()
            self._send(page, body)

        def _send(self, page: Page, body: bytes) -> None:
            if page.cuts:
                self.wfile.write(body[: page.cuts.pop(0)])
                self.close_connection = True
                return
            if page.hold is not None:
                self.wfile.write(body[: page.hold_after])
                self.wfile.flush()
                page.hold.wait(30)
                body = body[page.hold_after :]
            if page.drip:
                for place in range(page.hold_after, len(body)):
                    self.wfile.write(body[:place] if place == page.hold_after else body[place - 1 : place])
                    self.wfile.flush()
                    time.sleep(page.drip)
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that go away are what is tested here."""


@contextmanager
def serve() -> Iterator[Web]:
    """A running server on a free port."""
    server = _Server(("127.0.0.1", 0), BaseHTTPRequestHandler)
    web = Web(server.server_address[1])
    server.RequestHandlerClass = _handler(web)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield web
    finally:
        server.shutdown()
        server.server_close()


# --- what is fetched from it ------------------------------------------------------------------------------------------


def remote(*urls: str | tuple[str, ...], body: bytes = BODY, known: bool = True) -> RemoteFile:
    """What a registry would say of ``body``."""
    sources = tuple(UrlSource((url,) if isinstance(url, str) else url) for url in urls)
    hashes = {"sha256": hashlib.sha256(body).hexdigest()} if known else {}
    return RemoteFile(NAME, (len(body),), hashes, sources)


def after(have: int) -> str:
    """The Range header that continues a download of so many bytes."""
    return f"bytes={have - download.OVERLAP}-"


def fetch_below(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder; returns where fetched files go. Nothing of the user's is touched, and no proxy is asked."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DARKNET_PY_WEIGHTS", str(tmp_path / "fetched"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.delenv("DARKNET_PY_MIRROR", raising=False)
    return tmp_path / "fetched"


def put_part(folder: Path, content: bytes) -> Path:
    folder.mkdir(exist_ok=True)
    part = folder / f"{NAME}.part"
    part.write_bytes(content)
    return part


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def environment() -> dict[str, str]:
    """For a process that must find this checkout's darknet_py, and that reaches no machine but this one."""
    nowhere = "http://127.0.0.1:1"
    proxies = {"http_proxy": nowhere, "https_proxy": nowhere, "HTTPS_PROXY": nowhere}
    here = {"no_proxy": "127.0.0.1", "NO_PROXY": "127.0.0.1", "PIP_NO_INDEX": "1", "PYTHONPATH": str(REPOSITORY)}
    return {**os.environ, **proxies, **here}


class Recorder(Progress):
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.positions: list[int] = []
        self.origins: list[str] = []
        self.waited = threading.Event()

    def start(self, name: str, total: int, origin: str) -> None:
        self.origins.append(origin)

    def at(self, position: int) -> None:
        self.positions.append(position)

    def waiting(self, name: str) -> None:
        self.waited.set()
