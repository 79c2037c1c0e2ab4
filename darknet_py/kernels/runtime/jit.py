"""How kernels are compiled, in one place.

Every kernel keeps IEEE 754 to the letter (no fast-math: reassociation or contraction would change bits), releases the
GIL, and is cached on disk. ``error_model="numpy"`` makes a division by zero give inf or nan, as it does in C.

Numba's cache looks only at the file of the outermost function, but a kernel is compiled together with what it calls in
other files. So that a changed or upgraded darknet-py never runs code of the old one, every cached kernel is kept with a
hash of all files that have kernels (and with one of itself: `cache.py`).
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba

from .cache import check_cache

_dispatchers: list[Any] = []

_PACKAGE = Path(__file__).resolve().parents[2]


def _hash_of_sources() -> str:
    """One hash of all modules in which kernels are."""
    digest = hashlib.sha256()
    for folder in ("kernels", "image"):
        for path in sorted((_PACKAGE / folder).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()


SOURCES = _hash_of_sources()
"""Changes with any kernel."""


def kernel(function: Callable[..., Any] | None = None, *, forceinline: bool = False) -> Any:
    """Decorator of a kernel, and of the small functions that kernels call.

    ``forceinline`` makes the compiler put the function into its callers, whatever its size.
    """
    if function is None:
        return functools.partial(kernel, forceinline=forceinline)
    compiled = numba.njit(nogil=True, error_model="numpy", forceinline=forceinline)
    dispatcher = compiled(function)
    with contextlib.suppress(RuntimeError):  # no folder can be written to: each process compiles for itself
        dispatcher.enable_caching()
        if not check_cache(dispatcher, SOURCES):
            dispatcher = compiled(function)
    _dispatchers.append(dispatcher)
    return dispatcher


def times_compiled() -> int:
    """How often this process has compiled a kernel that it did not find on disk."""
    return sum(sum(dispatcher.stats.cache_misses.values()) for dispatcher in _dispatchers)
