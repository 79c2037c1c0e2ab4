"""NaN, infinity and huge numbers in weights: NumPy says nothing of them, we say it once."""

from __future__ import annotations

import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from darknet_py.cli import main
from darknet_py.detector import Detector
from darknet_py.errors import DarknetWarning
from darknet_py.evaluate.truth import iou
from darknet_py.export.onnx_weighted import folded_weights
from darknet_py.image.draw import draw_detections
from darknet_py.network import read_network
from darknet_py.numeric.arithmetic import ARITHMETICS, OPENCV, PROFILES
from darknet_py.parameters import load_parameters, save_parameters
from darknet_py.synth import write_synth
from darknet_py.validate.compare import iou as double_iou
from tests.nets import net, write_cfg

f32 = np.float32

NORMED = "convolutional batch_normalize=1 filters=4 size=3 pad=1 activation=leaky"
DETECTOR = net(3, 8, 8, NORMED, "convolutional filters=18 size=1 activation=linear",
               "yolo classes=1 num=3 anchors=2,2,4,4,6,6")  # fmt: skip
CLASSIFIER = net(3, 8, 8, NORMED, "avgpool", "softmax")
PIXELS = np.arange(8 * 8 * 3, dtype=np.uint8).reshape(8, 8, 3)


def spoiled(folder: Path, text: str, value: float, math: str = "ieee") -> Detector:
    """A network one of whose first biases is that value."""
    cfg, weights = write_cfg(folder, text), folder / "net.weights"
    network = write_synth(cfg, weights)
    stored = load_parameters(network, weights).arrays
    arrays = [{name: np.array(values) for name, values in layer.items()} for layer in stored]
    arrays[0]["biases"][1] = value
    save_parameters(network, arrays, weights)
    return Detector(network, load_parameters(network, weights), math=math, threads=1)


@pytest.mark.parametrize("math", ["ieee", "fast"])
def test_a_network_that_gives_nan_is_told_once(tmp_path: Path, math: str) -> None:
    for text, ask in ((DETECTOR, "detect"), (CLASSIFIER, "classify")):
        detector: Any = spoiled(tmp_path, text, 3e38, math)
        with warnings.catch_warnings(record=True) as came:
            warnings.simplefilter("always")
            for _ in range(3):
                getattr(detector, ask)(PIXELS)
        assert [entry.category for entry in came] == [DarknetWarning]
        assert "are NaN or infinite; check that the weights belong to this cfg" in str(came[0].message)
        assert str(came[0].message).startswith(f"{tmp_path / 'net.cfg'}: ")
        another: Any = spoiled(tmp_path, text, 3e38, math)
        with pytest.warns(DarknetWarning, match="NaN"):
            getattr(another, ask)(PIXELS)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_was_said_of_the_weights_is_not_said_of_the_outputs(tmp_path: Path, value: float) -> None:
    with pytest.warns(DarknetWarning, match=r"NaN or infinite values: 1 of 4 in layer 0 \(convolutional\), biases"):
        detector = spoiled(tmp_path, DETECTOR, value)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        detector.detect(PIXELS)
        detector.resize((16, 16))
        detector.detect(PIXELS)


def test_boxes_that_are_infinite_though_the_outputs_are_not(tmp_path: Path) -> None:
    cfg, weights = write_cfg(tmp_path, DETECTOR), tmp_path / "net.weights"
    network = write_synth(cfg, weights)
    arrays = [{name: np.array(values) for name, values in layer.items()}
              for layer in load_parameters(network, weights).arrays]  # fmt: skip
    arrays[1]["biases"][[2, 4, 5]] = 200  # width, objectness, class of the first anchor: the exponential is too large
    save_parameters(network, arrays, weights)
    detector = Detector(network, load_parameters(network, weights), threads=1)
    with pytest.warns(DarknetWarning, match="boxes are NaN or infinite; check that the weights belong") as told:
        found = detector.detect(PIXELS)
        detector.detect(PIXELS)
    assert len(told) == 1 and np.isinf(found.box[:, 2]).any()
    with np.errstate(all="raise"):
        draw_detections(PIXELS, found)
        assert len(found.area) == len(found.clip()) == len(found.to_records()) == len(found.to_json())


@pytest.mark.parametrize("math", ["ieee", "fast"])
def test_numpy_says_nothing(tmp_path: Path, math: str) -> None:
    """Whatever is in weights and boxes: `FloatingPointError` or `RuntimeWarning` would stop this."""
    with np.errstate(all="raise"), warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        warnings.simplefilter("ignore", DarknetWarning)
        for value in (np.nan, np.inf, -np.inf, 3e38, -3e38, 1e6):
            found = spoiled(tmp_path, DETECTOR, value, math).detect(PIXELS, thresh=0)
            assert found.xyxy.shape == (len(found), 4)
            draw_detections(PIXELS, found)
            found.to_json()
            spoiled(tmp_path, CLASSIFIER, value, math).classify(PIXELS)


def test_arithmetic_on_what_is_not_finite() -> None:
    boxes = f32([[0, 0, np.inf, 3e38], [np.nan, 0, 1, 1], [3e38, 3e38, 3e38, 3e38], [0, 0, 0, 0]])
    arrays = {"weights": f32([3e38]).reshape(1, 1, 1, 1), "scales": f32([3e38]), "rolling_variance": f32([-1]),
              "rolling_mean": f32([3e38]), "biases": f32([np.inf])}  # fmt: skip
    layer, graph = SimpleNamespace(batch_normalize=True), SimpleNamespace(arrays=arrays, arithmetic=PROFILES["fast"])
    arithmetics = [PROFILES["fast"], OPENCV, *ARITHMETICS["alexeyab"].values()]
    with np.errstate(all="raise"):
        for box in boxes:
            assert iou(box, boxes).shape == (4,)
            assert double_iou(boxes.astype(np.float64), box.astype(np.float64)).shape == (4,)
        for variance in (-1, 0, 1, np.inf, np.nan):
            arrays["rolling_variance"][0] = variance
            for arithmetic in arithmetics:
                assert arithmetic.fold(arrays)["weights"].shape == (1, 1, 1, 1)
            assert folded_weights(layer, graph)[0].shape == (1, 1, 1, 1)  # type: ignore[arg-type]


def test_a_command_says_it_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from PIL import Image

    spoiled(tmp_path, DETECTOR, np.nan)
    for name in ("a.png", "b.png"):
        Image.fromarray(PIXELS).save(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    command = "darknet-py detect a.png b.png --cfg net.cfg --weights net.weights --threads 1"
    monkeypatch.setattr("sys.argv", command.split())
    monkeypatch.setattr("darknet_py.cli.interrupt.watch", lambda: None)
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)
    with warnings.catch_warnings(), pytest.raises(SystemExit) as end:
        warnings.simplefilter("default")
        main()
    assert end.value.code == 0
    told = [line for line in capfd.readouterr().err.splitlines() if "arning" in line]
    assert len(told) == 1 and told[0].startswith("Warning: net.weights: NaN or infinite values: 1 of 4")


def test_finite_outputs_are_not_warned_of_even_if_their_sum_is_infinite(tmp_path: Path) -> None:
    from darknet_py.detect.finite import check_finite

    network = read_network(write_cfg(tmp_path, CLASSIFIER))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_finite(network, network.output_layer, np.full(4, 3e38, f32))
    with pytest.warns(DarknetWarning, match=r"1 of the 4 outputs of layer 2 \(\[softmax\]\)"):
        check_finite(network, network.output_layer, f32([0, 1, np.inf, 3]))
