"""Our own API, which the page uses: Darknet's JSON of objects, all thresholds, the WordTree's path."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..detect.filters import make_filter
from ..errors import DarknetError
from ..image.reading import current
from ..output.json import unicode_only
from .bodies import read_form, unit
from .engine import Found
from .limits import Refused
from .models import Ask, Model
from .protocol import Protocol, Service, body_of, extra_headers

_FILTERS = ("classes", "min_size", "max_size", "zone_by")
_OPTIONS = {"model", "thresh", "hier_thresh", "nms", "tree_path", "url", "zone", *_FILTERS}
_TRUE, _FALSE = ("1", "true", "yes", "on"), ("", "0", "false", "no", "off")


def error(status: int, message: str) -> Any:
    """The form of an error."""
    return {"error": message}


PROTOCOL = Protocol("native", ("/api/",), error)


def routes(service: Service) -> list[Route]:
    """``GET /api/models``, ``POST /api/detect``."""

    async def models(request: Request) -> Response:
        service.access.check(request)
        described = [_describe(model) for model in service.engine.models.values()]
        return JSONResponse({"models": described, "exif": current().exif})

    async def detect(request: Request) -> Response:
        service.access.check(request)

        async def work(body: bytes) -> Response:
            options = dict(request.query_params)
            picture: Any = body
            if request.headers.get("content-type", "").startswith("multipart/"):
                form = await service.engine.in_thread(read_form, body, request.headers["content-type"])
                options |= form.fields
                picture = next(iter(form.files.values()), b"")
            model = service.engine.model(options.get("model", ""))
            ask = _ask(options, model, request.query_params.getlist("zone"))
            if url := options.get("url"):
                picture = await service.urls.get(url)
            elif not picture:
                raise Refused(400, "there is no picture: send it as the body, or as a file in a form")
            found = await service.engine.detect(model, picture, ask)
            return await service.engine.finish(_answer, model, found)

        return await body_of(request, service, work)

    return [PROTOCOL.route("/api/models", models), PROTOCOL.route("/api/detect", detect, "POST")]


def _ask(options: dict[str, str], model: Model, zones: list[str]) -> Ask:
    unknown = sorted(options.keys() - _OPTIONS)
    if unknown:
        raise Refused(400, f"{unknown[0]!r} is no option; there are {', '.join(sorted(_OPTIONS))}")
    values = {
        name: unit(options[name], f"{name} must be a number from 0 to 1")
        for name in ("thresh", "hier_thresh", "nms")
        if options.get(name)
    }
    tree_path = options.get("tree_path", "").lower()
    if tree_path not in _TRUE + _FALSE:
        raise Refused(400, "tree_path must be 1 or 0")
    words: dict[str, Any] = {name: options[name] for name in _FILTERS if options.get(name)}
    zones = zones or [options[name] for name in ("zone",) if options.get(name)]
    try:
        filter = model.detector.filter_of(make_filter(**words, zones=zones))
    except DarknetError as error:
        raise Refused(400, str(error)) from None
    return Ask(**values, tree_path=tree_path in _TRUE, filter=filter)


def _describe(model: Model) -> dict[str, Any]:
    shape, thresholds = model.detector.network.input, model.thresholds
    return {
        "name": model.name,
        "width": shape.w,
        "height": shape.h,
        "labels": model.labels,
        "tree": model.tells_paths,
        "thresh": 0.5 if thresholds.thresh is None else thresholds.thresh,
        "hier_thresh": 0.5 if thresholds.hier_thresh is None else thresholds.hier_thresh,
        "nms": 0.45 if thresholds.nms is None else thresholds.nms,
    }


def _answer(model: Model, found: Found) -> Response:
    width, height = found.detections.image_size
    document = {
        "model": model.name,
        "width": width,
        "height": height,
        "seconds": round(found.seconds, 6),
        "network_seconds": round(found.run_seconds, 6),
        "left_out": found.left_out,
        "objects": found.detections.to_json(),
    }
    return JSONResponse(unicode_only(document), headers=extra_headers(found))
