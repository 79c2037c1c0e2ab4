"""Inverted bottlenecks in one step: only where nobody sees the difference, and against their plain twins."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from darknet_py.dialect import ALEXEYAB, PJREDDIE
from darknet_py.kernels.vector.tile import AVX2, AVX512, NEON, SSE, ZEN4, Tile
from darknet_py.network import read_network
from darknet_py.numeric.arithmetic import PROFILES, get_arithmetic
from darknet_py.parameters import load_parameters
from darknet_py.plan import bottleneck
from darknet_py.plan.bottleneck import bottleneck_steps, fitting
from darknet_py.plan.bottleneck_pixels import in_pixels
from darknet_py.plan.build import Plan
from darknet_py.plan.chains import Chain, find_chains
from darknet_py.plan.context import LayerContext
from darknet_py.plan.conv_cut import Images
from darknet_py.plan.verify import verify
from darknet_py.synth import write_synth
from tests.nets import net, write_cfg
from tests.test_convolution import UNEVEN, Conv, Floats, assert_same_bits, each_tile, make_arrays, plain, run
from tests.test_fast import near

WIDEN = "convolutional filters=12 size=1 activation=leaky batch_normalize=1"
AROUND = "convolutional filters=12 groups=12 size=3 pad=1 activation=relu batch_normalize=1"
NARROW = "convolutional filters=5 size=1 activation=linear batch_normalize=1"
STEM = "convolutional filters=5 size=3 pad=1 activation=leaky batch_normalize=1"
ADD = "shortcut from=-5 activation=leaky"
DROP = "dropout probability=.2"
BLOCK = (WIDEN, AROUND, NARROW, DROP, ADD)


def found(folder: Path, *sections: str, keep: tuple[int, ...] = (), math: str = "fast", **options: Any) -> Any:
    network = read_network(write_cfg(folder, net(3, 13, 11, *sections)), **options)
    chains = find_chains(network, keep, get_arithmetic(math, network.dialect))
    return {head: (chain.members, chain.added) for head, chain in chains.items()}


def test_which_layers_are_a_bottleneck(tmp_path: Path) -> None:
    assert found(tmp_path, STEM, *BLOCK, *BLOCK) == {1: ((2, 3, 4, 5), 0), 6: ((7, 8, 9, 10), 5)}
    assert found(tmp_path, STEM, WIDEN, AROUND, NARROW, STEM) == {1: ((2, 3), None)}, "nothing is added"
    assert found(tmp_path, STEM.replace("5", "12"), AROUND, NARROW, STEM) == {1: ((2,), None)}, "nothing widens"
    assert found(tmp_path, STEM, WIDEN, DROP, AROUND, NARROW) == {1: ((2, 3, 4), None)}
    twice = found(tmp_path, STEM, STEM, *BLOCK[:4], "shortcut from=-5,-6", dialect="alexeyab")
    assert twice == {2: ((3, 4), None)}, "two maps are added"
    assert found(tmp_path, STEM, *BLOCK, dialect="alexeyab", math="ieee") == {1: ((2, 3, 4, 5), 0)}


def test_which_are_not(tmp_path: Path) -> None:
    def none(*sections: str, **options: Any) -> bool:
        return found(tmp_path, STEM, *sections, **options) == {}

    assert none(*BLOCK[:3], keep=(2,)), "somebody asks for what the depthwise convolution makes"
    assert none(*BLOCK[:3], "route layers=-2"), "two layers read it"
    assert none(*BLOCK[:3], math="ieee"), "batch normalisation stays a step of the arithmetic"
    assert none(WIDEN, AROUND.replace("relu", "mish"), NARROW, dialect="alexeyab")
    assert none(WIDEN, AROUND.replace("groups=12", "groups=6"), NARROW)
    assert none(WIDEN, AROUND + " stride_x=2 stride_y=1", NARROW, dialect="alexeyab")
    assert none(WIDEN, AROUND + " antialiasing=1 stride=2", NARROW, dialect="alexeyab")
    assert none(WIDEN, AROUND + " dilation=2", NARROW, dialect="alexeyab")
    large = AROUND.replace("size=3 pad=1", "size=14 stride=2 padding=1")
    assert none(WIDEN, large, NARROW), "a window that is larger than the padded map"
    assert found(tmp_path, STEM, WIDEN, large.replace("14", "13"), NARROW) != {}
    assert none(WIDEN, AROUND, NARROW.replace("size=1", "size=3"))
    assert none(WIDEN, AROUND, STEM)


def test_what_is_added_behind_it(tmp_path: Path) -> None:
    """The sum stays a step of its own where it is another sum, or comes from within."""
    alone = {1: ((2, 3), None)}
    assert found(tmp_path, STEM, *BLOCK[:4], "shortcut from=-5 alpha=2") == alone
    assert found(tmp_path, STEM, *BLOCK[:3], "shortcut from=-4 activation=tanh") == alone
    assert found(tmp_path, STEM.replace("5", "7"), *BLOCK[:3], "shortcut from=-4") == alone, "another shape"
    assert found(tmp_path, STEM, *BLOCK, keep=(3,)) == alone, "somebody asks for what comes before the sum"
    assert found(tmp_path, STEM, *BLOCK, "route layers=-2") == alone


class Layers:
    """A bottleneck of test layers, and what it should give."""

    def __init__(self, layers: tuple[Conv, ...], adds: bool, seed: int = 0) -> None:
        self.layers = tuple(replace(layer, batch_normalize=False) for layer in layers)
        rng = np.random.default_rng(seed)
        self.arrays = [make_arrays(layer, rng) for layer in self.layers]
        for layer, arrays in zip(self.layers, self.arrays, strict=True):
            arrays["weights"] /= np.float32(layer.size * np.sqrt(layer.c / layer.groups))
        first, *middle, last = (None, *self.layers) if len(layers) == 2 else self.layers
        self.chain: Any = Chain(first, middle[-1], last, 0 if adds else None, "leaky", ())  # type: ignore[arg-type]
        head, end = self.layers[0], self.layers[-1]
        self.x = rng.standard_normal((2, head.c, head.h, head.w)).astype(np.float32)
        self.added = rng.standard_normal((2, end.n, end.out_h, end.out_w)).astype(np.float32)

    def wanted(self) -> Floats:
        outputs = []
        for x, added in zip(self.x, self.added, strict=True):
            for layer, arrays in zip(self.layers, self.arrays, strict=True):
                x = plain(layer, arrays, x)
            if self.chain.added is not None:
                x = x + added
                x = np.where(x < 0, (np.float64(0.1) * x).astype(np.float32), x)
            outputs.append(x)
        return np.stack(outputs)

    def found(self, tile: Tile, threads: int, profile: Any) -> Floats:
        """Two images; what lies around the buffers must neither matter nor change."""
        pitch = max(self.x[0].size, self.added[0].size) + 64
        sources = []
        for values in (self.x, self.added):
            around = np.full(2 * pitch, np.nan, np.float32)
            around[:pitch][: values[0].size], around[pitch:][: values[1].size] = values[0].ravel(), values[1].ravel()
            sources.append(around[: pitch + values[0].size])
        target = np.full(2 * pitch + 64, 12345, np.float32)
        size = self.added[0].size
        context = LayerContext(
            sources, target[64 : 64 + pitch + size], {}, profile, threads, tile=tile,
            images=Images(2, pitch, pitch), chain=self.chain, chain_arrays=self.arrays,
        )  # fmt: skip
        for step in bottleneck_steps(self.chain, context):
            run(step, threads)
        outputs = np.stack([target[64 + i * pitch :][:size].reshape(self.added[0].shape) for i in (0, 1)])
        target[64 : 64 + size] = target[64 + pitch : 64 + pitch + size] = 12345
        assert np.all(target == 12345), "wrote outside of its output"
        return outputs


def three(c: int, h: int, w: int, e: int, n: int, size: int = 3, stride: int = 1, pad: int = 1) -> tuple[Conv, ...]:
    around = Conv(e, h, w, e, size, stride, pad, e)
    return Conv(c, h, w, e, 1), around, Conv(e, around.out_h, around.out_w, n, 1, activation="linear")


CASES = [
    Layers(three(16, 40, 40, 24, 16), adds=True),
    Layers(three(3, 23, 19, 40, 8), adds=False),
    Layers(three(4, 14, 17, 8, 4), adds=True),
    Layers(three(7, 9, 31, 136, 33, stride=2), adds=True),
    Layers(three(5, 10, 10, 33, 17, size=5, pad=2), adds=False),
    Layers(three(5, 8, 6, 16, 70, size=2, pad=0), adds=True),
    Layers(three(6, 5, 5, 20, 9, size=5, stride=2, pad=3), adds=False),
    Layers(three(0, 20, 21, 37, 24, size=5, pad=2)[1:], adds=False),
    Layers(three(0, 33, 18, 16, 8, stride=2)[1:], adds=True),
    Layers((Conv(2, 1, 1, 2, 3, 1, 1, 2, activation="relu"), Conv(2, 1, 1, 1, 1, activation="relu")), adds=True),
]


CASES += [
    Layers(three(8, 20, 48, 8, 8), adds=False),  # few channels, of which pixels are in the lanes with long vectors
    Layers(three(4, 13, 71, 9, 4), adds=True),
    Layers(three(1, 1, 49, 3, 1), adds=True),
    Layers(three(5, 2, 50, 16, 11), adds=False),
    Layers(three(9, 3, 63, 15, 5), adds=True),
]


def test_which_have_pixels_in_the_lanes() -> None:
    def chosen(layers: tuple[Conv, ...], tile: Tile) -> bool:
        shape = bottleneck.bottleneck_shape(
            Layers(layers, adds=False).chain, LayerContext([], np.zeros(0, np.float32), {}, PROFILES["fast"], 1)
        )
        return in_pixels(shape, tile)

    fast = replace(ZEN4, contract=True)
    assert chosen(three(8, 20, 48, 16, 8), fast)
    assert not chosen(three(8, 20, 48, 16, 8), ZEN4), "the bits count"
    assert not chosen(three(8, 20, 48, 16, 8), replace(AVX2, contract=True))
    for layers in (three(8, 20, 47, 16, 8), three(8, 20, 48, 17, 8), three(8, 20, 48, 16, 8, stride=2),
                   three(8, 20, 48, 16, 8, size=5, pad=2), three(8, 20, 48, 16, 8, pad=0),
                   three(0, 20, 48, 16, 8)[1:]):  # fmt: skip
        assert not chosen(layers, fast)


@pytest.mark.parametrize("tile", each_tile([AVX512, ZEN4, AVX2, SSE, NEON, UNEVEN]), ids=str)
@pytest.mark.parametrize("layers", CASES, ids=lambda layers: str(layers.layers[-2]))
def test_each_shape(layers: Layers, tile: Tile, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = layers.wanted()
    ieee, fast = get_arithmetic("ieee", ALEXEYAB), get_arithmetic("fast", PJREDDIE)
    assert_same_bits(layers.found(tile, 1, ieee), wanted)
    nearly = layers.found(tile, 1, fast)
    near(nearly, wanted)
    for threads, room in ((2, 130_000), (3, 1)):
        monkeypatch.setattr(bottleneck, "ROOM", room)  # as many rows for a task as there are, and row by row
        assert_same_bits(layers.found(tile, threads, ieee), wanted)
        assert_same_bits(layers.found(tile, threads, fast), nearly)


def test_special_values() -> None:
    """Infinities, nans and denormals go through as layer by layer."""
    layers = Layers(three(4, 14, 17, 8, 4), adds=True)
    layers.x[0, 0, 3, 4], layers.x[0, 1, 8, 2], layers.x[1, 2] = np.inf, np.nan, 1e-40
    layers.added[1, 1, 0, 0] = -np.inf
    assert_same_bits(layers.found(each_tile([])[0], 2, get_arithmetic("ieee", ALEXEYAB)), layers.wanted())


def test_vectors_that_fit_few_channels() -> None:
    assert [fitting(ZEN4, channels).lanes for channels in (4, 8, 9, 16, 24, 40, 48, 120, 136)] == [
        8, 8, 16, 16, 8, 16, 16, 16, 16,
    ]  # fmt: skip
    assert all(fitting(tile, 8) == tile for tile in (AVX512, AVX2, SSE, NEON)), "there, short ones take as long"


@pytest.mark.parametrize("images", [1, 2])
def test_in_a_network(tmp_path: Path, images: int) -> None:
    """The same bits as layer by layer, less memory, and a plan without faults."""
    sections = (STEM, *BLOCK, *BLOCK[:3], "route layers=-1,5", WIDEN.replace("12", "6"))
    network = write_synth(write_cfg(tmp_path, net(3, 21, 30, *sections), "a.cfg"), tmp_path / "a.weights")
    network = read_network(tmp_path / "a.cfg", dialect="alexeyab")
    arrays, ieee = load_parameters(network, tmp_path / "a.weights"), get_arithmetic("ieee", network.dialect)
    x = np.random.default_rng(2).random((images, network.input.size), np.float32)
    outputs, all_kept = [], 0
    for threads, keep in ((1, range(len(network.layers))), (1, ()), (2, ())):
        plan = Plan(network, arrays, ieee, threads, keep=keep, images=images)
        assert verify(plan) == []
        for i in range(images):
            plan.input(i)[:] = x[i]
        plan.run()
        outputs.append(np.stack([plan.output(len(network.layers) - 1, i).copy() for i in range(images)]))
        if not keep:
            assert [step.name for step in plan.steps].count("bottleneck") == 2
            assert plan.arena_bytes < all_kept
            assert plan.layout.head_of(3) == 1 and plan.layout.head_of(1) is None
        else:
            all_kept = plan.arena_bytes
    assert_same_bits(outputs[1], outputs[0])
    assert_same_bits(outputs[2], outputs[0])


def test_other_weights_than_the_layers(tmp_path: Path) -> None:
    layers = Layers(three(4, 6, 6, 8, 4), adds=False)
    layers.arrays[1]["weights"] = layers.arrays[1]["weights"][:-1]
    with pytest.raises(ValueError, match="weights are not those of"):
        layers.found(AVX2, 1, PROFILES["fast"])
