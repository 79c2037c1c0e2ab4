"""``import darknet``: pjreddie's and AlexeyAB's Python modules on this engine, and scripts that import them."""

from __future__ import annotations

import ctypes
import gc
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from darknet_py.calibration import Calibration, write_calibration
from darknet_py.compat import alexeyab, pjreddie
from darknet_py.compat.structs import planes
from darknet_py.detector import Detector
from darknet_py.errors import DarknetError, DataError, ImageError
from darknet_py.formats.hashes import file_sha256
from darknet_py.image.letterbox import resize, to_planar
from darknet_py.image.load import load_image
from darknet_py.loading import load
from darknet_py.network import read_network
from darknet_py.numeric.arithmetic import get_arithmetic
from darknet_py.numeric.quantization import Quantization, Scale, scaled
from darknet_py.synth import write_synth
from darknet_py.view import View

from .nets import net, write_cfg

CONV = "convolutional batch_normalize=1 filters=8 size=3 stride=2 pad=1 activation=leaky"
HEAD = "convolutional filters=21 size=1 activation=linear"
YOLO_NET = net(3, 32, 48, CONV, CONV, HEAD, "yolo mask=0,1,2 anchors=8,9,20,12,5,5 classes=2 num=3")
REGION_NET = net(3, 32, 48, CONV, CONV, HEAD, "region anchors=1,2,3,1,.5,.7 classes=2 num=3 softmax=1")
NAMES = ["a cat", "é"]


