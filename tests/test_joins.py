"""Routes whose sources write into the route's own buffer: which ones, the same bits, and what `verify` finds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from darknet_py.network import Network, read_network
from darknet_py.numeric.arithmetic import PROFILES
from darknet_py.parameters import load_parameters
from darknet_py.plan import memory
from darknet_py.plan.build import Plan
from darknet_py.plan.joins import find_joins
from darknet_py.plan.memory import lay_out
from darknet_py.plan.verify import verify
from darknet_py.synth import write_synth
from tests.nets import net, write_cfg

CONV = "convolutional filters=6 size=3 pad=1 activation=leaky"
POOL = "maxpool size=2 stride=2"


def joins(folder: Path, *sections: str, keep: tuple[int, ...] = ()) -> dict[int, tuple[int, int]]:
    network = read_network(write_cfg(folder, net(3, 12, 10, *sections)))
    layout = lay_out(network, keep)
    assert layout.joins == find_joins(network.layers, layout.owners)
    return layout.joins


def test_each_source_lies_in_the_first_route_that_has_it_whole(tmp_path: Path) -> None:
    assert joins(tmp_path, CONV, CONV, "route layers=0,1") == {0: (2, 0), 1: (2, 1)}
    assert joins(tmp_path, CONV, CONV, "route layers=0,1", CONV, "route layers=3,1") == {
        0: (2, 0),
        1: (2, 1),
        3: (4, 0),
    }
    assert joins(tmp_path, CONV, CONV, "route layers=1,1") == {1: (2, 0)}, "the second time it is copied"
    assert joins(tmp_path, CONV, "route layers=0", CONV, "route layers=2,1") == {2: (3, 0), 0: (3, 1)}, "a view"
    assert joins(tmp_path, CONV, CONV, "route layers=0,1", CONV, "route layers=3,2") == {
        0: (2, 0), 1: (2, 1), 3: (4, 0), 2: (4, 1)
    }  # fmt: skip
    assert joins(tmp_path, CONV, POOL, CONV, "route layers=1,2") == {0: (3, 0), 2: (3, 1)}, "pooled in the same step"


def test_parts_are_copied(tmp_path: Path) -> None:
    assert joins(tmp_path, CONV, "route layers=0 groups=2 group_id=1", CONV, "route layers=1,2") == {2: (3, 1)}
    assert joins(tmp_path, CONV, CONV, "route layers=0,1 groups=2 group_id=1") == {}
    assert joins(tmp_path, "dropout", CONV, "route layers=0,1") == {1: (2, 1)}, "the network's input has its own place"


NETS = {
    "two": (CONV, CONV, "route layers=0,1", CONV),
    "copied": (CONV, CONV, "route layers=1,0,1", CONV, "route layers=3,1", CONV),
    "nested": (CONV, CONV, "route layers=0,1", CONV, "route layers=3,2,0", CONV),
    "groups": (CONV, CONV, "route layers=0,1", "route layers=2 groups=2 group_id=1", CONV, "route layers=4,3", CONV),
    "half": (CONV, CONV, "route layers=0,1", "route layers=2 groups=4 group_id=1", CONV),
    "groups of several": (
        CONV, CONV, "route layers=0,1", CONV, "route layers=2,3 groups=2", "route layers=2 groups=2", CONV
    ),
    "shortcut": (CONV, CONV, "shortcut from=0 activation=linear", "route layers=1,2,0", CONV, "shortcut from=-3"),
    "pooled": (CONV, POOL, CONV, "route layers=2,1", CONV),
    "wider": (
        CONV, CONV, "route layers=0,1", CONV.replace("leaky", "swish"), "shortcut from=-2 activation=linear", CONV
    ),
    "late": (CONV, CONV, CONV, CONV, "route layers=0,3", CONV),
}  # fmt: skip


def outputs(network: Network, weights: Path, images: int, keep: tuple[int, ...]) -> list[NDArray[np.float32]]:
    plan = Plan(network, load_parameters(network, weights), PROFILES["ieee"], 2, keep=keep, images=images)
    assert verify(plan) == []
    for image in range(images):
        plan.input(image)[:] = np.random.default_rng(image).random(network.input.size, np.float32)
    plan.run()
    return [plan.output(number, image).copy() for image in range(images) for number in sorted(plan.kept)]


@pytest.mark.parametrize("name", NETS)
def test_the_same_bits_as_copies(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = write_synth(write_cfg(tmp_path, net(3, 12, 10, *NETS[name])), tmp_path / "net.weights")
    every = tuple(range(len(network.layers)))
    cases = [(1, ()), (1, every), (3, ()), (2, (1,))]
    found = [outputs(network, tmp_path / "net.weights", *case) for case in cases]
    monkeypatch.setattr(memory, "find_joins", lambda layers, owner, formats: {})
    for case, ours in zip(cases, found, strict=True):
        wanted = outputs(network, tmp_path / "net.weights", *case)
        assert all(a.tobytes() == b.tobytes() for a, b in zip(ours, wanted, strict=True)), case


def test_a_source_that_is_not_written_is_found(tmp_path: Path) -> None:
    network = write_synth(write_cfg(tmp_path, net(3, 12, 10, *NETS["two"])), tmp_path / "net.weights")
    plan = Plan(network, load_parameters(network, tmp_path / "net.weights"), PROFILES["ieee"], 1)
    assert [step.layer for step in plan.steps] == [0, 1, 3], "the route has nothing to do"
    plan.steps[1].arguments["out"] = np.zeros_like(plan.steps[1].arguments["out"])
    assert any("layer 3" in problem and "read before it is written" in problem for problem in verify(plan))
