"""Where the code of YOLO9000 is not its paper, and an option that is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from darknet_py.network import read_network
from darknet_py.train import Trainer
from darknet_py.train.augment import CLASS_ONLY
from darknet_py.train.initial import initial_parameters
from darknet_py.train.random import GlibcRandom

CFG = """[net]
width=8
height=8
channels=3
[convolutional]
filters=18
size=3
pad=1
stride=4
activation=linear
[region]
anchors=1,1, 2,2
classes=4
num=2
softmax=1
tree=t.tree
object_scale=5
noobject_scale=2
thresh=.6
"""
CELLS, ENTRIES = 4, 9


@pytest.mark.parametrize("wanted", [0.0, 0.3, 0.9])
def test_objectness_of_an_image_of_a_class_only(wanted: float, tmp_path: Path) -> None:
    (tmp_path / "t.tree").write_text("thing -1\nplace -1\ncat 0\ndog 0\n")
    (tmp_path / "net.cfg").write_text(CFG)
    network = read_network(tmp_path / "net.cfg")
    trainer = Trainer(
        network, initial_parameters(network, GlibcRandom(5)), seen=20000, class_objectness=wanted, threads=1
    )
    y = np.zeros((1, 150), np.float32)
    y[0, :5] = CLASS_ONLY, CLASS_ONLY, CLASS_ONLY, CLASS_ONLY, 3
    trainer.forward(np.random.RandomState(1).uniform(0, 1, (1, 3, 8, 8)).astype(np.float32), y)
    out = trainer.plan.output(1).reshape(2, ENTRIES, CELLS)
    delta = trainer.plan.delta(1)
    assert delta is not None
    delta = delta.reshape(2, ENTRIES, CELLS)
    best = np.unravel_index((out[:, 4] * out[:, 5] * out[:, 8]).argmax(), (2, CELLS))
    objectness = out[:, 4].astype(np.float64)
    expected = np.zeros_like(objectness) if wanted else -2 * objectness
    expected[best] = 5 * max(wanted - objectness[best], 0) if wanted else 0
    assert np.allclose(delta[:, 4], expected, atol=1e-6)
    assert (expected[best] > 0) == (wanted == 0.9 or bool(wanted and objectness[best] < wanted))
    classes = delta[:, 5:].copy()
    assert classes[best[0], :, best[1]].all()
    classes[best[0], :, best[1]] = 0
    assert not classes.any() and not delta[:, :4].any()
