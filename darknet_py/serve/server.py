"""Listening: a port that opens when all is warm, and a server that answers what it has accepted before it ends."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import logging.handlers
import queue
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import uvicorn

from ..errors import DarknetError
from ..image.reading import reading
from .app import ACCESS_LOG, application
from .connections import close_late, connection_class
from .protocol import LOG

if TYPE_CHECKING:
    from .protocol import Service

BACKLOG = 1024
GRACE = 60
"""Seconds that accepted requests have to be answered in when the server stops."""

SWITCH = 0.0005
"""Seconds after which a Python thread gives way: the network's own must not wait long for those that read bodies."""

_TICKS = 10
"""uvicorn's ticks in a second."""


def bind(host: str, port: int) -> socket.socket:
    """A socket with that address, which does not listen yet: whoever connects is refused.

    Raises:
        DarknetError: the port is taken, or the host is not one of this machine.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        found = socket.socket(family, socket.SOCK_STREAM)
        try:
            if sys.platform != "win32":
                found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            found.bind(address)
        except BaseException:
            found.close()
            raise
    except (OSError, OverflowError, UnicodeError) as error:
        raise DarknetError(
            f"cannot listen on port {port} of {host}: {getattr(error, 'strerror', None) or error}"
        ) from None
    return found


def address_of(found: socket.socket) -> str:
    """Where a browser finds it."""
    host, port = found.getsockname()[:2]
    shown = socket.gethostname() if host in ("0.0.0.0", "::") else host
    return f"http://[{shown}]:{port}/" if ":" in shown else f"http://{shown}:{port}/"


class Server(uvicorn.Server):
    """uvicorn with bounds on connections; `stop`, SIGTERM or SIGINT end it gracefully, a second signal at once."""

    def __init__(self, service: Service, started: Callable[[], None] = lambda: None) -> None:
        """``started`` is called when the port is open."""
        limits = service.limits
        self._on_started = started
        super().__init__(
            uvicorn.Config(
                application(service), http=connection_class(limits, service.metrics), ws="none", lifespan="off",
                loop="asyncio", log_config=None, access_log=False, server_header=False, proxy_headers=False,
                backlog=BACKLOG, timeout_keep_alive=int(limits.seconds) or 1, timeout_graceful_shutdown=GRACE,
            )
        )  # fmt: skip

    def stop(self) -> None:
        """Answer what was accepted, then end; from any thread."""
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_started()

    async def on_tick(self, counter: int) -> bool:
        if counter % _TICKS == 0:
            close_late(self.server_state.connections)
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close the port, but not on those who have connected and were not looked at yet."""
        connected = []
        for listening in sockets or []:
            with contextlib.suppress(OSError):  # there are no more
                while True:
                    connected.append(listening.accept()[0])
        for server in self.servers:
            server.close()
        for client in connected:
            client.setblocking(False)
            await asyncio.get_running_loop().connect_accepted_socket(self._connection, client)
        await super().shutdown(sockets)

    def _connection(self) -> asyncio.Protocol:
        made: asyncio.Protocol = self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return made

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """uvicorn would raise the signal again at the end; here a graceful end is a good one."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        numbers = [signal.SIGINT, signal.SIGTERM]
        before = {number: signal.signal(number, self._on_signal) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _on_signal(self, number: int, frame: Any) -> None:
        self.force_exit = self.should_exit
        self.should_exit = True


def run_server(
    service: Service, listening: socket.socket, quiet: bool = False, started: Callable[[], None] = lambda: None
) -> None:
    """Serve until a signal comes.

    Args:
        service: its models are warm (`warm`).
        listening: from `bind`.
        quiet: no access log (on standard error).
        started: called when the port is open.
    """
    _raise_file_limit(service.limits.connections)
    server = Server(service, started)
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH)
    try:
        with _logging(quiet), reading(most_pixels=service.limits.pixels), listening:
            server.run(sockets=[listening])
    finally:
        sys.setswitchinterval(before)
        service.close()


def warm(service: Service) -> None:
    """Compile and run everything once: decoders, and each model with every count of pictures."""
    from ..warmup import read_pictures

    read_pictures()
    for model in service.engine.models.values():
        model.warm()


@contextlib.contextmanager
def _logging(quiet: bool) -> Iterator[None]:
    """Lines on standard error, written by a thread: who reads them may be slow, and the event loop is not to wait."""
    lines: queue.Queue[Any] = queue.Queue(10_000)
    handler = _Lossy(lines)
    listener = logging.handlers.QueueListener(lines, logging.StreamHandler(sys.stderr))
    loggers = [LOG, logging.getLogger("uvicorn.error")]
    before = [(logger, logger.level, logger.propagate) for logger in (*loggers, ACCESS_LOG)]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
        logger.propagate = False
        logger.addHandler(handler)
    ACCESS_LOG.setLevel(logging.WARNING if quiet else logging.INFO)
    listener.start()
    try:
        yield
    finally:
        listener.stop()
        for logger, level, propagate in before:
            logger.removeHandler(handler)
            logger.setLevel(level)
            logger.propagate = propagate


class _Lossy(logging.handlers.QueueHandler):
    """Drops lines where there are too many to write."""

    def enqueue(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(queue.Full):
            self.queue.put_nowait(record)


def _raise_file_limit(connections: int) -> None:
    """Let the process have a file for each connection, where the system allows it."""
    try:
        import resource
    except ImportError:  # Windows
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + 256
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
