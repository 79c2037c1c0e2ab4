"""Whether a network's values fit into memory: asked before any is taken, for a system kills what takes too much."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..network import Network
    from .memory import Layout

SMALL = 1 << 28
"""Bytes that are taken without a look at how much memory is free."""

_FREE = re.compile(r"^(?:MemAvailable|SwapFree):\s+(\d+) kB$", re.MULTILINE)


def check_room(network: Network, layout: Layout, images: int = 1) -> None:
    """Raise `CfgError` if a plan's values would not fit into the memory that is free here.

    Args:
        network: the graph; the error names the layer with most values.
        layout: the arena of one image.
        images: how many images have an arena each.
    """
    states = 8 * sum(sum(layer.state_sizes) for layer in network.layers)  # each is kept twice (`plan.states`)
    needed = images * layout.size + states
    if needed < SMALL:
        return
    free = free_memory()
    if free is None or needed <= free:
        return
    values = {layer.index: layer.out.size + sum(layer.state_sizes) for layer in network.layers}
    largest = network.layers[max(values, key=values.__getitem__)]
    several = "" if images == 1 else f" for {images} images at a time"
    raise network.error(
        largest,
        f"not enough memory: this network's values need {needed / 1e9:.1f} GB at once{several}, but "
        f"{free / 1e9:.1f} GB are free; layer {largest.index} [{largest.kind}] has most of them, "
        f"{values[largest.index]:,}: make its options or the network's input smaller",
    )


def free_memory() -> int | None:
    """Bytes that this process can still take, swap included; None where the system does not say."""
    return min(_limits(), default=None)


def _limits() -> Iterator[int]:
    """What is free by the system's word, and by that of each limit that this process has."""
    text = system_text(Path("/proc/meminfo"))
    if text:
        yield 1024 * sum(int(kilobytes) for kilobytes in _FREE.findall(text))
    elif sys.platform != "win32" and "SC_PHYS_PAGES" in os.sysconf_names:
        yield os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for line in system_text(Path("/proc/self/cgroup")).splitlines():
        _, controllers, group = line.split(":", 2)
        yield from _limits_of_group(controllers, group)


def _limits_of_group(controllers: str, group: str) -> Iterator[int]:
    """The limit of a container or a service. In a container the group's own folder is often mounted as the root."""
    if controllers not in ("", "memory"):
        return
    root = Path("/sys/fs/cgroup") / controllers
    file = "memory.limit_in_bytes" if controllers else "memory.max"
    for folder in (root / group.lstrip("/"), root):
        limit = system_text(folder / file).strip()
        if limit.isdecimal():
            yield int(limit)


def system_text(path: Path) -> str:
    """What a file of the system says; nothing where it is not there or cannot be read."""
    try:
        return path.read_text("ascii")
    except (OSError, ValueError):
        return ""
