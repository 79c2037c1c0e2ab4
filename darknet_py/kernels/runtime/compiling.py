"""Kernels compiled by Numba into object files of one function each. Importing this imports Numba.

Numba has no public way for it: its own way is code that a process runs where it was compiled, behind wrappers that
unpack Python's arguments, and a cache that only Numba can read.
"""

from __future__ import annotations

import contextlib
import functools
import gc
from collections.abc import Iterator
from types import CodeType
from typing import TYPE_CHECKING, Any

import numba
from llvmlite import binding, ir
from numba import types
from numba.core import compiler, event
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler_lock import global_compiler_lock

from .later import listeners
from .numba_types import register
from .objects import Made

if TYPE_CHECKING:
    from .jit import Kernel

_INT32, _INT64 = ir.IntType(32), ir.IntType(64)

_TRAPS = {"NRT_MemInfo_call_dtor"}
"""What is called only for arrays that Numba allocated itself: of those that are passed nobody counts the references."""


class _Events(event.Listener):
    """Tells the listeners what Numba tells."""

    def on_start(self, event: event.Event) -> None:
        for listener in list(listeners):
            listener.on_start()

    def on_end(self, event: event.Event) -> None:
        for listener in list(listeners):
            listener.on_end()


event.register("numba:compile", _Events())


_CONSTANTS = types.IntegerLiteral, types.BooleanLiteral


def make_dispatcher(kernel: Kernel) -> Any:
    """Numba's object for a kernel, to be called from Python."""
    register()
    return numba.njit(nogil=True, error_model="numpy", forceinline=kernel.forceinline)(kernel.py_func)


def make_callee(kernel: Kernel) -> Any:
    """Numba's object for a kernel, to be called by other kernels: no machine code is made of it alone."""
    dispatcher = make_dispatcher(kernel)
    dispatcher._compiler._compile_core = functools.partial(_compile_core, dispatcher)
    dispatcher.add_overload = functools.partial(_note, dispatcher)
    if kernel.forceinline:
        dispatcher._compiler.fold_argument_types = functools.partial(_without_constants, dispatcher)
    return dispatcher


def _without_constants(dispatcher: Any, arguments: Any, named: Any) -> tuple[Any, tuple[Any, ...]]:
    """A function's signature, and Numba's types of arguments as they are compiled for.

    Numba would compile the function for each constant that it is called with. LLVM puts it into its callers, constants
    and all.
    """
    signature, kinds = type(dispatcher._compiler).fold_argument_types(dispatcher._compiler, arguments, named)
    return signature, tuple(types.unliteral(kind) if isinstance(kind, _CONSTANTS) else kind for kind in kinds)


def _without_code(flags: Any) -> Any:
    flags.no_compile = flags.no_cpython_wrapper = flags.no_cfunc_wrapper = True
    return flags


def _note(dispatcher: Any, compiled: Any) -> None:
    """Make a compiled function known to those that call it: by an object that stands for the missing code."""
    compiled = compiled._replace(entry_point=object())
    dispatcher.targetctx.insert_user_function(compiled.entry_point, compiled.fndesc, [compiled.library])
    dispatcher.overloads[tuple(compiled.signature.args)] = compiled


_NEEDLESS = {
    "WithLifting", "InlineClosureLikes", "RewriteSemanticConstants", "RewriteDynamicRaises",
    "MakeFunctionToJitFunction", "InlineInlinables", "FindLiterallyCalls", "LiteralUnroll",
    "LiteralPropagationSubPipelinePass", "InlineOverloads", "NopythonRewrites", "AnnotateTypes",
    "DumpParforDiagnostics",
}  # fmt: skip
"""Passes of Numba's, each over all of a function, for what kernels do not have: closures, arrays added to arrays."""


class _Pipeline(compiler.Compiler):
    """Numba's compiler without them."""

    def define_pipelines(self) -> list[Any]:
        pipelines: list[Any] = super().define_pipelines()
        for pipeline in pipelines:
            pipeline.passes = [item for item in pipeline.passes if item[0].__name__ not in _NEEDLESS]
        return pipelines


class _Library(JITCodeLibrary):
    """The code of one function, which is optimised with all of a kernel's.

    Numba would link and optimise each function with all that it calls, again and again up to the kernel: most of the
    time that compiling took.
    """

    def finalize(self) -> None:
        self._finalized = True

    def whole(self) -> Any:
        """LLVM's module of the function and all that it calls, optimised."""
        module = self._final_module
        for library in self._called():
            if isinstance(library, _Library):
                for function in library._final_module.functions:
                    if not function.is_declaration and function.linkage == binding.Linkage.external:
                        function.linkage = "linkonce_odr"
                module.link_in(library._final_module, preserve=True)
            else:
                module.link_in(library._get_module_for_linking(), preserve=True)
        self._optimize_final_module()
        module.verify()
        self._verify_declare_only_symbols()
        return module

    def _called(self) -> list[Any]:
        """Libraries of what it calls, and so on: each behind all that call it, else the linker would leave it out."""
        called: dict[Any, None] = {}

        def visit(library: Any) -> None:
            for other in library._linking_libraries:
                if other not in called:
                    if isinstance(other, _Library):
                        visit(other)
                    called[other] = None

        visit(self)
        return list(reversed(called))


def make_object(kernel: Kernel, symbol: str, arguments: tuple[Any, ...]) -> Made | None:
    """An object file with the function ``symbol``: the kernel for such arguments, called as `jit.Native` says.

    None if that cannot be: it would need what only Numba's own processes have.
    """
    details = {"dispatcher": kernel.callee, "args": _signature(kernel, arguments), "return_type": None}
    with global_compiler_lock, event.trigger_event("numba:compile", data=details), _without_collecting():
        made = make_module(kernel, symbol, arguments)
        if made is None:
            return None
        module, parts, result = made
        needed = _missing(module)
        if any(map(_is_numbas, needed)):
            return None
        code = _machine(kernel).emit_object(module)
    if b"__svml_" in code:
        return None
    return Made(code, parts, result, tuple(sorted(needed)))


