"""The fast convolution against its plain twin, bit for bit: any vector length, thread count, shape and value."""

from __future__ import annotations

import subprocess
import sys
import threading
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from darknet_py.kernels.conv.cut import FEW, FILTERS, PIXELS
from darknet_py.kernels.layers.activations import CODES, activate
from darknet_py.kernels.runtime.atomic import CELLS, LEFT, fill_queue, queue_of
from darknet_py.kernels.vector.tile import AVX, AVX2, AVX512, NEON, SSE, ZEN4, Tile, host_tile
from darknet_py.layers.base import Shape
from darknet_py.numeric.arithmetic import PROFILES
from darknet_py.plan import conv_cut
from darknet_py.plan.context import LayerContext
from darknet_py.plan.convolution import convolution_steps
from darknet_py.plan.step import Step
from tests import naive

Floats = NDArray[np.float32]

UNEVEN = Tile(lanes=8, rows=3, vectors=2, columns=7)
TILES = [AVX512, ZEN4, AVX2, SSE, NEON, UNEVEN]


def each_tile(tiles: list[Tile]) -> list[Any]:
    """The host's own tile, and the others in the slow tests: each compiles kernels of its own."""
    others = [pytest.param(tile, marks=pytest.mark.slow) for tile in tiles if tile != host_tile()]
    return [host_tile(), *others]


IEEE, MAKE = PROFILES["ieee"], PROFILES["make"]


@dataclass(frozen=True)
class Conv:
    """The fields of a convolutional layer that the plan reads."""

    c: int
    h: int
    w: int
    n: int
    size: int
    stride: int = 1
    pad: int = 0
    groups: int = 1
    activation: str = "leaky"
    batch_normalize: bool = True

    @property
    def out_h(self) -> int:
        return (self.h + 2 * self.pad - self.size) // self.stride + 1

    @property
    def out_w(self) -> int:
        return (self.w + 2 * self.pad - self.size) // self.stride + 1


