"""The Python API: every way in, batches, threads, and the same bits each time."""

from __future__ import annotations

import io
import multiprocessing
import threading
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

import darknet_py
from darknet_py import DarknetError, Detector, ImageError
from darknet_py.detect.classify import best_classes
from darknet_py.detect.decode import decode
from darknet_py.detect.detections import Detections
from darknet_py.detect.nms import nms_sort
from darknet_py.image.letterbox import resize, to_planar
from darknet_py.loading import load
from darknet_py.numeric.arithmetic import get_arithmetic
from darknet_py.parameters import load_parameters
from darknet_py.plan.build import Plan
from darknet_py.synth import write_synth
from darknet_py.view import Fit, View

from .nets import TINY, build, net, write_cfg

PHOTO = Path(__file__).parent / "data" / "photos" / "astronaut.jpg"


@pytest.fixture
def detector(tmp_path: Path) -> Detector:
    return build(tmp_path, TINY, names=["ant", "bee", "cat"])


@pytest.fixture(scope="module")
def x() -> NDArray[np.float32]:
    return np.random.default_rng(5).random((3, 3, 64, 96), np.float32)


def test_the_public_names() -> None:
    assert darknet_py.load is load
    assert set(darknet_py.__all__) <= set(dir(darknet_py))
    with pytest.raises(AttributeError, match="nothing"):
        _ = darknet_py.nothing


def test_predict_gives_each_heads_output(detector: Detector, x: NDArray[np.float32]) -> None:
    coarse, fine = detector.predict(x[0])
    assert coarse.shape == (24, 16, 24) and fine.shape == (16, 32, 48)
    assert coarse.dtype == np.float32
    assert coarse.tobytes() == detector.layer_output(5).tobytes()


def test_a_batch_has_the_bits_of_each_image_alone(detector: Detector, x: NDArray[np.float32]) -> None:
    together = detector.predict(x)
    alone = [detector.predict(image) for image in x]
    assert [outputs.shape[0] for outputs in together] == [3, 3]
    for head, outputs in enumerate(together):
        assert outputs.tobytes() == np.stack([one[head] for one in alone]).tobytes()
    assert detector.predict(x[:0])[0].shape == (0, 24, 16, 24)


@pytest.mark.parametrize("threads", [1, 2, 7])
def test_the_same_bits_with_any_number_of_threads(tmp_path: Path, x: NDArray[np.float32], threads: int) -> None:
    reference = build(tmp_path, TINY, threads=1)
    reference.predict(x[0])
    detector = build(tmp_path, TINY, threads=threads)
    for _ in range(3):
        detector.predict(x[0])
        for layer in range(len(detector.network.layers)):
            assert detector.layer_output(layer).tobytes() == reference.layer_output(layer).tobytes(), layer


def test_buffers_that_are_reused_change_nothing(tmp_path: Path, x: NDArray[np.float32]) -> None:
    kept = build(tmp_path, TINY)
    network = kept.network
    sparing = load(network.path, tmp_path / "net.weights")
    parameters = load_parameters(network, tmp_path / "net.weights")
    arenas = [
        Plan(network, parameters, get_arithmetic("ieee", network.dialect), 1, keep=keep).arena_bytes
        for keep in ((), range(len(network.layers)))
    ]
    assert arenas[0] < arenas[1]
    for image in x:
        assert [out.tobytes() for out in sparing.predict(image)] == [out.tobytes() for out in kept.predict(image)]
    for layer in (0, -1, 3):
        assert sparing.layer_output(layer).tobytes() == kept.layer_output(layer).tobytes()


def test_predict_refuses_other_arrays(detector: Detector, x: NDArray[np.float32]) -> None:
    for wrong in (x[0].astype(np.float64), x[0, :2], x[0, :, :63], x[:, None], x[0].transpose(0, 2, 1)):
        with pytest.raises(DarknetError, match="predict needs float32"):
            detector.predict(wrong)


def test_layer_output_says_what_it_needs(detector: Detector) -> None:
    with pytest.raises(DarknetError, match="run detect or predict first"):
        detector.layer_output(0)
    with pytest.raises(DarknetError, match="layers 0 to 11"):
        detector.layer_output(12)