@contextlib.contextmanager
def _without_collecting() -> Iterator[None]:
    """Numba makes millions of objects, few of them in cycles: to look for these takes a tenth of its time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def make_module(kernel: Kernel, symbol: str, arguments: tuple[Any, ...]) -> tuple[Any, str, str] | None:
    """LLVM's optimised code of `make_object`; how its block is packed, and what it returns (see `jit.Native`).

    None if what it returns cannot stand in a block.
    """
    dispatcher, signature = kernel.callee, _signature(kernel, arguments)
    with global_compiler_lock:
        with dispatcher._compiling_counter:  # so that it may call itself
            compiled = _compile_core(dispatcher, signature)
        returned = types.unliteral(compiled.signature.return_type)
        result = _packed_result(returned)
        if result is None:
            return None
        function_type = dispatcher.targetctx.call_conv.get_function_type(compiled.signature.return_type, signature)
        module = compiled.library.whole()
        entry = ir.Module(symbol)
        entry.triple, entry.data_layout = module.triple, module.data_layout
        _write_entry(entry, symbol, compiled.fndesc.llvm_func_name, function_type, returned)
        for name in _TRAPS & {function.name for function in module.functions if function.is_declaration}:
            _write_trap(entry, name)
        module.link_in(binding.parse_assembly(str(entry)))
        _keep_only(module, symbol, _machine(kernel))
    return module, "q" + "".join(map(_packed, function_type.args[2:])), result


def _signature(kernel: Kernel, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """Numba's types of arguments."""
    register()
    return tuple(map(kernel.callee.typeof_pyval, arguments))


def _machine(kernel: Kernel) -> Any:
    """LLVM's code generator."""
    return kernel.callee.targetctx.codegen()._tm


def _compile_core(dispatcher: Any, signature: tuple[Any, ...], return_type: Any = None) -> Any:
    """As Numba's compiler of a dispatcher does it; no machine code is made, neither of what is called."""
    own = dispatcher._compiler
    flags = compiler.Flags()
    own.targetdescr.options.parse_as_flags(flags, own.targetoptions)
    return compiler.compile_extra(
        own.targetdescr.typing_context, own.targetdescr.target_context, dispatcher.py_func, args=signature,
        return_type=return_type, flags=_without_code(flags), locals=own.locals,
        library=_Library(own.targetdescr.target_context.codegen(), dispatcher.__name__),
        pipeline_class=own.pipeline_class if _has_inner_function(dispatcher.py_func) else _Pipeline,
    )  # fmt: skip


def _has_inner_function(function: Any) -> bool:
    """Whether another function, a comprehension or the like is defined in it."""
    return any(isinstance(constant, CodeType) for constant in function.__code__.co_consts)


def _packed(part: Any) -> str:
    """How the values of a machine type stand in 8 bytes."""
    if isinstance(part, ir.DoubleType):
        return "d"
    return "f4x" if isinstance(part, ir.FloatType) else "q"


def _packed_result(returned: Any) -> str | None:
    """How what is returned stands in the block: empty for nothing, None if it cannot stand there."""
    if returned == types.none:
        return ""
    if returned == types.boolean:
        return "?"
    return {types.int64: "q", types.uint64: "Q", types.float64: "d", types.float32: "f"}.get(returned)


def _write_entry(module: Any, symbol: str, name: str, function_type: Any, returned: Any) -> None:
    """``int32 symbol(block)``: reads what is passed from the block, and puts there what is returned."""
    function = ir.Function(module, function_type, name)
    entry = ir.Function(module, ir.FunctionType(_INT32, [_INT64.as_pointer()]), symbol)
    builder = ir.IRBuilder(entry.append_basic_block())
    (block,) = entry.args

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
    status = builder.call(function, [*results, *passed])
    if returned != types.none:
        value = builder.load(results[0])
        if isinstance(value.type, ir.IntType) and value.type.width < 64:
            value = builder.zext(value, _INT64)
        builder.store(value, builder.bitcast(block, value.type.as_pointer()))
    builder.ret(status)


def _write_trap(module: Any, name: str) -> None:
    """A function that ends the process."""
    trap = ir.Function(module, ir.FunctionType(ir.VoidType(), [ir.IntType(8).as_pointer()]), name)
    builder = ir.IRBuilder(trap.append_basic_block())
    builder.call(ir.Function(module, ir.FunctionType(ir.VoidType(), []), "llvm.trap"), [])
    builder.unreachable()


def _keep_only(module: Any, symbol: str, machine: Any) -> None:
    """Throw away what one function does not need."""
    for value in (*module.functions, *module.global_variables):
        if not value.is_declaration and value.name != symbol:
            value.linkage = "internal"
    passes = binding.create_new_module_pass_manager()
    passes.add_global_dead_code_eliminate_pass()
    passes.run(module, binding.create_pass_builder(machine, binding.create_pipeline_tuning_options()))


def _missing(module: Any) -> set[str]:
    """What a module does not define itself."""
    missing = {value.name for value in (*module.functions, *module.global_variables) if value.is_declaration}
    return {name for name in missing if not name.startswith("llvm.")}


def _is_numbas(name: str) -> bool:
    """Whether only a process with Numba has it."""
    return name.startswith(("NRT_", "numba_", "Py", "_Py", "_ZN", "__svml"))
