"""How much memory a training takes, and which batch would fit."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import DarknetError
from .plan import Computing, memory_of

if TYPE_CHECKING:
    from ..network import Network

_MEMINFO = Path("/proc/meminfo")
_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")

BATCHES = 2
"""Batches of pictures in memory: one that is learned from, one that is being made."""


@dataclass(frozen=True)
class Need:
    """Bytes that a training takes, estimated.

    Attributes:
        call: pictures of a call of the network.
        network: outputs, gradients, parameters.
        pictures: of the loader.
    """

    call: int
    network: int
    pictures: int

    @property
    def total(self) -> int:
        """All together."""
        return self.network + self.pictures

    def __str__(self) -> str:
        return (
            f"about {gigabytes(self.total)} of memory: {gigabytes(self.network)} for calls of {self.call} pictures, "
            f"{gigabytes(self.pictures)} for pictures"
        )


def need_of(network: Network, call: int, images: int, truths: int, computing: Computing) -> Need:
    """What a training needs.

    Args:
        network: the graph, at its largest size.
        call: pictures of a call.
        images: pictures of an update.
        truths: values of a picture's truth.
        computing: how it is computed.
    """
    pictures = BATCHES * 4 * images * (network.input.size + truths)
    return Need(call, memory_of(network, call, computing), pictures)


def check_fits(network: Network, need: Need, images: int, computing: Computing, free: int | None) -> None:
    """Raise `DarknetError` if there is less memory than a training needs, with the subdivisions that would do.

    Args:
        network: the graph, at its largest size.
        need: what it needs.
        images: pictures of an update.
        computing: how it is computed.
        free: bytes that there are; None if that is not known.
    """
    if free is None or need.total <= free:
        return
    said = f"{network.path}: needs {need}, but {gigabytes(free)} are free"
    for call in range(need.call - 1, 0, -1):
        if images % call == 0 and memory_of(network, call, computing) + need.pictures <= free:
            raise DarknetError(f"{said}; subdivisions={images // call} would do: calls of {call} pictures")
    raise DarknetError(f"{said}; calls of one picture would need {gigabytes(memory_of(network, 1, computing))}")


def free_memory() -> int | None:
    """Bytes that a new process may take, as the system estimates them; None if it does not say."""
    try:
        lines = _MEMINFO.read_text().splitlines()
        free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError, IndexError):
        return None
    for path in _LIMITS:
        try:
            free = min(free, int(Path(path).read_text()))
        except (OSError, ValueError):  # none, or "max"
            continue
    return free


def gigabytes(count: int) -> str:
    """``1.5 GB``, ``20 MB``."""
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{count / 1e6:.0f} MB"
