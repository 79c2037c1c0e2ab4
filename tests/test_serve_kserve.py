"""`darknet-py serve`: KServe v2, as JSON and as binary tensors, over real connections."""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
import pytest

from darknet_py.image.load import load_image

from .serving import IMAGE, Running, expected


def infer(server: Running, asked: dict[str, Any], rest: bytes = b"", model: str = "net") -> tuple[Any, dict[str, Any]]:
    """The answer, and its tensors."""
    head = json.dumps(asked).encode()
    headers = {"Inference-Header-Content-Length": str(len(head))} if rest else {}
    answer = server.ask("POST", f"/v2/models/{model}/infer", head + rest, headers)
    if answer.status != 200:
        return answer, {}
    length = int(answer.headers.get("inference-header-content-length", len(answer.body)))
    document, place, found = json.loads(answer.body[:length]), length, {}
    for output in document["outputs"]:
        if (size := output.get("parameters", {}).get("binary_data_size")) is None:
            found[output["name"]] = output["data"]
            continue
        data = answer.body[place : place + size]
        place += size
        if output["datatype"] != "BYTES":
            dtype = {"FP32": "<f4", "INT64": "<i8"}[output["datatype"]]
            found[output["name"]] = np.frombuffer(data, dtype).reshape(output["shape"])
        else:
            texts = []
            while data:
                (count,) = struct.unpack_from("<I", data)
                texts.append(data[4 : 4 + count].decode())
                data = data[4 + count :]
            found[output["name"]] = texts
    assert place == len(answer.body)
    return document, found


def image_input(*images: bytes) -> tuple[dict[str, Any], bytes]:
    rest = b"".join(struct.pack("<I", len(image)) + image for image in images)
    tensor = {
        "name": "image",
        "datatype": "BYTES",
        "shape": [len(images)],
        "parameters": {"binary_data_size": len(rest)},
    }
    return {"inputs": [tensor]}, rest


@pytest.mark.parametrize("binary", [True, False])
def test_kserve_pictures(server: Running, binary: bool) -> None:
    asked, rest = image_input(IMAGE, IMAGE)
    parameters = {"thresh": 0.55, "binary_data_output": binary}
    document, tensors = infer(server, {**asked, "id": "7", "parameters": parameters}, rest)
    found = expected(server, 0.55)
    assert document["id"] == "7" and document["model_name"] == "net"
    assert list(tensors["counts"]) == [len(found)] * 2 and tensors["labels"] == found.names * 2
    assert np.array_equal(np.reshape(tensors["boxes"], (-1, 4)).astype(np.float32), np.concatenate([found.xyxy] * 2))
    assert np.array_equal(np.array(tensors["scores"], np.float32), np.concatenate([found.confidence] * 2))


def test_kserve_pixels(server: Running) -> None:
    pixels = load_image(IMAGE)
    tensor = {
        "name": "pixels",
        "datatype": "UINT8",
        "shape": list(pixels.shape),
        "parameters": {"binary_data_size": pixels.size},
    }
    outputs = [{"name": "labels"}, {"name": "scores", "parameters": {"binary_data": True}}]
    document, tensors = infer(server, {"inputs": [tensor], "outputs": outputs}, pixels.tobytes())
    assert [output["name"] for output in document["outputs"]] == ["scores", "labels"]
    assert tensors["labels"] == expected(server, 0.5).names
    small = {"name": "pixels", "datatype": "UINT8", "shape": [1, 2, 2, 3], "data": list(range(12))}
    assert infer(server, {"inputs": [small]})[1]["counts"] == [len(server.service.engine.models["net"].detector.detect(
        np.arange(12, dtype=np.uint8).reshape(2, 2, 3)))]  # fmt: skip


def test_kserve_raw_tensors(server: Running) -> None:
    detector = server.service.engine.models["net"].detector
    x = np.stack([detector.prepare(load_image(IMAGE))] * 2)
    x[1] *= 0.5
    tensor = {"name": "input", "datatype": "FP32", "shape": list(x.shape), "parameters": {"binary_data_size": x.nbytes}}
    asked = {"inputs": [tensor], "parameters": {"binary_data_output": True}}
    tensors = infer(server, asked, x.tobytes())[1]
    assert np.array_equal(tensors["output_0"], detector.predict(x)[0])


