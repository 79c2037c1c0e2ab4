"""Is it the same? References of every kind that agree, and the same ones bent a little, which must not."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from darknet_py.detector import Detector
from darknet_py.errors import DataError
from darknet_py.image.letterbox import resize, to_planar
from darknet_py.image.load import load_image
from darknet_py.loading import load
from darknet_py.synth import write_synth
from darknet_py.trace import trace_view
from darknet_py.validate.compare import Tolerance, iou, ulps
from darknet_py.validate.live import run_library
from darknet_py.validate.references import read_references
from darknet_py.validate.run import Thresholds, compare_library

from .nets import net, write_cfg
from .program import failure, run

PHOTOS = Path(__file__).parent / "data" / "photos"

NET = net(
    3, 64, 64, "conv filters=8 size=3 stride=4 pad=1 activation=leaky", "conv filters=24 size=1 activation=linear",
    "yolo classes=3 num=3 anchors=9,9,20,30,50,50",
)  # fmt: skip
OWN = ("--cfg", "net.cfg", "--weights", "net.weights", "--names", "net.names")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A network, its weights and names, two images."""
    write_synth(write_cfg(tmp_path, NET), tmp_path / "net.weights")
    (tmp_path / "net.names").write_text("ant\nbee\ncat\n")
    Image.open(PHOTOS / "chelsea.jpg").resize((90, 60)).save(tmp_path / "a_000000000007.png")
    Image.open(PHOTOS / "coffee.jpg").resize((70, 80)).save(tmp_path / "b.png")
    return tmp_path


@pytest.fixture
def detector(folder: Path) -> Detector:
    return load(folder / "net.cfg", folder / "net.weights", names=folder / "net.names")


def validate(folder: Path, *arguments: object, code: int = 0) -> str:
    return run("validate", *arguments, *OWN, cwd=folder, code=code).stdout


def test_a_record_agrees_bit_for_bit_and_a_bent_one_says_where(folder: Path) -> None:
    run("record", "a_000000000007.png", "b.png", *OWN, "--thresh", ".3", "--json", "rec.json", cwd=folder)
    assert validate(folder, "--reference", "rec.json").splitlines() == [
        "a_000000000007.png (trace): agrees, bit for bit", "b.png (trace): agrees, bit for bit", "2 of 2 agree",
    ]  # fmt: skip
    record = json.loads((folder / "rec.json").read_text())
    assert {"machine", "math", "cfg", "weights", "Numba"} <= set(record)
    assert len(record["images"][0]["image_sha256"]) == 64
    first = record["images"][0]
    first["layers"][1]["sha256"] = "0" * 64
    first["layers"][1]["first"][0] = float(
        np.nextafter(np.float32(float.fromhex(first["layers"][1]["first"][0])), np.float32(9))
    ).hex()
    box = first["detections"][0]["box"]
    box[0] = float(np.nextafter(np.float32(float.fromhex(box[0])), np.float32(9))).hex()
    (folder / "bent.json").write_text(json.dumps(record))
    out = validate(folder, "--reference", "bent.json", code=1)
    assert (
        "a_000000000007.png (trace): DIFFERS\n  layer 1 (convolutional) differs; its first values are 1 ulp apart"
        in out
    )
    assert "detections: box 0 is 1 ulp off" in out and "1 of 2 agree" in out
    first["layers"] = []
    (folder / "bent.json").write_text(json.dumps(first))
    assert "3 here" in validate(folder, "--reference", "bent.json", "--ulp", "1", code=1)


