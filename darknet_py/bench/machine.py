"""What machine this is, and with which versions: a time means nothing without them."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from ..plan.cores import usable_cores
from ..version import __version__

if TYPE_CHECKING:
    pass


CACHES = Path("/sys/devices/system/cpu/cpu0/cache")


class Machine(TypedDict):
    """`describe_machine`."""

    processor: str
    cores: int
    usable_cores: int
    caches: dict[str, str]
    system: str
    compiled_for: str
    vector: str
    versions: dict[str, str]


def describe_machine() -> Machine:
    """Processor, cores, caches, system, versions: for people and for JSON."""
    import llvmlite
    import numba
    import numpy
    from numba.core.registry import cpu_target

    from ..kernels.vector.tile import host_tile

    tile = host_tile()
    return {
        "processor": processor_name(),
        "cores": os.cpu_count() or 1,
        "usable_cores": usable_cores(),
        "caches": _caches(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "compiled_for": cpu_target.target_context.codegen().magic_tuple()[1],
        "vector": f"{tile.lanes} x float32",
        "versions": {
            "darknet-py": __version__,
            "Python": platform.python_version(),
            "NumPy": numpy.__version__,
            "Numba": numba.__version__,
            "llvmlite": llvmlite.__version__,
        },
    }


def processor_name(described: Path = Path("/proc/cpuinfo")) -> str:
    """The processor's name, as the system reports it; of an ARM without one, LLVM's name of its kind."""
    if sys.platform == "linux":
        lines = described.read_text(encoding="utf-8", errors="replace").splitlines()
        for key in ("model name", "Model", "Hardware"):
            for line in lines:
                name, _, value = line.partition(":")
                if name.strip() == key and value.strip():
                    return value.strip()
        from llvmlite import binding

        return f"{platform.machine()}, {binding.get_host_cpu_name()}"
    if sys.platform == "darwin":
        return _sysctl("machdep.cpu.brand_string")
    return platform.processor() or platform.machine()


def _caches() -> dict[str, str]:
    """Cache -> size, of the first core: ``{"L1d": "48K", "L2": "1024K"}``; empty if unknown."""
    if sys.platform == "darwin":
        names = {"L1d": "hw.l1dcachesize", "L2": "hw.l2cachesize", "L3": "hw.l3cachesize"}
        return {name: f"{int(size) // 1024}K" for name, key in names.items() if (size := _sysctl(key))}
    found = {}
    for index in sorted(CACHES.glob("index*")) if CACHES.is_dir() else []:
        try:
            level, kind, size = ((index / name).read_text().strip() for name in ("level", "type", "size"))
        except OSError:
            continue
        if kind != "Instruction":
            found[f"L{level}" + ("d" if kind == "Data" else "")] = size
    return found


def _sysctl(key: str) -> str:
    result = subprocess.run(["sysctl", "-n", key], capture_output=True, text=True, check=False)
    return result.stdout.strip()
