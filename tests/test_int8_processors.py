"""8-bit integers with other processors' instructions: the same integers, and the code that is meant."""

from __future__ import annotations

import hashlib
import os
import pickle
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from darknet_py import layers
from darknet_py.errors import DarknetError
from darknet_py.kernels.conv.winograd_code import F2
from darknet_py.kernels.int8.winograd import winograd_int8
from darknet_py.kernels.runtime.processor import ARCHITECTURE
from darknet_py.kernels.vector import dots, words
from darknet_py.kernels.vector.tile import AVX, AVX2, AVX512, HALVES, SIGNED, SSE, UNSIGNED
from darknet_py.network import read_network
from darknet_py.numeric.arithmetic import get_arithmetic
from darknet_py.numeric.quantization import Quantization, Scale
from darknet_py.parameters import load_parameters
from darknet_py.plan import ops, winograd
from darknet_py.plan.build import Plan
from darknet_py.plan.convolution import conv_shape
from darknet_py.plan.ops import int8
from tests.nets import net
from tests.plain_dots import plain_dots
from tests.test_int8 import NETS, Built, check, conv
from tests.test_int8_bottleneck import check_with_what_is_there

X86 = ARCHITECTURE == "x86-64"

DEEP = net(24, 10, 13, conv(24), conv(40, activation="mish"), "maxpool size=2 stride=2", conv(9), conv(33, 1), conv(7))
"""3x3 filters whose sums go to words by the shortest way, by float32 values, and to a pooling."""


@pytest.fixture(scope="module", params=["deep", "sizes", "moves"])
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Built:
    return Built(tmp_path_factory.mktemp(request.param), {**NETS, "deep": DEEP}[request.param])


def halves(monkeypatch: pytest.MonkeyPatch) -> None:
    """This processor without dot products of bytes: numbers are multiplied as 16 bits."""
    rows = [row for row in dots.DOTS if row.bytes == HALVES and row.architecture == ARCHITECTURE]
    monkeypatch.setattr(dots, "usable_dots", lambda: rows or [plain_dots(HALVES)])


def choose_always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Winograd's filtering wherever it is possible."""

    def choose(shape: Any, *_: Any) -> Any:
        return F2 if shape.size == 3 and shape.stride == 1 and shape.groups == 1 else None

    steps = partial(int8.convolutional_steps, choose=choose)
    monkeypatch.setitem(ops.NARROW["int8"], layers.Convolutional, steps)


def transformed(plan: Plan) -> list[int]:
    return [step.layer for step in plan.steps if step.kernel is winograd_int8]


