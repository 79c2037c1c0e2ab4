"""Averaging over the frames of a video, as Darknet's demo does it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from darknet_py.detect.decode import decode
from darknet_py.detect.detections import Detections
from darknet_py.detect.nms import nms_obj
from darknet_py.detector import Detector
from darknet_py.errors import DarknetError
from darknet_py.image.load import load_image
from darknet_py.loading import load
from darknet_py.synth import write_synth
from darknet_py.video.average import Averager, demo_view

from .nets import build, net, write_cfg
from .videos import GOLDEN, NET, PHOTO, rows


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Detector:
    return build(tmp_path_factory.mktemp("net"), NET)


@pytest.fixture(scope="module")
def crops() -> list[np.ndarray]:
    photo = load_image(PHOTO)
    return [photo[10 * k : 10 * k + 90, 25 * k : 25 * k + 140] for k in range(7)]


def test_darknets_own_demo(detector: Detector, crops: list[np.ndarray]) -> None:
    averager = Averager(detector)
    view = demo_view(detector, GOLDEN["thresh"])
    assert sum(map(len, GOLDEN["frames"])) > 100
    for pixels, expected in zip(crops, GOLDEN["frames"], strict=True):
        found = averager.detect(detector.prepare(pixels), (140, 90), view)
        same = [" ".join([row.split()[0], *(float.fromhex(v).hex() for v in row.split()[1:])]) for row in expected]
        assert rows(found) == same


def naive_mean(ring: list[np.ndarray]) -> np.ndarray:
    """0 + p0/3 + p1/3 + p2/3 in float32, value by value, in the ring's order."""
    share = np.float32(1.0 / len(ring))
    mean = np.zeros(ring[0].size, np.float32)
    for i in range(mean.size):
        total = np.float32(0)
        for kept in ring:
            total = np.float32(total + np.float32(share * kept[i]))
        mean[i] = total
    return mean


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_averaging_against_its_naive_twin(detector: Detector, crops: list[np.ndarray], count: int) -> None:
    averager = Averager(detector, count)
    heads = detector.network.heads
    rings = [[np.zeros(head.out.size, np.float32) for _ in range(count)] for head in heads]
    order_matters = False
    for number, pixels in enumerate(crops):
        x = detector.prepare(pixels)
        for ring, output in zip(rings, detector.predict(x), strict=True):
            ring[number % count] = output.reshape(-1)
        means = [naive_mean(ring) for ring in rings]
        candidates = decode(
            detector.network, {head.index: mean for head, mean in zip(heads, means, strict=True)}, 140, 90, 0.3
        )
        expected = Detections.from_boxes(nms_obj(candidates, 0.4), 0.3, (), (140, 90))
        found = averager.detect(x, (140, 90), demo_view(detector, 0.3))
        assert rows(found) == rows(expected)
        turned = [ring[number % count :] + ring[: number % count] for ring in rings]
        order_matters |= any((naive_mean(a) != m).any() for a, m in zip(turned, means, strict=True))
    assert order_matters == (count > 2), "the test says nothing about the order of the additions"


def test_probabilities_rise_over_the_first_frames(detector: Detector, crops: list[np.ndarray]) -> None:
    averager = Averager(detector)
    x = detector.prepare(crops[0])
    counts = [len(averager.detect(x, (140, 90), demo_view(detector, 0.3))) for _ in range(4)]
    assert counts[0] == 0 < counts[2] == counts[3]
    assert len(Averager(detector, 1).detect(x, (140, 90), demo_view(detector, 0.3))) > 0


@pytest.mark.parametrize("wrong", [{"thresh": 1.5}, {"hier_thresh": -0.1}, {"nms": float("nan")}])
def test_a_demos_thresholds_are_refused_as_others_are(detector: Detector, wrong: dict[str, float]) -> None:
    with pytest.raises(DarknetError, match=f"{next(iter(wrong))}=.* must be a number from 0 to 1"):
        demo_view(detector, **wrong)


def test_a_map_counts_in_videos_as_in_images(tmp_path: Path) -> None:
    (tmp_path / "pets.tree").write_text("animal -1\ndog 0\ncat 0\n", encoding="utf-8")
    (tmp_path / "pets.map").write_text("2\n1\n", encoding="utf-8")
    head = "region num=1 classes=3 softmax=1 anchors=1,1 tree=pets.tree"
    cfg = write_cfg(tmp_path, net(3, 32, 64, "conv filters=8 size=3 pad=1 stride=32 activation=linear", head))
    write_synth(cfg, tmp_path / "w")
    detector = load(cfg, tmp_path / "w", map=tmp_path / "pets.map", names=["cat", "dog"])
    pixels = np.random.RandomState(3).randint(0, 256, (40, 70, 3), np.uint8)
    view = demo_view(detector, thresh=0.0, nms=0)
    found = Averager(detector, 1).detect(detector.prepare(pixels, view), (70, 40), view)
    assert rows(found) == rows(detector.detect(pixels, thresh=0.0, nms=0)) and len(found) > 0
    assert found.classes == 2 and set(found.names) == {"cat", "dog"}


def test_a_stretched_video_gives_the_boxes_of_stretched_images(detector: Detector, crops: list[np.ndarray]) -> None:
    view = demo_view(detector, thresh=0.3, nms=0, stretch=True)
    found = Averager(detector, 1).detect(detector.prepare(crops[0], view), (140, 90), view)
    assert rows(found) == rows(detector.detect(crops[0], thresh=0.3, nms=0, stretch=True)) and len(found) > 0


def test_what_cannot_be_averaged(tmp_path: Path, detector: Detector) -> None:
    classifier = build(tmp_path, net(3, 16, 16, "conv filters=7 activation=linear", "avgpool", "softmax"))
    with pytest.raises(DarknetError, match="gives no boxes"):
        Averager(classifier)
    with pytest.raises(DarknetError, match="avg=0"):
        Averager(detector, 0)
