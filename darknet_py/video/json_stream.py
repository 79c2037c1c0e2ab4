"""AlexeyAB's ``-json_port``: an HTTP answer that never ends, one JSON array with an element for each frame."""

from __future__ import annotations

import threading
from functools import partial
from typing import Any

from ..output.alexeyab import json_text
from .channel import Channel
from .frames import Result
from .http import LOCAL, Handler, Server

BACKLOG = 256
"""How many frames a client may be behind before it misses some."""


class JsonStream:
    """Sends every client the frames from its first one on."""

    def __init__(self, host: str = LOCAL, port: int = 8070) -> None:
        """Start the server. Raises `DarknetError` if the port is not available."""
        self._lock = threading.Lock()
        self._clients: set[Channel[str]] = set()
        self._ended = False
        self._server = Server(host, port, partial(JsonHandler, self))
        self.address = self._server.address

    def put(self, result: Result) -> None:
        with self._lock:
            clients = list(self._clients)
        if clients:
            text = json_text(result.found, result.frame.number)
            for client in clients:
                client.put(text)

    def close(self) -> None:
        with self._lock:
            self._ended = True
            for client in self._clients:
                client.close()
        self._server.stop()

    def join(self) -> Channel[str]:
        """A new client's frames."""
        client: Channel[str] = Channel(BACKLOG)
        client.drop_oldest()
        with self._lock:
            self._clients.add(client)
            if self._ended:
                client.close()
        return client

    def leave(self, client: Channel[str]) -> None:
        """The client has gone."""
        with self._lock:
            self._clients.discard(client)


class JsonHandler(Handler):
    """Answers one client of `JsonStream`."""

    def __init__(self, stream: JsonStream, *args: Any) -> None:
        self._stream = stream
        super().__init__(*args)

    def do_GET(self) -> None:
        """Send frames until the end, whatever the path."""
        client = self._stream.join()
        try:
            self.answer("application/json")
            self.wfile.write(b"[\n")
            separator = ""
            while (text := client.get()) is not None:
                self.wfile.write((separator + text).encode())
                separator = ", \n"
            self.wfile.write(b"\n]")
        finally:
            self._stream.leave(client)
