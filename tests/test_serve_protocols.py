"""`darknet-py serve`: what DeepStack's, pyzm's and DOODS's clients send and read, over real connections."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import pytest

from .serving import IMAGE, NAMES, Running, expected

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
