"""What the micro-kernels' loops are made of, as compiled for processors that need not be this one."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import pytest

from darknet_py.kernels.runtime.processor import ARCHITECTURE

pytestmark = pytest.mark.skipif(ARCHITECTURE != "x86-64", reason="names of x86-64 processors")

COMPILE = """
import numba
from numba import typeof, types
from darknet_py.kernels.runtime.numba_types import register
from darknet_py.kernels.conv.multiply import multiply_filters, multiply_pixels
from darknet_py.kernels.conv.squares import pool_products
from darknet_py.kernels.vector.simd import pointer
from darknet_py.kernels.vector.tile import host_tile

@numba.njit
def filters(tile, count, sums, weights, pixels, offsets, depth):
    start = pointer(weights, 0)
    multiply_filters(
        tile, count, pointer(sums, 0), True, start, pointer(pixels, 0), pointer(offsets, 0), depth, start, depth
    )

@numba.njit
def pixels(tile, count, sums, weights, pixels, offsets, depth):
    multiply_pixels(
        tile, count, pointer(sums, 0), True, pointer(weights, 0), pointer(pixels, 0), pointer(offsets, 0), depth
    )

@numba.njit
def squares(tile, count, sums, weights, pixels, offsets, depth):
    pool_products(
        tile, 0, count, pointer(weights, 0), pointer(pixels, 0), depth, pointer(offsets, 0), depth, pointer(sums, 0),
        depth, pointer(sums, 0), depth,
    )

register()
floats, ints, tile = types.float32[::1], types.int64[::1], host_tile()
for function in (filters, pixels, squares):
    function.compile((typeof(tile), types.int64, floats, floats, floats, ints, types.int64))
    print("".join(function.inspect_asm().values()))
"""

FUSED = """
import numba
from numba import typeof, types
from darknet_py.kernels.runtime.numba_types import register
from darknet_py.kernels.conv.sloped import filters_sloped, pixels_sloped
from darknet_py.kernels.conv.winograd_multiply import multiply_tiles
from darknet_py.kernels.vector.simd import pointer
from darknet_py.kernels.vector.tile import host_tile

@numba.njit
def tiles(tile, count, sums, weights, pixels, offsets, depth):
    start = pointer(weights, 0)
    multiply_tiles(
        tile, count, depth, pointer(sums, 0), True, start, pointer(pixels, 0), pointer(offsets, 0), depth, start,
        depth, depth,
    )

@numba.njit
def filters(tile, count, sums, weights, pixels, offsets, depth):
    start, out = pointer(weights, 0), pointer(sums, 0)
    filters_sloped(
        tile, count, out, True, start, pointer(pixels, 0), pointer(offsets, 0), depth, start, depth, start, sums[0]
    )

@numba.njit
def pixels(tile, count, sums, weights, pixels, offsets, depth):
    start, out = pointer(weights, 0), pointer(sums, 0)
    pixels_sloped(
        tile, count, out, True, start, pointer(pixels, 0), pointer(offsets, 0), depth, start, sums[0], out, depth,
        depth, depth, depth,
    )

register()
floats, ints, tile = types.float32[::1], types.int64[::1], host_tile().contracted
for function in (tiles, filters, pixels):
    function.compile((typeof(tile), types.int64, floats, floats, floats, ints, types.int64))
    print("".join(function.inspect_asm().values()))
"""

WORDS = """
import numba
from numba import typeof, types
from darknet_py.kernels.words.multiply import multiply_words
from darknet_py.kernels.runtime.numba_types import register
from darknet_py.kernels.vector.dots import word_tile
from darknet_py.kernels.vector.simd import pointer
from darknet_py.kernels.vector.tile import host_tile

@numba.njit
def words(tile, by_pixels, count, sums, weights, pixels, offsets, depth):
    start = pointer(weights, 0)
    multiply_words(
        tile, by_pixels, count, pointer(sums, 0), True, start, pointer(pixels, 0), pointer(offsets, 0), depth, start,
        depth,
    )

