"""DOODS' API (``odrpc.py`` and ``doods.py`` of DOODS2): pictures in base64, thresholds in percent, regions."""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..formats.text import as_unicode
from .bodies import read_json
from .engine import Found
from .limits import Refused
from .models import Ask, Model
from .protocol import Protocol, Service, body_of, extra_headers

_ANY = "*"
_DEFAULT = "default"


def error(status: int, message: str) -> Any:
    """The form of an error: only there an answer has ``error``, which clients look for."""
    return {"detections": [], "error": message}


PROTOCOL = Protocol("doods", ("/detect", "/detectors"), error)


@dataclass(frozen=True)
class _Rule:
    """Labels with their least percentage, and where: the whole picture, or a region."""

    percent: dict[str, float]
    box: tuple[float, float, float, float] = (-math.inf, -math.inf, math.inf, math.inf)
    covers: bool = False
    name: str | None = None

    def takes(self, label: str, percent: float, box: tuple[float, float, float, float]) -> bool:
        """Whether a detection (top, left, bottom, right) is one of these; a label's own number rules over ``*``."""
        top, left, bottom, right = self.box
        if self.covers:
            inside = top <= box[0] and left <= box[1] and bottom >= box[2] and right >= box[3]
        else:
            inside = box[0] <= bottom and box[1] <= right and box[2] >= top and box[3] >= left
        least = self.percent.get(label, self.percent.get(_ANY))
        return inside and least is not None and percent >= least


def routes(service: Service) -> list[Route]:
    """``GET /detectors``, ``POST /detect``."""

    async def detectors(request: Request) -> Response:
        service.access.check(request)
        models = service.engine.models
        shown = [_describe(name, model) for name, model in models.items()]
        # Clients look their detector up here, and have "default" where nobody named one.
        if _DEFAULT not in models:
            shown.append(_describe(_DEFAULT, service.engine.first))
        return JSONResponse({"detectors": shown})

    async def detect(request: Request) -> Response:
        service.access.check(request)

        async def work(body: bytes) -> Response:
            asked = await service.engine.in_thread(read_json, body)
            name = _text(asked, "detector_name")
            model = service.engine.model("" if name == _DEFAULT and name not in service.engine.models else name)
            rules = _rules(asked)
            for option in ("image", "preprocess"):
                if asked.get(option):
                    raise Refused(400, f"{option} is not done here: leave it out")
            picture = await _picture(service, _text(asked, "data"))
            least = min((value for rule in rules for value in rule.percent.values()), default=100.0)
            found = await service.engine.detect(model, picture, Ask(thresh=min(max(least / 100, 0.0), 1.0)))
            return await service.engine.finish(_answer, _text(asked, "id"), found, rules)

        return await body_of(request, service, work)

    return [PROTOCOL.route("/detectors", detectors), PROTOCOL.route("/detect", detect, "POST")]


def _describe(name: str, model: Model) -> dict[str, Any]:
    shape = model.detector.network.input
    return {
        "name": name, "type": "darknet", "model": model.name, "labels": model.labels, "width": shape.w,
        "height": shape.h,
    }  # fmt: skip


def _text(asked: dict[str, Any], name: str) -> str:
    value = asked.get(name)
    if value is not None and not isinstance(value, str):
        raise Refused(400, f"{name} must be a string")
    return value or ""


async def _picture(service: Service, data: str) -> bytes:
    if data.startswith(("http:", "https:", "rtsp:", "ftp:", "file:")):
        return await service.urls.get(data)
    if not data:
        raise Refused(400, "data is empty: a picture in base64")
    return await service.engine.in_thread(_decode, data)


def _decode(data: str) -> bytes:
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise Refused(400, "data is no base64") from None


def _rules(asked: dict[str, Any]) -> list[_Rule]:
    """The rules in their order: the picture's own, then the regions. Without any nothing is reported, as in DOODS."""
    regions = asked.get("regions") or []
    if not isinstance(regions, list) or not all(isinstance(region, dict) for region in regions):
        raise Refused(400, "regions must be a list of objects")
    rules = [_Rule(_percentages(asked.get("detect")))]
    for region in regions:
        edges = tuple(_number(region.get(edge), f"{edge} of a region") for edge in ("top", "left", "bottom", "right"))
        name = region.get("id")
        if name is not None and not isinstance(name, str):
            raise Refused(400, "id of a region must be a string")
        rules.append(_Rule(_percentages(region.get("detect")), edges, bool(region.get("covers")), name))  # type: ignore[arg-type]
    return rules


def _percentages(value: Any) -> dict[str, float]:
    if value is not None and not isinstance(value, dict):
        raise Refused(400, 'detect must be an object such as {"*": 50, "car": 60}')
    return {str(label): _number(least, f"detect of {label!r}") for label, least in (value or {}).items()}


def _number(value: Any, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) <= 1e9:
        raise Refused(400, f"{what} must be a number")
    return float(value)


def _answer(name: str, found: Found, rules: list[_Rule]) -> Response:
    detections = list(_detections(found, rules))
    document = {"id": name, "detections": detections, "duration": round(1000 * found.run_seconds)}
    return JSONResponse(document, headers=extra_headers(found))


def _detections(found: Found, rules: list[_Rule]) -> Iterator[dict[str, Any]]:
    centres, sides = found.detections.box[:, :2].astype(float), found.detections.box[:, 2:].astype(float)
    edges = [[min(max(value, 0.0), 1.0) for value in row] for row in
             zip(*(centres - sides / 2).T.tolist(), *(centres + sides / 2).T.tolist(), strict=True)]  # fmt: skip
    rows = zip(found.detections.names, found.detections.confidence.tolist(), edges, strict=True)
    for label, confidence, (left, top, right, bottom) in rows:
        shown, percent = as_unicode(label), 100 * confidence
        rule = next((rule for rule in rules if rule.takes(shown, percent, (top, left, bottom, right))), None)
        if rule is not None:
            region = {} if rule.name is None else {"region_id": rule.name}
            yield {
                **region, "top": top, "left": left, "bottom": bottom, "right": right, "label": shown,
                "confidence": percent,
            }  # fmt: skip
