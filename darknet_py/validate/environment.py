"""What a result was made with: versions, machine, hashes of the files."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..trace import file_sha256
from ..version import __version__

if TYPE_CHECKING:
    from ..detector import Detector


def environment() -> dict[str, str]:
    """Versions and machine."""
    import numba

    return {
        "darknet-py": __version__,
        "Python": platform.python_version(),
        "NumPy": np.__version__,
        "Numba": numba.__version__,
        "machine": f"{platform.system()} {platform.machine()}, {cpu_name()}",
    }


def cpu_name() -> str:
    """The processor's name, as well as the system tells it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or "unknown processor"


def network_facts(detector: Detector) -> dict[str, str]:
    """Arithmetic, and hashes of cfg and weights."""
    cfg = Path(detector.network.path)
    return {
        "math": detector.math,
        "threads": str(detector.threads),
        "cfg": f"{cfg.name}, sha256 {file_sha256(cfg)}",
        "weights": f"{detector.weights.name}, sha256 {file_sha256(detector.weights)}" if detector.weights else "none",
    }
