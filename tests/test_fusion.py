"""A pooling inside of a convolution's step: only where nobody sees the difference, and with the same bits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from darknet_py.network import read_network
from darknet_py.numeric.arithmetic import PROFILES
from darknet_py.parameters import load_parameters
from darknet_py.plan.build import Plan
from darknet_py.plan.fusion import pooled_convolutions
from darknet_py.plan.memory import lay_out
from darknet_py.synth import write_synth
from tests.nets import net, write_cfg

Floats = NDArray[np.float32]

CONV = "convolutional filters=12 size=3 pad=1 activation=leaky batch_normalize=1"
POOL = "maxpool size=2 stride=2"


def pairs(folder: Path, *sections: str, keep: tuple[int, ...] = ()) -> dict[int, int]:
    return pooled_convolutions(read_network(write_cfg(folder, net(3, 24, 20, *sections))), keep)


def test_which_convolutions_pool(tmp_path: Path) -> None:
    assert pairs(tmp_path, CONV, POOL, CONV, POOL) == {0: 1, 2: 3}
    assert pairs(tmp_path, POOL, CONV, POOL) == {1: 2}


def test_which_do_not(tmp_path: Path) -> None:
    assert pairs(tmp_path, CONV, POOL, CONV, POOL, keep=(0,)) == {2: 3}, "somebody asks for its output"
    assert pairs(tmp_path, CONV, POOL, "route layers=0", CONV) == {}, "two layers read its output"
    assert pairs(tmp_path, CONV, "maxpool size=2 stride=1") == {}
    assert pairs(tmp_path, CONV, "maxpool size=3 stride=2") == {}
    assert pairs(tmp_path, CONV, "maxpool size=2 stride=2 padding=2") == {}
    assert pairs(tmp_path, "convolutional filters=4 size=1 activation=linear", POOL) == {}


def last_output(folder: Path, text: str, keep: tuple[int, ...], x: Floats) -> Floats:
    network = write_synth(write_cfg(folder, text), folder / "net.weights")
    plan = Plan(network, load_parameters(network, folder / "net.weights"), PROFILES["ieee"], 2, keep=keep)
    assert len(plan.steps) == (5 if keep else 3)
    plan.input()[:] = x.reshape(-1)
    plan.run()
    return plan.output(4).copy()


def test_same_bits_and_less_memory(tmp_path: Path) -> None:
    text = net(3, 50, 46, CONV, POOL, CONV, POOL, CONV)  # the second pooling's sides are odd
    x = np.random.default_rng(2).random((3, 50, 46), np.float32)
    fused, layer_by_layer = (last_output(tmp_path, text, keep, x) for keep in ((), (0, 1, 2, 3)))
    assert np.array_equal(fused.view(np.uint32), layer_by_layer.view(np.uint32))
    network = read_network(write_cfg(tmp_path, text))
    assert lay_out(network, ()).size < lay_out(network, range(5)).size