register()
floats, ints, tile = types.float32[::1], types.int64[::1], word_tile(host_tile())
words.compile((typeof(tile), types.boolean, types.int64, floats, floats, floats, ints, types.int64))
print("".join(words.inspect_asm().values()))
"""

LONG = "+sse4.2,+avx,+avx2,+fma,+avx512f,+avx512vl,+avx512bw,+avx512dq"
SHORT = "+sse4.2,+avx,+avx2,+fma"


def loops(assembly: str, multiplies: str = "vmulps") -> list[str]:
    """The blocks that jump to their own start and multiply vectors."""
    found = re.findall(r"^(\.LBB\w+):\n((?:(?!^\.LBB)(?:.*\n))*?.*\bj\w+\s+\1\n)", assembly, re.MULTILINE)
    return [body for _, body in found if re.search(rf"\b{multiplies}\b", body)]


def compiled(program: str, cpu: str, features: str, repository: Any) -> str:
    """What a program prints that is told to compile for a processor."""
    environment = {"NUMBA_CPU_NAME": cpu, "NUMBA_CPU_FEATURES": features, "PATH": "/usr/bin"}
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=repository, env=environment
    )  # fmt: skip
    return result.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cpu", "features", "register", "count"),
    [("znver4", LONG, "zmm", 16), ("skylake-avx512", LONG, "zmm", 16), ("haswell", SHORT, "ymm", 8)],
)
def test_inner_loops(cpu: str, features: str, register: str, count: int, repository: Any) -> None:
    assembly = compiled(COMPILE, cpu, features, repository)
    found = loops(assembly)
    assert len(found) >= count, "each number of columns, and of vectors of pixels, has a loop of its own"
    assert loops(assembly[assembly.index("\npooled_") :]), "so have sums that are pooled at once"
    for loop in found:
        assert f"%{register}" in loop
        assert "%rsp" not in loop, "sums leave the registers"
        assert register == "zmm" or "prefetch" not in loop
        assert not re.search(r"vfn?m(add|sub)", loop), "each product is rounded"
        if register == "ymm":  # all products of a scalar, then all their sums
            order = "".join(re.findall(r"\bv(mul|add)ps\b", loop)).replace("mul", "m").replace("add", "a")
            assert re.fullmatch("(mmaa)+|(ma)+", order), order
        if cpu == "znver4":  # there, broadcasting into a register takes arithmetic units' time
            assert "vbroadcastss" not in loop and "{1to16}" in loop


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cpu", "features", "register", "largest"), [("znver4", LONG, "zmm", 26), ("haswell", SHORT, "ymm", 12)]
)
def test_inner_loops_of_fused_products(cpu: str, features: str, register: str, largest: int, repository: Any) -> None:
    """Of `fast`: sums stay in the registers, even AVX2's 16, and the cache is asked for what comes next."""
    assembly = compiled(FUSED, cpu, features, repository)
    found = loops(assembly, r"vfmadd\w+ps")
    counts = [len(re.findall(r"\bvfmadd\w+ps\b.*%" + register, loop)) for loop in found]
    assert max(counts) >= largest, "a step of k of the largest block"
    assert all("prefetch" in loop for loop in found)
    moved = [line for loop in found for line in loop.splitlines() if "%rsp" in line and f"%{register}" in line]
    assert not [line for line in moved if line.endswith("(%rsp)")], "sums leave the registers"
    assert len(moved) <= (1 if register == "ymm" else 0), "the mask of three vectors, of which the last is a part"
    assert any("vmaskmov" in loop for loop in found) == (register == "ymm"), "blocks that end in a part of a vector"


EVEX = re.compile(r"%zmm|%[xy]mm(1[6-9]|2\d|3[01])|%k[0-7]|\{1to")
"""What only AVX-512 has."""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cpu", "features", "instruction", "register", "most"),
    [
        ("alderlake", f"{SHORT},+avxvnni", "{vex}\tvpdpbusd", "ymm", 12),
        ("znver4", f"{LONG},+avx512vnni", "vpdpbusd", "zmm", 24),
        ("skylake-avx512", LONG, "vpmaddwd", "zmm", 26),
        ("haswell", SHORT, "vpmaddwd", "ymm", 12),
        ("sandybridge", "+sse4.2,+avx", "vpmaddwd", "xmm", 12),
        ("nehalem", "+sse4.2", "pmaddwd", "xmm", 12),
    ],
)
def test_inner_loops_of_bytes(
    cpu: str, features: str, instruction: str, register: str, most: int, repository: Any
) -> None:
    assembly = compiled(WORDS, cpu, features, repository)

    found = loops(assembly, instruction.split("\t")[-1])
    largest = max(found, key=lambda loop: loop.count(instruction))
    assert largest.count(instruction) % most == 0 and "%rsp" not in largest, "as many sums as there are, in registers"
    for loop in found:
        assert f"%{register}" in loop and not re.search(r"pmaddubsw|vpdpbusds|vpdpwssds", loop), "that do not saturate"
    if register != "zmm":
        assert not EVEX.search(assembly)
