"""How kernels are compiled, in one place.

Every kernel keeps IEEE 754 to the letter (no fast-math: reassociation or contraction would change bits), releases the
GIL, and is kept on disk. ``error_model="numpy"`` makes a division by zero give inf or nan, as it does in C.

What Numba makes of a kernel for some types of arguments is kept as an object file with one function (`objects`), which
is linked and called without Numba: only what is not there yet has Numba imported, to compile it. A kernel is compiled
together with what it calls in other files. So that a changed or upgraded darknet-py never runs code of the old one, the
name of an object has a hash of all files that have kernels.
"""

from __future__ import annotations

import functools
import os
import struct
import threading
from collections.abc import Callable
from typing import Any

from . import objects
from .later import callees
from .turns import turn
from .values import kind_of, parts_of

SOURCES = objects.SOURCES
"""Changes with any kernel."""

kernels: list[Kernel] = []
"""All that are defined."""


_lock = threading.RLock()


def _renew_lock() -> None:
    """In a forked child, where whoever held it is no more."""
    global _lock
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


class Kernel:
    """A function that is compiled for the types of its arguments.

    Attributes:
        py_func: the function in Python.
        forceinline: the compiler puts it into its callers, whatever its size.
        compiled: how often this process compiled it for itself, not for its callers.
        by_numba: how often it was called through Numba, which compiles it in each process anew.
        natives: its code by the kinds of arguments that it was called with; None: Numba alone can pass them.
    """

    def __init__(self, function: Callable[..., Any], forceinline: bool) -> None:
        functools.update_wrapper(self, function)
        self.__name__ = function.__name__
        self.py_func = function
        self.forceinline = forceinline
        self.compiled = self.by_numba = 0
        self.natives: dict[tuple[Any, ...], Native | None] = {}

    def __call__(self, *arguments: Any) -> Any:
        native = self.native(arguments)
        if native is not None:
            return native(arguments)
        self.by_numba += 1
        return self.dispatcher(*arguments)

    def __reduce__(self) -> Any:
        return Kernel, (self.py_func, self.forceinline)

    @functools.cached_property
    def dispatcher(self) -> Any:
        """Numba's object for it."""
        from .compiling import make_dispatcher

        return make_dispatcher(self)

    @functools.cached_property
    def callee(self) -> Any:
        """The same for kernels that call it."""
        from .compiling import make_callee

        return make_callee(self)

    def native(self, arguments: tuple[Any, ...]) -> Native | None:
        """Its code for such arguments: what is in memory, on disk, or compiled now.

        None if they, or what it returns, are of types that only Numba itself can pass.
        """
        try:
            kinds = tuple(map(kind_of, arguments))
            return self.natives[kinds]
        except TypeError:  # of no kind that is known
            return None
        except KeyError:
            pass
        with _lock:
            if kinds not in self.natives:
                self.natives[kinds] = self._find(kinds, arguments)
            return self.natives[kinds]

    def _find(self, kinds: tuple[Any, ...], arguments: tuple[Any, ...]) -> Native | None:
        name = objects.name_of(self.py_func, self.forceinline, kinds)
        if name is None:
            return None
        found = objects.load(name) or self._make(name, arguments)
        return None if found is None else Native(self.__name__, *found)

    def _make(self, name: objects.Name, arguments: tuple[Any, ...]) -> tuple[int, str, str] | None:
        """Compile it and keep it, unless another process does so just now: then what that one made."""
        with turn(name.folders, name.symbol) as waited:
            found = objects.load(name) if waited else None
            if found is not None:
                return found
            from .compiling import make_object

            made = make_object(self, name.symbol, arguments)
            if made is None:
                return None
            self.compiled += 1
            objects.save(name, made)
        return objects.link(name, made)


callees.append(Kernel)


class Native:
    """The code of a kernel for arguments of some types.

    Attributes:
        address: of ``int32 call(block)``, which returns 0 unless the kernel raised an error. A block has 8 bytes for
            what the kernel returns, and for each of `parts_of` its arguments.
    """

    def __init__(self, name: str, address: int, parts: str, result: str) -> None:
        """
        Args:
            name: the kernel's.
            address: see above.
            parts: how the block is packed, see `struct`.
            result: how the first 8 bytes are packed afterwards; empty if it returns nothing.
        """
        self.address = address
        self._name = name
        self._format = struct.Struct(f"={parts}")
        self._result = result
        self._call = objects.function_at(address)

    def block(self, arguments: tuple[Any, ...]) -> bytes:
        """What the kernel is called with. The arguments must stay where they are until it has returned."""
        values: list[int | float] = [0]
        for argument in arguments:
            parts_of(argument, values)
        return self._format.pack(*values)

    def __call__(self, arguments: tuple[Any, ...]) -> Any:
        block = bytearray(self.block(arguments))
        if self._call(objects.address_of(block)) != 0:
            raise RuntimeError(f"the kernel {self._name} raised an error")
        return struct.unpack_from(self._result, block)[0] if self._result else None


def kernel(function: Callable[..., Any] | None = None, *, forceinline: bool = False) -> Any:
    """Decorator of a kernel, and of the small functions that kernels call.

    ``forceinline`` makes the compiler put the function into its callers, whatever its size.
    """
    if function is None:
        return functools.partial(kernel, forceinline=forceinline)
    made = Kernel(function, forceinline)
    kernels.append(made)
    return made


def times_compiled() -> int:
    """How often this process has compiled a kernel that it did not find on disk."""
    return sum(kernel.compiled for kernel in kernels)
