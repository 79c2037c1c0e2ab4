"""Compile kernels for a 64-bit ARM ahead: ``python ahead.py CPU SIGNATURES``.

The objects, which are kept below ``NUMBA_CACHE_DIR``, serve an ARM with this Python's minor version, these files in
this place and the environment variables of `cross.names_for`.
"""

from __future__ import annotations

import pickle
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

from cross import compile_for
from stand_ins import example


def load_signatures(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Kernel's full name -> arguments of each kind that it is called with, as `signatures.py` wrote them."""
    found: dict[str, Any] = pickle.loads(path.read_bytes())
    return {name: [tuple(map(example, notes)) for notes in kinds] for name, kinds in found.items()}


def find_kernel(name: str) -> Any:
    """A kernel by its full name."""
    module, _, attribute = name.rpartition(".")
    return getattr(import_module(module), attribute)


def compile_ahead(kernel: Any, arguments: tuple[Any, ...]) -> None:
    """Save a kernel's object for such arguments under the name by which an ARM looks for it."""
    from darknet_py.kernels.runtime import compiling, objects
    from darknet_py.kernels.runtime.values import kind_of

    name = objects.name_of(kernel.py_func, kernel.forceinline, tuple(map(kind_of, arguments)))
    made = None if name is None else compiling.make_object(kernel, name.symbol, arguments)
    if name is None or made is None:
        raise ValueError(f"only Numba itself can call {kernel.__name__}")
    objects.save(name, made)


def main(cpu: str, path: str) -> None:
    """Compile all."""
    compile_for(cpu)
    start = time.process_time()
    wanted = load_signatures(Path(path))
    for name, signatures in wanted.items():
        for arguments in signatures:
            compile_ahead(find_kernel(name), arguments)
    count = sum(len(signatures) for signatures in wanted.values())
    print(
        f"{count} signatures of {len(wanted)} kernels for {cpu}: {time.process_time() - start:.0f} s of processor time"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
