"""Connections that come to an end: slow clients, many clients, and a server that stops."""

from __future__ import annotations

import time
from typing import Any, ClassVar

from uvicorn.protocols.http.h11_impl import H11Protocol

from .limits import Limits
from .metrics import Metrics

ANSWER = 3
"""A client has so many times `Limits.seconds` to take an answer."""

LINGER, LINGER_NEW = 0.25, 1.0
"""Seconds that an idle connection stays open when the server stops, and a new one: a request may be on its way."""


class Connection(H11Protocol):
    """uvicorn's connection with bounds.

    uvicorn itself waits as long as a client likes for a request, and turns new clients away where there are too many.
    Here a request must have arrived within `Limits.seconds` (`close_late`), and where there are too many connections
    the one is closed that has waited longest for its client.
    """

    limits: ClassVar[Limits]
    metrics: ClassVar[Metrics]
    waits_since: float
    """Since when the client is to send something: its request, or what is left of it."""
    unsent_since: float | None = None
    """Since when it has not taken all of an answer."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.waits_since = time.monotonic()
        if len(self.connections) > self.limits.connections:
            open_ones = [each for each in self.connections if not each.transport.is_closing()]
            waiting = [each for each in open_ones if isinstance(each, Connection) and each.waits]
            if len(open_ones) > self.limits.connections:
                min(waiting, key=lambda each: each.waits_since, default=self).transport.abort()
        self.metrics.connections.set(len(self.connections))

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.metrics.connections.set(len(self.connections))

    @property
    def waits(self) -> bool:
        """Whether the next move is the client's: no request yet, or an unfinished body."""
        cycle = self.cycle
        return cycle is None or cycle.response_complete or cycle.more_body

    def on_response_complete(self) -> None:
        self.waits_since = time.monotonic()
        super().on_response_complete()

    def shutdown(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self.loop.call_later(LINGER_NEW if self.cycle is None else LINGER, self._shutdown_now)
        else:
            super().shutdown()

    def _shutdown_now(self) -> None:
        if not self.transport.is_closing():
            super().shutdown()

    def close_late(self, now: float) -> None:
        """Drop a client whose request is not there in its time, or that does not take its answer.

        Each byte begins a socket's own timeout anew.
        """
        if self.transport.get_write_buffer_size() == 0:
            self.unsent_since = None
        elif self.unsent_since is None:
            self.unsent_since = now
        if self.unsent_since is not None:
            late = now - self.unsent_since > ANSWER * self.limits.seconds
        else:
            late = self.waits and now - self.waits_since > self.limits.seconds + 1
        if late:
            self.transport.abort()


def connection_class(limits: Limits, metrics: Metrics) -> type[Connection]:
    """The class of one server's connections: uvicorn makes them, and knows nothing of bounds."""
    return type("BoundConnection", (Connection,), {"limits": limits, "metrics": metrics})


def close_late(connections: Any) -> None:
    """Drop all clients that take too long; to be called every second."""
    now = time.monotonic()
    for connection in list(connections):
        connection.close_late(now)
