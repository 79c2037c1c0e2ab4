"""`darknet-py serve`: what each protocol's clients send and read, over real connections."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from darknet_py.detect.detections import Detections
from darknet_py.image.load import load_image

from .serving import NAMES, PHOTO, Running, make_models, running

IMAGE = PHOTO.read_bytes()
DETECT = "/api/detect?model=net"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(make_models(tmp_path_factory.mktemp("serve"))) as started:
        yield started


def expected(server: Running, thresh: float, name: str = "net") -> Detections:
    """What the library finds, the most probable first, clipped."""
    found = server.service.engine.models[name].detector.detect(IMAGE, thresh=thresh)
    found = found[np.argsort(-found.confidence, kind="stable")].clip()
    assert 3 <= len(found) < 1000
    return found


# DeepStack, CodeProject.AI


def test_deepstack_finds_what_the_library_finds(server: Running) -> None:
    answer = server.form("/v1/vision/detection", {"min_confidence": "0.55", "api_key": ""}, image=IMAGE)
    found = expected(server, 0.55)
    assert answer.status == 200 and answer.json["success"] is True
    rows = answer.json["predictions"]
    assert [row["label"] for row in rows] == found.names
    assert [row["confidence"] for row in rows] == found.confidence.tolist()
    boxes = [[row[edge] for edge in ("x_min", "y_min", "x_max", "y_max")] for row in rows]
    assert boxes == found.xyxy.astype(int).tolist() and all(type(edge) is int for box in boxes for edge in box)
    width, height = found.image_size
    assert all(0 <= left <= right <= width and 0 <= top <= bottom <= height for left, top, right, bottom in boxes)


def test_deepstack_default_is_its_own(server: Running) -> None:
    rows = server.form("/v1/vision/detection", image=IMAGE).json["predictions"]
    assert len(rows) == len(expected(server, 0.4)) > len(expected(server, 0.55))


def test_deepstack_models(server: Running) -> None:
    for method in ("GET", "POST"):
        assert server.ask(method, "/v1/vision/custom/list").json == {
            "success": True,
            "models": ["net", "tree"],
            "code": 200,
        }
    assert server.form("/v1/vision/custom/net", image=IMAGE).json["predictions"]
    own = server.form("/v1/vision/custom/tree", image=IMAGE).json["predictions"]
    assert len(own) == len(server.service.engine.models["tree"].detector.detect(IMAGE, thresh=0.1, hier_thresh=0.2))
    for path in ("/v1/status/ping", "/v1/server/status/ping"):
        assert server.get(path).json["success"] is True


def test_deepstack_takes_a_picture_without_a_filename(server: Running) -> None:
    body = b'--B\r\nContent-Disposition: form-data; name="image"\r\n\r\n' + IMAGE + b"\r\n--B--\r\n"
    answer = server.ask("POST", "/v1/vision/detection", body, {"Content-Type": "multipart/form-data; boundary=B"})
    assert answer.status == 200 and answer.json["predictions"]


@pytest.mark.parametrize(
    ("path", "fields", "files", "status", "message"),
    [
        ("detection", {}, {}, 400, "No valid image file found"),
        ("detection", {}, {"image": b""}, 400, "No valid image file found"),
        ("detection", {}, {"image": b"no picture"}, 400, "no image of a format"),
        ("detection", {"min_confidence": "2"}, {"image": IMAGE}, 400, "min_confidence"),
        ("detection", {"min_confidence": "nan"}, {"image": IMAGE}, 400, "min_confidence"),
        ("custom/none", {}, {"image": IMAGE}, 404, "no model 'none'"),
        ("face", {}, {"image": IMAGE}, 403, "Face endpoints not activated"),
        ("face/recognize", {}, {"image": IMAGE}, 403, "Face endpoints not activated"),
        ("scene", {}, {"image": IMAGE}, 403, "Scene endpoint not activated"),
        ("nothing", {}, {"image": IMAGE}, 404, "nothing at this address"),
    ],
)
def test_deepstack_errors(
    server: Running, path: str, fields: dict[str, str], files: dict[str, bytes], status: int, message: str
) -> None:
    answer = server.form(f"/v1/vision/{path}", fields, **files)
    assert answer.status == status
    assert answer.json["success"] is False and message in answer.json["error"] and answer.json["code"] == status


@pytest.mark.parametrize(
    "body", [b"", b"--B\r\n", b'--B\r\nContent-Disposition: form-data; name="image"; filename=x\r\n\r\nabc', b"rubbish"]
)
def test_broken_forms(server: Running, body: bytes) -> None:
    for kind in ("multipart/form-data; boundary=B", "multipart/form-data", "text/plain"):
        answer = server.ask("POST", "/v1/vision/detection", body, {"Content-Type": kind})
        assert answer.status == 400 and answer.json["success"] is False


# pyzm


def test_pyzm(server: Running) -> None:
    answer = server.form("/infer", {"type": "object", "name": "net", "min_confidence": "0.55"}, image=IMAGE)
    found = expected(server, 0.55)
    assert answer.status == 200 and answer.json["error"] is None
    assert [row["label"] for row in answer.json["detections"]] == found.names
    assert [row["box"] for row in answer.json["detections"]] == found.xyxy.astype(int).tolist()
    assert {(row["type"], row["model_name"]) for row in answer.json["detections"]} == {("object", "net")}
    unnamed = server.form("/infer", {"type": "object"}, image=IMAGE).json["detections"]
    assert len(unnamed) == len(expected(server, 0.5))


def test_pyzm_about_the_server(server: Running) -> None:
    assert server.get("/health").json == {"status": "ok", "models_loaded": True}
    assert [model["name"] for model in server.get("/models").json["models"]] == ["net", "tree"]
    assert server.post("/login", {"username": "zm", "password": "x"}).json["access_token"]


def test_pyzm_errors(server: Running) -> None:
    for fields in ({"type": "face"}, {"type": "object", "name": "none"}):
        answer = server.form("/infer", fields, image=IMAGE)
        assert answer.status == 200 and answer.json["detections"] == [] and "no model loaded" in answer.json["error"]
    assert server.form("/infer", {"type": "object"}).json == {"detail": "Empty file"}
    assert server.form("/infer", image=IMAGE).status == 400
    assert server.form("/infer", {"type": "object"}, image=b"x").status == 400
    assert server.ask("POST", "/login", b"[").json == {"detail": "the body is not JSON"}


# DOODS


def doods(server: Running, **asked: Any) -> Any:
    answer = server.post("/detect", {"data": base64.b64encode(IMAGE).decode(), **asked})
    assert answer.status == 200, answer.body
    return answer.json


def test_doods(server: Running) -> None:
    listed = server.get("/detectors").json["detectors"]
    assert [(each["name"], each["width"], each["height"]) for each in listed] == [
        ("net", 96, 96), ("tree", 64, 64), ("default", 96, 96),
    ]  # fmt: skip
    assert listed[0]["labels"] == NAMES
    answer = doods(server, id="x", detector_name="default", detect={"*": 55})
    found = expected(server, 0.55)
    assert answer["id"] == "x" and "error" not in answer
    rows = answer["detections"]
    assert [row["label"] for row in rows] == found.names
    assert [row["confidence"] for row in rows] == [100 * value for value in found.confidence.tolist()]
    assert all(0 <= row[low] <= row[high] <= 1 for row in rows for low, high in (("left", "right"), ("top", "bottom")))
    assert np.allclose([row["left"] for row in rows], found.xyxy[:, 0] / found.image_size[0], atol=1e-6)


def test_doods_rules(server: Running) -> None:
    everything = doods(server, detect={"*": 50})["detections"]
    label = everything[0]["label"]
    of_label = [row for row in everything if row["label"] == label]
    assert doods(server, detect={label: 50})["detections"] == of_label
    assert doods(server, detect={label: 101, "*": 50})["detections"] == [
        row for row in everything if row not in of_label
    ]
    assert doods(server)["detections"] == [], "without a rule nothing is reported"
    region = {"id": "left", "top": 0, "left": 0, "bottom": 1, "right": 0.5, "detect": {"*": 50}}
    touching = doods(server, regions=[region])["detections"]
    inside = doods(server, regions=[{**region, "covers": True}])["detections"]
    assert [row for row in everything if row["left"] <= 0.5] == [
        {k: v for k, v in row.items() if k != "region_id"} for row in touching
    ]
    assert len(inside) == sum(row["right"] <= 0.5 for row in everything) < len(touching)
    assert {row["region_id"] for row in touching} == {"left"}


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"detector_name": "none", "detect": {"*": 1}}, 404),
        ({"data": "!!!"}, 400),
        ({"data": ""}, 400),
        ({"data": 5}, 400),
        ({"detect": []}, 400),
        ({"detect": {"*": "x"}}, 400),
        ({"detect": {"*": float("nan")}}, 400),
        ({"regions": [5]}, 400),
        ({"regions": [{"top": 0}]}, 400),
        ({"image": "jpeg"}, 400),
        ({"id": {}}, 400),
        ({"preprocess": ["grayscale"]}, 400),
        ({"data": "http://127.0.0.1:9/x"}, 403),
        ({"data": "file:///etc/passwd"}, 403),
    ],
)
def test_doods_errors(server: Running, asked: dict[str, Any], status: int) -> None:
    answer = server.post("/detect", {"data": base64.b64encode(IMAGE).decode(), "detect": {"*": 50}, **asked})
    assert answer.status == status and answer.json["error"], answer.body


# KServe v2


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


# filters and tiles


def test_a_request_filters(server: Running) -> None:
    from darknet_py.detect.filters import make_filter

    detector = server.service.engine.models["net"].detector
    everything = detector.detect(IMAGE)
    names = everything.names
    share = np.sort(everything.area / np.prod(everything.image_size))
    low, high = f"{share[len(share) // 4]:.6f}", f"{share[-3]:.6f}"
    for query, words in (
        (f"classes={names[0]}", {"classes": names[0]}),
        (f"min_size={low}&max_size={high}", {"min_size": low, "max_size": high}),
        ("zone=0,0,.5,.5&zone=.5,.5,1,1&zone_by=overlap:.3",
         {"zones": ["0,0,.5,.5", ".5,.5,1,1"], "zone_by": "overlap:.3"}),
    ):  # fmt: skip
        objects = server.ask("POST", f"{DETECT}&{query}", IMAGE).json["objects"]
        found = detector.detect(IMAGE, filter=make_filter(**words))
        assert 0 < len(found) < len(names), query
        assert [each["confidence"] for each in objects] == sorted(
            (each["confidence"] for each in found.to_json()), reverse=True
        )
    for query in ("classes=unicorn", "min_size=big", "zone=1,2", "zone_by=overlap:.5", "tiles=2x2"):
        assert server.ask("POST", f"{DETECT}&{query}", IMAGE).status == 400


def test_a_server_that_filters_and_looks_at_tiles(tmp_path: Path) -> None:
    from dataclasses import replace

    from darknet_py.detect.filters import make_filter
    from darknet_py.detect.tiles import make_tiles

    models = make_models(tmp_path)
    detector = models["net"].detector
    plain = detector.detect(IMAGE, thresh=0.55)
    filter = detector.filter_of(make_filter(classes=plain.names[0]))
    detector.view = replace(detector.view, filter=filter, tiles=make_tiles("2x2"))
    models["tree"].detector.view = replace(models["tree"].detector.view, tiles=make_tiles("2x1"))
    found = detector.detect(IMAGE, thresh=0.55)
    assert set(found.names) == {plain.names[0]} and len(found) != plain.names.count(plain.names[0])
    with running(models) as server:
        rows = server.form("/v1/vision/detection", {"min_confidence": "0.55"}, image=IMAGE).json["predictions"]
        assert [row["confidence"] for row in rows] == sorted(found.confidence.tolist(), reverse=True)
        assert server.ask("POST", "/api/detect?model=tree&tree_path=1", IMAGE).status == 400
        assert server.ask("POST", "/api/detect?model=tree", IMAGE).status == 200
        assert not any(model["tree"] for model in server.get("/api/models").json["models"])


# our own


def test_native(server: Running) -> None:
    headers = {"Content-Type": "image/jpeg"}
    answer = server.ask("POST", "/api/detect?model=net&thresh=0.55", IMAGE, headers)
    found = expected(server, 0.55)
    assert answer.status == 200 and answer.json["objects"] == found.to_json() and answer.json["left_out"] == 0
    assert (answer.json["width"], answer.json["height"]) == found.image_size
    assert server.form("/api/detect", {"thresh": "0.55"}, image=IMAGE).json["objects"] == found.to_json()
    models = server.get("/api/models").json
    assert [(each["name"], each["thresh"], each["tree"]) for each in models["models"]] == [
        ("net", 0.5, False), ("tree", 0.1, True),
    ]  # fmt: skip


def test_the_way_through_the_tree(server: Running) -> None:
    objects = server.ask("POST", "/api/detect?model=tree&tree_path=1", IMAGE).json["objects"]
    found = server.service.engine.models["tree"].detector.detect(IMAGE, thresh=0.1, hier_thresh=0.2, tree_path=True)
    found = found[np.argsort(-found.confidence, kind="stable")].clip()
    assert objects and objects == found.to_json()
    assert all(each["tree_path"][-1]["class_id"] == each["class_id"] for each in objects)


@pytest.mark.parametrize(
    ("query", "body", "status"),
    [
        ("", b"", 400), ("thresh=2", IMAGE, 400), ("nms=-1", IMAGE, 400), ("tresh=.5", IMAGE, 400),
        ("model=none", IMAGE, 404), ("tree_path=1", IMAGE, 400), ("tree_path=maybe", IMAGE, 400), ("", b"GIF89a", 400),
        ("url=http://127.0.0.1:1/", b"", 403),
    ],
)  # fmt: skip
def test_native_errors(server: Running, query: str, body: bytes, status: int) -> None:
    answer = server.ask("POST", f"/api/detect?{query}", body)
    assert answer.status == status and answer.json["error"]


def test_pages(server: Running, tmp_path: Path) -> None:
    page = server.get("/")
    assert page.status == 200 and page.headers["content-type"].startswith("text/html")
    assert b"http://" not in page.body and b"https://" not in page.body, "it needs nothing from elsewhere"
    assert server.ask("POST", "/").status == 405
    metrics = server.get("/metrics")
    assert metrics.headers["content-type"].startswith("text/plain")
    assert b'darknet_pictures_total{model="net"}' in metrics.body


def test_the_description_has_every_route(server: Running) -> None:
    from darknet_py.serve.app import PROTOCOLS

    routes = {
        (route.path.replace(":path", ""), method.lower())
        for protocol in PROTOCOLS
        for route in protocol.routes(server.service)
        for method in (route.methods or ())
        if method != "HEAD"
    }
    description = server.get("/openapi.json").json
    described = {
        (path, method) for path, entry in description["paths"].items() for method in entry if method in ("get", "post")
    }
    assert described == routes
    text = json.dumps(description)
    for reference in {part.split('"')[0] for part in text.split('"$ref": "#/')[1:]}:
        place = description
        for name in reference.split("/"):
            place = place[name]
