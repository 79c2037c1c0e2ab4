"""Every layer of AlexeyAB's dialect, bit for bit as his Darknet computes it.

``data/golden/alexeyab`` has small networks of ours, one for each group of features: the cfg, a recipe for weights, and
the first 16 digits of the sha256 of every layer's output for our photographs. They were made by his Darknet (commit
59596d7), built by gcc 12 with -O2 -ffp-contract=off, AVX=0 OPENMP=0.
"""

from __future__ import annotations

import itertools
import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from darknet_py.errors import CfgError
from darknet_py.image.letterbox import letterbox_pixels, resize_pixels
from darknet_py.image.load import load_image
from darknet_py.kernels.runtime.processor import ARCHITECTURE
from darknet_py.kernels.vector.tile import AVX2, AVX512, NEON, SSE, ZEN4, Tile, host_tile
from darknet_py.network import Network, read_network
from darknet_py.numeric.arithmetic import get_arithmetic
from darknet_py.parameters import Parameters, load_parameters, save_parameters
from darknet_py.plan import context
from darknet_py.plan.build import Plan
from darknet_py.plan.show import plan_lines
from darknet_py.plan.verify import verify
from darknet_py.synth import write_synth
from darknet_py.trace import array_sha256

from .nets import net, write_cfg
from .test_plan import integers

DATA = Path(__file__).parent / "data"
GOLDENS = sorted(path.stem for path in (DATA / "golden" / "alexeyab").glob("*.json"))
ORACLES = [name for name in GOLDENS if name not in ("gates", "xnor")]
"""Networks of which the oracle has goldens, too."""

OTHERWISE = {("activations", 8)}
"""Layers that have other values than in his goldens.

relu6: his CPU code has no case for it and gives zeros. We compute what his GPU code does; nothing reads it after.
"""
if ARCHITECTURE != "x86-64":
    # gelu, and what is added to it: the C library's tanhf has other last bits here, for his Darknet as well.
    OTHERWISE |= {("activations", number) for number in (22, 50, 57, 58, 59, 60)}

LARGE = [
    "cd53paspp-gamma-dog", "csresnext50-panet-spp-horses", "efficientnet-b0-dog", "enet-coco-dog",
    "gaussian-yolov3-bdd-horses", "resnet152-trident-horses", "yolov2-tiny-voc-person", "yolov3-dog",
    "yolov3-tiny-prn-person", "yolov4-416-person", "yolov4-csp-dog", "yolov4-csp-swish-horses", "yolov4-dog",
    "yolov4-p5-person", "yolov4-sam-reorg-person", "yolov4-tiny-3l-person", "yolov4-tiny-dog", "yolov4x-mish-dog",
    "yolov7-person", "yolov7-tiny-horses",
]  # fmt: skip
REAL = [
    f"{network}-{image}"
    for network in (
        "MobileNetV2-YOLO-Fastest-voc", "MobileNetV2-YOLO-Fastest-voc-v2", "yolo-fastest", "yolo-fastest-1.1",
        "yolo-fastest-1.1-xl", "yolo-fastest-1.1_body", "yolo-fastest-xl", "yoloface-500k-v2", "yoloface-50k",
    )
    for image in ("dog", "horses", "person")
]  # fmt: skip


def read_golden(name: str) -> dict[str, Any]:
    golden: dict[str, Any] = json.loads((DATA / "golden" / "alexeyab" / f"{name}.json").read_text())
    return golden


def open_golden(golden: dict[str, Any], folder: Path) -> tuple[Network, Parameters]:
    cfg = folder / "net.cfg"
    cfg.write_text("\n".join(golden["cfg"]))
    write_synth(cfg, folder / "net.weights", golden["synth_seed"], golden["minor"], "alexeyab")
    network = read_network(cfg, dialect="alexeyab")
    return network, load_parameters(network, folder / "net.weights")


def make_plan(network: Network, parameters: Parameters, math: str = "ieee", threads: int = 2, images: int = 1) -> Plan:
    arithmetic = get_arithmetic(math, network.dialect)
    return Plan(network, parameters, arithmetic, threads, keep=range(len(network.layers)), images=images)


def fitted(network: Network, image: Path, resize: str) -> np.ndarray[Any, Any]:
    fit = letterbox_pixels if resize == "letterbox" else resize_pixels
    return fit(load_image(image), network.input.w, network.input.h)[: network.input.c].reshape(-1)


