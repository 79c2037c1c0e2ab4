"""Calling kernels without Python: a run of many steps is one loop in machine code.

A call from Python costs a short kernel more time than its work: each argument's type is looked at, and Python's lock is
taken back afterwards, for which a thread may have to wait until another one has been woken. So what a step's kernel is
to be called with is written into a block of memory once, and `run_calls` goes from block to block.

A block has 8 bytes for each value that Numba's calling convention passes: the parts of arrays and of tuples one by one.
`_bridge` makes a function that reads a block and calls the kernel; kernels with arguments of the same machine types
share it.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core.compiler_lock import global_compiler_lock
from numba.core.dispatcher import Dispatcher
from numba.extending import intrinsic
from numpy.typing import NDArray

from .jit import kernel

_BYTE_POINTER, _INT32, _INT64 = ir.IntType(8).as_pointer(), ir.IntType(32), ir.IntType(64)

_bridges: dict[str, int] = {}
_numbers = itertools.count()


class Calls:
    """Calls of kernels, ready to be made by any number of threads, in their order.

    Attributes:
        table: what `run_calls` reads.
    """

    def __init__(self, calls: Sequence[tuple[Any, tuple[object, ...]]]) -> None:
        """
        Args:
            calls: kernels and their arguments, which must be the same memory from now on. Kernels that are not
                compiled for them yet are compiled.

        Raises:
            TypeError: something is no compiled kernel, or has an argument that no block can hold.
        """
        functions: dict[object, tuple[int, int, tuple[str, ...]]] = {}
        self._alive = calls
        blocks: list[bytes] = []
        bridges: list[int] = []
        for dispatcher, arguments in calls:
            if not isinstance(dispatcher, Dispatcher):
                raise TypeError(f"{dispatcher} is no compiled kernel")
            key = (dispatcher, *map(_kind, arguments))
            if key not in functions:
                functions[key] = _function(dispatcher, arguments)
            bridge, address, parts = functions[key]
            values = [part for argument in arguments for part in _parts(argument)]
            blocks.append(struct.pack(f"=q{''.join(parts)}", address, *values))
            bridges.append(bridge)
        self._blocks = np.frombuffer(b"".join(blocks), np.int64).copy()
        starts = np.cumsum([0, *map(len, blocks)])[:-1] + self._blocks.ctypes.data
        self.table = np.array([bridges, starts], np.int64).T.reshape(-1).copy()


def _kind(argument: object) -> object:
    """What the type of an argument depends on."""
    if isinstance(argument, np.ndarray):
        flags = argument.flags
        return argument.dtype, argument.ndim, flags.c_contiguous, flags.f_contiguous, flags.writeable, flags.aligned
    if isinstance(argument, tuple):
        return type(argument), *map(_kind, argument)
    if isinstance(argument, (int, float, np.number)):
        return type(argument)
    return argument  # an object that kernels are compiled for, see `compile_time`


def _parts(argument: object) -> Iterator[int | float]:
    """The values that are passed for an argument, as Numba's data model has them."""
    if isinstance(argument, np.ndarray):
        yield from (0, 0, argument.size, argument.itemsize, argument.ctypes.data, *argument.shape, *argument.strides)
    elif isinstance(argument, tuple):
        for part in argument:
            yield from _parts(part)
    elif isinstance(argument, (int, float)):
        yield argument
    elif isinstance(argument, np.number):
        yield argument.item()
    else:
        yield 0  # nothing is left of it at run time


def _function(dispatcher: Any, arguments: tuple[object, ...]) -> tuple[int, int, tuple[str, ...]]:
    """Of a kernel, compiled for arguments: the bridge, the function, and how values are packed."""
    signature = tuple(dispatcher.typeof_pyval(argument) for argument in arguments)
    dispatcher.compile(signature)
    compiled = dispatcher.overloads[signature]
    context = dispatcher.targetctx
    function_type = context.call_conv.get_function_type(compiled.signature.return_type, signature)
    address = compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name)
    passed = function_type.args[2:]  # behind those for what is returned
    return _bridge(context, function_type), address, tuple(_packed(part) for part in passed)


def _packed(part: Any) -> str:
    """How the values of a machine type stand in 8 bytes."""
    if isinstance(part, ir.DoubleType):
        return "d"
    if isinstance(part, ir.FloatType):
        return "f4x"
    if isinstance(part, ir.PointerType) or (isinstance(part, ir.IntType) and part.width <= 64):
        return "q"
    raise TypeError(f"no block holds a value of type {part}")


def _bridge(context: Any, function_type: Any) -> int:
    """The address of ``int32 bridge(block)``, which calls a function of that type."""
    name = str(function_type)
    with global_compiler_lock:
        if name not in _bridges:
            library = context.codegen().create_library(f"darknet_py_bridge_{next(_numbers)}")
            module = library.create_ir_module(library.name)
            _write_bridge(module, library.name, function_type)
            library.add_ir_module(module)
            library.finalize()
            _bridges[name] = library.get_pointer_to_function(library.name)
        return _bridges[name]


def _write_bridge(module: Any, name: str, function_type: Any) -> None:
    """The code of a bridge: it reads the function's address, then what is passed to it."""
    bridge = ir.Function(module, ir.FunctionType(_INT32, [_INT64.as_pointer()]), name)
    builder = ir.IRBuilder(bridge.append_basic_block())
    (block,) = bridge.args

    def read(number: int, machine_type: Any) -> Any:
        place = builder.gep(block, [_INT64(number)])
        if isinstance(machine_type, ir.IntType):
            value = builder.load(place)
            return value if machine_type.width == 64 else builder.trunc(value, machine_type)
        if isinstance(machine_type, ir.PointerType):
            return builder.inttoptr(builder.load(place), machine_type)
        return builder.load(builder.bitcast(place, machine_type.as_pointer()))

    results = [builder.alloca(pointer.pointee) for pointer in function_type.args[:2]]
    passed = [read(number, part) for number, part in enumerate(function_type.args[2:], 1)]
    function = read(0, function_type.as_pointer())
    builder.ret(builder.call(function, [*results, *passed]))


@intrinsic
def _call(typingctx: Any, bridge: Any, block: Any) -> Any:
    """Call the bridge at one address with the block at another; 0 unless the kernel raised an error."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        function = builder.inttoptr(args[0], ir.FunctionType(_INT32, [_BYTE_POINTER]).as_pointer())
        return builder.call(function, [builder.inttoptr(args[1], _BYTE_POINTER)])

    return types.int32(types.int64, types.int64), codegen


@kernel
def run_calls(table, first, end):
    """Make some calls of a table; returns the number of the one that raised an error, or -1.

    Args:
        table: int64[end, 2] or more: of each call the addresses of its bridge and of its block
        first, end: int: which calls; ``end`` is not one of them
    """
    for i in range(first, end):
        if _call(table[2 * i], table[2 * i + 1]) != 0:
            return i
    return -1


def ready(table: NDArray[np.int64]) -> None:
    """Compile `run_calls`, so that no thread has to."""
    run_calls(table, 0, 0)
