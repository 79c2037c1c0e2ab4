"""AlexeyAB's activations in vectors: the bits of the C library's float functions, for every vector length."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from darknet_py.dialect import ALEXEYAB
from darknet_py.kernels.layers.activations import CODES, activate, activate_channels
from darknet_py.kernels.layers.shortcut import shortcut
from darknet_py.kernels.runtime.atomic import new_queue
from darknet_py.kernels.runtime.jit import kernel
from darknet_py.kernels.runtime.libm import expf, logf
from darknet_py.kernels.vector import library
from darknet_py.kernels.vector.expf import LOWEST, expf_or_nan, logf_or_nan
from darknet_py.kernels.vector.simd import load, pointer, store
from darknet_py.kernels.vector.tile import AVX, AVX2, AVX512, NEON, SSE, Tile, host_tile
from darknet_py.numeric import arithmetic

from .test_convolution import each_tile

Floats = NDArray[np.float32]

TILES = [AVX512, AVX2, AVX, SSE, NEON]

EXACT = ["mish", "swish", "logistic/single", "tanh/single"]

matching = pytest.mark.skipif(
    not library.matches_library(), reason="the C library's expf and logf are others: no vectors are used with it"
)


@kernel
def functions(exps, logs, x, tile):
    for i in range(0, x.size, tile.lanes):
        values = load(tile, pointer(x, i), 0)
        store(pointer(exps, i), 0, expf_or_nan(tile, values))
        store(pointer(logs, i), 0, logf_or_nan(tile, values))


@kernel
def own_functions(exps, logs, x):
    for i in range(x.size):
        exps[i], logs[i] = expf(x[i]), logf(x[i])


@kernel
def one_by_one(out, x, code):
    for i in range(x.size):
        out[i] = activate(x[i], code)


def floats(first: int, end: int, step: int) -> Floats:
    """Those whose bits are first, first + step, ..., in whole vectors."""
    bits = np.arange(first, end, step, np.uint64).astype(np.uint32)
    return bits[: bits.size // 16 * 16].view(np.float32)


def compare_functions(x: Floats, tile: Tile) -> None:
    """With the C library's; no more than one in a thousand may be unsure."""
    exps, logs, own_exps, own_logs = (np.zeros_like(x) for _ in range(4))
    functions(exps, logs, x, tile)
    own_functions(own_exps, own_logs, x)
    positive = (x >= np.finfo(np.float32).tiny) & (x < np.inf)
    for found, wanted, asked in ((exps, own_exps, x >= LOWEST), (logs, own_logs, positive)):
        sure = asked & ~np.isnan(found)
        assert np.array_equal(found[sure].view(np.uint32), wanted[sure].view(np.uint32))
        assert (sure != asked).sum() <= asked.sum() / 1000 + 4
    assert np.isnan(exps[np.isnan(x)]).all() and np.isnan(logs[np.isnan(x)]).all()


@matching
@pytest.mark.parametrize("tile", each_tile(TILES), ids=str)
def test_functions_at_spread_floats(tile: Tile) -> None:
    compare_functions(floats(0, 2**32, 12_343), tile)
    compare_functions(floats(0x3F780000, 0x3F880000, 11), tile)  # around 1, where logarithms are small


@matching
@pytest.mark.slow
@pytest.mark.parametrize("tile", [AVX512, AVX], ids=str)
def test_functions_at_many_floats(tile: Tile) -> None:
    """One float in 61, evenly spread; with a step of 1 all of them take some ten minutes."""
    for first in range(0, 2**32, 2**30):
        compare_functions(floats(first, first + 2**30, 61), tile)


def hard_values() -> Floats:
    rng = np.random.default_rng(3)
    special = [0, -0.0, np.nan, np.inf, -np.inf, 20, -20, 20.000002, -20.000002, 44, 87, 88, 88.8, 89, 104, 1e-45, 3e38]
    any_bits = rng.integers(0, 2**32, 50_000, np.uint32).view(np.float32)
    parts = [special, np.negative(special), rng.normal(0, 2, 100_000), rng.uniform(-110, 110, 50_000), any_bits]
    # `any_bits` as bytes: a conversion of signalling nans would warn
    return np.concatenate([np.asarray(part, np.float32) for part in parts])


def activated(x: Floats, name: str, tile: Tile) -> Floats:
    out = np.zeros_like(x)
    activate_channels(new_queue(1), out, x, np.array([CODES[name]]), x.size, tile)
    return out


def same(found: Floats, wanted: Floats) -> NDArray[np.bool_]:
    result: NDArray[np.bool_] = (found.view(np.uint32) == wanted.view(np.uint32)) | (np.isnan(found) & np.isnan(wanted))
    return result


