"""Networks in 8-bit integers against their plain twin, bit for bit: any vector length, thread count and shape."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from darknet_py.detector import Detector
from darknet_py.dialect import DIALECTS
from darknet_py.errors import DarknetError, DarknetWarning
from darknet_py.kernels.vector.tile import AVX2, AVX512, NEON, SSE, Tile, host_tile
from darknet_py.layers.weighted import acts_alone
from darknet_py.network import Network
from darknet_py.numeric.arithmetic import get_arithmetic
from darknet_py.numeric.quantization import Quantization, Scale, groups, scaled
from darknet_py.parameters import Parameters, load_parameters
from darknet_py.plan.build import Plan
from darknet_py.plan.formats import UNBOUNDED
from darknet_py.plan.verify import verify
from darknet_py.synth import write_synth
from tests import naive_int8
from tests.nets import net, write_cfg

WHY_NOT = get_arithmetic("int8").why_not_here()
pytestmark = pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))

TILES = [AVX512, AVX2, SSE, NEON]


def conv(filters: int, size: int = 3, stride: int = 1, activation: str = "leaky", more: str = "pad=1") -> str:
    normal = "batch_normalize=1" if activation != "linear" else ""
    return f"conv filters={filters} size={size} stride={stride} activation={activation} {normal} {more}".strip()


def depthwise(channels: int, size: int = 3, stride: int = 1, activation: str = "leaky", more: str = "pad=1") -> str:
    return f"{conv(channels, size, stride, activation, more)} groups={channels}"


NETS = {
    "sizes": net(
        3, 26, 38, conv(12), "maxpool size=2 stride=2", conv(40, stride=2), conv(33, 1), conv(20, 5, more="padding=1"),
        conv(7, 3, 3), conv(16, 1, activation="relu"), conv(6, 1, activation="linear"),
    ),
    "moves": net(
        5, 24, 24, conv(8), "maxpool size=2 stride=1", conv(8), "shortcut from=-2 activation=leaky",
        "route layers=-1,0", conv(6, stride=2), "maxpool size=3 stride=1", "upsample stride=2", "route layers=-1,1",
        conv(8, 1), "reorg stride=2", conv(10, 1), "maxpool size=2 stride=2", "maxpool size=2 stride=2",
        conv(9, 1, activation="linear"),
    ),
    "wide": net(64, 9, 13, conv(64, 1), conv(70, 3), conv(300, 1), conv(64, 3, 2), conv(65, 1)),
    "alexeyab": net(
        3, 20, 20, conv(8, 3, 2, "mish"), "route layers=-1 groups=2 group_id=1", conv(8, activation="swish"),
        "shortcut from=-3 activation=linear", conv(36, activation="relu6"), conv(5, 1, activation="logistic"),
    ),
    "odd": net(
        3, 16, 16, conv(6), conv(5, 1), "route layers=-1,-2", conv(8, 1), "route layers=0 groups=2 group_id=1",
        conv(10), "route layers=-1,0 groups=2 group_id=1", conv(4, 1),
    ),
    "shared words": net(
        3, 12, 12, conv(8), conv(5, 1), conv(6, 1), "route layers=0,1,2", conv(8, 1), "route layers=0,4", conv(6),
    ),
    "floats": net(
        3, 16, 16, conv(8), "conv filters=6 size=3 pad=1 groups=2 activation=leaky", conv(12), "avgpool",
        "route layers=0,1", conv(8), "dropout", conv(4, 1),
    ),
    "depthwise": net(
        3, 21, 37, conv(10), depthwise(10), conv(13, 1, activation="linear"), depthwise(13, 3, 2, "relu"),
        depthwise(13, 5, 1, "leaky"), depthwise(13, 2, 1, "relu"), depthwise(13, 4, 3, "linear", "padding=3"),
        conv(16, 1), depthwise(16, 7, 1, "mish"), "maxpool size=2 stride=2", depthwise(16, 9, 2, "logistic"),
        conv(8, 1), "conv filters=4 size=1 activation=linear",
    ),
    "fastest": net(
        3, 40, 56, conv(8, stride=2), conv(8, 1), depthwise(8), conv(4, 1, activation="linear"), conv(8, 1),
        depthwise(8), conv(4, 1, activation="linear"), "dropout probability=.1", "shortcut from=-5 activation=linear",
        conv(24, 1), depthwise(24, 3, 2), conv(8, 1, activation="linear"), conv(8, 1), depthwise(8, 5),
        conv(8, 1, activation="relu6"), "shortcut from=-4,-3 activation=leaky",
        "shortcut from=-2,-4,-5 activation=mish",
        "maxpool size=3 stride=1", "route layers=-1,-2", conv(12, 1), "upsample stride=2", "route layers=-1,0",
        conv(6, 1, activation="linear"),
    ),
    "grouped": net(
        3, 13, 19, conv(24), "conv filters=16 size=3 pad=1 groups=2 activation=leaky batch_normalize=1",
        "maxpool size=2 stride=2", "conv filters=40 size=1 groups=4 activation=relu",
        "conv filters=24 size=5 pad=1 stride=2 groups=2 activation=mish batch_normalize=1",
        "conv filters=48 size=3 pad=1 groups=6 activation=leaky", conv(4, 1),
    ),
    "depthwise to floats": net(3, 14, 17, conv(6), depthwise(6, activation="logistic"), "avgpool"),
    "groups to floats": net(3, 14, 17, conv(16), "conv filters=16 size=3 pad=1 groups=4 activation=leaky", "avgpool"),
    "unbounded": net(
        3, 16, 16, conv(8, activation="elu"), "maxpool size=2 stride=2", conv(8, activation="tanh"),
        "shortcut from=-2 activation=elu", conv(12, 1), "route layers=-1,-3", conv(8, 1, activation="selu"), conv(4, 1),
    ),
    "handed on": net(
        3, 16, 16, "dropout", conv(8, activation="elu"), "dropout", conv(8), "dropout", conv(8, activation="tanh"),
        "route layers=-1", conv(8, 1, activation="selu"), "route layers=-1 groups=2 group_id=1", conv(8), "empty",
        conv(4, 1),
    ),
}  # fmt: skip


class Built:
    """A network with stand-in weights, an input, and scales from what float32 gives."""

    def __init__(self, folder: Path, text: str, seed: int = 1) -> None:
        self.network: Network = write_synth(write_cfg(folder, text), folder / "net.weights", seed)
        self.parameters: Parameters = load_parameters(self.network, folder / "net.weights")
        shape = self.network.input
        self.x = np.random.default_rng(seed).random((shape.c, shape.h, shape.w), np.float32)
        self.numbers = range(len(self.network.layers))
        self.detector = Detector(self.network, self.parameters, math="fast", keep=self.numbers, threads=1)
        self.detector.predict(self.x)
        ranges = {number: self._range(number) for number in self.numbers} | {-1: (0.0, 1.0)}
        for group in groups(self.network):
            united = min(ranges[n][0] for n in group), max(ranges[n][1] for n in group)
            ranges |= dict.fromkeys(group, united)
        self.quantization = Quantization({n: Scale.of_range(*ranges[n]) for n in scaled(self.network)})

    def _range(self, number: int) -> tuple[float, float]:
        """Smaller than it is, so that some values are clipped."""
        output = self.detector.layer_output(number)
        return float(output.min()) * 0.9, float(output.max()) * 0.9

    def plan(self, threads: int = 1, keep: Any = (), images: int = 1) -> Plan:
        profile = get_arithmetic("int8", self.network.dialect).quantized(self.quantization)
        plan = Plan(self.network, self.parameters, profile, threads, keep=keep, images=images)
        assert verify(plan) == []
        for image in range(images):
            plan.input(image)[:] = self.x.reshape(-1)[:: 1 if image == 0 else -1]
        plan.run()
        return plan

    def twin(self, plan: Plan) -> dict[int, Any]:
        """What the plain formulas give, from the plan's own float32 layers."""
        floats = {n: plan.output(n).reshape(_shape(self.network, n)) for n in self.numbers} | {-1: self.x}
        arrays = self.parameters.arrays
        return naive_int8.run(self.network, arrays, self.quantization, plan.profile, plan.formats, floats)


