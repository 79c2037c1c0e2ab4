"""How kernels are compiled."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import darknet_py

SCRIPT = """
import numpy as np
from darknet_py.kernels.layers.activations import activate_channels
from darknet_py.kernels.runtime.atomic import new_queue
from darknet_py.kernels.vector.tile import host_tile
out, x = np.zeros(1, np.float32), np.full(1, -8, np.float32)
activate_channels(new_queue(1), out, x, np.array([13]), 1, host_tile())
print(out[0], sum(activate_channels.stats.cache_hits.values()))
"""


def test_a_change_in_any_file_of_kernels_is_seen_by_cached_ones(tmp_path: Path) -> None:
    package = tmp_path / "darknet_py"
    shutil.copytree(Path(darknet_py.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "NUMBA_CACHE_DIR": str(tmp_path / "cache")}

    def run() -> str:
        command = [sys.executable, "-c", SCRIPT]
        result = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True)
        return result.stdout.strip()

    assert run() == "-0.008 0"
    assert run() == "-0.008 1"
    other = package / "kernels" / "layers" / "pooling.py"
    other.write_text(other.read_text() + "\n# changed\n")
    assert run() == "-0.008 0", "a kernel may call what has changed: it is compiled anew"