@matching
@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("tile", each_tile(TILES), ids=str)
def test_bits_of_the_scalar_twins(tile: Tile, name: str) -> None:
    x = hard_values()
    wanted = np.zeros_like(x)
    one_by_one(wanted, x, CODES[name])
    for end in (x.size, 1, tile.lanes + 1):  # whole vectors and rests
        agree = same(activated(x[:end], name, tile), wanted[:end])
        assert agree.all(), x[:end][~agree][:5]


@matching
@pytest.mark.parametrize("name", EXACT)
def test_a_vector_with_an_unsure_lane(name: str) -> None:
    """Values whose exponential or logarithm lies as near to the middle of two floats as to be asked of the library."""
    x = floats(0x3F800000, 0x41000000, 1)
    exps, logs = np.zeros_like(x), np.zeros_like(x)
    functions(exps, logs, x, AVX512)
    hard = x[np.isnan(exps)]
    assert hard.size > 3
    hard = np.concatenate([hard, -hard, hard / 2, -hard / 2])
    wanted = np.zeros_like(hard)
    one_by_one(wanted, hard, CODES[name])
    assert same(activated(hard, name, AVX512), wanted).all()


@pytest.mark.parametrize("name", ["mish", "swish", "logistic", "tanh"])
def test_one_by_one_with_other_libraries(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    exact = arithmetic.get_arithmetic("ieee", ALEXEYAB)
    monkeypatch.setattr(library, "matches_library", lambda: False)
    code = exact.activation_code(name)
    assert code == CODES[f"{name}/alone"]
    x, plain = hard_values(), CODES.get(name if name in ("mish", "swish") else f"{name}/single")
    found, wanted = np.zeros_like(x), np.zeros_like(x)
    activate_channels(new_queue(1), found, x, np.array([code]), x.size, AVX512)
    one_by_one(wanted, x, plain)
    assert same(found, wanted).all()


def test_another_library_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that rounds the true exponential and logarithm."""

    def true_functions(exps, logs, own_exps, own_logs, x, y, tile):  # type: ignore[no-untyped-def]
        evaluate(exps, logs, own_exps, own_logs, x, y, tile)
        own_exps[:], own_logs[:] = np.exp(x.astype(np.float64)), np.log(y.astype(np.float64))

    evaluate = library.evaluate
    monkeypatch.setattr(library, "evaluate", true_functions)
    library.matches_library.cache_clear()
    try:
        assert not library.matches_library()
    finally:
        library.matches_library.cache_clear()


FUSED = [
    host_tile().contracted,
    *(
        pytest.param(tile, marks=pytest.mark.slow)
        for tile in (AVX512.contracted, AVX2.contracted)
        if tile != host_tile().contracted
    ),
]
TRUE = {
    "mish/fast": lambda x: x * np.tanh(np.log1p(np.exp(np.minimum(x, 40)))),
    "swish/fast": lambda x: x / (1 + np.exp(-x)),
    "logistic/fast": lambda x: 1 / (1 + np.exp(-x)),
}


@pytest.mark.parametrize("name", TRUE)
@pytest.mark.parametrize("tile", [*each_tile([AVX512, SSE]), *FUSED], ids=str)
def test_fast_forms(tile: Tile, name: str) -> None:
    x = np.concatenate([np.linspace(-80, 80, 100_001), np.geomspace(1e-30, 1, 1001)]).astype(np.float32)
    x = np.concatenate([x, -x])
    wanted = TRUE[name](x.astype(np.float64))
    found = activated(x, name, tile)
    inside = np.abs(x) > 0
    assert np.max(np.abs(found[inside] / wanted[inside] - 1)) < 1e-6
    assert np.isnan(activated(np.full(3, np.nan, np.float32), name, tile)).all()
    far = activated(np.array([200, -200], np.float32), name, tile)
    assert np.allclose(far, [1 if name.startswith("logistic") else 200, 0], atol=1e-30)


@pytest.mark.parametrize("name", [*EXACT, *TRUE])
def test_a_nan_changes_no_other_lane(name: str) -> None:
    x = np.linspace(-30, 30, 1600).astype(np.float32)
    with_nan = x.copy()
    with_nan[::7] = np.nan
    found = activated(with_nan, name, host_tile())
    assert np.isnan(found[::7]).all()
    others = ~np.isnan(with_nan)
    assert same(found[others], activated(x, name, host_tile())[others]).all()


@pytest.mark.parametrize("name", [*EXACT, "mish/fast"])
@pytest.mark.parametrize("shape", [(3, 9, 13), (2, 50, 50)])
def test_shortcut(name: str, shape: tuple[int, int, int]) -> None:
    rng = np.random.default_rng(5)
    c, h, w = shape
    x, added = rng.normal(0, 2, (2, c * h * w)).astype(np.float32)
    out = np.zeros_like(x)
    one = np.float32(1)
    shortcut(new_queue(c), out, x, added, c, h, w, c, h, w, one, one, CODES[name], AVX512)
    assert same(out, activated(x + added, name, AVX512)).all()