def test_an_image_that_is_wrong_or_missing_ends_nothing(folder: Path) -> None:
    (folder / "c.png").write_bytes((folder / "b.png").read_bytes())
    run("record", "a_000000000007.png", "b.png", "c.png", *OWN, "--json", "rec.json", cwd=folder)
    (folder / "a_000000000007.png").write_bytes(b"no image")
    (folder / "b.png").unlink()
    result = run("validate", "--reference", "rec.json", *OWN, "--report", "rep.html", cwd=folder, code=1)
    assert result.stdout.splitlines() == ["c.png (trace): agrees, bit for bit", "1 of 3 agree"]
    first, second = (line for line in result.stderr.splitlines() if line.startswith("Error"))
    assert first == "Error: rec.json: the image b.png is neither here nor beside the reference"
    assert second.startswith("Error: a_000000000007.png: this is no image")
    assert "c.png" in (folder / "rep.html").read_text(encoding="utf-8")
    result = run("validate", "nowhere.png", "c.png", "--reference", "rec.json", *OWN, cwd=folder, code=1)
    assert result.stdout.endswith("1 of 2 agree\n") and "nowhere.png: there is no such file" in result.stderr
    (folder / "rec.json").write_text((folder / "rec.json").read_text(), encoding="utf-16")
    assert "1 of 1 agree" in validate(folder, "--reference", "rec.json", "c.png")
    alone = run("validate", "--reference", "rec.json", "c.png", "--report", "no/r.html", *OWN, cwd=folder, code=1)
    assert alone.stdout == "" and alone.stderr.startswith("Error: no/r.html: cannot be written: there is no folder no")


def test_darknets_printed_text(folder: Path, detector: Detector) -> None:
    lines = ["layer     filters    size              input                output", "Loading weights from w...Done!"]
    for name in ("a_000000000007.png", "b.png"):
        found = detector.detect(folder / name, thresh=0.3)
        lines.append(f"Enter Image Path: {name}: Predicted in 2.596527 seconds.")
        lines += [f"{row.name}: {np.float32(row.confidence) * np.float32(100):.0f}%" for row in found]
    assert any(line.endswith("%") for line in lines)
    (folder / "log").write_text("\n".join(lines) + "\nEnter Image Path: ")
    assert "b.png (text): agrees, line for line" in validate(folder, "--thresh", ".3", "-r", "log")
    bent = [
        line.replace("ant: ", "bee: ") if line.startswith("ant") else line.replace("bee: ", "cat: ") for line in lines
    ]
    (folder / "log").write_text("\n".join(bent))
    assert "in the reference" in validate(folder, "--thresh", ".3", "-r", "log", code=1)
    (folder / "log").write_text("\n".join([*lines, "cat: 99%"]))
    assert "lines in the reference" in validate(folder, "--thresh", ".3", "-r", "log", code=1)


def test_detections_as_json(folder: Path) -> None:
    run("detect", "b.png", *OWN, "--thresh", ".3", "--json", "found.json", "-o", "p.png", cwd=folder)
    assert "b.png (boxes): agrees, within tolerance" in validate(folder, "--thresh", ".3", "-r", "found.json")
    document = json.loads((folder / "found.json").read_text())
    objects = document[0]["objects"]
    assert len(objects) > 1
    moved = json.loads(json.dumps(document))
    moved[0]["objects"][0]["relative_coordinates"]["center_x"] += 0.2
    moved[0]["objects"][1]["confidence"] -= 0.01
    del moved[0]["objects"][2:]
    (folder / "bent.json").write_text(json.dumps(moved))
    out = validate(folder, "--thresh", ".3", "-r", "bent.json", code=1)
    assert "missing: " in out and "extra: " in out and "score differs by 0.01" in out
    moved = json.loads(json.dumps(document))
    for found in moved[0]["objects"]:
        found["confidence"] += 0.004
    (folder / "bent.json").write_text(json.dumps(moved))
    assert "agrees" in validate(folder, "--thresh", ".3", "-r", "bent.json", "--score", "0.005")
    validate(folder, "--thresh", ".3", "-r", "bent.json", "--score", "0.003", code=1)


