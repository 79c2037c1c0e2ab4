"""Inverted bottlenecks of 8-bit integers in one step: the bits of their plain twin, layer by layer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from darknet_py.kernels.int8.bottleneck import bottleneck_int8
from darknet_py.kernels.vector.tile import Tile
from darknet_py.numeric.quantization import Scale
from darknet_py.plan import bottleneck
from darknet_py.plan.build import Plan
from tests import test_int8
from tests.nets import net
from tests.test_int8 import Built, check, conv, depthwise, each_tile

pytestmark = test_int8.pytestmark

END = conv(4, 1)
"""Reads integers, so that what comes before it writes such."""


def three(e: int, n: int, size: int = 3, stride: int = 1, around: str = "leaky", more: str = "pad=1") -> list[str]:
    return [conv(e, 1), depthwise(e, size, stride, around, more), conv(n, 1, activation="linear")]


NETS = {
    "two with sums": net(
        3, 37, 42, conv(8), *three(24, 8), "dropout probability=.1", "shortcut from=-5 activation=linear",
        *three(13, 8, around="relu"), "shortcut from=-4 activation=leaky", END,
    ),
    "stride": net(3, 41, 33, conv(6, 3, 2), *three(22, 9, stride=2), *three(20, 9, 5), "shortcut from=-4", END),
    "nothing widens": net(
        3, 20, 70, conv(10), depthwise(10), conv(6, 1, activation="relu"), depthwise(6, 4, 2, more="padding=1"),
        conv(21, 1), END,
    ),
    "small": net(
        5, 3, 4, conv(70, activation="relu"), *three(9, 70, 2, more="padding=0"), conv(33, 1), depthwise(33, 3, 2),
        conv(70, 1), "maxpool size=2 stride=1", *three(8, 70), "shortcut from=-4 activation=relu", END,
    ),
}  # fmt: skip
CHAINS = {"two with sums": [1, 6], "stride": [1, 4], "nothing widens": [1, 3], "small": [1, 4, 8]}


@pytest.fixture(scope="module", params=NETS)
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Built:
    return Built(tmp_path_factory.mktemp(request.param), NETS[request.param])


def chained(plan: Plan) -> list[int]:
    return sorted({step.layer for step in plan.steps if step.kernel is bottleneck_int8})


def ends(plan: Plan) -> list[int]:
    """The layers whose output a bottleneck's step writes."""
    return [chain.members[-1] for chain in plan.layout.chains.values()]


def same(found: Plan, expected: Plan, numbers: list[int]) -> bool:
    """Words of outputs, those of channels that are not there included."""
    pairs = [(found.stored(number).view(np.int32), expected.stored(number).view(np.int32)) for number in numbers]
    return all(np.array_equal(*pair) for pair in pairs)


def test_it_has_the_bits_of_its_layers(built: Built, request: pytest.FixtureRequest) -> None:
    """However the work is cut, and of several images together."""
    kept, found = built.plan(keep=built.numbers), built.plan()
    assert chained(kept) == []
    check(built, kept)
    assert chained(found) == CHAINS[request.node.callspec.params["built"]]
    assert found.arena_bytes < kept.arena_bytes
    for threads, room in ((1, 130_000), (2, 130_000), (3, 1)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(bottleneck, "ROOM", room)  # as many rows for a task as there are, and row by row
            several = built.plan(threads, keep=ends(found), images=2)
        assert chained(several) == chained(found)
        assert same(several, kept, ends(found))


@pytest.mark.parametrize("tile", each_tile())
def test_other_vectors_give_the_same_bits(built: Built, tile: Tile, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = built.plan(keep=built.numbers)
    monkeypatch.setattr("darknet_py.plan.context.host_tile", lambda: replace(tile, fused=False))
    monkeypatch.setattr("darknet_py.plan.ops.copies.host_tile", lambda: replace(tile, fused=False))
    found = built.plan(keep=ends(built.plan()))
    assert same(found, expected, ends(found))


def check_with_what_is_there(folder: Path) -> None:
    """All networks, in a process whose products and bytes are made otherwise (`test_int8_processors.check_plain`)."""
    for name, text in NETS.items():
        (folder / name).mkdir()
        built = Built(folder / name, text)
        kept, found = built.plan(keep=built.numbers), built.plan(keep=ends(built.plan()))
        check(built, kept)
        assert chained(found) == CHAINS[name] and same(found, kept, ends(found))


@pytest.mark.parametrize("layer", [1, 2, 3])
def test_numbers_far_beyond_the_scale(layer: int, tmp_path: Path) -> None:
    """Also such as int32 does not have are the largest or the smallest number, as in the twin."""
    built = Built(tmp_path, net(3, 9, 9, conv(8), *three(24, 8, around="relu"), "shortcut from=-4", END))
    scale = Scale(2.0**-40, 100)
    built.quantization = replace(built.quantization, outputs={**built.quantization.outputs, layer: scale})
    steps = [sign * 10.0**power for power in (1, 2, 7, 7.2, 7.3, 7.5, 8, 9, 9.4, 10, 18, 30) for sign in (1, -1)]
    biases = np.array(built.parameters.arrays[layer]["biases"])
    for first in range(0, len(steps), biases.size):
        some = np.array(steps[first : first + biases.size])
        biases[: some.size] = some * scale.step
        built.parameters.arrays[layer]["biases"] = biases
        kept = built.plan(keep=built.numbers)
        check(built, kept)
        found = built.plan(keep=[4])
        assert chained(found) == [1]
        assert same(found, kept, [4])


def test_all_of_it_has_to_be_integers(tmp_path: Path) -> None:
    """Where something else is between, or behind, its layers are steps of their own."""

    def found(*sections: str, floats: tuple[int, ...] = (), keep: tuple[int, ...] = ()) -> list[int]:
        built = Built(tmp_path, net(3, 12, 14, conv(8), *sections))
        built.quantization = replace(built.quantization, floats=frozenset(floats))
        return chained(built.plan(keep=keep))

    assert found(*three(12, 8), END) == [1]
    assert found(*three(12, 8)) == [], "the last one writes float32"
    assert found(*three(12, 8), END, floats=(2,)) == []
    assert found(*three(12, 8), END, keep=(2,)) == []
    assert found(*three(12, 8, around="mish"), END) == []
