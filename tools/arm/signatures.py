"""A pytest plugin that writes down which kernels the tests compile, and for which types, on an ARM.

The tests run here, with the tile of the processor that ``ARM_CPU`` names, compiled for this machine. File
``ARM_SIGNATURES`` then has what `ahead.py` compiles for that processor.
"""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

from darknet_py.kernels.vector import tile

tile.host_tile = lambda: tile.arm_tile(os.environ["ARM_CPU"])


def pytest_sessionfinish(session: Any) -> None:
    """Called by pytest at the end."""
    from darknet_py.warmup import kernels

    found = {name: kernel.signatures for name, kernel in kernels().items() if kernel.signatures}
    Path(os.environ["ARM_SIGNATURES"]).write_bytes(pickle.dumps(found))
