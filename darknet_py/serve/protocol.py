"""What the protocols share: what they work with, and how whatever goes wrong becomes an answer in their own form."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..errors import ImageError, PictureTooLarge, printable
from .limits import Gone, Limits, Refused

if TYPE_CHECKING:
    from .access import Access
    from .bodies import Bodies
    from .engine import Engine, Found
    from .metrics import Metrics
    from .urls import Urls

_Value = TypeVar("_Value")
Handler = Callable[[Request], Awaitable[Response]]
ErrorForm = Callable[[int, str], Any]
"""A status and a line -> the document that a protocol has for it."""

LOG = logging.getLogger("darknet_py.serve")


@dataclass(frozen=True)
class Service:
    """What handlers work with."""

    engine: Engine
    access: Access
    bodies: Bodies
    urls: Urls
    limits: Limits
    metrics: Metrics


class Protocol:
    """The routes of a protocol; each answers errors in the protocol's form.

    Attributes:
        name: for metrics.
        paths: what the addresses of its requests begin with.
    """

    def __init__(self, name: str, paths: Sequence[str], error: ErrorForm) -> None:
        self.name, self.paths, self._error = name, tuple(paths), error

    def route(self, path: str, handler: Handler, *methods: str) -> Route:
        """A route whose handler may raise."""

        async def endpoint(request: Request) -> Response:
            request.state.protocol = self.name
            try:
                return await handler(request)
            except Exception as error:
                return self.answer(error)

        return Route(path, endpoint, methods=list(methods) or ["GET"])

    def answer(self, error: Exception) -> Response:
        """The answer to a request that went wrong; nothing of the server's inside is in it."""
        if isinstance(error, Gone):
            return Response(status_code=499)
        if isinstance(error, Refused):
            return self.refusal(error.status, str(error), error.headers)
        if isinstance(error, PictureTooLarge):
            return self.refusal(413, error.message)
        if isinstance(error, ImageError):
            return self.refusal(400, error.message)
        if isinstance(error, MemoryError):
            return self.refusal(503, "there is not enough memory for this request")
        LOG.error("%s: %s", type(error).__name__, printable(str(error)))
        return self.refusal(500, "the server could not do this; its log says why")

    def refusal(self, status: int, message: str, headers: dict[str, str] | None = None) -> Response:
        """An error in the protocol's form."""
        return JSONResponse(self._error(status, message), status, headers)


async def body_of(request: Request, service: Service, work: Callable[[bytes], Awaitable[_Value]]) -> _Value:
    """Read the body, and do what is to be done with it unless the client goes away meanwhile.

    Raises:
        Gone: it did.
        Refused: as `Bodies.read`.
    """
    with service.bodies.hold() as held:
        body = await service.bodies.read(request, held)
        working = asyncio.ensure_future(work(body))
        gone = asyncio.ensure_future(_disconnected(request))
        try:
            await asyncio.wait((working, gone), return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                raise Gone
            return working.result()
        finally:
            for task in (gone, working):
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, Exception):
                    await task


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def corners(found: Found) -> list[tuple[int, int, int, int]]:
    """Left, top, right, bottom of each box in whole pixels within the picture."""
    width, height = found.detections.image_size
    return [
        (min(int(left), width), min(int(top), height), min(int(right), width), min(int(bottom), height))
        for left, top, right, bottom in found.detections.xyxy.tolist()
    ]


def extra_headers(found: Found) -> dict[str, str]:
    """Says how many detections an answer does not have."""
    return {"X-Detections-Left-Out": str(found.left_out)} if found.left_out else {}