def test_16_bits_give_the_same_bits(built: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    halves(monkeypatch)
    plan = built.plan(keep=built.numbers)
    assert {step.arguments["tile"].bytes for step in plan.steps if "tile" in step.arguments} == {HALVES}
    check(built, plan)


@pytest.mark.parametrize("shared", [True, False])
def test_winograd_gives_the_same_bits(built: Built, shared: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    halves(monkeypatch)
    monkeypatch.setattr(winograd, "SHARED", 2_000_000 if shared else 0)
    choose_always(monkeypatch)
    plan = built.plan(keep=built.numbers)
    assert len(transformed(plan)) >= 1
    check(built, plan)
    several, last = built.plan(threads=3, images=2), built.network.output_layer.index
    assert np.array_equal(several.output(last, 0), plan.output(last))


def test_winograd_of_the_largest_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of one sign, in as many channels as may be: their sums, four times as large, are just below 2**31."""
    built = Built(tmp_path, net(2 * winograd.MOST_PAIRS, 4, 6, conv(17, activation="linear"), conv(4, 1)))
    built.x[:] = 1  # which is 255
    built.parameters.arrays[0]["weights"] = np.full_like(built.parameters.arrays[0]["weights"], 0.5)
    halves(monkeypatch)
    choose_always(monkeypatch)
    built.quantization = Quantization({-1: Scale.of_range(0, 1), 0: Scale.of_range(0, 9000), 1: Scale.of_range(0, 1)})
    plan = built.plan(keep=[0])
    assert transformed(plan) == [0]
    assert 8000 < plan.output(0).max() < 8500
    check(built, plan)
    assert 4 * 9 * 255 * 127 * 2 * (winograd.MOST_PAIRS + 1) > 2**31 > 4 * 9 * 255 * 127 * 2 * winograd.MOST_PAIRS


@pytest.mark.parametrize(("pairs", "found"), [(256, F2), (winograd.MOST_PAIRS, F2), (winograd.MOST_PAIRS + 2, None)])
def test_winograd_is_taken_where_sums_fit(pairs: int, found: Any, tmp_path: Path) -> None:
    layer: Any = Built(tmp_path, NETS["wide"]).network.layers[1]
    shape = conv_shape(layer)._replace(c=pairs, n=512, h=26, w=26, out_h=26, out_w=26)
    tile = replace(AVX2, words=1, bytes=HALVES)
    assert winograd.choose_transform(shape, 2, tile) == found
    assert winograd.choose_transform(shape._replace(stride=2, out_h=13, out_w=13), 2, tile) is None
    for kind in (UNSIGNED, SIGNED):
        assert winograd.choose_transform(shape, 2, replace(tile, bytes=kind)) is None


PLAIN = """
import sys
from tests.test_int8_processors import check_plain
check_plain(sys.argv[1], int(sys.argv[2]))
"""


def check_plain(folder: str, kind: int) -> None:
    """Networks with plain products in the place of a processor's, and bytes made without its instructions for it."""
    row, made = plain_dots(kind), []

    def products(*values: Any) -> Any:
        made.append(1)
        return row.products(*values)

    dots.usable_dots = lambda: [replace(row, products=products)]
    words.has_feature = lambda name: False
    for name, text in {"deep": DEEP, **{name: NETS[name] for name in ("fastest", "grouped")}}.items():
        Path(folder, name).mkdir()
        built = Built(Path(folder, name), text)
        check(built, built.plan(keep=built.numbers))
    assert made
    check_with_what_is_there(Path(folder))


@pytest.mark.slow
@pytest.mark.parametrize("kind", [UNSIGNED, SIGNED, HALVES])
def test_plain_products_give_the_same_bits(kind: int, tmp_path: Path, repository: Path) -> None:
    """Every way of putting the words, as a processor without any of these instructions computes it.

    (In a process with kernels of its own: their names do not tell how they multiply.)
    """
    environment = {**os.environ, "PYTHONPATH": str(repository), "NUMBA_CACHE_DIR": str(tmp_path / "kernels")}
    command = [sys.executable, "-c", PLAIN, str(tmp_path), str(kind)]
    result = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=repository)
    assert result.returncode == 0, result.stderr[-2000:]


# ------------------------------------------------------------------------------------------------- which processor


def on(monkeypatch: pytest.MonkeyPatch, architecture: str, *features: str) -> None:
    monkeypatch.setattr(dots, "enabled", lambda: (architecture, frozenset(features)))


@pytest.mark.parametrize(
    ("architecture", "features", "kind"),
    [
        ("x86-64", ["avx2", "avxvnni"], UNSIGNED),
        ("x86-64", ["avx512f", "avx512vnni", "avx512vl"], UNSIGNED),
        ("x86-64", ["avx512f", "avx512bw", "avx512vl"], HALVES),
        ("x86-64", [], HALVES),
        ("arm64", ["neon", "dotprod"], SIGNED),
        ("arm64", ["neon", "dotprod", "i8mm"], UNSIGNED),
    ],
)
def test_the_best_instruction_is_taken(
    architecture: str, features: list[str], kind: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    on(monkeypatch, architecture, *features)
    assert dots.usable_dots()[0].bytes == kind
    assert get_arithmetic("int8").why_not_here() is None


@pytest.mark.parametrize(
    ("architecture", "what"), [("arm64", "an ARM with dot products of bytes"), ("riscv64", "this is riscv64")]
)
def test_processors_without_are_refused_by_name(
    architecture: str, what: str, built: Built, monkeypatch: pytest.MonkeyPatch
) -> None:
    on(monkeypatch, architecture, "neon")
    with pytest.raises(DarknetError, match=f"math=int8 needs .*{what}.*; use math=fast"):
        get_arithmetic("int8").quantized(built.quantization).check_covers(built.network)


@pytest.mark.parametrize(
    ("tile", "features", "shape"),
    [(AVX512, ["avx512bw"], AVX512), (AVX512, ["avx2"], AVX2), (AVX, [], SSE), (AVX2, ["avx2"], AVX2), (SSE, [], SSE)],
)
def test_vectors_of_16_bits_that_there_are(
    tile: Any, features: list[str], shape: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    on(monkeypatch, "x86-64", *features)
    found = dots.word_tile(tile)
    assert found.bytes == HALVES and not found.contract
    assert (found.lanes, found.rows, found.vectors, found.columns) == (
        shape.lanes, shape.rows, shape.vectors, shape.columns,
    )  # fmt: skip


# ------------------------------------------------------------------------------------- as compiled for other processors

LONG = "+sse4.2,+avx,+avx2,+fma,+avx512f,+avx512vl,+avx512bw,+avx512dq"
SHORT = "+sse4.2,+avx,+avx2,+fma"

HASH = """
import sys
from tests.test_int8_processors import fingerprint
print(fingerprint(sys.argv[1]))
"""


def fingerprint(folder: str) -> str:
    """The hash of what a network in a folder computes in integers, with the scales and the input that lie there."""
    quantization = pickle.loads(Path(folder, "quantization").read_bytes())
    network = read_network(Path(folder, "net.cfg"))
    profile = get_arithmetic("int8", network.dialect).quantized(quantization)
    parameters = load_parameters(network, Path(folder, "net.weights"))
    plan = Plan(network, parameters, profile, 2, keep=range(len(network.layers)))
    plan.input()[:] = np.load(Path(folder, "x.npy")).reshape(-1)
    plan.run()
    found = hashlib.sha256()
    for number in sorted(plan.formats.computed):
        found.update(plan.output(number).tobytes())
    return f"{len(plan.formats.computed)} {found.hexdigest()}"


@pytest.mark.slow
@pytest.mark.skipif(not X86, reason="names of x86-64 processors")
@pytest.mark.parametrize(
    ("cpu", "features"),
    [("haswell", SHORT), ("skylake-avx512", LONG), ("sandybridge", "+sse4.2,+avx"), ("generic", "")],
    ids=lambda name: name or "none",
)
def test_networks_as_compiled_for_other_processors(cpu: str, features: str, tmp_path: Path, repository: Path) -> None:
    built = Built(tmp_path, net(40, 26, 26, conv(64), conv(96, 1), conv(64, 5), conv(64, 3, 2), conv(70, 3)))
    (tmp_path / "quantization").write_bytes(pickle.dumps(built.quantization))
    np.save(tmp_path / "x.npy", built.x)
    environment = {**os.environ, "NUMBA_CPU_NAME": cpu, "NUMBA_CPU_FEATURES": features, "PYTHONPATH": str(repository),
                   "NUMBA_CACHE_DIR": str(tmp_path / "kernels")}  # fmt: skip
    command = [sys.executable, "-c", HASH, str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=repository)
    assert result.returncode == 0, result.stderr[-2000:]
    assert result.stdout.strip() == fingerprint(str(tmp_path))
    assert result.stdout.startswith("5 ")
