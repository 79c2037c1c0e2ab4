"""What is not detection: the page, the description of the API, the counters."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..version import __version__
from .native import error
from .protocol import Protocol, Service

PROTOCOL = Protocol("pages", ("/",), error)

_SAFE = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "img-src 'self' blob: data:; media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}


def routes(service: Service) -> list[Route]:
    """``/``, ``/openapi.json``, ``/metrics``."""

    async def page(request: Request) -> Response:
        return Response(_file("page.html"), media_type="text/html", headers=_SAFE)

    async def description(request: Request) -> Response:
        return JSONResponse(openapi())

    async def metrics(request: Request) -> Response:
        service.access.check(request)
        text = await service.engine.finish(service.metrics.text)
        return Response(text, headers={"Content-Type": service.metrics.content_type})

    return [
        PROTOCOL.route("/", page),
        PROTOCOL.route("/openapi.json", description),
        PROTOCOL.route("/metrics", metrics),
    ]


@cache
def openapi() -> Any:
    """The description of all routes (OpenAPI 3.1)."""
    document = json.loads(_file("openapi.json"))
    document["info"]["version"] = __version__
    return document


@cache
def _file(name: str) -> bytes:
    return files(__package__).joinpath(name).read_bytes()