def test_detect_takes_paths_bytes_arrays_and_pil_images(detector: Detector) -> None:
    pixels = np.asarray(Image.open(PHOTO).convert("RGB"))
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    found = detector.detect(pixels, thresh=0.2)
    assert len(found) > 0
    same = [
        detector.detect(buffer.getvalue(), thresh=0.2),
        detector.detect(Image.fromarray(pixels), thresh=0.2),
        detector.detect(np.ascontiguousarray(pixels[:, :, ::-1]), thresh=0.2, bgr=True),
        detector.detect(Image.fromarray(pixels).convert("RGBA"), thresh=0.2),
        detector.detect(np.dstack([pixels[:, :, ::-1], pixels[:, :, 0]]), thresh=0.2, bgr=True),
    ]
    assert all(other.to_json() == found.to_json() for other in same)
    assert detector.detect(str(PHOTO), thresh=0.2).to_json() == detector.detect(PHOTO, thresh=0.2).to_json()
    assert set(found.names) <= {"ant", "bee", "cat"}
    assert detector.detect_batch([pixels, pixels], thresh=0.2)[1].to_json() == found.to_json()


def test_boxes_of_a_turned_picture_are_the_turned_pictures(detector: Detector) -> None:
    pixels = np.asarray(Image.open(PHOTO).convert("RGB"))
    turned = Image.fromarray(np.rot90(pixels))
    turned.getexif()[0x0112] = 6
    found = detector.detect(pixels, thresh=0.2)
    assert detector.detect(turned, thresh=0.2, exif=True).to_json() == found.to_json()
    assert detector.detect_batch([turned], thresh=0.2, exif=True)[0].to_json() == found.to_json()
    with pytest.warns(darknet_py.OrientationWarning):
        assert detector.detect(turned, thresh=0.2).to_json() != found.to_json()


def test_detect_refuses_what_is_no_image(detector: Detector, tmp_path: Path) -> None:
    wrong = [np.zeros((4, 4, 3), np.float32), np.zeros((4, 4, 2), np.uint8), np.zeros((0, 4, 3), np.uint8), 7, b""]
    for image in wrong:
        with pytest.raises(ImageError):
            detector.detect(image)  # type: ignore[arg-type]
    (tmp_path / "empty.jpg").touch()
    with pytest.raises(ImageError, match=r"empty\.jpg"):
        detector.detect(tmp_path / "empty.jpg")


def test_extreme_shapes_of_images(detector: Detector) -> None:
    for height, width in ((1, 1), (1, 3000), (3000, 1), (2, 5000), (65, 97)):
        detector.detect(np.full((height, width, 3), 200, np.uint8), thresh=0.0)


def test_a_classifier_has_no_boxes(tmp_path: Path) -> None:
    with pytest.raises(DarknetError, match="the network gives no boxes"):
        build(tmp_path, net(3, 8, 8, "avgpool", "softmax")).detect(np.zeros((9, 9, 3), np.uint8))


def test_classify_names_the_most_probable_classes(tmp_path: Path) -> None:
    detector = build(
        tmp_path, net(3, 8, 8, "conv filters=4 activation=linear", "avgpool", "softmax"), names=list("abcd")
    )
    best = detector.classify(PHOTO, top=3)
    values = detector.layer_output(-1)
    assert [found.class_id for found in best] == np.argsort(-values)[:3].tolist()
    assert [found.name for found in best] == ["abcd"[found.class_id] for found in best]
    assert best[0].probability == values.max()
    assert len(detector.classify(PHOTO, top=99)) == 4
    with pytest.raises(DarknetError, match="a detector, not a classifier"):
        build(tmp_path, TINY).classify(PHOTO)


@given(st.lists(st.sampled_from([0.0, 0.125, 0.25, 0.5, float("nan")]), min_size=1, max_size=12), st.integers(1, 14))
@example([float("nan"), 0.5, 0.25], 1)
def test_equal_probabilities_stand_as_darknet_leaves_them(values: list[float], top: int) -> None:
    found = [best.class_id for best in best_classes(np.array(values, np.float32), top)]
    assert found == naive_top_k(values, top)


def naive_top_k(values: list[float], top: int) -> list[int]:
    """A place is free (-1) or somebody's; who has more takes it, and who had it looks for another further on."""
    places = [-1] * top
    for number in range(len(values)):
        current = number
        for k in range(top):
            if places[k] < 0 or values[current] > values[places[k]]:
                places[k], current = current, places[k]
            if current < 0:
                break
    return [place for place in places if place >= 0]


