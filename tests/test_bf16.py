"""Networks in bfloat16 against their plain twin: moved values bit for bit, sums within what roundings make."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from darknet_py.detector import Detector
from darknet_py.dialect import DIALECTS
from darknet_py.errors import DarknetError
from darknet_py.kernels.bf16.moves import round_bf16
from darknet_py.kernels.bf16.winograd import winograd_bf16
from darknet_py.kernels.conv.bottleneck import bottleneck
from darknet_py.kernels.runtime.jit import kernel
from darknet_py.kernels.vector.pairs import join_lanes, join_pairs, lower_numbers, pair_tile, upper_numbers
from darknet_py.kernels.vector.simd import load, pointer, store
from darknet_py.kernels.vector.tile import AVX2, AVX512, SSE, host_tile
from darknet_py.kernels.words.multiply import multiply_words
from darknet_py.layers.weighted import acts_alone
from darknet_py.numeric.arithmetic import get_arithmetic
from darknet_py.plan.build import Plan
from darknet_py.plan.ops.bf16 import rounded
from darknet_py.plan.verify import verify
from tests import naive_bf16
from tests.nets import net
from tests.test_int8 import NETS, Built, conv, depthwise

WHY_NOT = get_arithmetic("bf16").why_not_here()
pytestmark = pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))

ACTIVATIONS = sorted({n for d in DIALECTS.values() for n in d.activations if acts_alone(n)})
TILED = 0.05
"""How far values may be off that were computed tile by tile, in root mean squares of all."""

MORE = {
    "activations": net(8, 6, 7, *[conv(8, 1, activation=name) for name in ACTIVATIONS], conv(3, 1)),
    "tiles": net(
        3, 22, 37, conv(16, activation="relu"), conv(34), "maxpool size=2 stride=2", conv(33, stride=2), conv(40, 1),
        conv(17, activation="swish"), conv(18, 3, activation="linear"),
    ),
    "pieces": net(
        3, 14, 18, conv(7), "route layers=-1", conv(9, 1), "route layers=-1 groups=3 group_id=2", conv(5),
        "route layers=-1,0", conv(4, 1), "reorg stride=2 reverse=1", conv(3), "upsample stride=2", conv(5, 2),
    ),
}  # fmt: skip


def bf16_plan(built: Built, threads: int = 1, keep: Any = (), images: int = 1) -> Plan:
    profile = get_arithmetic("bf16", built.network.dialect)
    plan = Plan(built.network, built.parameters, profile, threads, keep=keep, images=images)
    assert verify(plan) == []
    for image in range(images):
        plan.input(image)[:] = built.x.reshape(-1)[:: 1 if image == 0 else -1]
    plan.run()
    return plan


def check(built: Built, plan: Plan) -> None:
    """Each layer computed in bfloat16 gives of its sources what its twin gives of them."""
    profile, formats = plan.profile, plan.formats
    values = {n: plan.output(n) for n in built.numbers} | {-1: built.x.reshape(-1)}
    shapes = {n: built.network.layers[n].out for n in built.numbers} | {-1: built.network.input}
    for layer in built.network.layers:
        if layer.index not in formats.computed:
            continue
        sources = [naive_bf16.rounded(values[n]).reshape(shapes[n].c, shapes[n].h, shapes[n].w) for n in layer.sources]
        found, exact = values[layer.index], naive_bf16.moved(layer, sources)
        if exact is not None:
            assert np.array_equal(found, exact.reshape(-1)), layer.index
            continue
        wanted, off = naive_bf16.near(layer, sources, built.parameters.arrays[layer.index], profile)
        if any(step.layer == layer.index and step.kernel is winograd_bf16 for step in plan.steps):
            off = off + TILED * np.sqrt((wanted**2).mean())
        if layer.index in formats.stored:
            off = off + 2.0**-8 * (np.abs(wanted) + off)
            assert np.array_equal(naive_bf16.rounded(found), found)
        assert (np.abs(found - wanted.reshape(-1)) <= off.reshape(-1)).all(), layer.index


@pytest.fixture(scope="module", params=[name for name in NETS | MORE if name != "depthwise to floats"])
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Built:
    return Built(tmp_path_factory.mktemp(request.param), (NETS | MORE)[request.param])


def test_every_layer_is_its_twin(built: Built) -> None:
    plan = bf16_plan(built, keep=built.numbers)
    assert plan.formats.computed  # (convolutions of several groups are not, in bfloat16)
    check(built, plan)
    exact, last = built.detector, built.network.output_layer.index
    exact.predict(built.x)
    wanted = exact.layer_output(last).reshape(-1)
    assert np.linalg.norm(plan.output(last) - wanted) < 0.015 * np.linalg.norm(wanted)


def test_what_lies_beside_depthwise_convolutions_stays_float32(tmp_path: Path) -> None:
    built = Built(tmp_path, net(3, 20, 24, conv(8), conv(16, 1), depthwise(16), conv(6, 1), conv(12), conv(8, 1)))
    plan = bf16_plan(built)
    assert plan.formats.computed == {0, 4, 5}
    assert [step.layer for step in plan.steps if step.kernel is bottleneck] == [1]


def test_a_bottleneck_with_a_sum_may_stand_before_words(tmp_path: Path) -> None:
    """What it gives is rounded by a step of its last layer's, which reads what the bottleneck wrote and no more."""
    narrow = conv(8, 1, activation="linear")
    block = (conv(16, 1), depthwise(16), narrow, "shortcut from=-4 activation=linear")
    built = Built(tmp_path, net(3, 20, 24, conv(8), *block, conv(12, activation="mish"), conv(8, 1)))
    plan = bf16_plan(built)
    assert [step.layer for step in plan.steps if step.kernel is bottleneck] == [1]
    assert [step.layer for step in plan.steps if step.kernel is round_bf16] == [-1, 4]


