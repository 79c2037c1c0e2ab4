"""DeepStack's API, which CodeProject.AI has too: a form with a picture in, boxes in whole pixels out.

Form and messages as in DeepStack's server (``server.go``, ``middlewares.go``, ``detection.py``).
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..formats.text import as_unicode
from .bodies import Form, read_form
from .engine import Found
from .limits import Refused
from .models import Ask, Model
from .protocol import Protocol, Service, body_of, corners, extra_headers

MIN_CONFIDENCE = 0.4
"""DeepStack's own default."""

_WRONG_KEY = "Incorrect api key"
_NOT_HERE = {"face": "Face endpoints not activated", "scene": "Scene endpoint not activated",
             "enhance": "Enhance endpoint not activated"}  # fmt: skip


def error(status: int, message: str) -> Any:
    """The form of an error; ``code`` is CodeProject.AI's."""
    return {"success": False, "error": message, "code": status, "duration": 0}


PROTOCOL = Protocol("deepstack", ("/v1/",), error)


def routes(service: Service) -> list[Route]:
    """``/v1/vision/detection``, ``/v1/vision/custom/...``, and what tells that the server is there."""

    async def detection(request: Request) -> Response:
        async def work(body: bytes) -> Response:
            form = await _form(request, service, body)
            service.access.check(request, form.fields.get("api_key"), message=_WRONG_KEY)
            model = service.engine.model(request.path_params.get("model", ""))
            image = form.files.get("image") or next(iter(form.files.values()), b"")
            if not image:
                raise Refused(400, "No valid image file found")
            least = form.number("min_confidence", "Invalid value for min_confidence: a number from 0 to 1")
            found = await service.engine.detect(model, image, Ask(thresh=least), MIN_CONFIDENCE)
            return await service.engine.finish(_answer, model, found)

        return await body_of(request, service, work)

    async def listing(request: Request) -> Response:
        async def work(body: bytes) -> Response:
            form = await _form(request, service, body) if body else Form()
            service.access.check(request, form.fields.get("api_key"), message=_WRONG_KEY)
            return JSONResponse({"success": True, "models": list(service.engine.models), "code": 200})

        return await body_of(request, service, work)

    async def ping(request: Request) -> Response:
        return JSONResponse({"success": True, "message": "darknet-py", "code": 200})

    async def not_here(request: Request) -> Response:
        raise Refused(403, _NOT_HERE[request.url.path.split("/")[3]])

    return [
        PROTOCOL.route("/v1/vision/detection", detection, "POST"),
        PROTOCOL.route("/v1/vision/custom/list", listing, "GET", "POST"),
        PROTOCOL.route("/v1/vision/custom/{model}", detection, "POST"),
        *(PROTOCOL.route(path, ping) for path in ("/v1/status/ping", "/v1/server/status/ping")),
        *(
            PROTOCOL.route(f"/v1/vision/{what}{rest}", not_here, "POST")
            for what in _NOT_HERE
            for rest in ("", "/{rest:path}")
        ),
    ]


async def _form(request: Request, service: Service, body: bytes) -> Form:
    try:
        return await service.engine.in_thread(read_form, body, request.headers.get("content-type", ""))
    except Refused as refused:
        if refused.status == 415:
            raise Refused(400, "No valid image file found") from None
        raise


def _answer(model: Model, found: Found) -> Response:
    predictions = [
        {"confidence": confidence, "label": as_unicode(label), "x_min": left, "y_min": top, "x_max": right,
         "y_max": bottom}
        for confidence, label, (left, top, right, bottom) in zip(
            found.detections.confidence.tolist(), found.detections.names, corners(found), strict=True
        )
    ]  # fmt: skip
    whole, network = round(1000 * found.seconds), round(1000 * found.run_seconds)
    document = {
        "success": True, "predictions": predictions, "duration": 0, "count": len(predictions), "command": "detect",
        "message": f"Found {len(predictions)} objects", "moduleId": f"darknet-py/{model.name}", "code": 200,
        "executionProvider": "CPU", "canUseGPU": False, "inferenceMs": network, "processMs": whole,
        "analysisRoundTripMs": whole,
    }  # fmt: skip
    return JSONResponse(document, headers=extra_headers(found))
