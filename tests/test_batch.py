"""Several images at a time: each gets the same bits as alone, whichever layers they go through together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from darknet_py.kernels.conv.convolution import convolution
from darknet_py.loading import load
from darknet_py.plan import fusion, winograd
from darknet_py.plan.runner import BATCH, in_groups
from darknet_py.synth import write_synth
from tests.nets import build_runner, net, write_cfg

Floats = NDArray[np.float32]

NORMED = "convolutional batch_normalize=1 filters={} size=3 stride={} pad=1 activation=leaky"

BODY = [
    NORMED.format(16, 1), "maxpool size=2 stride=2", NORMED.format(36, 1), "maxpool size=2 stride=2",
    "convolutional filters=24 size=1 activation=leaky", NORMED.format(36, 1), "shortcut from=-3 activation=linear",
    NORMED.format(40, 2), "route layers=-1", "upsample stride=2", "route layers=-1,-4",
    "convolutional filters=20 size=3 pad=1 groups=4 activation=leaky", "reorg stride=2",
    "convolutional filters=24 size=1 activation=linear", "region classes=3 num=3 softmax=1 anchors=1,1,2,2,3,3",
]  # fmt: skip


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    cfg = write_cfg(tmp_path, net(3, 64, 56, *BODY))
    write_synth(cfg, tmp_path / "net.weights")
    return cfg, tmp_path / "net.weights"


@pytest.fixture
def x() -> Floats:
    return np.random.default_rng(4).random((7, 3, 64, 56), np.float32)


def test_groups() -> None:
    assert BATCH == 4
    sizes = {n: [len(group) for group in in_groups(range(n))] for n in (0, 1, 2, 3, 4, 7, 9)}
    assert sizes == {0: [], 1: [1], 2: [2], 3: [2, 1], 4: [4], 7: [4, 2, 1], 9: [4, 4, 1]}
    assert [item for group in in_groups(iter("abcdefg")) for item in group] == list("abcdefg")


@pytest.mark.parametrize("math", ["ieee", pytest.param("fast", marks=pytest.mark.slow)])
@pytest.mark.parametrize("large", [0, 40_000, 10**9], ids=["one by one", "some layers", "together"])
@pytest.mark.parametrize("shared", [50_000, *(pytest.param(size, marks=pytest.mark.slow) for size in (0, 2_000_000))])
def test_same_bits_as_alone(
    files: tuple[Path, Path], x: Floats, math: str, large: int, shared: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = load(*files, math=math, threads=2)
    wanted = np.stack([alone.predict(image)[0] for image in x])
    monkeypatch.setattr(fusion, "LARGE", large)
    monkeypatch.setattr(winograd, "SHARED", shared)
    found = load(*files, math=math, threads=2).predict(x)[0]
    assert found.tobytes() == wanted.tobytes()


def test_packed_weights_are_shared(tmp_path: Path, x: Floats) -> None:
    runner = build_runner(tmp_path, net(3, 64, 56, *BODY), threads=2)
    for group in in_groups(x):
        runner.run(group)
    plans = runner.plans
    assert sorted(plans) == [1, 2, 4]
    packed = [
        {step.layer: step.arguments["weights"] for step in plan.steps if step.kernel is convolution}
        for plan in plans.values()
    ]
    assert len(packed[0]) == 7
    for others in packed[1:]:
        assert all(np.shares_memory(packed[0][layer], others[layer]) for layer in packed[0])


def test_layers_of_the_last_image(files: tuple[Path, Path], x: Floats) -> None:
    detector, alone = load(*files), load(*files)
    detector.predict(x[:4])
    alone.predict(x[3])
    for number in (5, -1):
        assert detector.layer_output(number).tobytes() == alone.layer_output(number).tobytes()


@pytest.mark.slow
def test_photographs_together(files: tuple[Path, Path], repository: Path) -> None:
    photos = sorted((repository / "tests" / "data" / "photos").glob("*.jpg"))[:3]
    detector = load(*files)
    together = detector.detect_batch(photos, thresh=0.01)
    for photo, found in zip(photos, together, strict=True):
        alone = detector.detect(photo, thresh=0.01)
        assert len(alone) > 0 and alone.xyxy.tobytes() == found.xyxy.tobytes()
        assert alone.confidence.tobytes() == found.confidence.tobytes() and alone.names == found.names