def test_what_is_fused_joined_and_reused_gives_the_same_bits(built: Built) -> None:
    kept, plan = bf16_plan(built, keep=built.numbers), bf16_plan(built, threads=3)
    last = built.network.output_layer.index
    assert np.array_equal(kept.output(last), plan.output(last))
    several = bf16_plan(built, threads=2, images=2)
    assert np.array_equal(several.output(last, 0), kept.output(last))


def each_tile() -> list[Any]:
    own = (host_tile().lanes, host_tile().rows)
    return [pytest.param(t, marks=pytest.mark.slow, id=str(t)) for t in (AVX512, AVX2, SSE) if (t.lanes, t.rows) != own]


@pytest.mark.parametrize("tile", each_tile())
def test_other_vectors_give_the_same_bits(built: Built, tile: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = bf16_plan(built, keep=built.numbers)
    for module in ("context", "ops.copies"):
        monkeypatch.setattr(f"darknet_py.plan.{module}.host_tile", lambda: replace(tile, fused=True))
    plan = bf16_plan(built, keep=built.numbers)
    for number in plan.formats.stored:
        assert np.array_equal(plan.output(number), expected.output(number)), number


@kernel
def _rounding(tile, out, a, b):  # type: ignore[no-untyped-def]
    pairs, lanes = join_pairs(load(tile, a, 0), load(tile, b, 0)), join_lanes(load(tile, a, 0), load(tile, b, 0))
    store(out, 0, lower_numbers(pairs))
    store(out, tile.lanes, upper_numbers(pairs))
    store(out, 2 * tile.lanes, lower_numbers(lanes))
    store(out, 3 * tile.lanes, upper_numbers(lanes))


@kernel
def _run_rounding(tile, out, a, b):  # type: ignore[no-untyped-def]
    _rounding(tile, pointer(out, 0), pointer(a, 0), pointer(b, 0))


def test_rounding() -> None:
    tile = host_tile()
    bits = np.array([
        0x3F808000, 0x3F818000, 0x3F80FFFF, 0x7F7FFFFF, 0xFF7FFFFF, 0x7F800000, 0xFF800000, 0x80000000, 1, 0x007F8000,
        0x7FC00001, 0xFF800001, 0x7F800001, 0x00800000, 0xBF808001, 0x40490FDB,
    ], np.uint32)  # fmt: skip
    random = np.random.default_rng(3).integers(0, 2**32, 4096, dtype=np.uint64).astype(np.uint32)
    for some in np.concatenate([bits, random]).reshape(-1, 16):
        a, b = some.view(np.float32)[: tile.lanes].copy(), some.view(np.float32)[::-1][: tile.lanes].copy()
        out = np.zeros(4 * tile.lanes, np.float32)
        _run_rounding(tile, out, a, b)
        own = [naive_bf16.rounded(a), naive_bf16.rounded(b)]
        both = np.concatenate(own)
        wanted = np.concatenate([*own, both[::2], both[1::2]])
        assert np.array_equal(out, wanted, equal_nan=True)
        normal = np.isnan(a) | (np.abs(a) >= np.finfo(np.float32).tiny)
        assert np.array_equal(widened(rounded(a))[normal], own[0][normal], equal_nan=True)


@kernel
def _run_products(tile, by_pixels, sums, weights, pixels, offsets, depth):  # type: ignore[no-untyped-def]
    weights, pixels, table = pointer(weights, 0), pointer(pixels, 0), pointer(offsets, 0)
    multiply_words(tile, by_pixels, 1, pointer(sums, 0), True, weights, pixels, table, depth, weights, 0)


@pytest.mark.parametrize("by_pixels", [True, False])
def test_products(by_pixels: bool) -> None:
    """The micro-kernel on one vector of pixels, or on one pixel, is the processor's dot product bit for bit."""
    tile, depth, random = pair_tile(host_tile()), 300, np.random.default_rng(5)
    rows, columns = (tile.rows, tile.lanes) if by_pixels else (tile.filters, 1)
    values = random.normal(size=(2, depth, max(rows, columns), 2)) * 10.0 ** random.uniform(-3, 3, (2, depth, 1, 2))
    weights, pixels = rounded(values[0, :, :rows]), rounded(values[1, :, :columns])
    sums = np.zeros((rows, columns), np.float32)
    offsets = np.append(np.arange(depth) * columns, [0, 0]).astype(np.int64)
    _run_products(
        tile, by_pixels, sums.reshape(-1), weights.view(np.float32).reshape(-1), pixels.view(np.float32).reshape(-1),
        offsets, depth,
    )  # fmt: skip
    wanted = np.zeros((rows, columns), np.float32)
    for k in range(depth):
        for r, c in np.ndindex(rows, columns):
            pair = naive_bf16.dot(wanted[r, c : c + 1], widened(weights[k, r]), widened(pixels[k, c]))
            wanted[r, c] = pair[0]
    assert np.array_equal(sums, wanted)


def widened(halves: Any) -> Any:
    return (halves.astype(np.uint32) << 16).view(np.float32)


STRANGE = {
    "moves": net(3, 12, 12, conv(7), conv(6, 1), "route layers=-1,0", conv(5, 1), conv(4, activation="linear")),
    "few pixels": net(33, 1, 5, conv(33, 1), conv(33, 1), conv(33, 1)),
    "more pixels": net(33, 4, 10, conv(33, 1), conv(33, 1), conv(33, 1)),
}  # fmt: skip


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", STRANGE)
def test_what_is_not_finite_goes_on_as_in_float32(tmp_path: Path, name: str, wrong: float) -> None:
    built = Built(tmp_path, STRANGE[name])
    for arrays in built.parameters.arrays if "pixels" in name else []:
        arrays["weights"] = np.abs(arrays["weights"])  # so that no infinities meet that give NaN
    built.x[1, 0, 0] = wrong
    plan = bf16_plan(built, keep=built.numbers)
    exact = Detector(built.network, built.parameters, math="fast", keep=built.numbers, threads=1)
    exact.predict(built.x)
    for number in built.numbers:
        found, wanted = plan.output(number), exact.layer_output(number).reshape(-1)
        assert np.array_equal(np.isfinite(found), np.isfinite(wanted)), number
        assert np.array_equal(np.isnan(found), np.isnan(wanted)), number
        assert np.array_equal(found == np.inf, wanted == np.inf), number


def test_detector(tmp_path: Path) -> None:
    built = Built(tmp_path, NETS["wide"])
    with pytest.raises(DarknetError, match="takes no calibration; use math=int8"):
        Detector(built.network, built.parameters, math="bf16", quantization=built.quantization)
    detector = Detector(built.network, built.parameters, math="bf16", threads=2)
    detector.predict(built.x)
    detector.resize((26, 18))
    detector.predict(np.tile(built.x, (1, 2, 2)))