def test_kserve_about_the_server(server: Running) -> None:
    assert server.get("/v2").json["name"] == "darknet-py"
    for path in ("health/live", "health/ready", "models/net/ready", "models/net/versions/1/ready"):
        assert server.get(f"/v2/{path}").status == 200
    inputs = {entry["name"]: entry["shape"] for entry in server.get("/v2/models/net").json["inputs"]}
    assert inputs == {"image": [-1], "pixels": [-1, -1, -1, 3], "input": [-1, 3, 96, 96]}
    assert server.get("/v2/models/net/config").json["max_batch_size"] == 0
    assert [model["name"] for model in server.post("/v2/repository/index", {}).json] == ["net", "tree"]
    for path in ("models/none", "models/none/ready", "models/net/versions/2", "nothing"):
        answer = server.get(f"/v2/{path}")
        assert answer.status == 404 and answer.json["error"]


@pytest.mark.parametrize(
    ("tensor", "rest"),
    [
        ({"name": "image", "datatype": "BYTES", "shape": [1], "data": ["x"]}, b""),
        ({"name": "image", "datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": 9}}, b"abc"),
        ({"name": "image", "datatype": "BYTES", "shape": [2], "parameters": {"binary_data_size": 5}}, b"\1\0\0\0x"),
        ({"name": "image", "datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": 5}},
         b"\xff\xff\xff\xffx"),
        ({"name": "image", "datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": 5}}, b"\1\0\0\0xyz"),
        ({"name": "image", "datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": 5}}, b"\1\0\0\0x"),
        ({"name": "pixels", "datatype": "UINT8", "shape": [1 << 30, 1 << 30, 3], "data": [1]}, b""),
        ({"name": "pixels", "datatype": "UINT8", "shape": [1, 1, 3], "data": [1, 2, 256]}, b""),
        ({"name": "pixels", "datatype": "UINT8", "shape": [1, 1, 3], "data": [1, 2, float("nan")]}, b""),
        ({"name": "pixels", "datatype": "UINT8", "shape": [0, 0, 3], "data": []}, b""),
        ({"name": "pixels", "datatype": "UINT8", "shape": [-1, 1, 3], "data": [1, 2, 3]}, b""),
        ({"name": "pixels", "datatype": "UINT8", "shape": [1, 1, 3], "data": [[1, 2], [3]]}, b""),
        ({"name": "input", "datatype": "FP32", "shape": [1, 3, 2, 2], "data": [0] * 12}, b""),
        ({"name": "input", "datatype": "FP64", "shape": [1], "data": [0]}, b""),
        ({"name": "other", "datatype": "FP32", "shape": [1], "data": [0]}, b""),
        ({"name": "image", "datatype": "BYTES", "shape": [1], "parameters": {"shared_memory_region": "x"}}, b""),
        ({"name": "image"}, b""),
        (5, b""),
    ],
)  # fmt: skip
def test_kserve_errors(server: Running, tensor: Any, rest: bytes) -> None:
    answer, _ = infer(server, {"inputs": [tensor]}, rest)
    assert answer.status == 400 and answer.json["error"], answer.body


def test_kserve_refuses_what_it_does_not_do(server: Running) -> None:
    asked, rest = image_input(IMAGE)
    for more in ({"parameters": {"thresh": 2}}, {"parameters": {"nonsense": 1}}, {"outputs": [{"name": "none"}]},
                 {"outputs": [{"name": "labels", "parameters": {"classification": 3}}]}, {"outputs": 5}):  # fmt: skip
        assert infer(server, {**asked, **more}, rest)[0].status == 400
    answer = server.ask("POST", "/v2/models/net/infer", b"{}", {"Inference-Header-Content-Length": "99"})
    assert answer.status == 400
    answer = server.ask("POST", "/v2/models/net/infer", b"{}", {"Content-Encoding": "gzip"})
    assert answer.status == 415 and "compressed" in answer.json["error"]
