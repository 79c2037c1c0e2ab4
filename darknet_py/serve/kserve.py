"""KServe's v2 inference protocol over HTTP, as Triton's clients speak it.

A model has one of three inputs: ``image`` (BYTES, files), ``pixels`` (UINT8, n x height x width x 3, or one picture
without n) and ``input`` (FP32, n x channels x height x width of the network, from 0 to 1). Pictures give ``boxes``
(FP32, rows x 4: left, top, right, bottom in pixels), ``scores``, ``classes``, ``labels`` and ``counts`` (rows of each
picture); ``input`` gives the raw outputs of the heads, ``output_0``, ...
"""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..formats.text import as_unicode
from ..version import __version__
from .bodies import unit
from .engine import Found
from .limits import Refused
from .models import Ask, Model
from .protocol import Protocol, Service, body_of
from .tensors import Tensor, answer_body, read_tensors, split_request, wanted_outputs

VERSION = "1"
"""Of every model."""

_ROWS = {"boxes": "FP32", "scores": "FP32", "classes": "INT64", "labels": "BYTES", "counts": "INT64"}
_THRESHOLDS = ("thresh", "hier_thresh", "nms")
_OTHERS = {"binary_data_output", "sequence_id", "sequence_start", "sequence_end", "priority", "timeout"}


def error(status: int, message: str) -> Any:
    """The form of an error."""
    return {"error": message}


PROTOCOL = Protocol("kserve", ("/v2",), error)


def routes(service: Service) -> list[Route]:
    """``/v2/...``: health, models, inference."""
    handlers = _Handlers(service)
    found = [
        PROTOCOL.route("/v2", handlers.about),
        PROTOCOL.route("/v2/health/live", handlers.healthy),
        PROTOCOL.route("/v2/health/ready", handlers.healthy),
        PROTOCOL.route("/v2/repository/index", handlers.index, "POST"),
    ]
    for model in ("/v2/models/{model}", "/v2/models/{model}/versions/{version}"):
        found += [
            PROTOCOL.route(model, handlers.metadata),
            PROTOCOL.route(f"{model}/ready", handlers.ready),
            PROTOCOL.route(f"{model}/config", handlers.config),
            PROTOCOL.route(f"{model}/infer", handlers.infer, "POST"),
        ]
    return found


class _Handlers:
    def __init__(self, service: Service) -> None:
        self._service = service

    def _model(self, request: Request) -> Model:
        self._service.access.check(request)
        if request.path_params.get("version", VERSION) != VERSION:
            raise Refused(404, f"every model has the version {VERSION} only")
        return self._service.engine.model(request.path_params["model"])

    async def about(self, request: Request) -> Response:
        return JSONResponse({"name": "darknet-py", "version": __version__, "extensions": ["binary_tensor_data"]})

    async def healthy(self, request: Request) -> Response:
        return Response()

    async def ready(self, request: Request) -> Response:
        self._model(request)
        return Response()

    async def metadata(self, request: Request) -> Response:
        return JSONResponse(_metadata(self._model(request)))

    async def config(self, request: Request) -> Response:
        return JSONResponse(_config(self._model(request)))

    async def index(self, request: Request) -> Response:
        self._service.access.check(request)
        models = self._service.engine.models
        return JSONResponse([{"name": name, "version": VERSION, "state": "READY"} for name in models])

    async def infer(self, request: Request) -> Response:
        model, service = self._model(request), self._service

        async def work(body: bytes) -> Response:
            length = request.headers.get("inference-header-content-length")
            asked, tensors = await service.engine.in_thread(_read, body, length)
            if len(tensors) != 1:
                raise Refused(400, "give one input: image, pixels or input")
            if tensors[0].name == "input":
                results = await _raw(service, model, tensors[0])
            else:
                results = await _pictures(service, model, tensors[0], _ask(asked))
            return await service.engine.finish(_answer, model, asked, results)

        return await body_of(request, service, work)


def _answer(model: Model, asked: dict[str, Any], results: list[Tensor]) -> Response:
    binary = wanted_outputs(asked, [result.name for result in results])
    document: dict[str, Any] = {"model_name": model.name, "model_version": VERSION}
    if isinstance(asked.get("id"), str):
        document["id"] = asked["id"]
    content, head = answer_body(document, [result for result in results if result.name in binary], binary)
    if head is None:
        return Response(content, media_type="application/json")
    headers = {"Inference-Header-Content-Length": str(head)}
    return Response(content, media_type="application/octet-stream", headers=headers)


def _read(body: bytes, length: str | None) -> tuple[dict[str, Any], list[Tensor]]:
    asked, rest = split_request(body, length)
    return asked, read_tensors(asked, rest)