def test_of_equal_ones_who_was_pushed_out_once_comes_last() -> None:
    assert [best.class_id for best in best_classes(np.float32([0.25, 0.25, 0.5]), 3)] == [2, 1, 0]


def test_a_hierarchical_classifier_names_leaves_only(tmp_path: Path) -> None:
    (tmp_path / "t.tree").write_text("thing -1\nbeing -1\ncup 0\ncar 0\ndog 1\n")
    write_synth(write_cfg(tmp_path, net(3, 8, 8, "conv filters=5 activation=linear", "avgpool", "softmax tree=t.tree")),
                tmp_path / "w")  # fmt: skip
    detector = load(tmp_path / "net.cfg", tmp_path / "w", names=["thing", "being", "cup", "car", "dog"])
    best = detector.classify(PHOTO)
    values = detector.layer_output(-1)
    assert {found.name for found in best[:3]} == {"cup", "car", "dog"}
    assert {found.name: found.probability for found in best}["dog"] == values[1] * values[4]
    assert sum(found.probability for found in best) == pytest.approx(1)


def test_yolov1_is_stretched_and_relative(tmp_path: Path) -> None:
    text = net(3, 16, 16, "connected output=52 activation=linear",
               "detection side=2 num=2 classes=3 coords=4 sqrt=1")  # fmt: skip
    found = build(tmp_path, text).detect(np.full((30, 60, 3), 90, np.uint8), thresh=0.0, nms=0)
    assert len(found) > 0
    assert np.abs(found.box[:, :2]).max() < 10, "fractions of the image, not pixels"


def test_stretched_images_fill_the_input_and_give_fractions(tmp_path: Path) -> None:
    text = net(3, 32, 64, "conv filters=16 size=3 pad=1 stride=16 activation=leaky", "yolo classes=3 num=2 anchors=9,9")
    stretched = build(tmp_path, text, view=View(fit=Fit.STRETCH))
    pixels = np.random.RandomState(5).randint(0, 256, (90, 70, 3), np.uint8)
    x = resize(to_planar(pixels), 64, 32)
    assert (stretched.prepare(pixels) == x).all()
    head = stretched.network.heads[0]
    wanted = nms_sort(decode(stretched.network, {head.index: stretched.predict(x)[0]}, 64, 32, 0.2), 0.45)
    found = stretched.detect(pixels, thresh=0.2)
    assert found.image_size == (70, 90) and len(found) > 0
    assert (found.box == Detections.from_boxes(wanted, 0.2).box).all()
    other = build(tmp_path, text)
    assert (other.detect(pixels, thresh=0.2, stretch=True).box == found.box).all()
    assert not np.array_equal(other.detect(pixels, thresh=0.2).box, found.box)
    assert (other.detect_batch([pixels, pixels], thresh=0.2, stretch=True)[1].box == found.box).all()


def test_a_grey_network_reads_the_first_channel(tmp_path: Path) -> None:
    text = net(1, 8, 8, "conv filters=8 size=3 pad=1 activation=linear", "yolo classes=3 num=1")
    detector = build(tmp_path, text)
    pixels = np.zeros((8, 8, 3), np.uint8)
    pixels[:, :, 0] = np.arange(64).reshape(8, 8)
    assert detector.prepare(pixels).shape == (1, 8, 8)
    assert detector.prepare(pixels)[0, 7, 7] == np.float32(63 / 255)


def test_names_must_fit(tmp_path: Path) -> None:
    cfg = write_cfg(tmp_path, TINY)
    write_synth(cfg, tmp_path / "w")
    (tmp_path / "two.names").write_text("one\ntwo\n")
    with pytest.raises(DarknetError, match=r"two\.names: has 2 names, but .*net\.cfg has 3 classes"):
        load(cfg, tmp_path / "w", names=tmp_path / "two.names")
    (tmp_path / "net.data").write_text("classes = 3\nnames = two.names\n")
    with pytest.raises(DarknetError, match=r"two\.names"):
        load(cfg, tmp_path / "w", data=tmp_path / "net.data")


def test_unknown_arithmetic(tmp_path: Path) -> None:
    cfg = write_cfg(tmp_path, TINY)
    write_synth(cfg, tmp_path / "w")
    with pytest.raises(DarknetError, match="choose from ieee, make"):
        load(cfg, tmp_path / "w", math="quick")


