"""What the protocols share: what they work with, and how whatever goes wrong becomes an answer in their own form."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..errors import ImageError, PictureTooLarge, printable
from .limits import Gone, Limits, Refused

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from .access import Access
    from .bodies import Bodies, Held
    from .engine import Engine, Found
    from .metrics import Metrics
    from .urls import Urls

PIECE = 1 << 18
"""Bytes of an answer that are sent at once."""

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

    def close(self) -> None:
        """End all threads."""
        self.engine.stop()
        self.urls.close()


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


async def body_of(request: Request, service: Service, work: Callable[[bytes], Awaitable[Response]]) -> Response:
    """The answer to a request's body, unless the client goes away meanwhile.

    Raises:
        Gone: it did.
        Refused: as `Bodies.read`.
    """
    held = service.bodies.hold()
    try:
        body = await service.bodies.read(request, held)
        working = asyncio.ensure_future(work(body))
        gone = asyncio.ensure_future(_disconnected(request))
        try:
            await asyncio.wait((working, gone), return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                raise Gone
            answer = working.result()
        finally:
            for task in (gone, working):
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, Exception):
                    await task
        return _Sent(answer, held)
    except BaseException:
        held.release()
        raise


class _Sent(Response):
    """An answer that is sent in pieces, as fast as the client takes it, and is accounted for until then."""

    def __init__(self, answer: Response, held: Held) -> None:
        self.status_code, self.body, self.raw_headers = answer.status_code, answer.body, answer.raw_headers
        self.background = None
        held.set(len(self.body))
        self._held = held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            body = memoryview(self.body)
            for place in range(0, len(body), PIECE):
                more = place + PIECE < len(body)
                piece = bytes(body[place : place + PIECE])
                await send({"type": "http.response.body", "body": piece, "more_body": more})
            if not body:
                await send({"type": "http.response.body", "body": b""})
        finally:
            self._held.release()


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