def _shape(network: Network, number: int) -> tuple[int, int, int]:
    out = network.layers[number].out
    return out.c, out.h, out.w


@pytest.fixture(scope="module", params=NETS)
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Built:
    return Built(tmp_path_factory.mktemp(request.param), NETS[request.param])


def check(built: Built, plan: Plan) -> None:
    """All outputs of layers that compute in integers are the twin's, whether they are integers or float32."""
    twin = built.twin(plan)
    assert plan.formats.stored
    for number in plan.formats.stored | plan.formats.computed:
        assert np.array_equal(plan.output(number), twin[number].reshape(-1)), number


def test_every_layer_has_the_bits_of_its_twin(built: Built) -> None:
    check(built, built.plan(keep=built.numbers))


def test_what_is_fused_joined_and_reused_gives_the_same_bits(built: Built) -> None:
    kept, plan = built.plan(keep=built.numbers), built.plan(threads=3)
    last = built.network.output_layer.index
    assert np.array_equal(kept.output(last), plan.output(last))
    several = built.plan(threads=2, images=2)
    assert np.array_equal(several.output(last, 0), kept.output(last))


def each_tile() -> list[Any]:
    own = (host_tile().lanes, host_tile().rows)
    shapes = [tile for tile in TILES if (tile.lanes, tile.rows) != own and tile.lanes <= host_tile().lanes]
    return [pytest.param(tile, marks=pytest.mark.slow, id=str(tile)) for tile in shapes]


