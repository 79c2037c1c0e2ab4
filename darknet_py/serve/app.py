"""The application: all protocols on one port, and what holds for every request."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from ..errors import printable
from . import deepstack, doods, kserve, native, pages, pyzm
from .access import Access
from .bodies import Bodies
from .engine import Engine
from .limits import Limits
from .metrics import Metrics
from .protocol import Protocol, Service
from .urls import Urls

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from .models import Model

PROTOCOLS = (deepstack, doods, pyzm, kserve, native, pages)
ACCESS_LOG = logging.getLogger("darknet_py.serve.access")

_WORDS = {404: "there is nothing at this address", 405: "this address does not take this method"}


def make_service(
    models: Mapping[str, Model], limits: Limits | None = None, key: str | None = None, allow_urls: Sequence[str] = ()
) -> Service:
    """All that handlers need. It has threads, which `Service.close` ends.

    Args:
        models: by name, the first one is the default.
        limits: bounds on what clients can make it do.
        key: what clients have to know; None: nothing.
        allow_urls: what addresses begin with that it may fetch for clients.

    Raises:
        DarknetError: one of ``allow_urls`` is no http or https address.
    """
    limits, metrics = limits or Limits(), Metrics()
    urls = Urls(allow_urls, limits.body, limits.seconds)
    return Service(Engine(models, limits, metrics), Access(key), Bodies(limits), urls, limits, metrics)


def application(service: Service) -> ASGIApp:
    """The ASGI application."""
    routes = [route for protocol in PROTOCOLS for route in protocol.routes(service)]
    app = Starlette(routes=routes, exception_handlers={HTTPException: _no_route, Exception: _unforeseen})
    app.router.redirect_slashes = False
    return _Gate(app, service)


def protocol_of(path: str) -> Protocol:
    """The protocol that a path belongs to: whose form an error there has."""
    found = (
        protocol.PROTOCOL
        for protocol in PROTOCOLS
        for begin in protocol.PROTOCOL.paths
        if path == begin or path.startswith(begin if begin.endswith("/") else begin + "/")
    )
    return next(found, native.PROTOCOL)


async def _no_route(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = dict(getattr(error, "headers", None) or {})
    return protocol_of(request.url.path).refusal(status, _WORDS.get(status, "this cannot be done"), headers)


async def _unforeseen(request: Request, error: Exception) -> Response:
    return protocol_of(request.url.path).answer(error)


class _Gate:
    """Counts and logs every request."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app, self._service = app, service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        start, status, size = time.perf_counter(), 499, 0

        async def note(message: Message) -> None:
            nonlocal status, size
            if message["type"] == "http.response.start":
                status = message["status"]
            size += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, note)
        finally:
            seconds = time.perf_counter() - start
            name = scope.get("state", {}).get("protocol") or protocol_of(scope["path"]).name
            self._service.metrics.requests.labels(name, str(status)).inc()
            self._service.metrics.seconds.labels(name).observe(seconds)
            if ACCESS_LOG.isEnabledFor(logging.INFO):
                # Not what follows the '?': it may be somebody's login.
                client = (scope.get("client") or ("-",))[0]
                now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
                path = printable(scope["path"], 200)
                ACCESS_LOG.info(
                    "%s %s %s %s %d %d %.1fms", now, client, scope["method"], path, status, size, 1000 * seconds
                )
