"""Random numbers as glibc and Darknet draw them."""

from __future__ import annotations

import ctypes
import ctypes.util
import platform

import numpy as np
import pytest

from darknet_py.train.random import GlibcRandom

FIRST_OF_1 = [1804289383, 846930886, 1681692777, 1714636915, 1957747793, 424238335, 719885386, 1649760492, 596516649]
"""What every program on glibc begins with that does not call ``srand``."""


def test_known_numbers() -> None:
    random = GlibcRandom(1)
    assert [random.rand() for _ in FIRST_OF_1] == FIRST_OF_1
    assert GlibcRandom(0).draw(9).tolist() == FIRST_OF_1


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="compares with glibc")
@pytest.mark.parametrize("seed", [0, 1, 7, 12345, 2**31 - 1, 2**31, 2**32 - 1])
def test_as_glibc(seed: int) -> None:
    c = ctypes.CDLL("libc.so.6")
    c.srand(ctypes.c_uint(seed))
    assert GlibcRandom(seed).draw(200).tolist() == [c.rand() for _ in range(200)]


def test_one_by_one_together_and_skipped_are_one_stream() -> None:
    whole = GlibcRandom(5).draw(1000)
    random = GlibcRandom(5)
    random.skip(100)
    assert [random.rand() for _ in range(50)] == whole[100:150].tolist()
    other = random.copy()
    assert random.draw(850).tolist() == other.draw(850).tolist() == whole[150:].tolist()


def test_uniform_scale_integer() -> None:
    random, draws = GlibcRandom(3), GlibcRandom(3).draw(6).tolist()
    third = np.float32(np.float32(draws[0]) / np.float32(2**31))
    assert random.uniform(5, 2) == np.float32(np.float32(third * np.float32(3)) + np.float32(2))
    factor = np.float32(np.float32(np.float32(draws[1]) / np.float32(2**31) * np.float32(0.5)) + np.float32(1))
    assert random.scale(1.5) == (factor if draws[2] % 2 else np.float32(1 / float(factor)))
    assert random.integer(10, 4) == draws[3] % 7 + 4
    assert random.rand() == draws[4]


def test_normal_keeps_its_spare_over_a_state() -> None:
    random = GlibcRandom(9)
    numbers = np.empty(1001, np.float32)
    GlibcRandom(9).normals(numbers)
    assert abs(numbers.mean()) < 0.1
    assert abs(numbers.std() - 1) < 0.1
    assert [random.normal() for _ in range(3)] == numbers[:3].tolist()
    state = random.state
    assert state.spare[0] == 1
    other = GlibcRandom(1)
    other.restore(state)
    assert [other.normal() for _ in range(5)] == numbers[3:8].tolist()
    scaled = np.empty(4, np.float32)
    GlibcRandom(9).normals(scaled, 0.5)
    assert scaled.tolist() == (numbers[:4] * np.float32(0.5)).tolist()


def test_a_wrong_state_is_refused() -> None:
    random = GlibcRandom(1)
    with pytest.raises(ValueError, match="no state"):
        random.restore(random.state._replace(ring=(1,) * 30))
    with pytest.raises(ValueError, match="no state"):
        random.restore(random.state._replace(ring=(31,) * 32))
    assert random.rand() == FIRST_OF_1[0]
