"""A network that does not fit into memory is refused, with file and line, before any memory is taken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from darknet_py.detector import Detector
from darknet_py.errors import CfgError
from darknet_py.network import read_network
from darknet_py.parameters import zero_parameters
from darknet_py.plan import room
from darknet_py.plan.memory import lay_out

from .nets import net, write_cfg

LARGE = {
    "input": (net(3, 12000, 12000, "maxpool size=2 stride=2"), "2.2", 6),
    "filters": (net(3, 128, 128, "conv filters=60000 size=1 stride=1", "maxpool size=64 stride=64"), "3.9", 6),
    "output": (net(3, 1, 1, "connected output=200000000"), "0.8", 6),
    "history": (net(3, 512, 512, "history history_size=1000", "conv filters=1"), "3.1", 6),
    "upsample": (net(4, 8, 8, "upsample stride=1000"), "1.0", 6),
    "route": (net(3, 512, 512, "maxpool size=1 stride=1", f"route layers={','.join(['-1'] * 500)}"), "1.6", 10),
    "state": (net(3, 1024, 1024, "crnn hidden_filters=50 output_filters=1"), "0.4", 6),
}
"""By the option that asks for much: cfg, gigabytes, line of the section to blame."""


@pytest.mark.parametrize("name", LARGE)
def test_too_large_for_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    text, gigabytes, line = LARGE[name]
    network = read_network(write_cfg(tmp_path, text))

    def refuse(*_: Any) -> Any:
        raise AssertionError("memory was taken")

    monkeypatch.setattr("darknet_py.plan.memory.aligned_memory", refuse)
    monkeypatch.setattr("darknet_py.plan.build.aligned_memory", refuse)
    monkeypatch.setattr(room, "free_memory", lambda: 2 * 10**8)
    with pytest.raises(CfgError, match=f"this network's values need {gigabytes} GB at once, but 0.2 GB are ") as caught:
        Detector(network, zero_parameters(network))
    assert (caught.value.path, caught.value.line) == (network.path, line), caught.value
    monkeypatch.setattr(room, "free_memory", lambda: 10**10)
    with pytest.raises(AssertionError, match="memory was taken"):
        Detector(network, zero_parameters(network))


def test_several_images_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One image fits and four do not: the error says so."""
    network = read_network(write_cfg(tmp_path, net(3, 4096, 4096, "maxpool size=2 stride=2")))
    monkeypatch.setattr(room, "free_memory", lambda: 3 * 10**8)
    layout = lay_out(network, ())
    room.check_room(network, layout)
    with pytest.raises(CfgError, match=r"1\.0 GB at once for 4 images at a time, but 0\.3 GB are free"):
        room.check_room(network, layout, 4)


def test_limits_of_containers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The least of what the system has free and what the process's groups may take; nonsense is no limit."""
    files = {
        "/proc/meminfo": "MemTotal: 9 kB\nMemAvailable:   5000 kB\nSwapFree:  1000 kB\n",
        "/proc/self/cgroup": "4:memory:/a/b\n3:cpu:/\n0::/c\n",
    }
    monkeypatch.setattr(room, "system_text", lambda path: files.get(path.as_posix(), ""))
    assert room.free_memory() == 6000 * 1024
    files["/sys/fs/cgroup/memory/memory.limit_in_bytes"] = "5000000\n"
    assert room.free_memory() == 5000000
    files["/sys/fs/cgroup/memory/a/b/memory.limit_in_bytes"] = "4000000\n"
    assert room.free_memory() == 4000000
    files["/sys/fs/cgroup/c/memory.max"] = "max\n"
    assert room.free_memory() == 4000000
    files["/sys/fs/cgroup/memory.max"] = "3000000\n"
    assert room.free_memory() == 3000000