def frames(golden: dict[str, Any], network: Network) -> Iterator[tuple[np.ndarray[Any, Any], list[str]]]:
    """The inputs, and what the layers' hashes begin with."""
    for frame in golden["frames"]:
        x = fitted(network, DATA / "photos" / frame["image"], golden["resize"])
        assert array_sha256(x).startswith(frame["input"])
        yield x, frame["layers"]


def differing(name: str, plan: Plan, wanted: list[str]) -> list[int]:
    """Numbers of the layers whose outputs are not those of the golden."""
    found = [f"{layer.kind} {array_sha256(plan.output(layer.index))[:16]}" for layer in plan.network.layers]
    different = [number for number, (ours, his) in enumerate(zip(found, wanted, strict=True)) if ours != his]
    return [number for number in different if (name, number) not in OTHERWISE]


@pytest.mark.parametrize("name", GOLDENS)
def test_golden(tmp_path: Path, name: str) -> None:
    golden = read_golden(name)
    network, parameters = open_golden(golden, tmp_path)
    plan = make_plan(network, parameters)
    assert verify(plan) == []
    for x, wanted in frames(golden, network):
        plan.input()[:] = x
        plan.run()
        assert differing(name, plan, wanted) == []


@pytest.mark.parametrize("name", GOLDENS)
def test_golden_of_two_images_and_one_thread(tmp_path: Path, name: str) -> None:
    """Nothing but the layers that a plan must keep is kept: memory is reused, poolings are done with convolutions."""
    golden = read_golden(name)
    network, parameters = open_golden(golden, tmp_path)
    plan = Plan(network, parameters, get_arithmetic("ieee", network.dialect), 1, images=2)
    assert verify(plan) == []
    inputs = list(frames(golden, network))
    for image in range(2):  # of recurrent networks the second one is the next step
        plan.input(image)[:] = inputs[min(image, len(inputs) - 1)][0]
    plan.run()
    for image in range(2):
        wanted = inputs[min(image, len(inputs) - 1)][1]
        for number in plan.kept - {number for other, number in OTHERWISE if other == name}:
            assert array_sha256(plan.output(number, image)).startswith(wanted[number].split()[1])


@pytest.mark.parametrize("name", ["antialiasing", "pools", "squeeze-excite", "shortcuts"])
def test_two_swapped_integers_are_found(tmp_path: Path, name: str) -> None:
    """As for the steps of the other dialect: sizes that are not an argument's own."""
    plan = make_plan(*open_golden(read_golden(name), tmp_path))
    for step in plan.steps:
        good = dict(step.arguments)
        for first, second in itertools.combinations(integers(step), 2):
            if good[first] != good[second]:
                step.arguments = {**good, first: good[second], second: good[first]}
                assert verify(plan), (step.name, first, second)
        step.arguments = good