def test_result_files_of_detector_valid(folder: Path, detector: Detector) -> None:
    (folder / "results").mkdir()
    files: dict[str, list[str]] = {name: [] for name in detector.names}
    coco = []
    for name in ("a_000000000007.png", "b.png"):
        found = detector.detect(folder / name, thresh=0.005)
        width, height = found.image_size
        for row in found:
            left, top = np.maximum(row.xyxy[:2], 0)
            right, bottom = np.minimum(row.xyxy[2:], [width, height])
            far = np.minimum(np.array(row.xyxy[2:]) + 1, [width, height])
            values = (row.confidence, left + 1, top + 1, *far)
            files[row.name].append(f"{Path(name).stem} " + " ".join(f"{value:f}" for value in values))
            if name.startswith("a"):
                box = [round(float(value), 6) for value in (left, top, right - left, bottom - top)]
                coco.append(
                    {"image_id": 7, "category_id": row.class_id + 1, "bbox": box, "score": round(row.confidence, 6)}
                )
    for name, lines in files.items():
        (folder / "results" / f"comp4_det_test_{name}.txt").write_text("\n".join(lines) + "\n")
    (folder / "coco_results.json").write_text(json.dumps(coco))
    images = ("a_000000000007.png", "b.png")
    out = validate(folder, *images, "-r", "results", "-r", "coco_results.json", "--box-iou", ".99")
    assert "3 of 3 agree" in out
    assert "2 of 2 agree" in validate(folder, "-r", "results", "--box-iou", ".99"), "images are found by name"
    with open(folder / "results" / "comp4_det_test_ant.txt", "a") as file:
        file.write("b 0.900000 1.0 2.0 30.0 40.0\n")
    assert "missing: ant 0.900" in validate(folder, *images, "-r", "results", code=1)


