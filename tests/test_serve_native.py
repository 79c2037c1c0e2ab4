"""`darknet-py serve`: our own interface, its filters and tiles, its pages, over real connections."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from darknet_py.detect.filters import make_filter
from darknet_py.detect.tiles import make_tiles

from .serving import IMAGE, Running, expected, make_models, running

DETECT = "/api/detect?model=net"


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


# filters and tiles


def test_a_request_filters(server: Running) -> None:
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