@pytest.mark.slow
@pytest.mark.parametrize(
    ("tile", "threads"), [(tile, n) for tile, n in ((AVX2, 1), (SSE, 3), (NEON, 7), (AVX512, 5), (ZEN4, 2))], ids=str
)
@pytest.mark.parametrize("name", GOLDENS)
def test_golden_with_any_vectors_and_threads(
    tmp_path: Path, name: str, tile: Tile, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if tile == host_tile():
        pytest.skip("this processor's: see test_golden")
    monkeypatch.setattr(context, "host_tile", lambda: tile)
    golden = read_golden(name)
    network, parameters = open_golden(golden, tmp_path)
    plan = make_plan(network, parameters, threads=threads)
    for x, wanted in frames(golden, network):
        plan.input()[:] = x
        plan.run()
        assert differing(name, plan, wanted) == []


@pytest.mark.parametrize("name", ["csp-mish", "shortcuts", "pools", "antialiasing", "recurrent", "share-empty"])
def test_fast_is_near(tmp_path: Path, name: str) -> None:
    golden = read_golden(name)
    network, parameters = open_golden(golden, tmp_path)
    exact, fast = make_plan(network, parameters), make_plan(network, parameters, "fast")
    assert verify(fast) == []
    for x, _ in frames(golden, network):
        for plan in (exact, fast):
            plan.input()[:] = x
            plan.run()
        for layer in network.layers:
            wanted = exact.output(layer.index)
            assert np.abs(fast.output(layer.index) - wanted).max() <= 1e-3 * max(1, np.abs(wanted).max())


def test_relu6_is_what_it_is_called(tmp_path: Path) -> None:
    golden = read_golden("activations")
    network, parameters = open_golden(golden, tmp_path)
    assert network.layers[8].activation == "relu6"  # type: ignore[attr-defined]
    linear = "\n".join(golden["cfg"]).replace("activation=relu6", "activation=linear")
    (tmp_path / "linear.cfg").write_text(linear)
    plain = read_network(tmp_path / "linear.cfg", dialect="alexeyab")
    plans = make_plan(network, parameters), make_plan(plain, parameters)
    for plan in plans:
        plan.input()[:] = next(frames(golden, network))[0]
        plan.run()
    found, before = (plan.output(8) for plan in plans)
    assert before.min() < 0
    np.testing.assert_array_equal(found, np.minimum(np.maximum(before, np.float32(0)), np.float32(6)))


def test_a_part_of_a_layer_is_handed_on_where_it_lies(tmp_path: Path) -> None:
    conv = "convolutional filters=8 size=3 pad=1 activation=mish"
    cfg = write_cfg(tmp_path, net(3, 16, 16, conv, "route layers=-1 groups=2 group_id=1", conv, "empty", conv))
    network = read_network(cfg)
    assert network.dialect.key == "alexeyab"
    write_synth(cfg, tmp_path / "net.weights", dialect="alexeyab")
    plan = make_plan(network, load_parameters(network, tmp_path / "net.weights"))
    assert verify(plan) == []
    plan.input()[:] = np.linspace(-1, 1, 3 * 16 * 16, dtype=np.float32)
    plan.run()
    np.testing.assert_array_equal(plan.output(1), plan.output(0)[4 * 16 * 16 :])
    assert np.shares_memory(plan.output(1), plan.output(0))
    assert np.shares_memory(plan.output(3), plan.output(2))
    assert sum("a part of layer 0" in line for line in plan_lines(plan)) == 1


def test_reorg3d_backwards_needs_channels_for_both_divisions(tmp_path: Path) -> None:
    with pytest.raises(CfgError, match="multiple of 16 channels"):
        read_network(write_cfg(tmp_path, net(8, 4, 4, "reorg3d stride=2 reverse=1")))


@pytest.mark.parametrize("name", [*ORACLES, *(pytest.param(name, marks=pytest.mark.slow) for name in (*REAL, *LARGE))])
def test_golden_of_the_oracle(oracle: Path, tmp_path: Path, name: str) -> None:
    """The same photographs as the other goldens have, with released weights and whole networks among them."""
    folder = oracle / "alexeyab"
    if not folder.is_dir():
        pytest.skip("these goldens are not on this machine")
    golden = json.loads((folder / "golden" / f"{name}.json").read_text())
    cfg = next(path for kind in ("small", "cfg", "weights") if (path := folder / kind / golden["cfg"]).exists())
    network = read_network(cfg, size=golden.get("size"), dialect="alexeyab")
    weights = folder / "weights" / golden["weights"].get("file", "")
    if "synth_seed" in golden["weights"]:
        weights = tmp_path / "net.weights"
        write_synth(cfg, weights, golden["weights"]["synth_seed"], golden["weights"]["minor"], "alexeyab")
    plan = make_plan(network, load_parameters(network, weights))
    x = fitted(network, oracle / "images" / golden["image"], golden["resize"])
    assert array_sha256(x) == golden["input_sha256"]
    for rows in (golden["layers"], golden.get("second_frame", [])):
        plan.input()[:] = x
        plan.run()
        wanted = [f"{layer.kind} {row['ieee'][:16]}" for layer, row in zip(network.layers, rows, strict=bool(rows))]
        assert not rows or differing(name, plan, wanted) == []


@pytest.mark.parametrize(("variance", "works"), [(-7e-44, True), (-0.000009, True), (-0.000011, False)])
def test_variances_a_little_below_zero_are_of_use(tmp_path: Path, variance: float, works: bool) -> None:
    """Released networks have them: what AlexeyAB's Darknet takes the root of is .00001 more."""
    cfg = write_cfg(tmp_path, net(3, 4, 4, "conv filters=2 batch_normalize=1 activation=mish"))
    network = write_synth(cfg, tmp_path / "net.weights")
    arrays = dict(load_parameters(network, tmp_path / "net.weights").arrays[0])
    arrays["rolling_variance"] = np.full(2, variance, np.float32)
    save_parameters(network, [arrays], tmp_path / "new.weights")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parameters = load_parameters(network, tmp_path / "new.weights")
    plan = make_plan(network, parameters)
    plan.input()[:] = np.linspace(-1, 1, 48, dtype=np.float32)
    plan.run()
    assert bool(np.isfinite(plan.output(0)).all()) == works
