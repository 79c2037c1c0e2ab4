"""Which kernels there are to compile for an ARM, and for which types: what this machine compiles with an ARM's tile.

``python signatures.py`` takes what ``warmup`` compiles; as a pytest plugin (``-p signatures``), what tests do.
``ARM_CPU`` names the processor, ``ARM_SIGNATURES`` the file that is written, for `ahead.py`.
"""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

from darknet_py.kernels.vector import tile

tile.host_tile = lambda: tile.arm_tile(os.environ["ARM_CPU"])


def write() -> None:
    """Write down what this process has compiled by now: ``NUMBA_CACHE_DIR`` must name an empty folder."""
    from darknet_py.warmup import kernels

    found = {name: kernel.signatures for name, kernel in kernels().items() if kernel.signatures}
    Path(os.environ["ARM_SIGNATURES"]).write_bytes(pickle.dumps(found))


def pytest_sessionfinish(session: Any) -> None:
    """Called by pytest at the end."""
    write()


def main() -> None:
    """All that ``warmup --training`` compiles, for the profiles that an ARM has."""
    from darknet_py.train.warming import training_steps
    from darknet_py.warmup import warm_up

    profiles = ["ieee", "fast"]
    warm_up(profiles, more=training_steps(profiles))
    write()


if __name__ == "__main__":
    main()
