"""What plans know of the processor: its pace, and its second cache."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from darknet_py.kernels.conv.cut import ConvShape
from darknet_py.kernels.vector.tile import NEON, Tile
from darknet_py.plan import conv_cut, processor
from darknet_py.plan.processor import ARM, SMALL_ARM, USUAL, WIDE_ARM, Pace, cache_room, host_cache_room, pace_of

SHAPE = ConvShape(
    c=64, h=52, w=52, n=128, groups=1, size=3, stride=1, pad=1, out_h=52, out_w=52, plane=52 * 52, group=64 * 52 * 52
)


def cores(folder: Path, siblings: str, *caches: tuple[int, str, str, str]) -> Path:
    """Linux's files about the first core: each cache's level, type, size, and the cores that share it."""
    for i, (level, kind, size, shared) in enumerate(caches):
        index = folder / "cpu0" / "cache" / f"index{i}"
        index.mkdir(parents=True)
        for name, text in (("level", str(level)), ("type", kind), ("size", size), ("shared_cpu_list", shared)):
            (index / name).write_text(f"{text}\n")
    (folder / "cpu0" / "topology").mkdir(parents=True)
    (folder / "cpu0" / "topology" / "thread_siblings_list").write_text(f"{siblings}\n")
    return folder


FIRST = ((1, "Data", "32K", "0"), (1, "Instruction", "48K", "0"))


def test_four_cores_of_a_raspberry_pi_4_share_the_last_cache(tmp_path: Path) -> None:
    assert cache_room(cores(tmp_path, "0", *FIRST, (2, "Unified", "1024K", "0-3"))) == 1024 * 1024 // 4 // 4


def test_a_cache_behind_the_second_one_makes_room_in_it(tmp_path: Path) -> None:
    raspberry_pi_5 = (2, "Unified", "512K", "0"), (3, "Unified", "2048K", "0-3")
    assert cache_room(cores(tmp_path, "0", *FIRST, *raspberry_pi_5)) == 512 * 1024 // 2


def test_two_threads_of_a_core_are_one(tmp_path: Path) -> None:
    zen = (2, "Unified", "1024K", "0,8"), (3, "Unified", "32768K", "0-15")
    assert cache_room(cores(tmp_path, "0,8", *FIRST, *zen)) == 1024 * 1024 // 2


@pytest.mark.parametrize("size", ["", "1M", "none"])
def test_what_cannot_be_read_is_not_known(tmp_path: Path, size: str) -> None:
    assert cache_room(tmp_path / "nowhere") is None
    assert cache_room(cores(tmp_path / "first", "0", *FIRST)) is None
    assert cache_room(cores(tmp_path / "odd", "0", *FIRST, (2, "Unified", size, "0-3"))) is None
    assert cache_room(cores(tmp_path / "list", "0", *FIRST, (2, "Unified", "512K", "all"))) is None


@pytest.mark.parametrize(
    ("architecture", "name", "pace"),
    [
        ("x86-64", "znver4", USUAL), ("x86-64", "generic", USUAL), ("arm64", "cortex-a72", SMALL_ARM),
        ("arm64", "cortex-a53", SMALL_ARM), ("arm64", "cortex-a76", ARM), ("arm64", "neoverse-n1", ARM),
        ("arm64", "apple-m1", WIDE_ARM), ("arm64", "neoverse-v2", WIDE_ARM), ("riscv64", "generic", USUAL),
    ],
)  # fmt: skip
def test_the_pace_of_processors(architecture: str, name: str, pace: Pace) -> None:
    assert pace_of(architecture, name) == pace


def window(tile: Tile) -> int:
    cut, _, _ = conv_cut.cut_work(SHAPE, tile, threads=4)
    return cut.channels * cut.plane


def test_windows_fit_the_share_of_the_second_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conv_cut, "host_cache_room", lambda: 65_536)
    assert 8_000 < window(NEON) <= 65_536 // 4
    monkeypatch.setattr(conv_cut, "host_cache_room", lambda: None)
    assert 65_536 // 4 < window(NEON) <= conv_cut.WINDOW


def test_a_small_arm_has_small_windows_where_linux_knows_no_caches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processor, "cache_room", lambda: None)
    monkeypatch.setattr(processor, "host_pace", lambda: SMALL_ARM)
    assert host_cache_room.__wrapped__() == 65_536
    monkeypatch.setattr(processor, "host_pace", lambda: ARM)
    assert host_cache_room.__wrapped__() is None


@pytest.mark.parametrize("number", [conv_cut.PIXELS, conv_cut.FILTERS])
def test_reading_several_values_at_a_time_pays_where_reading_is_slow(
    monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def cycles(pace: Pace, tile: Tile) -> float:
        monkeypatch.setattr(conv_cut, "host_pace", lambda: pace)
        return conv_cut.estimated_cycles(conv_cut.ways(tile)[number], SHAPE, tile)

    one_by_one = replace(NEON, indexed=False)
    assert cycles(ARM, NEON) == cycles(ARM, one_by_one), "the products take longer"
    slow = Pace(ARM.products, 0.1)
    assert cycles(slow, NEON) < 0.7 * cycles(slow, one_by_one)
    assert cycles(SMALL_ARM, NEON) == pytest.approx(2 * cycles(ARM, NEON), rel=0.01)
