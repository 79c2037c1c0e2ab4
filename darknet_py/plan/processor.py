"""What a plan asks of the processor: what its units do in a cycle, and how much of the second cache a core has."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ..kernels.runtime.processor import ARCHITECTURE, host

CORES = Path("/sys/devices/system/cpu")
"""Linux's description of the cores."""


@dataclass(frozen=True)
class Pace:
    """What a core does in a cycle.

    Attributes:
        products: how many vectors it multiplies and adds, as two instructions.
        loads: how many values or vectors it reads.
        copying: how many cycles it takes for a vector of a window, where products take no longer than the usual.
    """

    products: float
    loads: float
    copying: float = 1.5


USUAL = Pace(2, 2)
"""x86-64 processors."""

ZEN4 = Pace(1, 2, 4)
"""Of vectors as long as two of its units (`Tile.embedded`)."""

PAIRED = Pace(1, 2)
"""x86-64 processors, of products of bfloat16 numbers."""

ARM = Pace(1, 2)
"""64-bit ARM with two units for vectors: Cortex-A76 and Neoverse N1, say."""

SMALL_ARM = Pace(0.5, 1)
"""Whose two units have half a vector each: Cortex-A72, say."""

WIDE_ARM = Pace(2, 3)
"""With four units."""

SMALL_NAMES = ("cortex-a3", "cortex-a5", "cortex-a72", "cortex-a73", "generic")
WIDE_NAMES = ("apple-", "cortex-x", "neoverse-v", "oryon")
"""What LLVM's names of such processors start with."""


def pace_of(architecture: str, name: str) -> Pace:
    """The pace of a processor: its architecture as in `kernels.runtime.processor`, and LLVM's name of it."""
    if architecture != "arm64":
        return USUAL
    if name.startswith(SMALL_NAMES):
        return SMALL_ARM
    return WIDE_ARM if name.startswith(WIDE_NAMES) else ARM


@cache
def host_pace() -> Pace:
    """The pace of the processor that Numba compiles for."""
    return pace_of(ARCHITECTURE, host()[1])


def cache_room(cores: Path = CORES) -> int | None:
    """Bytes that the data of one core may take of the second cache; None if that cache is not known.

    Cores that share it have equal shares. Half of one is for what passes by, such as weights; three quarters, if
    there is only memory behind it.
    """
    levels: dict[int, Path] = {}
    try:
        for index in (cores / "cpu0" / "cache").glob("index*"):
            if (index / "type").read_text().strip() != "Instruction":
                levels[int((index / "level").read_text())] = index
        if 2 not in levels:
            return None
        size = (levels[2] / "size").read_text().strip()
        sharing = _count(levels[2] / "shared_cpu_list") // _count(cores / "cpu0" / "topology" / "thread_siblings_list")
        share = int(size.removesuffix("K")) * 1024 // max(1, sharing)
    except (OSError, ValueError):
        return None
    return share // (2 if max(levels) > 2 else 4)


@cache
def host_cache_room() -> int | None:
    """`cache_room` here. Where Linux does not know it: of a small ARM's cores, four share 1 MB or less."""
    known = cache_room()
    return 65_536 if known is None and host_pace() == SMALL_ARM else known


def _count(path: Path) -> int:
    """How many cores a list such as ``0-3,8`` has."""
    count = 0
    for part in path.read_text().strip().split(","):
        first, _, last = part.partition("-")
        count += int(last or first) - int(first) + 1
    return count