def test_a_map_is_of_one_tree(tmp_path: Path) -> None:
    head = "region classes=2 num=1 softmax=1 anchors=1,1 tree={}"
    conv = "conv filters=7 size=1 activation=linear"
    text = net(3, 8, 8, conv, head.format("a.tree"), "route layers=0", head.format("b.tree"))
    for name in ("a.tree", "b.tree"):
        (tmp_path / name).write_text("x -1\ny -1\n")
    (tmp_path / "one.map").write_text("1\n")
    write_synth(write_cfg(tmp_path, text), tmp_path / "w")
    with pytest.raises(DarknetError, match="a map is of the nodes of one tree"):
        load(tmp_path / "net.cfg", tmp_path / "w", map=tmp_path / "one.map", names=["z"])


def test_layers_that_are_not_there_cannot_be_kept(tmp_path: Path, x: NDArray[np.float32]) -> None:
    detector = build(tmp_path, TINY)
    wanted = [out.tobytes() for out in detector.predict(x[0])]
    with pytest.raises(DarknetError, match="layer 99: the network has layers 0 to 11"):
        detector.keep_outputs([3, 99])
    assert [out.tobytes() for out in detector.predict(x[0])] == wanted
    with pytest.raises(DarknetError, match="layer -13"):
        load(tmp_path / "net.cfg", tmp_path / "net.weights", keep=[-13])
    kept = load(tmp_path / "net.cfg", tmp_path / "net.weights", keep=[-1])
    kept.predict(x[0])
    assert kept.layer_output(11).tobytes() == wanted[1]


def test_the_first_layers_of_a_model_have_no_names(tmp_path: Path) -> None:
    build(tmp_path, TINY)
    part = load(tmp_path / "net.cfg", tmp_path / "net.weights", cutoff=3, names=[])
    assert part.names == [] and len(part.network.layers) == 3


@pytest.mark.parametrize("top", [0, -1, 1.5])
def test_how_many_classes_is_a_number_from_1_on(tmp_path: Path, top: int) -> None:
    classifier = build(tmp_path, net(3, 8, 8, "conv filters=4 size=1 activation=linear", "avgpool", "softmax"))
    with pytest.raises(DarknetError, match="must be a whole number from 1 on"):
        classifier.classify(np.zeros((8, 8, 3), np.uint8), top=top)


def test_many_python_threads_share_one_network_and_use_two(tmp_path: Path, x: NDArray[np.float32]) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    detectors = [build(tmp_path / name, TINY, seed=seed) for seed, name in enumerate("ab")]
    wanted = [[detector.predict(image)[1].tobytes() for image in x] for detector in detectors]
    wrong: list[str] = []

    def work(number: int) -> None:
        for turn in range(8):
            which, image = (number + turn) % 2, (number * 3 + turn) % 3
            if detectors[which].predict(x[image])[1].tobytes() != wanted[which][image]:
                wrong.append(f"thread {number}, turn {turn}")

    workers = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


def _predict_in_child(connection, detector: Detector, image: NDArray[np.float32]) -> None:  # type: ignore[no-untyped-def]
    connection.send(detector.predict(image)[1].tobytes())


@pytest.mark.parametrize("threads", [0, -1, 1.5, "2", True])
def test_threads_that_are_no_count_are_refused(threads: Any, detector: Detector) -> None:
    cfg = Path(detector.network.path)
    with pytest.raises(DarknetError, match=f"^threads={threads!r} must be"):
        load(cfg, cfg.with_suffix(".weights"), threads=threads)


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("who", ["nobody", "the forking thread", "another thread"])
def test_a_forked_child_goes_on(who: str, detector: Detector, x: NDArray[np.float32]) -> None:
    """Whoever had the detector when the process was forked."""
    wanted = detector.predict(x[0])[1].tobytes()
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    child = context.Process(target=_predict_in_child, args=(theirs, detector, x[0]))
    has, over = threading.Event(), threading.Event()

    def hold() -> None:
        with detector.lock if who == "another thread" else nullcontext():
            has.set()
            over.wait()

    holder = threading.Thread(target=hold)
    holder.start()
    has.wait()
    try:
        with detector.lock if who == "the forking thread" else nullcontext():
            child.start()
        assert ours.poll(60), "the child hangs"
        assert ours.recv() == wanted
    finally:
        over.set()
        child.kill()
        child.join()
        holder.join()
    assert detector.predict(x[0])[1].tobytes() == wanted