BROKEN: dict[str, tuple[str, str]] = {
    "neither": ("hello", "neither JSON nor a text"),
    "cut off": ('[{"frame_id": 1,', "r:1: is not JSON"),
    "another kind": ('[{"a": 1}]', "JSON of no known kind"),
    "no objects": ("[1, 2]", "no objects"),
    "incomplete": ('[{"frame_id": 1, "filename": "b.png", "objects": [{"name": "x"}]}]', "incomplete"),
    "an unknown image": ('[{"frame_id": 1, "filename": "nowhere.png", "objects": []}]', "nowhere.png is neither"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_references_are_one_line(folder: Path, name: str) -> None:
    text, message = BROKEN[name]
    (folder / "r").write_text(text)
    said = failure("validate", "-r", "r", *OWN, cwd=folder)
    assert said.count("\n") == 1 and message in said


FRAME = '{"filename": "b.png", "objects": [{"name": "x", "confidence": %s, "relative_coordinates": %s}]}'
PLACE = '{"center_x": %s, "center_y": 0.5, "width": 0.1, "height": 0.1}'
TRACE = '{"image": "b.png", "layers": [%s], "detections": [%s], %s}'
COCO = '[{"category_id": %s, "bbox": %s, "score": 1, "image_id": %s}]'
BOX = '{"box": [%s, "0x0p+0", "0x0p+0", "0x0p+0"], "objectness": "0x1p-1", "probs": {"%s": "0x1p-1"}}'

HOSTILE: dict[str, tuple[str, str]] = {
    "deep": ("[" * 100_000, "nested too deeply"),
    "null": ('{"images": null}', "its entries are no objects"),
    "many digits": ('[{"category_id": ' + "9" * 5000 + "}]", "is not JSON that|none of COCO's"),
    "not UTF-8": ("[\udcff]", "is not JSON: its byte 1 "),
    "a huge percentage": ("a.png: Predicted in 0.1 seconds.\ncat: " + "9" * 400 + "%\n", "r:2: 9+... is no percentage"),
    "a score in words": (FRAME % ('"high"', PLACE % "0.5"), "incomplete: confidence is 'high', not a number"),
    "a true score": (FRAME % ("true", PLACE % "0.5"), "confidence is True, not a number"),
    "NaN": (FRAME % ("0.5", PLACE % "NaN"), "center_x is nan, not from"),
    "infinite": (FRAME % ("0.5", PLACE % "1e400"), "center_x is inf, not from"),
    "a large integer": (FRAME % ("0.5", PLACE % ("1" + "0" * 400)), "center_x is 10+..., not from"),
    "no place": (FRAME % ("0.5", "[]"), r"\[\] is no object with center_x"),
    "an image's number": (COCO % (1, "[1, 2, 3, 4]", "Infinity"), "image_id is inf"),
    "three of four": (COCO % (1, "[1, 2, 3]", 1), r"bbox is \[1, 2, 3\], not a"),
    "a true category": (COCO % ("true", "[1, 2, 3, 4]", 1), "none of COCO's"),
    "a list of categories": (COCO % ([1], "[1, 2, 3, 4]", 1), "none of COCO's"),
    "a threshold in words": (TRACE % ("", "", '"thresh": "abc"'), "thresh is 'abc', not a number"),
    "no list of layers": ('{"image": "b.png", "layers": 5}', "layers is 5, not a list"),
    "a layer that is none": (TRACE % ("5", "", '"nms": 0'), r"layers\[0\] is no object"),
    "no hexadecimal": (TRACE % ('{"first": ["a word"]}', "", '"nms": 0'), "has what is no hexadecimal float"),
    "beyond floats": (TRACE % ('{"first": ["0x1p+99999"]}', "", '"nms": 0'), "has a number beyond all floats"),
    "beyond float32": (TRACE % ("", BOX % ('"0x1p+200"', 0), '"nms": 0'), "has a number beyond all float32"),
    "a class below 0": (TRACE % ("", BOX % ('"0x1p+0"', -1), '"nms": 0'), "what is no number of a class"),
    "a large class": (TRACE % ("", BOX % ('"0x1p+0"', "9" * 5000), '"nms": 0'), "what is no number of a class"),
    "a cut in words": (TRACE % ("", "", '"first_only": {"detections": "x"}'), "first_only.detections is no count"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_references_that_nobody_wrote(tmp_path: Path, name: str) -> None:
    content, message = HOSTILE[name]
    (tmp_path / "r").write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(DataError, match=message) as told:
        read_references(tmp_path / "r")
    assert str(told.value).startswith(f"{tmp_path / 'r'}:") and len(told.value.message) < 200


def test_a_trace_of_a_network_with_more_classes(folder: Path) -> None:
    (folder / "r").write_text(TRACE % ("", BOX % ('"0x1p-1"', 77), '"nms": 0.45'))
    said = failure("validate", "-r", "r", *OWN, cwd=folder)
    assert said == "Error: r: has a box of class 77, but the network has 3 classes\n"


@pytest.mark.parametrize("name", ["9" * 5000, "\u00b2", "a\\u0000b", "\\ud800", "x/" * 3000])
def test_images_that_no_file_can_be(folder: Path, name: str) -> None:
    (folder / "r").write_text(f'[{{"frame_id": 1, "filename": "{name}", "objects": []}}]')
    assert "is neither here nor beside" in failure("validate", "-r", "r", *OWN, cwd=folder)
    assert "names none of the images" in failure("validate", "a_000000000007.png", "-r", "r", *OWN, cwd=folder)


def test_what_validate_needs(folder: Path) -> None:
    assert "compare with what" in failure("validate", *OWN, cwd=folder, code=2)
    assert "needs images" in failure("validate", *OWN, "--against", "x.so", cwd=folder, code=2)
    assert "cannot read" in failure("validate", "-r", "nowhere", *OWN, cwd=folder)
    (folder / "empty").mkdir()
    assert "no comp4_det_test" in failure("validate", "-r", "empty", *OWN, cwd=folder)
    (folder / "r").write_text('[{"frame_id": 1, "filename": "b.png", "objects": []}]')
    assert "none of the images" in failure("validate", "a_000000000007.png", "-r", "r", *OWN, cwd=folder)


def test_a_comp4_line_that_is_broken(tmp_path: Path) -> None:
    (tmp_path / "comp4_det_test_cat.txt").write_text("a 0.5 1 2 3 4\na 0.5 x 2 3 4\n")
    with pytest.raises(DataError, match=r"comp4_det_test_cat\.txt:2: "):
        read_references(tmp_path)


def test_ulps_count_the_floats_in_between() -> None:
    one = np.float32([1, -1, 0, np.nan, np.nan, np.inf])
    other = np.float32([np.nextafter(np.float32(1), np.float32(2)), -1, -0.0, np.nan, 0, np.inf])
    assert ulps(one, other).tolist() == [1, 0, 0, 0, 2**31, 0]
    assert ulps(np.float32([1e-45]), np.float32([-1e-45])).tolist() == [2]


def test_iou() -> None:
    boxes = np.array([[1, 0, 3, 2], [2, 2, 3, 3], [0, 0, 2, 2], [2, 2, 1, 1]], float)
    assert iou(boxes, np.array([0, 0, 2, 2.0])).tolist() == pytest.approx([1 / 3, 0, 1, 0])
    assert iou(boxes, np.array([2, 2, 1, 1.0]))[3] == 1, "boxes without an area may be the same"
    assert Tolerance(ulp=3).exactly == "within 3 ulp"


def test_a_library_that_is_no_darknet(folder: Path) -> None:
    library = np._core._multiarray_umath.__file__  # type: ignore[attr-defined]
    result = run("validate", "b.png", "--against", library, *OWN, cwd=folder, code=1)
    assert result.stderr.count("\n") == 1 and "load_network" in result.stderr
    (folder / "text.so").write_text("no library")
    assert run("validate", "b.png", "--against", "text.so", *OWN, cwd=folder, code=1).stderr.count("\n") == 1


def as_his_library(detector: Detector, image: Path, **thresholds: float) -> dict[str, Any]:
    """What a strict build of AlexeyAB's Darknet gives for an image: the same as here."""
    view, network = trace_view(detector, **thresholds), detector.network
    planar = to_planar(load_image(image))
    x = resize(planar, network.input.w, network.input.h)
    outputs = detector.predict(x.astype(np.float32))
    size = (planar.shape[2], planar.shape[1])
    boxes = detector.boxes(outputs, size, view)
    layers = {f"layer{head.index}": output.reshape(-1) for head, output in zip(network.heads, outputs, strict=True)}
    after = {f"after_{name}": getattr(boxes, name).copy() for name in ("box", "objectness", "prob")}
    picture = {"decoded": planar.reshape(-1), "input": x.reshape(-1), "size": np.array(size), "avx": np.array(False)}
    return {**picture, **layers, **after}


def test_boxes_alone_that_differ_are_explained(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stock build of AlexeyAB's Darknet: the layers are the same, the boxes' sizes 1 ulp off."""
    detector = load(folder / "net.cfg", folder / "net.weights", dialect="alexeyab")
    thresholds = Thresholds(thresh=0.3)
    image = folder / "b.png"
    theirs = as_his_library(detector, image, **thresholds.against())
    monkeypatch.setattr("darknet_py.validate.run.run_library", lambda *_: iter([theirs]))
    compared = [Path("libdarknet.so"), lambda math: detector, [image], thresholds, Tolerance()]
    assert compare_library(*compared)["ieee"][0].problems == []
    sizes = theirs["after_box"][:, 2:]
    theirs["after_box"][:, 2:] = np.nextafter(sizes, np.float32(0))
    boxes, advice = compare_library(*compared)["ieee"][0].problems
    assert boxes == "boxes: number 0 is 1 ulp off"
    assert "boxes whose width and height are 1 ulp off" in advice and "OPENMP=0" in advice
    theirs["after_box"][:, 2:] = sizes
    theirs = as_his_library(detector, image, **thresholds.against())
    theirs["decoded"][0] += 1
    (decoded,) = compare_library(*compared)["ieee"][0].problems
    assert decoded.startswith("the decoded image is up to"), "which says nothing of how the library was built"


def libdarknet(kind: str) -> Path:
    path = os.environ.get(f"DARKNET_PY_LIBDARKNET_{kind}")
    if not path:
        pytest.skip(f"no build of Darknet to compare with (set DARKNET_PY_LIBDARKNET_{kind} to a libdarknet.so)")
    return Path(path)


@pytest.mark.parametrize(("kind", "math"), [("IEEE", "ieee"), ("MAKE", "make")])
def test_a_real_darknet(folder: Path, detector: Detector, kind: str, math: str) -> None:
    library = libdarknet(kind)
    images = [folder / "a_000000000007.png", folder / "b.png"]
    out = validate(folder, *images, "--against", library, "--thresh", ".1")
    assert f"fits math={math}" in out and "2 of 2 agree" in out
    options: dict[str, Any] = {"thresh": 0.1, "hier_thresh": 0.5, "nms": 0.45}
    (first, _) = run_library(library, detector, images, options)
    assert first["after_box"].shape[1] == 4