class Files:
    """The files that a legacy script has."""

    def __init__(self, folder: Path, text: str) -> None:
        self.cfg, self.weights = str(write_cfg(folder, text)), str(folder / "net.weights")
        write_synth(self.cfg, self.weights)
        (folder / "net.names").write_text("\n".join(NAMES) + "\n", encoding="utf-8")
        self.data = str(folder / "net.data")
        Path(self.data).write_text(f"classes = 2\nnames = {folder / 'net.names'}\n", encoding="utf-8")
        self.photo = str(folder / "photo.png")
        pixels = np.random.RandomState(1).randint(0, 256, (60, 50, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(self.photo)

    def detector(self, dialect: str = "auto") -> Detector:
        return load(self.cfg, self.weights, names=NAMES, dialect=dialect)


@pytest.fixture(params=[YOLO_NET, REGION_NET], ids=["yolo", "region"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Files:
    return Files(tmp_path, request.param)


@pytest.fixture
def region_files(tmp_path: Path) -> Files:
    return Files(tmp_path, REGION_NET)


def test_pjreddie_detect_is_the_detector(files: Files) -> None:
    network, meta = pjreddie.load_net(files.cfg.encode(), files.weights.encode(), 0), pjreddie.load_meta(files.data)
    assert (meta.classes, meta.names[0], meta.names[1].decode()) == (2, b"a cat", "é")
    found = pjreddie.detect(network, meta, files.photo.encode(), thresh=0.3, nms=0)
    expected = files.detector().detect(files.photo, thresh=0.3, nms=0)
    assert len(found) == len(expected) > 20
    assert [row[1] for row in found] == sorted(expected.confidence.tolist(), reverse=True)
    boxes = expected.box * np.array([50, 60, 50, 60], np.float32)
    names = [name.encode() for name in expected.names]
    rows = zip(names, expected.confidence.tolist(), map(tuple, boxes.tolist()), strict=True)
    assert sorted(found) == sorted(rows)
    assert 0 < len(pjreddie.detect(network, meta, files.photo, thresh=0.3)) < len(found)


def test_the_steps_of_detect_by_hand(files: Files) -> None:
    # What scripts do that were copied from python/darknet.py: every call, structs and pointers.
    d = pjreddie
    network, meta = d.load_net(files.cfg, files.weights, 0), d.load_meta(files.data.encode())
    image = d.load_image(files.photo, 0, 0)
    assert (image.w, image.h, image.c) == (50, 60, 3)
    d.predict_image(network, image)
    number = d.c_int(0)
    dets = d.get_network_boxes(network, image.w, image.h, 0.3, 0.5, None, 0, d.byref(number))
    d.do_nms_obj(dets, number.value, meta.classes, 0.45)
    gc.collect()  # whatever the pointers point to must live
    rows = []
    for j in range(number.value):
        for i in range(meta.classes):
            if dets[j].prob[i] > 0:
                b = dets[j].bbox
                rows.append((meta.names[i], dets[j].prob[i], (b.x, b.y, b.w, b.h)))
    assert len(rows) > 3
    assert sorted(rows, key=lambda x: -x[1]) == d.detect(network, meta, files.photo, thresh=0.3)
    d.free_detections(dets, number.value)
    d.free_image(image)


def test_do_nms_sort_leaves_darknets_order(files: Files) -> None:
    d = pjreddie
    network = d.load_net(files.cfg, files.weights)
    d.predict_image(network, d.load_image(files.photo))
    number = d.c_int(0)
    dets = d.get_network_boxes(network, 50, 60, 0.3, 0.5, None, 1, d.pointer(number))
    d.do_nms_sort(dets, number.value, 2, 0.45)
    expected = files.detector().detect(files.photo, thresh=0.3)
    rows = [(dets[j].prob[i], dets[j].bbox.x) for j in range(number.value) for i in range(2) if dets[j].prob[i] > 0]
    assert rows == list(zip(expected.confidence.tolist(), expected.box[:, 0].tolist(), strict=True))
    assert {dets[j].sort_class for j in range(number.value)} == {1}  # the last class that was sorted by


@pytest.mark.parametrize("module", [pjreddie, alexeyab])
def test_no_overlap_at_all_is_what_0_means_to_the_library(files: Files, module: Any) -> None:
    """Its ``do_nms_obj(dets, n, classes, 0)`` suppresses; ``detect(..., nms=0)`` does not call it."""
    network = module.load_net(files.cfg, files.weights)
    module.predict_image(network, module.load_image(files.photo, 0, 0))
    kept = []
    for limit in (0, 1e-6):
        number = ctypes.c_int(0)
        more = (0,) if module is alexeyab else ()
        dets = module.get_network_boxes(network, 50, 60, 0.1, 0.5, None, 1, ctypes.pointer(number), *more)
        module.do_nms_obj(dets, number.value, 2, limit)
        kept.append([dets[j].objectness for j in range(number.value)])
    assert kept[0] == kept[1] and 0 in kept[0] and any(kept[0])


def test_pjreddie_classify_predict_and_reset(tmp_path: Path) -> None:
    files = Files(tmp_path, net(3, 8, 8, "connected output=2", "softmax"))
    network, meta = pjreddie.load_net(files.cfg, files.weights), pjreddie.load_meta(files.data)
    found = pjreddie.classify(network, meta, pjreddie.load_image(files.photo))
    assert [row[0].decode() for row in found] == [best.name for best in files.detector().classify(files.photo, 2)]
    assert found[0][1] >= found[1][1]
    values = pjreddie.c_array(pjreddie.c_float, [0.5] * 192)
    out = pjreddie.predict(network, values)
    (expected,) = files.detector().predict(np.full((3, 8, 8), 0.5, np.float32))
    assert [out[0], out[1]] == expected.reshape(-1).tolist()
    with pytest.raises(DarknetError, match="reads 192 values"):
        pjreddie.predict(network, pjreddie.c_array(pjreddie.c_float, [0.5] * 191))
    pjreddie.reset_rnn(network)


def test_images_own_their_values() -> None:
    image = alexeyab.make_image(4, 3, 2)
    data = bytes(range(24))
    alexeyab.copy_image_from_bytes(image, data)
    gc.collect()
    values = np.ctypeslib.as_array(image.data, (2, 3, 4))
    np.testing.assert_array_equal(values, to_planar(np.frombuffer(data, np.uint8).reshape(3, 4, 2)))
    with pytest.raises(ImageError, match="takes 24 bytes, not 23"):
        alexeyab.copy_image_from_bytes(image, data[:23])
    with pytest.raises(ImageError, match="is empty"):
        alexeyab.copy_image_from_bytes(alexeyab.IMAGE(), data)
    colour = alexeyab.make_image(1, 1, 3)
    alexeyab.copy_image_from_bytes(colour, b"\0\1\2")
    alexeyab.rgbgr_image(colour)
    assert [round(colour.data[k] * 255) for k in range(3)] == [2, 1, 0]


def test_an_images_values_live_as_long_as_their_array() -> None:
    # What predict_image does: the image itself is gone when the network reads the values.
    values = planes(alexeyab.letterbox_image(alexeyab.make_image(7, 5, 3), 96, 64))
    gc.collect()
    rubbish = [bytearray(b"\xff" * values.nbytes) for _ in range(64)]  # takes the place of what was freed
    assert set(np.unique(values)) == {np.float32(0), np.float32(0.5)}
    assert len(rubbish) == 64
    owner = values.base
    while getattr(owner, "base", None) is not None:
        owner = owner.base
    assert isinstance(getattr(owner, "obj", owner).owner, alexeyab.IMAGE)


def test_alexeyab_stretches_and_reports_percents_as_text(files: Files) -> None:
    random.seed(3)
    network, names, colors = alexeyab.load_network(files.cfg, files.data, files.weights, batch_size=1)
    random.seed(3)
    assert names == NAMES
    assert colors == {name: tuple(random.randint(0, 255) for _ in range(3)) for name in NAMES}
    size = alexeyab.network_width(network), alexeyab.network_height(network)
    assert size == (48, 32)
    image = alexeyab.load_image(files.photo.encode(), 0, 0)
    found = alexeyab.detect_image(network, names, image, thresh=0.3, nms=0)
    detector = files.detector("alexeyab")
    outputs = detector.predict(resize(to_planar(load_image(files.photo)), *size))
    expected = detector.candidates(outputs, size, View(thresh=0.3))
    percents = [str(round(float(p) * 100, 2)) for p in expected.prob[expected.prob > 0]]
    assert len(percents) > 20
    assert [row[1] for row in found] == sorted(percents)  # as text: "9.5" comes after "82.39"
    boxes = expected.box[expected.kept] * np.array([50, 60, 50, 60], np.float32)
    assert {row[2] for row in found} == {tuple(row) for row in boxes[expected.prob.any(axis=1)].tolist()}
    fewer = alexeyab.detect_image(network, names, image, thresh=0.3)
    assert 0 < len(fewer) < len(found)
    assert all(isinstance(label, str) and isinstance(text, str) for label, text, _ in fewer)


def test_the_older_alexeyab_module(files: Files) -> None:
    network, meta = (
        alexeyab.load_net_custom(files.cfg.encode(), files.weights.encode(), 0, 1),
        alexeyab.load_meta(files.data),
    )
    found = alexeyab.detect(network, meta, files.photo.encode(), thresh=0.3)
    newer = alexeyab.detect_image(network, NAMES, alexeyab.load_image(files.photo), thresh=0.3)
    assert [row[1] for row in found] == sorted([row[1] for row in found], reverse=True)
    decoded = alexeyab.decode_detection([(name.decode(), p, box) for name, p, box in found])
    assert sorted(decoded) == sorted(newer)
    image, values = alexeyab.array_to_image(load_image(files.photo))
    assert (image.w, image.h, values.size) == (50, 60, 9000)
    assert len(alexeyab.detect_image(network, meta, image, 0.3)) == len(found)


def test_perform_detect(
    region_files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("netMain", "metaMain", "altNames"):
        monkeypatch.setattr(alexeyab, name, None)
    files = {"configPath": region_files.cfg, "weightPath": region_files.weights, "metaPath": region_files.data}
    assert alexeyab.performDetect(**files, initOnly=True) is None
    assert capsys.readouterr().out == "Initialized detector\n"
    found = alexeyab.performDetect(region_files.photo, 0.3, **files, showImage=False)
    network, meta = (
        alexeyab.load_net_custom(region_files.cfg, region_files.weights),
        alexeyab.load_meta(region_files.data),
    )
    older = alexeyab.detect(network, meta, region_files.photo, 0.3)
    assert found == older and found and alexeyab.altNames == NAMES  # str, once altNames is set
    assert alexeyab.network_width(alexeyab.netMain) == 48 and alexeyab.metaMain.classes == 2
    monkeypatch.setattr(alexeyab, "altNames", ["Katze", "Hund"])  # a script's own
    renamed = alexeyab.detect(network, meta, region_files.photo, 0.3)
    assert {row[0] for row in renamed} <= {"Katze", "Hund"} and [row[1:] for row in renamed] == [r[1:] for r in found]
    monkeypatch.setattr(alexeyab, "altNames", None)
    assert alexeyab.detect(network, meta, region_files.photo, 0.3) == [(n.encode(), p, b) for n, p, b in found]
    assert alexeyab.performDetect(region_files.photo, 0.3, **files, showImage=False) == found  # read anew
    shown = alexeyab.performDetect(imagePath=region_files.photo, thresh=0.3, **files, makeImageOnly=True)
    assert shown["detections"] == found and shown["caption"].count("\n<br/>") == len(found) - 1
    assert shown["image"].shape == (60, 50, 3) and (shown["image"] != load_image(region_files.photo)).any()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"*** {len(found)} Results, color coded by confidence ***" and len(lines) == 1 + len(found)
    with pytest.raises(ValueError, match="Invalid image path"):
        alexeyab.performDetect(str(tmp_path / "none.jpg"), **files)
    with pytest.raises(ValueError, match="Invalid config path"):
        alexeyab.performDetect(region_files.photo, configPath="none.cfg")
    with pytest.raises(AssertionError, match="between zero and one"):
        alexeyab.performDetect(region_files.photo, 1.0, **files)


def test_batches(files: Files) -> None:
    network, names, _ = alexeyab.load_network(files.cfg, files.data, files.weights, batch_size=2)
    pixels = np.random.RandomState(2).rand(2, 3, 32, 48).astype(np.float32)
    batch = alexeyab.IMAGE(50, 60, 3, pixels.ctypes.data_as(alexeyab.POINTER(alexeyab.c_float)))
    pairs = alexeyab.network_predict_batch(network, batch, 2, 50, 60, 0.3, 0.5, None, 0, 0)
    gc.collect()
    for number in range(2):
        dets, count = pairs[number].dets, pairs[number].num
        alexeyab.do_nms_obj(dets, count, 2, 0.45)
        rows = alexeyab.remove_negatives(dets, names, count)
        alone = alexeyab.make_image(48, 32, 3)
        np.ctypeslib.as_array(alone.data, (3, 32, 48))[:] = pixels[number]
        alexeyab.predict_image(network, alone)
        total = alexeyab.c_int(0)
        single = alexeyab.get_network_boxes(network, 50, 60, 0.3, 0.5, None, 0, alexeyab.pointer(total), 0)
        assert total.value == count
        alexeyab.do_nms_obj(single, count, 2, 0.45)
        assert alexeyab.remove_negatives(single, names, count) == rows != []
    alexeyab.free_batch_detections(pairs, 2)


def test_the_best_class_of_each_box(files: Files) -> None:
    network, names, _ = alexeyab.load_network(files.cfg, files.data, files.weights)
    alexeyab.predict_image(network, alexeyab.load_image(files.photo))
    total = alexeyab.c_int(0)
    dets = alexeyab.get_network_boxes(network, 50, 60, 0.3, 0.5, None, 0, alexeyab.pointer(total), 0)
    best: dict[Any, float] = {}
    for _, p, box in alexeyab.remove_negatives(dets, names, total.value):
        best[box] = max(p, best.get(box, 0))
    assert {box: p for _, p, box in alexeyab.remove_negatives_faster(dets, names, total.value)} == best
    if "region" in Path(files.cfg).read_text():
        assert dets[0].objectness == 1


def test_small_helpers(capsys: pytest.CaptureFixture[str]) -> None:
    assert alexeyab.bbox2points((10.0, 20.0, 5.0, 7.0)) == (8, 16, 12, 24)
    assert alexeyab.decode_detection([("dog", 0.8239, (1, 2, 3, 4))]) == [("dog", "82.39", (1, 2, 3, 4))]
    alexeyab.print_detections([("dog", "82.39", (1.4, 2, 3, 4))])
    alexeyab.print_detections([("dog", "82.39", (1.4, 2, 3, 4))], True)
    assert capsys.readouterr().out == (
        "\nObjects:\ndog: 82.39%\n\nObjects:\ndog: 82.39%    (left_x: 1   top_y:  2   width:   3   height:  4)\n"
    )
    assert pjreddie.sample([0, 0, 1, 0]) == 2


def test_draw_boxes_needs_opencv(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(DarknetError, match="draws with OpenCV"):
        alexeyab.draw_boxes([], np.zeros((9, 9, 3), np.uint8), {})


def test_draw_boxes() -> None:
    pytest.importorskip("cv2", reason="OpenCV is not installed")
    image = np.zeros((40, 40, 3), np.uint8)
    assert alexeyab.draw_boxes([("a", "50.0", (20, 25, 20, 20))], image, {"a": (1, 2, 3)}) is image
    assert image[15, 20].tolist() == image[25, 10].tolist() == [1, 2, 3]


def test_errors_are_one_line(region_files: Files, tmp_path: Path) -> None:
    files = region_files
    with pytest.raises(DarknetError, match="needs its weights file"):
        pjreddie.load_net(files.cfg, b"", 0)
    with pytest.raises(DarknetError, match="a network is what load_net"):
        pjreddie.network_width(12345)  # type: ignore[arg-type]
    network = pjreddie.load_net(files.cfg, files.weights)
    number = ctypes.c_int(0)
    with pytest.raises(DarknetError, match="no image has run yet"):
        pjreddie.get_network_boxes(network, 1, 1, 0.5, 0.5, None, 0, ctypes.pointer(number))
    pjreddie.predict_image(network, pjreddie.load_image(files.photo))
    dets = pjreddie.get_network_boxes(network, 1, 1, 0.5, 0.5, None, 0, ctypes.pointer(number))
    with pytest.raises(DarknetError, match="knows 2 classes, not 80"):
        pjreddie.do_nms_sort(dets, number.value, 80, 0.45)
    with pytest.raises(DarknetError, match="of 3 channels, not 1"):
        pjreddie.predict_image(network, pjreddie.make_image(4, 4, 1))
    (tmp_path / "wrong.data").write_text(f"classes = 3\nnames = {tmp_path / 'net.names'}\n")
    with pytest.raises(DataError, match=r"classes=3, but .* has 2 names"):
        pjreddie.load_meta(tmp_path / "wrong.data")


def run_script(folder: Path, flavour: str, script: str, *args: str) -> subprocess.CompletedProcess[str]:
    (folder / "bin").mkdir(exist_ok=True)
    (folder / "bin" / "client.py").write_text(script)
    (folder / "bin" / "darknet.py").write_text("raise ImportError('the real one')\n")
    (folder / "bin" / "beside.py").write_text("VALUE = 7\n")
    command = [sys.executable, "-m", "darknet_py", "run-script", "--as", flavour, "bin/client.py", *args]
    root = str(Path(__file__).resolve().parent.parent)
    return subprocess.run(command, cwd=folder, env={**os.environ, "PYTHONPATH": root}, capture_output=True, text=True)


def test_run_script_is_as_python_would_run_it(tmp_path: Path) -> None:
    script = (
        "import sys, os, darknet, beside\n"
        "print(__name__, sys.argv, os.path.basename(sys.path[0]), beside.VALUE, __file__)\n"
        "print(darknet.bbox2points((10, 10, 4, 4)))\n"
        "sys.exit(int(sys.argv[-1]))\n"
    )
    done = run_script(tmp_path, "alexeyab", script, "--thresh", ".5", "-h", "--as", "3")
    assert done.stdout == (
        "__main__ ['bin/client.py', '--thresh', '.5', '-h', '--as', '3'] bin 7 bin/client.py\n(8, 8, 12, 12)\n"
    )
    assert (done.returncode, done.stderr) == (3, "")


def test_run_script_ends_as_python_would(tmp_path: Path) -> None:
    """Finalizers of objects in a cycle run at the end of a process, once globals are gone."""
    script = (
        "class Log:\n    def __init__(self): self.own = self\n    def __del__(self): print('closed')\nlog = Log()\n"
    )
    done = run_script(tmp_path, "alexeyab", script)
    assert (done.returncode, done.stdout) == (0, "closed\n"), done.stderr


def test_run_script_passes_exceptions_on(tmp_path: Path) -> None:
    done = run_script(tmp_path, "pjreddie", "import darknet\nprint('before')\ndarknet.load_meta('no.data')\n")
    assert (done.returncode, done.stdout) == (1, "before\n")
    assert done.stderr.startswith('Traceback (most recent call last):\n  File "bin/client.py", line 3, in <module>\n')
    assert "no.data" in done.stderr.splitlines()[-1]
    missing = run_script(tmp_path, "pjreddie", "raise SystemExit('a word')\n")
    assert (missing.returncode, missing.stderr) == (1, "a word\n")


def test_run_script_detects(region_files: Files, tmp_path: Path) -> None:
    script = (
        "import sys\nfrom darknet import *\nnet = load_net(sys.argv[1].encode(), sys.argv[2].encode(), 0)\n"
        "print(len(detect(net, load_meta(sys.argv[3].encode()), sys.argv[4].encode(), thresh=.3)), c_int(3).value)\n"
    )
    files = region_files
    done = run_script(tmp_path, "pjreddie", script, files.cfg, files.weights, files.data, files.photo)
    network, meta = pjreddie.load_net(files.cfg, files.weights), pjreddie.load_meta(files.data)
    expected = len(pjreddie.detect(network, meta, files.photo, thresh=0.3))
    assert (done.returncode, done.stdout) == (0, f"{expected} 3\n"), done.stderr


def test_the_environment_says_which_arithmetic(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DARKNET_PY_MATH", "fast")
    for module in (pjreddie, alexeyab):
        assert module.load_net(files.cfg, files.weights).detector.math == "fast"
    monkeypatch.setenv("DARKNET_PY_MATH", "int8")
    with pytest.raises(DarknetError, match="needs this file, which is not there"):
        alexeyab.load_net(files.cfg, files.weights)
    monkeypatch.setenv("DARKNET_PY_MATH", "quick")
    with pytest.raises(DarknetError, match="DARKNET_PY_MATH=quick is not ieee, make, fast, make-own, int8 or bf16"):
        pjreddie.load_net(files.cfg, files.weights)


def test_the_environment_names_the_calibration(files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DARKNET_PY_CALIBRATION", str(tmp_path / "my.json"))
    for math in ("", "fast"):
        monkeypatch.setenv("DARKNET_PY_MATH", math)
        with pytest.raises(DarknetError, match=r"my\.json: DARKNET_PY_MATH is (ieee|fast), which takes no calibration"):
            pjreddie.load_net(files.cfg, files.weights)
    monkeypatch.setenv("DARKNET_PY_MATH", "int8")
    for module in (pjreddie, alexeyab):
        with pytest.raises(DarknetError, match=r"my\.json: math=int8 needs this file"):
            module.load_net(files.cfg, files.weights)
    network = read_network(files.cfg)
    quantization = Quantization(dict.fromkeys(scaled(network), Scale.of_range(-4, 4)))
    sha256 = file_sha256(files.weights)
    write_calibration(Calibration(quantization), network, files.weights, tmp_path / "my.json", sha256)
    if get_arithmetic("int8", network.dialect).why_not_here() is None:
        own = file_sha256(tmp_path / "my.json")
        assert pjreddie.load_net(files.cfg, files.weights).detector.calibration == own