@pytest.mark.parametrize("tile", each_tile())
def test_other_vectors_give_the_same_bits(built: Built, tile: Tile, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = built.plan(keep=built.numbers)
    for module in ("context", "ops.copies"):
        monkeypatch.setattr(f"darknet_py.plan.{module}.host_tile", lambda: replace(tile, fused=False))
    plan = built.plan(keep=built.numbers)
    for number in plan.formats.stored:
        assert np.array_equal(plan.output(number), expected.output(number)), number
    check(built, plan)


def test_a_head_is_float32_and_near_what_float32_gives(tmp_path: Path) -> None:
    text = net(3, 32, 32, conv(16), conv(32, stride=2), conv(18, 1, activation="linear"),
               "yolo classes=1 num=3 mask=0,1,2 anchors=9,9,20,30,50,50")  # fmt: skip
    built = Built(tmp_path, text)
    plan = built.plan(keep=[2])
    assert plan.formats.stored == {0, 1}
    assert plan.formats.computed == {0, 1, 2}
    twin = naive_int8.convolution(
        built.network.layers[2],  # type: ignore[arg-type]
        naive_int8.quantize(built.plan(keep=[1]).output(1).reshape(32, 16, 16), built.quantization.outputs[1]),
        built.parameters.arrays[2], built.quantization.outputs[1], None, plan.profile,
    )  # fmt: skip
    assert np.array_equal(plan.output(2), twin.reshape(-1))
    exact = built.detector.layer_output(2).reshape(-1)
    assert np.linalg.norm(plan.output(2) - exact) < 0.05 * np.linalg.norm(exact)


def test_layers_are_kept_in_float32_on_demand(tmp_path: Path) -> None:
    built = Built(tmp_path, NETS["sizes"])
    built.quantization = replace(built.quantization, floats=frozenset({0, 3}))
    plan = built.plan(keep=built.numbers)
    assert not plan.formats.computed & {0, 1, 3}  # the pooling reads float32
    check(built, plan)


CONVERSIONS = {"quantize_int8", "dequantize_int8"}


def test_a_network_of_depthwise_convolutions_converts_its_input_alone(tmp_path: Path) -> None:
    built = Built(tmp_path, NETS["fastest"])
    plan = built.plan()
    assert [step.layer for step in plan.steps if step.name in CONVERSIONS] == [-1]
    assert plan.formats.computed == set(built.numbers)


FLOATS = {
    "conv filters=16 size=3 groups=8 activation=leaky": "two filters for a channel",
    "conv filters=12 size=3 groups=4 activation=leaky": "groups that are no whole words",
    "conv filters=8 size=3 pad=1 dilation=2 groups=8 activation=leaky": "dilated",
    "conv filters=8 size=3 groups=8 stride_x=2 stride_y=1 activation=leaky": "two strides",
    "shortcut from=-1,-2 weights_type=per_feature weights_normalization=relu activation=linear": "weighted",
    "shortcut from=-1,-1,-1,-2 activation=linear": "five layers",
    "shortcut from=-3,-2 activation=linear": "other channels",
}


@pytest.mark.parametrize("section", FLOATS)
def test_what_else_there_is_stays_in_float32(tmp_path: Path, section: str) -> None:
    built = Built(tmp_path, net(3, 9, 9, conv(4), conv(8), conv(8), section, conv(8, 1)))
    plan = built.plan(keep=built.numbers)
    assert plan.formats.computed == {0, 1, 2, 4}
    check(built, plan)


def test_detector(tmp_path: Path) -> None:
    built = Built(tmp_path, NETS["wide"])
    with pytest.raises(DarknetError, match="needs a calibration"):
        Detector(built.network, built.parameters, math="int8")
    with pytest.raises(DarknetError, match="takes no calibration"):
        Detector(built.network, built.parameters, math="fast", quantization=built.quantization)
    detector = Detector(built.network, built.parameters, math="int8", quantization=built.quantization)
    detector.predict(built.x)
    detector.resize((26, 18))
    detector.predict(np.tile(built.x, (1, 2, 2)))


def test_weights_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    built = Built(tmp_path, NETS["wide"])
    weights = np.array(built.parameters.arrays[1]["weights"])
    weights.reshape(-1)[5] = np.nan
    built.parameters.arrays[1]["weights"] = weights
    with pytest.raises(DarknetError, match="layer 1: weights that are not finite"):
        built.plan()


def int8_detector(built: Built) -> Detector:
    return Detector(built.network, built.parameters, math="int8", quantization=built.quantization, threads=2)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_an_input_that_is_not_finite_is_refused(tmp_path: Path, wrong: float) -> None:
    built = Built(tmp_path, NETS["alexeyab"])
    detector = int8_detector(built)
    expected = detector.predict(built.x)[0]
    for place in (0, 401, built.x.size - 1):  # in the first lane, in the last one, and in a channel between
        x = built.x.copy()
        x.reshape(-1)[place] = wrong
        with pytest.raises(DarknetError, match=r"net\.cfg: the network's input is NaN or infinite"):
            detector.predict(x)
        with pytest.raises(DarknetError, match="run detect or predict first"):
            detector.layer_output(0)
    with pytest.raises(DarknetError, match="the network's input is NaN or infinite"):
        detector.predict(np.stack([built.x, x]))
    assert np.array_equal(detector.predict(built.x)[0], expected)


def test_the_largest_float32_is_the_largest_integer(tmp_path: Path) -> None:
    built = Built(tmp_path, NETS["alexeyab"])
    detector = int8_detector(built)
    limits = detector.predict(np.full_like(built.x, built.quantization.outputs[-1].range[1]))
    largest = detector.predict(np.full_like(built.x, np.finfo(np.float32).max))
    assert np.array_equal(largest[0], limits[0])


@pytest.mark.parametrize(("name", "number", "factor"), [("floats", 1, np.inf), ("unbounded", 0, 1e20)])
def test_integers_made_of_nan_are_warned_of(tmp_path: Path, name: str, number: int, factor: float) -> None:
    """Of a layer in float32, and of an activation that gives NaN for large numbers, behind sums of integers."""
    built = Built(tmp_path, NETS[name])
    built.parameters.arrays[number]["weights"] = built.parameters.arrays[number]["weights"] * np.float32(factor)
    detector = int8_detector(built)
    with pytest.warns(DarknetWarning, match=rf"net\.cfg: outputs of layer {number} \(\[convolutional\]\) are NaN"):
        detector.predict(built.x)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        detector.predict(built.x)


@pytest.mark.parametrize("key", DIALECTS)
def test_all_other_activations_give_no_nan(key: str) -> None:
    profile = get_arithmetic("int8", DIALECTS[key])
    powers = np.float32(2) ** np.arange(-20, 128, dtype=np.float32)
    limit = np.float32(np.finfo(np.float32).max)
    x = np.concatenate([powers, -powers, np.array([0, limit, -limit], np.float32)])
    for name in filter(acts_alone, DIALECTS[key].activations):
        if name not in UNBOUNDED:
            assert not np.isnan(naive_int8.activated(x.copy(), name, profile)).any(), name


@pytest.mark.parametrize(
    ("name", "what", "factor"),
    [("wide", "biases", np.nan), ("alexeyab", "biases", np.inf), ("alexeyab", "weights", 1e35)],
)
def test_coefficients_beyond_float32_are_refused(tmp_path: Path, name: str, what: str, factor: float) -> None:
    built = Built(tmp_path, NETS[name])
    built.parameters.arrays[0][what] = built.parameters.arrays[0][what] * np.float32(factor)
    with pytest.raises(DarknetError, match="layer 0: biases that are not finite, or sums beyond float32"):
        built.plan()
