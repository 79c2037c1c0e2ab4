"""Numba, imported when something has to be compiled: that takes longer than all else before a first run.

Modules with kernels take from here what they would import from Numba.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from importlib import import_module
from typing import Any, Protocol


class Later:
    """A module, or something in one, that is imported when it is first used."""

    def __init__(self, module: str, name: str = "") -> None:
        self._place = module, name

    @cached_property
    def _found(self) -> Any:
        module, name = self._place
        found = import_module(module)
        return getattr(found, name) if name else found

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # whoever asks for these looks at the object, and does not use it
            raise AttributeError(name)
        return getattr(self._found, name)

    def __call__(self, *arguments: Any) -> Any:
        return self._found(*arguments)


types: Any = Later("numba.core.types")
"""Numba's types."""

cgutils: Any = Later("numba.core.cgutils")
"""Numba's helpers for writing LLVM code."""


class Intrinsic:
    """A function that writes LLVM code, for kernels to call."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.__name__ = function.__name__
        self.__doc__ = function.__doc__

    @cached_property
    def registered(self) -> Any:
        """As Numba knows it."""
        from numba.extending import intrinsic

        return intrinsic(self.function)


def intrinsic(function: Callable[..., Any]) -> Any:
    """Numba's decorator of that name."""
    return Intrinsic(function)


overloads: list[tuple[Any, Callable[..., Any]]] = []
"""Functions, and what chooses their code by the types of their arguments (see `overload`)."""


def overload(function: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Numba's decorator of that name."""

    def note(chooser: Callable[..., Any]) -> Callable[..., Any]:
        overloads.append((function, chooser))
        return chooser

    return note


constants: list[type] = []
"""Classes whose objects kernels are compiled for, see `compile_time`."""

callees: list[type] = []
"""Classes whose objects kernels may call: in ``callee`` they have Numba's own."""


class Listener(Protocol):
    """Hears of compilations; those of a kernel's callees come within its own."""

    def on_start(self) -> None:
        """One begins."""

    def on_end(self) -> None:
        """It is over."""


listeners: list[Listener] = []
"""All who hear of the compilations of this process."""