def make_arrays(layer: Conv, rng: np.random.Generator) -> dict[str, Floats]:
    arrays = {
        "weights": rng.standard_normal((layer.n, layer.c // layer.groups, layer.size, layer.size)),
        "biases": rng.standard_normal(layer.n),
    }
    if layer.batch_normalize:
        arrays |= {
            "scales": rng.standard_normal(layer.n),
            "rolling_mean": rng.standard_normal(layer.n),
            "rolling_variance": rng.random(layer.n),
        }
    return {name: array.astype(np.float32) for name, array in arrays.items()}


@dataclass(frozen=True)
class Pool:
    """The field of a pooling layer that a convolution's step reads."""

    out: Shape


def run(step: Step, threads: int) -> None:
    """The step on so many threads at once."""
    counters = np.zeros(2 * CELLS + threads, np.int64)
    fill_queue(counters[CELLS : 2 * CELLS], step.tasks, threads)
    workers = [
        threading.Thread(target=step.kernel, args=(queue_of(counters, 0, thread), *step.args))
        for thread in range(threads)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert counters[CELLS + LEFT] == threads


def fast(
    layer: Conv, arrays: dict[str, Floats], x: Floats, tile: Tile, threads: int = 1, profile: Any = IEEE,
    pool: Pool | None = None, **options: Any,
) -> Floats:  # fmt: skip
    """The layer's output; what lies around its buffers must neither matter nor change."""
    around = np.full(x.size + 128, np.nan, np.float32)
    around[64:-64] = x.reshape(-1)
    out = pool.out if pool else Shape(layer.n, layer.out_h, layer.out_w)
    target = np.full(out.size + 128, 12345, np.float32)
    context: Any = LayerContext([around[64:-64]], target[64:-64], arrays, profile, threads, tile=tile, pool=pool)  # type: ignore[arg-type]
    for step in convolution_steps(layer, context, **options):  # type: ignore[arg-type]
        run(step, threads)
    assert np.all(target[:64] == 12345) and np.all(target[-64:] == 12345), "wrote outside of its output"
    return target[64:-64].reshape(out.c, out.h, out.w)


def plain(layer: Conv, arrays: dict[str, Floats], x: Floats, make: bool = False) -> Floats:
    with np.errstate(all="ignore"):
        out = naive.convolution(
            x, arrays["weights"], layer.groups, layer.stride, layer.pad, layer.out_h, layer.out_w
        )  # fmt: skip
        if layer.batch_normalize:
            rest = (arrays[name] for name in ("rolling_mean", "rolling_variance", "scales", "biases"))
            out = naive.batch_norm(out, *rest, make)
        else:
            out = out + arrays["biases"][:, None, None]
        if layer.activation == "leaky":
            return naive.leaky(out)
        code = CODES["relu+0" if make and layer.activation == "relu" else layer.activation]
        patterns, places = np.unique(out.view(np.uint32), return_inverse=True)  # often few, and each call takes long
        values = np.array([activate(value, code) for value in patterns.view(np.float32)], np.float32)
        return values[places].reshape(out.shape)


def assert_same_bits(found: Floats, wanted: Floats) -> None:
    """Equal bit patterns; of nans only that both are."""
    differ = (found.view(np.uint32) != wanted.view(np.uint32)) & ~(np.isnan(found) & np.isnan(wanted))
    where = np.argwhere(differ)
    assert len(where) == 0, f"{len(where)} values, first at {where[0]}: {found[differ][0]} for {wanted[differ][0]}"


SHAPES = [
    Conv(3, 20, 100, 32, 3, pad=1),  # a first layer: pixels in the lanes
    Conv(40, 13, 13, 70, 3, pad=1),  # filters in the lanes, 70 = 2 * 32 + 6
    Conv(70, 26, 26, 64, 3, 2, 1),  # stride 2: every second pixel
    Conv(5, 30, 31, 33, 3, 3, 1),  # stride 3
    Conv(3, 40, 40, 20, 11, 4, 2),  # AlexNet's first
    Conv(8, 9, 9, 40, 3, 5, 1),  # stride beyond the size
    Conv(33, 14, 7, 24, 5, pad=0),  # shrinks, even and odd sides
    Conv(20, 8, 8, 19, 2, pad=1),  # even size: grows
    Conv(64, 13, 13, 125, 1, activation="linear", batch_normalize=False),  # a detector's last layer
    Conv(30, 9, 11, 6, 1, 2),  # 1x1 with stride: reads its input as it lies in memory
    Conv(300, 3, 3, 9, 1),
    Conv(12, 14, 14, 24, 3, 1, 1, 4),  # groups
    Conv(24, 15, 13, 24, 3, 1, 1, 24),  # depthwise
    Conv(24, 15, 13, 24, 3, 2, 1, 24),
    Conv(5, 75, 101, 5, 3, 1, 1, 5, activation="mish"),  # in strips of rows
    Conv(5, 101, 75, 5, 5, 2, 2, 5, activation="logistic"),
    Conv(4, 9, 2, 4, 4, 2, 3, 4),
    Conv(6, 10, 10, 12, 5, 2, 2, 6),  # two filters per channel
    Conv(100, 4, 4, 40, 4, activation="relu"),  # one pixel: fully connected
    Conv(2, 1, 1, 1, 3, pad=1),
    Conv(4, 6, 50, 10, 3, pad=1, activation="logistic"),
    Conv(40, 6, 6, 40, 3, pad=1, activation="elu"),
]


ONES = [
    Conv(150, 11, 40, 28, 1),  # several parts of k, several windows
    Conv(21, 40, 41, 24, 1, activation="linear"),
    Conv(9, 20, 20, 16, 1, batch_normalize=False),
    Conv(64, 13, 13, 125, 1, activation="linear", batch_normalize=False),
]


@pytest.mark.parametrize("tile", each_tile(TILES), ids=str)
@pytest.mark.parametrize("layer", SHAPES, ids=str)
@pytest.mark.parametrize("depth", [40, conv_cut.DEPTH], ids=["cut", "whole"])
def test_same_bits_as_the_plain_twin(layer: Conv, tile: Tile, depth: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conv_cut, "DEPTH", depth)
    monkeypatch.setattr(conv_cut, "DEPTH_1", depth)
    rng = np.random.default_rng(5)
    arrays, x = make_arrays(layer, rng), rng.standard_normal((layer.c, layer.h, layer.w)).astype(np.float32)
    for profile, counts in ((IEEE, (1, 2, 7)), (MAKE, (2,))):
        wanted = plain(layer, arrays, x, not profile.covers_all)
        for threads in counts:
            assert_same_bits(fast(layer, arrays, x, tile, threads, profile), wanted)


@pytest.mark.parametrize("tile", each_tile(TILES), ids=str)
@pytest.mark.parametrize("layer", [*SHAPES[::3], *ONES], ids=str)
@pytest.mark.parametrize("number", [PIXELS, FILTERS, FEW], ids=["pixels", "filters", "few"])
def test_each_way_for_each_shape(layer: Conv, tile: Tile, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conv_cut, "choose_way", lambda shape, tile: conv_cut.ways(tile)[number])
    monkeypatch.setattr(conv_cut, "DEPTH", 100)
    rng = np.random.default_rng(7)
    arrays, x = make_arrays(layer, rng), rng.standard_normal((layer.c, layer.h, layer.w)).astype(np.float32)
    for profile in (IEEE, MAKE):
        assert_same_bits(fast(layer, arrays, x, tile, 2, profile), plain(layer, arrays, x, not profile.covers_all))


@pytest.mark.parametrize("tile", each_tile(TILES), ids=str)
@pytest.mark.parametrize("layer", [layer for layer in SHAPES if layer.size > 1], ids=str)
@pytest.mark.parametrize("pad", [0, 1])
def test_pooling_in_the_same_step(layer: Conv, tile: Tile, pad: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conv_cut, "WINDOW", 2000)  # several bands of rows
    rng = np.random.default_rng(6)
    out = Shape(layer.n, (layer.out_h + pad) // 2, (layer.out_w + pad) // 2)
    if out.size == 0:
        return
    arrays, x = make_arrays(layer, rng), rng.standard_normal((layer.c, layer.h, layer.w)).astype(np.float32)
    x.reshape(-1)[rng.integers(0, x.size, 3)] = np.nan
    for threads in (1, 2):
        found = fast(layer, arrays, x, tile, threads, pool=Pool(out))
        assert_same_bits(found, naive.maxpool(plain(layer, arrays, x), out.h, out.w))


@st.composite
def layers(draw: st.DrawFn) -> Conv:
    groups = draw(st.sampled_from([1, 1, 1, 2, 3, 8]))
    size = draw(st.integers(1, 7))
    pad = 0 if size == 1 else draw(st.integers(0, size))
    side = st.integers(max(1, size - 2 * pad), 30)
    channels, filters = draw(st.integers(1, 24)), draw(st.integers(1, 40))
    if groups > 1 and draw(st.booleans()):
        channels = filters = 1
    return Conv(
        c=groups * channels, h=draw(side), w=draw(side), n=groups * filters, size=size,
        stride=draw(st.integers(1, 4)), pad=pad, groups=groups,
        activation=draw(st.sampled_from(["leaky", "linear", "relu", "ramp"])), batch_normalize=draw(st.booleans()),
    )  # fmt: skip


ODD_VALUES = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-45, -1e-45, 3e-39, -2e-38, 1.1754944e-38, 3.4e38, -3.4e38]


@pytest.mark.parametrize("tiles", [[host_tile()], pytest.param(TILES, marks=pytest.mark.slow)], ids=["own", "all"])
@settings(max_examples=200, deadline=None)
@given(layers(), st.data(), st.sampled_from([1, 2, 7]), st.integers(0, 2**32 - 1), st.booleans())
def test_same_bits_for_any_shape(
    tiles: list[Tile], layer: Conv, data: st.DataObject, threads: int, seed: int, odd: bool
) -> None:
    tile = data.draw(st.sampled_from(tiles))
    rng = np.random.default_rng(seed)
    arrays = make_arrays(layer, rng)
    x = rng.standard_normal((layer.c, layer.h, layer.w)).astype(np.float32)
    if odd:
        for array in (x, *arrays.values()):
            flat = array.reshape(-1)
            some = rng.integers(0, flat.size, max(1, flat.size // 50))
            flat[some] = rng.choice(np.array(ODD_VALUES, np.float32), some.size)
    profile = (IEEE, MAKE)[seed % 2]
    assert_same_bits(fast(layer, arrays, x, tile, threads, profile), plain(layer, arrays, x, not profile.covers_all))


def through_a_layer(x: Floats, tile: Tile, filters: int, profile: Any = IEEE, **arrays: Floats) -> Floats:
    """Values through batch normalisation (if there are arrays for it) and leaky, on the way that real layers take."""
    normalize = bool(arrays)
    activation = "linear" if normalize else "leaky"
    layer = Conv(1, 1, x.size, filters, 1, activation=activation, batch_normalize=normalize)
    one = np.ones(filters, np.float32)
    arrays = {name: np.full(filters, value, np.float32) for name, value in arrays.items()}
    arrays |= {"biases": 0 * one, "weights": one.reshape(-1, 1, 1, 1), "scales": one}
    return fast(layer, arrays, x, tile, profile=profile)[0, 0]


@pytest.mark.parametrize("tile", each_tile([AVX512, AVX2, SSE]), ids=str)
def test_leaky_of_hard_values(tile: Tile) -> None:
    rng = np.random.default_rng(1)
    bits = rng.integers(0, 2**32, 300_000, np.uint32)
    small = np.arange(0x80000000, 0x80000000 + 130 * 2**23, 12_347, dtype=np.uint32)  # down from -0 to about -16
    x = np.concatenate([bits, small]).view(np.float32)
    x = x[~np.isnan(x)]
    with np.errstate(all="ignore"):
        wanted = naive.leaky(x + np.float32(0))
    assert_same_bits(through_a_layer(x, tile, 1), wanted)


@pytest.mark.slow
def test_leaky_of_many_floats_of_some_exponents() -> None:
    # Of each sign two exponents at a time: the smallest (with the denormals), those around 1, the largest (with NaN).
    for start in (0, 0x3F000000, 0x7F000000, 0x80000000, 0x81000000, 0xBE000000, 0xBF000000, 0xFE000000, 0xFF000000):
        x = np.arange(start, start + 2**24, 97, dtype=np.uint64).astype(np.uint32).view(np.float32)
        with np.errstate(all="ignore"):
            assert_same_bits(through_a_layer(x, AVX512, 1), naive.leaky(x + np.float32(0)))


@cache
def hard_quotients(divisor: float) -> Floats:
    """The x in [1, 2) whose quotients come nearest to the middle between two float32, by trying them all."""
    x = (np.float32(1) + np.arange(2**23, dtype=np.float32) * np.float32(2**-23)).astype(np.float64)
    rest = (x / divisor).view(np.int64) & (2**29 - 1)
    return x[np.argpartition(np.abs(rest - 2**28), 300)[:300]].astype(np.float32)


@pytest.mark.parametrize("tile", each_tile([AVX512, AVX2, SSE]), ids=str)
@pytest.mark.parametrize("filters", [1, 40], ids=["pixels", "filters"])
@pytest.mark.parametrize(
    "variance", [0.7, 0.0, *(pytest.param(value, marks=pytest.mark.slow) for value in (3.75, 4.875, 1e-3, 2e5, 1.0))]
)
def test_batch_norm_of_hard_quotients(variance: float, filters: int, tile: Tile) -> None:
    divisor = np.sqrt(np.float64(np.float32(variance))) + np.float64(np.float32(0.000001))
    x = hard_quotients(divisor)
    x = np.concatenate([x, x[:3]])
    mean = np.float32(-1)
    shifted = x + mean  # exact, and minus the mean it is x again
    wanted = (x.astype(np.float64) / divisor).astype(np.float32)
    multiplied = (x.astype(np.float64) * (1 / divisor)).astype(np.float32)
    multiplied[x.size & ~3 :] = wanted[x.size & ~3 :]
    normal = {"rolling_mean": mean, "rolling_variance": np.float32(variance)}
    for profile, result in ((IEEE, wanted), (MAKE, multiplied)):
        assert_same_bits(through_a_layer(shifted, tile, filters, profile, **normal), result)
    if variance in (3.75, 4.875):
        assert np.any(wanted != multiplied), "the values do not tell division from multiplication"


@pytest.mark.parametrize("tile", each_tile([AVX512]), ids=str)
@pytest.mark.parametrize("mean", [0.0, 1e-30, -3e-20], ids=str)
def test_batch_norm_near_zero(mean: float, tile: Tile) -> None:
    rng = np.random.default_rng(3)
    x = (rng.standard_normal(4000) * 10.0 ** rng.integers(-45, -15, 4000)).astype(np.float32)
    normal = {"rolling_mean": np.float32(mean), "rolling_variance": np.float32(0.3)}
    divisor = np.sqrt(np.float64(np.float32(0.3))) + np.float64(np.float32(0.000001))
    wanted = ((x - np.float32(mean)).astype(np.float64) / divisor).astype(np.float32) + np.float32(0)  # the bias
    assert_same_bits(through_a_layer(x, tile, 1, **normal), wanted)
    assert_same_bits(through_a_layer(x, tile, 40, **normal), wanted)


@pytest.mark.parametrize("tile", each_tile([AVX512, ZEN4, AVX2, UNEVEN]), ids=str)
def test_blocks_finished_in_the_registers(tile: Tile, monkeypatch: pytest.MonkeyPatch) -> None:
    """Values of which one vector or another needs care, where lanes hold pixels and blocks are full."""
    monkeypatch.setattr(conv_cut, "choose_way", lambda shape, tile: conv_cut.ways(tile)[PIXELS])
    rng = np.random.default_rng(4)
    usual = rng.standard_normal(6000).astype(np.float32)
    usual[::5] = np.linspace(0x80000001, 0x8E000000, 1200).astype(np.uint32).view(np.float32)  # from -0 to -2**-99
    with np.errstate(all="ignore"):
        assert_same_bits(through_a_layer(usual, tile, tile.rows), naive.leaky(usual + np.float32(0)))
    odd = np.array([*usual[:500], *ODD_VALUES], np.float32)
    for options in ({}, {"activation": "linear"}, {"batch_normalize": False}):
        layer = Conv(1, 50, 80, tile.rows, 1, **options)  # type: ignore[arg-type]
        arrays, x = make_arrays(layer, rng), np.resize(odd, (1, 50, 80))
        assert_same_bits(fast(layer, arrays, x, tile, 2), plain(layer, arrays, x))
    divisor = np.sqrt(np.float64(np.float32(0.7))) + np.float64(np.float32(0.000001))
    x = np.concatenate([1 + np.abs(usual[:40]), hard_quotients(divisor), 1 + np.abs(usual[:100])]).astype(np.float32)
    normal = {"rolling_mean": np.float32(-1), "rolling_variance": np.float32(0.7)}
    lower = x - np.float32(1)
    wanted = ((lower + np.float32(1)).astype(np.float64) / divisor).astype(np.float32) + np.float32(0)
    assert_same_bits(through_a_layer(lower, tile, tile.rows, **normal), wanted)


def test_buffers_of_wrong_size_never_reach_the_kernel() -> None:
    layer, x, out = Conv(2, 5, 5, 3, 3), np.zeros(50, np.float32), np.zeros(27, np.float32)
    arrays = make_arrays(layer, np.random.default_rng(0))
    for source, target in ((x[1:], out), (x, out[1:])):
        with pytest.raises(ValueError, match="are not those of"):
            convolution_steps(layer, LayerContext([source], target, arrays, IEEE, 1))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="17 weights are not those of"):
        arrays["weights"] = np.zeros(17, np.float32)
        convolution_steps(layer, LayerContext([x], out, arrays, IEEE, 1))  # type: ignore[arg-type]


def test_more_threads_than_scratch_memory() -> None:
    """The threads without any leave the work to the others."""
    layer = Conv(5, 20, 20, 9, 3, pad=1)
    arrays = make_arrays(layer, np.random.default_rng(0))
    x = np.random.default_rng(1).random((5, 20, 20), np.float32)
    out = np.zeros(9 * 400, np.float32)
    [step] = convolution_steps(layer, LayerContext([x.reshape(-1)], out, arrays, IEEE, 2))  # type: ignore[arg-type]
    run(step, 5)
    assert_same_bits(out.reshape(9, 20, 20), plain(layer, arrays, x))


@pytest.mark.slow
def test_each_tile_is_compiled_for_itself() -> None:
    layer, rng = Conv(2, 5, 5, 3, 3), np.random.default_rng(0)
    arrays, x, out = make_arrays(layer, rng), np.zeros(50, np.float32), np.zeros(27, np.float32)
    contexts = [LayerContext([x], out, arrays, IEEE, 1, tile=tile) for tile in TILES]
    steps = [convolution_steps(layer, context)[0] for context in contexts]  # type: ignore[arg-type]
    for step in steps:
        run(step, 1)
    kinds = [str(kinds[-1]) for kinds in steps[0].kernel.natives]  # type: ignore[attr-defined]
    assert all(any(str(tile) in kind for kind in kinds) for tile in TILES)


HOST = """
from darknet_py.kernels.conv.cut import FEW, FILTERS, PIXELS
from darknet_py.kernels.vector.tile import host_tile
print(host_tile())
"""


@pytest.mark.parametrize(
    ("cpu", "tile"),
    [("skylake-avx512", AVX512), ("znver4", ZEN4), ("haswell", AVX2), ("sandybridge", AVX), ("nehalem", SSE)],
)
def test_tile_follows_the_processor(cpu: str, tile: Tile, repository: Any) -> None:
    import llvmlite.binding as llvm

    if not llvm.get_process_triple().startswith("x86_64"):
        pytest.skip("names of x86-64 processors")
    long = "+avx,+avx2,+fma,+avx512f"
    features = {"skylake-avx512": long, "znver4": long, "haswell": "+avx,+avx2,+fma", "sandybridge": "+avx"}
    environment = {"NUMBA_CPU_NAME": cpu, "NUMBA_CPU_FEATURES": features.get(cpu, ""), "PATH": "/usr/bin"}
    result = subprocess.run(
        [sys.executable, "-c", HOST], capture_output=True, text=True, check=True, cwd=repository, env=environment
    )  # fmt: skip

    assert result.stdout.strip() == str(tile)
