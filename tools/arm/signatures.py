"""Which kernels there are to compile for an ARM, and for what arguments: what this machine runs with an ARM's tile.

``python signatures.py`` takes what ``warmup`` compiles; as a pytest plugin (``-p signatures``), what tests do.
``ARM_CPU`` names the processor, ``ARM_SIGNATURES`` the file that is written, for `ahead.py`.
"""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

from cross import PROCESSORS
from stand_ins import example, noted

from darknet_py.kernels.runtime.jit import Kernel, Native
from darknet_py.kernels.runtime.values import kind_of
from darknet_py.kernels.vector import dots, tile
from tests.plain_dots import plain_dots

CPU = os.environ["ARM_CPU"]

tile.host_tile = lambda: tile.arm_tile(CPU)

dots.enabled = lambda: ("arm64", frozenset(PROCESSORS[CPU].replace("+", "").split(",")))
_there = dots.usable_dots()
dots.usable_dots = lambda: [plain_dots(row.bytes) for row in _there]

_found: dict[str, list[Any]] = {}
"""Kernel's full name -> for each kind of arguments, what stands for them."""

_find = Kernel._find


def _find_and_note(kernel: Kernel, kinds: tuple[Any, ...], arguments: tuple[Any, ...]) -> Native | None:
    native = _find(kernel, kinds, arguments)
    function = kernel.py_func
    if native is not None and function.__module__.startswith("darknet_py."):  # a test's module may run what it has
        notes = tuple(map(noted, arguments))
        assert tuple(kind_of(example(note)) for note in notes) == kinds
        _found.setdefault(f"{function.__module__}.{function.__qualname__}", []).append(notes)
    return native


Kernel._find = _find_and_note  # type: ignore[assignment, method-assign]


def write() -> None:
    """Write down what has been compiled by now, or found on disk."""
    Path(os.environ["ARM_SIGNATURES"]).write_bytes(pickle.dumps(_found))


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
