"""``install()``: Darknet's networks back in ``cv2.dnn``, and an OpenCV 5 that calls itself 4.14."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from darknet_py.compat import opencv
from darknet_py.compat.opencv.version import OLDER, show_older
from darknet_py.errors import DarknetError

from .test_compat_opencv import REGION_NET, files
from .test_compat_opencv_net import UMat


class TheirNet:
    """OpenCV's own."""

    @staticmethod
    def readFromModelOptimizer() -> str:
        return "static"


class TheirModel:
    def __init__(self, *args: Any) -> None:
        self.args = args


class TheirDetectionModel(TheirModel):
    pass


class TheirClassificationModel(TheirModel):
    pass


def their_nms(boxes: Any, *options: Any) -> Any:
    """NMSBoxes(bboxes, scores, score_threshold, nms_threshold)"""
    return np.arange(len(boxes), dtype=np.int32) if boxes else ()


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Any:
    """An OpenCV without Darknet's importer."""
    dnn = SimpleNamespace(
        readNet=lambda *args: TheirNet(), Net=TheirNet, Model=TheirModel, DetectionModel=TheirDetectionModel,
        ClassificationModel=TheirClassificationModel, NMSBoxes=their_nms,
    )  # fmt: skip
    cv2 = ModuleType("cv2")
    cv2.dnn, cv2.error, cv2.__version__ = dnn, type("error", (Exception,), {}), "5.0.0"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "cv2", cv2)
    return cv2


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    cfg, weights = files(tmp_path_factory.mktemp("install"), REGION_NET)
    return str(cfg), str(weights)


def test_install_puts_it_into_cv2(fake: Any, paths: tuple[str, str]) -> None:
    opencv.install()
    readers = fake.dnn.readNetFromDarknet, fake.dnn.readNet, fake.dnn.Net
    opencv.install()  # twice is once
    assert (fake.dnn.readNetFromDarknet, fake.dnn.readNet, fake.dnn.Net) == readers
    cfg, weights = paths
    assert isinstance(fake.dnn.readNetFromDarknet(cfg, weights), opencv.Net)
    network = fake.dnn.readNet(weights, cfg)
    assert isinstance(network, opencv.Net)
    assert isinstance(fake.dnn_DetectionModel(network), opencv.DetectionModel)
    assert isinstance(fake.dnn.ClassificationModel(weights, cfg), opencv.ClassificationModel)
    assert isinstance(fake.dnn.readNet("model.onnx"), TheirNet)
    theirs = fake.dnn.DetectionModel("a.pb", "b.pbtxt")
    assert type(theirs) is TheirDetectionModel and theirs.args == ("a.pb", "b.pbtxt")


def test_isinstance_knows_both_kinds(fake: Any, paths: tuple[str, str]) -> None:
    opencv.install()
    ours, theirs = fake.dnn.readNetFromDarknet(*paths), fake.dnn.readNet("model.onnx")
    assert isinstance(ours, fake.dnn.Net) and isinstance(theirs, fake.dnn.Net) and isinstance(ours, fake.dnn_Net)
    assert not isinstance(7, fake.dnn.Net) and not isinstance(ours, fake.dnn.Model)
    model, other = fake.dnn.DetectionModel(ours), fake.dnn.DetectionModel("a.pb", "b.pbtxt")
    assert all(isinstance(each, kind) for each in (model, other) for kind in (fake.dnn.DetectionModel, fake.dnn.Model))
    assert not isinstance(model, fake.dnn.ClassificationModel)
    assert not isinstance(other, fake.dnn.ClassificationModel)
    assert issubclass(TheirDetectionModel, fake.dnn.Model) and issubclass(opencv.DetectionModel, fake.dnn.Model)
    assert fake.dnn.Net().empty()
    assert fake.dnn.Net.readFromModelOptimizer() == "static"


def test_a_scripts_own_classes_on_top(fake: Any, paths: tuple[str, str]) -> None:
    opencv.install()

    class Counter(fake.dnn.DetectionModel):  # type: ignore[misc]
        def __init__(self, cfg: str, weights: str) -> None:
            super().__init__(weights, cfg)
            self.count = 0

    counter = Counter(*paths)
    assert counter.count == 0 and isinstance(counter, fake.dnn.DetectionModel)
    assert not isinstance(fake.dnn.DetectionModel(paths[1], paths[0]), Counter)


def test_ids_of_nms_serve_both_idioms(fake: Any) -> None:
    opencv.install()
    kept = fake.dnn.NMSBoxes([[0, 0, 1, 1], [5, 5, 1, 1]], [0.9, 0.8], 0.5, 0.4)
    assert [i[0] for i in kept] == list(kept) == kept.flatten().tolist() == [0, 1]
    assert fake.dnn.NMSBoxes([], [], 0.5, 0.4) == ()
    assert "score_threshold" in fake.dnn.NMSBoxes.__doc__


def test_frames_for_blobs_may_be_umats(fake: Any) -> None:
    given: list[Any] = []
    fake.dnn.blobFromImage = fake.dnn.blobFromImages = lambda *args, **options: given.append((args, options))
    opencv.install()
    frame = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    fake.dnn.blobFromImage(UMat(frame), 1 / 255, (32, 32))
    fake.dnn.blobFromImage(image=UMat(frame), size=(32, 32))
    fake.dnn.blobFromImages([UMat(frame), frame])
    (image, scale, size), _ = given[0]
    assert image is frame and (scale, size) == (1 / 255, (32, 32))
    assert given[1][1]["image"] is frame
    assert all(image is frame for image in given[2][0][0])


def test_errors_of_the_models_are_opencvs(fake: Any, tmp_path: Path) -> None:
    opencv.install()
    with pytest.raises(fake.error, match=r"none\.cfg"):
        fake.dnn.DetectionModel("none.weights", str(tmp_path / "none.cfg"))
    with pytest.raises(fake.error, match=r"not a \.cfg and a \.weights file"):
        opencv.readNet("model.onnx")


def test_an_opencv_that_reads_them_itself_is_left_alone(fake: Any) -> None:
    fake.dnn.readNetFromDarknet = own = object()
    opencv.install()
    assert fake.dnn.readNetFromDarknet is own and fake.dnn.Net is TheirNet
    opencv.install(replace=True)
    assert fake.dnn.readNetFromDarknet is opencv.readNetFromDarknet


def test_an_opencv_5_can_call_itself_4_14(fake: Any) -> None:
    assert show_older(fake) == "5.0.0"
    assert fake.__version__ == fake.getVersionString() == OLDER == "4.14.0"
    assert (fake.getVersionMajor(), fake.getVersionMinor(), fake.getVersionRevision()) == (4, 14, 0)
    assert fake.dnn.DNN_BACKEND_HALIDE == 1
    assert show_older(fake) is None
    fake.__version__ = "4.5.1"
    assert show_older(fake) is None and fake.__version__ == "4.5.1"


def test_install_says_when_opencv_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(DarknetError, match="not installed"):
        opencv.install()