def _ask(asked: dict[str, Any]) -> Ask:
    parameters = asked.get("parameters") or {}
    if not isinstance(parameters, dict):
        raise Refused(400, "parameters must be an object")
    unknown = sorted(parameters.keys() - _OTHERS - set(_THRESHOLDS))
    if unknown:
        raise Refused(400, f"{unknown[0]!r} is no parameter; there are {', '.join(_THRESHOLDS)}")
    values: dict[str, Any] = {
        name: unit(parameters[name], f"{name} must be a number from 0 to 1")
        for name in _THRESHOLDS
        if name in parameters
    }
    return Ask(**values)


async def _pictures(service: Service, model: Model, tensor: Tensor, ask: Ask) -> list[Tensor]:
    """The rows of all pictures, one after the other."""
    if tensor.name == "image" and tensor.datatype == "BYTES":
        pictures = list(tensor.values)
    elif tensor.name == "pixels" and tensor.datatype == "UINT8" and len(tensor.shape) in (3, 4):
        pictures = list(tensor.values if len(tensor.shape) == 4 else tensor.values[None])
    else:
        given = f"{tensor.name!r} of {tensor.datatype} and shape {list(tensor.shape)}"
        known = "image (BYTES), pixels (UINT8, n x height x width x 3) or input (FP32)"
        raise Refused(400, f"{given} is no input: give {known}")
    if not pictures or len(pictures) > service.limits.queue:
        raise Refused(400, f"give from 1 to {service.limits.queue} pictures")
    found = await asyncio.gather(*(service.engine.detect(model, picture, ask) for picture in pictures))
    return _rows(found)


def _rows(found: list[Found]) -> list[Tensor]:
    parts = [each.detections for each in found]
    labels = [as_unicode(name) for part in parts for name in part.names]
    values = {
        "boxes": np.concatenate([part.xyxy for part in parts]),
        "scores": np.concatenate([part.confidence for part in parts]),
        "classes": np.concatenate([part.class_id for part in parts]),
        "counts": np.array([len(part) for part in parts], np.int64),
    }
    return [
        Tensor(name, kind, (len(labels),), labels) if name == "labels"
        else Tensor(name, kind, values[name].shape, values[name])
        for name, kind in _ROWS.items()
    ]  # fmt: skip


async def _raw(service: Service, model: Model, tensor: Tensor) -> list[Tensor]:
    """The heads' outputs for the network's own input."""
    shape = model.detector.network.input
    wanted = (shape.c, shape.h, shape.w)
    if tensor.datatype != "FP32" or tensor.shape[-3:] != wanted or len(tensor.shape) not in (3, 4):
        raise Refused(400, f"input must be FP32 of shape n x {' x '.join(map(str, wanted))}")
    inputs = list(tensor.values.reshape(-1, *wanted))
    if not inputs or len(inputs) > service.limits.queue:
        raise Refused(400, f"give from 1 to {service.limits.queue} inputs")
    outputs = await service.engine.predict(model, inputs)
    heads = [np.stack(values) for values in zip(*outputs, strict=True)]
    return [Tensor(f"output_{number}", "FP32", head.shape, head) for number, head in enumerate(heads)]


def _tensors(model: Model) -> tuple[list[tuple[str, str, list[int]]], list[tuple[str, str, list[int]]]]:
    """Name, data type and shape of the inputs and outputs."""
    network = model.detector.network
    shape = network.input
    inputs = [
        ("image", "BYTES", [-1]),
        ("pixels", "UINT8", [-1, -1, -1, 3]),
        ("input", "FP32", [-1, shape.c, shape.h, shape.w]),
    ]
    outputs = [(name, kind, [-1, 4] if name == "boxes" else [-1]) for name, kind in _ROWS.items()]
    outputs += [
        (
            f"output_{number}",
            "FP32",
            [-1, head.out.c, head.out.h, head.out.w] if head.out.image else [-1, head.out.size],
        )
        for number, head in enumerate(network.heads)
    ]
    return inputs, outputs


def _metadata(model: Model) -> dict[str, Any]:
    inputs, outputs = (
        [{"name": name, "datatype": kind, "shape": shape} for name, kind, shape in side] for side in _tensors(model)
    )
    return {"name": model.name, "versions": [VERSION], "platform": "darknet", "inputs": inputs, "outputs": outputs}


def _config(model: Model) -> dict[str, Any]:
    inputs, outputs = (
        [{"name": name, "data_type": f"TYPE_{'STRING' if kind == 'BYTES' else kind}", "dims": shape}
         for name, kind, shape in side] for side in _tensors(model)
    )  # fmt: skip
    return {
        "name": model.name, "platform": "darknet", "backend": "darknet-py", "max_batch_size": 0,
        "input": [{**entry, "optional": True} for entry in inputs], "output": outputs,
    }  # fmt: skip
