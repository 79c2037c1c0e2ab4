"""HTTP answers that come to an end: each step of one has its seconds and its bytes, whatever a server drips or pours.

A socket's timeout begins anew with every byte, and Python's HTTP reads status lines, interim answers, headers, chunk
sizes and trailers until they end. Here all bytes of an answer pass a guard.
"""

from __future__ import annotations

import http.client
import io
import time
import urllib.request
from typing import Any

MOST_BYTES = 1 << 20
"""That one step of an answer may take: its head, or a piece of its body with what stands around it."""


class Guard(io.RawIOBase):
    """A socket's bytes, as many and as long as was allowed last."""

    def __init__(self, raw: io.RawIOBase, connection: Any, seconds: float) -> None:
        self._raw = raw
        self._connection = connection
        self._timeout = seconds
        self.allow(seconds)

    def allow(self, seconds: float) -> None:
        """From now on: so many seconds, and `MOST_BYTES`."""
        self._end = time.monotonic() + seconds
        self._bytes = MOST_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        """What was received. Raises TimeoutError or http.client.HTTPException when the time or the bytes are up."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        if self._bytes <= 0:
            raise http.client.HTTPException(f"a head or a trailer of more than {MOST_BYTES} bytes")
        self._connection.settimeout(min(left, self._timeout))
        count = self._raw.readinto(memoryview(buffer)[: self._bytes])
        self._bytes -= count or 0
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class PatientResponse(http.client.HTTPResponse):
    """An answer whose bytes pass a guard; its head must come within the connection's timeout."""

    def __init__(self, sock: Any, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        buffered: Any = self.fp
        self.guard = Guard(buffered.detach(), sock, sock.gettimeout())
        self.fp = io.BufferedReader(self.guard)


class _Connection(http.client.HTTPConnection):
    response_class = PatientResponse


class _SecureConnection(http.client.HTTPSConnection):
    response_class = PatientResponse


class Handler(urllib.request.HTTPHandler):
    """Opens http addresses."""

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_Connection, req)


class SecureHandler(urllib.request.HTTPSHandler):
    """Opens https addresses."""

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_SecureConnection, req, context=getattr(self, "_context", None))
