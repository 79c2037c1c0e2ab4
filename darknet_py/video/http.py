"""Servers for a machine without a screen: the picture in a browser (MJPEG), and detections as a stream of JSON."""

from __future__ import annotations

import contextlib
import json
import math
import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from socketserver import TCPServer
from string import Template
from typing import TYPE_CHECKING, Any

from ..errors import DarknetError
from ..formats.text import as_unicode
from ..output.json import unicode_only
from .frames import Result

if TYPE_CHECKING:
    from ..typing import JsonObject


LOCAL = "127.0.0.1"
BOUNDARY = "mjpegstream"
CLIENT_TIMEOUT = 10.0
"""Seconds after which a client that takes nothing, or has not come to an end of its request, is dropped."""

MOST_CLIENTS = 64
"""At a time; others are turned away."""

_BUSY = b"HTTP/1.0 503 Too many clients\r\nConnection: close\r\n\r\n"


class Server(ThreadingHTTPServer):
    """A thread for each client, none of which holds up the program's end, and no more than `MOST_CLIENTS`."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = os.name != "nt"
    """Elsewhere it frees a port that was left a minute ago; on Windows it lets two programs listen on one port."""

    def __init__(self, host: str, port: int, handler: Callable[..., BaseHTTPRequestHandler]) -> None:
        """Listen, and serve in a thread of its own. Port 0: any free one.

        Raises:
            DarknetError: the port is taken, or the host is not one of this machine.
        """
        self._lock = threading.Lock()
        self._clients: dict[Any, float] = {}  # until when the whole request must be received
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            super().__init__((host, port), handler)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            raise DarknetError(f"cannot listen on port {port} of {host}: {reason}") from error
        self._thread = threading.Thread(target=partial(self.serve_forever, 0.1), name="demo-http", daemon=True)
        self._thread.start()

    def server_bind(self) -> None:
        TCPServer.server_bind(self)  # HTTPServer's asks the name service for this machine's name, which can take long

    def process_request(self, request: Any, client_address: object) -> None:
        with self._lock:
            accepted = len(self._clients) < MOST_CLIENTS
            if accepted:
                self._clients[request] = time.monotonic() + CLIENT_TIMEOUT
        if accepted:
            super().process_request(request, client_address)
            return
        with contextlib.suppress(OSError):
            request.setblocking(False)
            request.send(_BUSY)
        self.shutdown_request(request)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._clients.pop(request, None)
        super().shutdown_request(request)

    def has_asked(self, request: Any) -> None:
        """The client's whole request was received."""
        with self._lock:
            self._clients[request] = math.inf

    def service_actions(self) -> None:
        """Drop clients who drip: each byte begins a socket's own timeout anew."""
        now = time.monotonic()
        with self._lock:
            late = [request for request, until in self._clients.items() if until < now]
            for request in late:
                with contextlib.suppress(OSError):
                    request.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: object) -> None:
        if not isinstance(sys.exc_info()[1], OSError):  # a client that went away is no error
            super().handle_error(request, client_address)

    @property
    def address(self) -> str:
        """Where a browser finds it."""
        host, port = self.server_address[:2]
        shown = {"0.0.0.0": socket.gethostname(), "::": socket.gethostname()}.get(str(host), str(host))
        return f"http://[{shown}]:{port}/" if ":" in shown else f"http://{shown}:{port}/"

    def stop(self) -> None:
        """Take no more clients."""
        self.shutdown()
        self.server_close()


class Watch:
    """Shows the video in a browser.

    ``/`` is a page, ``/stream.mjpg`` the picture alone (``/``, too, for programs that do not ask for a page),
    ``/snapshot.jpg`` its latest frame, ``/status.json`` what is in it. Each client gets the latest frame when it is
    ready for one: a slow one sees fewer. Pictures are encoded only while somebody looks.
    """

    def __init__(self, title: str, host: str = LOCAL, port: int = 8090, dropped: Callable[[], int] = int) -> None:
        """Start the server.

        Args:
            title: what is watched.
            host: the address to listen on; ``0.0.0.0`` for all networks. There is no password.
            port: 0 for any free one.
            dropped: how many frames were left out.

        Raises:
            DarknetError: the port is not available.
        """
        self.title = title
        self._dropped = dropped
        self._changed = threading.Condition()
        self._latest: Result | None = None
        self._ended = False
        self._viewers = 0
        self._server = Server(host, port, partial(WatchHandler, self))
        self.address = self._server.address

    def put(self, result: Result) -> None:
        if self._viewers:
            _ = result.jpeg  # once, here, for all
        with self._changed:
            self._latest = result
            self._changed.notify_all()

    def close(self) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        self._server.stop()

    def view(self, delta: int) -> None:
        """Count a viewer."""
        with self._changed:
            self._viewers += delta

    def after(self, last: Result | None) -> Result | None:
        """The latest result, when there is another one than ``last``; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._ended or self._latest is not last)
            return None if self._latest is last else self._latest

    def status(self) -> JsonObject:
        """What the page shows beside the picture."""
        latest = self._latest
        status: JsonObject = {"title": self.title, "fps": None, "dropped": self._dropped(), "objects": []}
        if latest is not None:
            height, width = latest.frame.pixels.shape[:2]
            status |= {"frame_id": latest.frame.number, "time": round(latest.frame.time, 3), "width": width}
            status |= {"height": height, "fps": round(latest.fps, 2), "objects": latest.found.to_json()}
        return status


class Handler(BaseHTTPRequestHandler):
    """What the answers of both servers share."""

    timeout = CLIENT_TIMEOUT
    server_version = "darknet-py"
    sys_version = ""

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the terminal shows the objects."""

    def parse_request(self) -> bool:
        understood = super().parse_request()
        if isinstance(self.server, Server):
            self.server.has_asked(self.request)
        return understood

    def answer(self, kind: str, body: bytes | None = None) -> None:
        """Headers, and the body if it is known whole."""
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Cache-Control", "no-store")
        self.send_header("Connection", "close")
        if body is not None:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if body is not None:
            self.wfile.write(body)


class WatchHandler(Handler):
    """Answers one client of `Watch`."""

    def __init__(self, watch: Watch, *args: Any) -> None:
        self._watch = watch
        super().__init__(*args)

    def do_GET(self) -> None:
        """Send what the path names."""
        path = self.path.partition("?")[0]
        if path == "/stream.mjpg" or (path == "/" and "text/html" not in self.headers.get("Accept", "")):
            self._stream()
        elif path == "/":
            page = files(__package__).joinpath("page.html").read_text(encoding="utf-8")
            self.answer(
                "text/html; charset=utf-8",
                Template(page).substitute(title=escape(as_unicode(self._watch.title))).encode(),
            )
        elif path == "/status.json":
            self.answer("application/json", json.dumps(unicode_only(self._watch.status())).encode())
        elif path == "/snapshot.jpg" and (latest := self._watch.after(None)) is not None:
            self.answer("image/jpeg", latest.jpeg)
        else:
            self.send_error(404)

    def _stream(self) -> None:
        self.answer(f"multipart/x-mixed-replace; boundary={BOUNDARY}")
        self._watch.view(1)
        try:
            result: Result | None = None
            while (result := self._watch.after(result)) is not None:
                head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(result.jpeg)}\r\n\r\n"
                self.wfile.write(head.encode() + result.jpeg + b"\r\n")
            self.wfile.write(f"--{BOUNDARY}--\r\n".encode())
        finally:
            self._watch.view(-1)
