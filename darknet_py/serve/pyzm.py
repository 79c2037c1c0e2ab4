"""The gateway of pyzm, ZoneMinder's Python library (its ``pyzm/serve/app.py`` and ``pyzm/ml/remote.py``)."""

from __future__ import annotations

import re
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..errors import ImageError
from ..formats.text import as_unicode
from .access import TOKEN_SECONDS
from .bodies import Form, read_form, read_json
from .engine import Found
from .limits import Refused
from .models import Ask, Model
from .protocol import Protocol, Service, body_of, corners, extra_headers

_LOGIN = re.compile(r"[A-Za-z0-9=&_.~%+*-]+")
"""What ZoneMinder hands out for an address: ``token=...``, or ``user=...&pass=...``."""


def error(status: int, message: str) -> Any:
    """The form of an error."""
    return {"detail": message}


PROTOCOL = Protocol("pyzm", ("/infer", "/login", "/models", "/health"), error)


def routes(service: Service) -> list[Route]:
    """``/infer``, ``/login``, ``/models``, ``/health``."""

    async def infer(request: Request) -> Response:
        service.access.check(request, message="Invalid token")

        async def work(body: bytes) -> Response:
            form = await service.engine.in_thread(read_form, body, request.headers.get("content-type", ""))
            name, kind = form.fields.get("name", ""), form.fields.get("type", "")
            if not kind:
                raise Refused(400, "the field type is missing: object")
            if kind != "object" or (name and name not in service.engine.models):
                return _failed(f"no model loaded for type={kind} name={name!r}")
            model = service.engine.model(name)
            least = form.number("min_confidence", "min_confidence must be a number from 0 to 1")
            url = form.fields.get("url", "")
            try:
                picture = await service.urls.get(_address(form, url)) if url else form.files.get("image", b"")
                if not picture:
                    raise Refused(400, "Empty file")
                found = await service.engine.detect(model, picture, Ask(thresh=least))
            except (Refused, ImageError) as problem:
                if not url or getattr(problem, "status", 0) == 503:
                    raise
                return _failed(f"fetch failed: {problem}")
            return await service.engine.finish(_answer, model, found)

        return await body_of(request, service, work)

    async def login(request: Request) -> Response:
        async def work(body: bytes) -> Response:
            password = (await service.engine.in_thread(read_json, body)).get("password", "")
            if not service.access.is_key(str(password)):
                raise Refused(401, "Invalid credentials")
            return JSONResponse({"access_token": service.access.token(), "expires": TOKEN_SECONDS})

        return await body_of(request, service, work)

    async def models(request: Request) -> Response:
        service.access.check(request, message="Invalid token")
        return JSONResponse({"models": [_describe(model) for model in service.engine.models.values()]})

    async def health(request: Request) -> Response:
        return JSONResponse({"status": "ok", "models_loaded": True})

    return [
        PROTOCOL.route("/infer", infer, "POST"),
        PROTOCOL.route("/login", login, "POST"),
        PROTOCOL.route("/models", models),
        PROTOCOL.route("/health", health),
    ]


def _address(form: Form, url: str) -> str:
    """A frame's address; the login that ZoneMinder wants goes behind it, and into no message."""
    login = form.fields.get("zm_auth", "")
    if login and _LOGIN.fullmatch(login) is None:
        raise Refused(400, "zm_auth is no part of an address")
    return url + (f"{'&' if '?' in url else '?'}{login}" if login else "")


def _failed(message: str) -> Response:
    """What the gateway answers to a model or a frame that it has not: the client logs it and goes on."""
    return JSONResponse({"detections": [], "error": message})


def _describe(model: Model) -> dict[str, Any]:
    return {
        "name": model.name, "type": "object", "framework": "darknet-py", "loaded": True, "processor": "cpu",
        "requested_processor": "cpu",
    }  # fmt: skip


def _answer(model: Model, found: Found) -> Response:
    rows = zip(found.detections.names, found.detections.confidence.tolist(), corners(found), strict=True)
    detections = [
        {"label": as_unicode(label), "confidence": confidence, "box": list(box), "type": "object",
         "model_name": model.name}
        for label, confidence, box in rows
    ]  # fmt: skip
    return JSONResponse({"detections": detections, "error": None}, headers=extra_headers(found))
