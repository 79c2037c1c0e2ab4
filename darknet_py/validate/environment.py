"""What a result was made with: versions, machine, hashes of the files."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..bench.machine import processor_name
from ..formats.hashes import file_sha256
from ..kernels.runtime.libm import KINDS, fingerprint
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
        "machine": f"{platform.system()} {platform.machine()}, {processor_name()}",
        "C library": c_library(),
    }


def c_library() -> str:
    """The C library, and whose bits its ``exp``, ``expf`` and ``pow`` give: exact profiles call them."""
    name = " ".join(part for part in platform.libc_ver() if part) or f"{platform.system()}'s own"
    kind = KINDS.get(fingerprint(), "of no known kind: last bits may differ from those of a Darknet on glibc")
    return f"{name}; exp, expf and pow: {kind}"


def network_facts(detector: Detector) -> dict[str, str]:
    """Arithmetic, and hashes of cfg, weights and calibration."""
    cfg = Path(detector.network.path)
    return {
        "math": detector.math,
        "threads": str(detector.threads),
        "cfg": f"{cfg.name}, sha256 {file_sha256(cfg)}",
        "weights": f"{detector.weights.name}, sha256 {file_sha256(detector.weights)}" if detector.weights else "none",
        **({"calibration": f"sha256 {detector.calibration}"} if detector.calibration else {}),
    }
