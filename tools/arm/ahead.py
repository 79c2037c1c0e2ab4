"""Compile kernels for a 64-bit ARM ahead, into Numba's cache: ``python ahead.py CPU SIGNATURES``.

The cache (``NUMBA_CACHE_DIR``) serves an ARM with this Python's minor version, these files in this place and the
environment variables of `cross.names_for`.
"""

from __future__ import annotations

import pickle
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

from cross import compile_for


def load_signatures(path: Path) -> dict[str, Any]:
    """Kernel's full name -> its signatures, as `signatures.py` wrote them."""
    found: dict[str, Any] = pickle.loads(path.read_bytes())
    return found


def find_kernel(name: str) -> Any:
    """A kernel by its full name."""
    module, _, attribute = name.rpartition(".")
    return getattr(import_module(module), attribute)


def main(cpu: str, path: str) -> None:
    """Compile all."""
    compile_for(cpu)
    start = time.process_time()
    wanted = load_signatures(Path(path))
    for name, signatures in wanted.items():
        kernel = find_kernel(name)
        for signature in signatures:
            kernel.compile(signature)
    count = sum(len(signatures) for signatures in wanted.values())
    print(
        f"{count} signatures of {len(wanted)} kernels for {cpu}: {time.process_time() - start:.0f} s of processor time"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
