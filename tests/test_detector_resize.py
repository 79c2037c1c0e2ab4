"""A network at another input size: the same bits as loaded so, and nothing changed where it cannot be."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from darknet_py import DarknetError, Detector
from darknet_py.loading import load
from darknet_py.synth import write_synth

from .nets import TINY, build, net, write_cfg

PHOTO = Path(__file__).parent / "data" / "photos" / "astronaut.jpg"


@pytest.fixture
def detector(tmp_path: Path) -> Detector:
    return build(tmp_path, TINY)


@pytest.fixture(scope="module")
def x() -> NDArray[np.float32]:
    return np.random.default_rng(5).random((3, 3, 64, 96), np.float32)


def test_another_size_is_as_if_the_cfg_were_edited(tmp_path: Path) -> None:
    cfg = write_cfg(tmp_path, TINY)
    write_synth(cfg, tmp_path / "w")
    edited = write_cfg(tmp_path, TINY.replace("height=64", "height=32").replace("width=96", "width=48"), "edited.cfg")
    pixels = np.asarray(Image.open(PHOTO))
    resized = load(cfg, tmp_path / "w", size=(48, 32)).detect(pixels, thresh=0.1)
    assert resized.to_json() == load(edited, tmp_path / "w").detect(pixels, thresh=0.1).to_json()


def test_resizing_gives_the_bits_of_loading_at_that_size(tmp_path: Path) -> None:
    cfg = write_cfg(tmp_path, TINY)
    write_synth(cfg, tmp_path / "w")
    detector = load(cfg, tmp_path / "w", keep=[0])
    cfg.unlink()  # resizing reads no file
    for size in ((48, 32), (160, 96), (96, 64)):
        edited = TINY.replace("height=64", f"height={size[1]}").replace("width=96", f"width={size[0]}")
        wanted = load(write_cfg(tmp_path, edited, "edited.cfg"), tmp_path / "w")
        detector.resize(size)
        with pytest.raises(DarknetError, match="run detect or predict first"):
            detector.layer_output(0)
        x = np.random.default_rng(3).random((3, size[1], size[0]), np.float32)
        assert [out.tobytes() for out in detector.predict(x)] == [out.tobytes() for out in wanted.predict(x)]
        assert detector.layer_output(0).tobytes() == wanted.layer_output(0).tobytes()
        assert detector.detect(PHOTO, thresh=0.1).to_json() == wanted.detect(PHOTO, thresh=0.1).to_json()


def test_a_size_that_is_refused_changes_nothing(detector: Detector, x: NDArray[np.float32]) -> None:
    before = [out.tobytes() for out in detector.predict(x[0])]
    with pytest.raises(DarknetError, match="50 x 64 does not fit this network: take multiples of 4"):
        detector.resize((50, 64))
    assert detector.network.input.w == 96
    assert detector.layer_output(0).shape == (8, 64, 96), "the last image is still there"
    assert [out.tobytes() for out in detector.predict(x[0])] == before


def test_what_is_not_fully_convolutional_has_one_size(tmp_path: Path) -> None:
    text = net(3, 16, 16, "conv filters=2 size=3 pad=1", "connected output=52",
               "detection side=2 num=2 classes=3 coords=4")  # fmt: skip
    detector = build(tmp_path, text)
    message = r"net\.cfg:11: layer 1 \[connected\] has weights for an input of 16 x 16 only: .* to 32 x 32"
    with pytest.raises(DarknetError, match=message):
        detector.resize((32, 32))
    with pytest.raises(DarknetError, match=message):
        load(tmp_path / "net.cfg", tmp_path / "net.weights", size=(32, 32))


def test_a_resized_network_has_forgotten(tmp_path: Path, x: NDArray[np.float32]) -> None:
    text = net(3, 32, 32, "crnn hidden_filters=3 output_filters=2 activation=tanh")
    detector, fresh = build(tmp_path, text), build(tmp_path, text.replace("=32", "=64"))
    image = x[0, :, :, :64]
    wanted = fresh.predict(image)[0].tobytes()
    detector.resize((64, 64))
    for _ in range(2):
        assert detector.predict(image)[0].tobytes() == wanted
        assert detector.predict(image)[0].tobytes() != wanted, "the second step knows the first"
        detector.layer_output(0)
        detector.resize((64, 64))


def test_resizing_waits_for_its_turn(detector: Detector) -> None:
    sizes = [(96, 64), (48, 32), (32, 96)]
    pixels = np.asarray(Image.open(PHOTO))
    wanted = set()
    for size in sizes:
        detector.resize(size)
        wanted.add(str(detector.detect(pixels, thresh=0.2).to_json()))
    found: list[str] = []
    worker = threading.Thread(
        target=lambda: found.extend(str(detector.detect(pixels, thresh=0.2).to_json()) for _ in range(30))
    )
    worker.start()
    for turn in range(30):
        detector.resize(sizes[turn % 3])
    worker.join()
    assert len(found) == 30 and set(found) <= wanted


def test_an_input_of_the_old_size_is_refused_after_a_resize(detector: Detector) -> None:
    # The new size has as many values as the old one: nothing but the shape tells.
    x = np.zeros((3, 64, 96), np.float32)
    failed: list[str] = []

    def predict() -> None:
        try:
            detector.predict(x)
        except DarknetError as error:
            failed.append(str(error))

    with detector.lock:
        worker = threading.Thread(target=predict)
        worker.start()
        detector.resize((64, 96))
    worker.join()
    assert len(failed) == 1 and "of shape (3, 64, 96)" in failed[0]


def test_the_output_of_a_layer_and_a_resize_take_turns(detector: Detector, x: NDArray[np.float32]) -> None:
    detector.predict(x[0])
    answers: list[object] = []

    def ask() -> None:
        try:
            answers.append(detector.layer_output(-1).shape)
        except DarknetError as error:
            answers.append(str(error))

    with detector.lock:
        worker = threading.Thread(target=ask)
        worker.start()
        detector.resize((64, 32))
        detector.predict(np.zeros((3, 32, 64), np.float32))
    worker.join()
    assert answers == [(16, 16, 32)]


@pytest.mark.parametrize("size", [224, "416", (224.0, 224.0), (64,), None])
def test_a_size_is_two_whole_numbers(detector: Detector, size: object) -> None:
    with pytest.raises(DarknetError, match="a size is width and height"):
        detector.resize(size)  # type: ignore[arg-type]
