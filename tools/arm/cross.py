"""Numba that compiles for a 64-bit ARM on any machine: LLVM's wheel has that code generator everywhere.

Nothing compiled this way can be run here. Kernels are saved where an ARM with the same files finds them, and their
assembly can be read. `compile_for` must come before the first import of darknet-py.
"""

from __future__ import annotations

import os
import sys
from functools import cache
from typing import Any

from llvmlite import binding
from numba.core import codegen, config

TRIPLE = "aarch64-unknown-linux-gnu"

PROCESSORS = {
    "cortex-a53": "+crc,+fp-armv8,+neon",  # Raspberry Pi 3
    "cortex-a72": "+crc,+fp-armv8,+neon",  # Raspberry Pi 4
    "neoverse-n1": "+crc,+dotprod,+fp-armv8,+fullfp16,+lse,+neon,+rcpc,+rdm,+v8.2a",  # Graviton 2, Ampere Altra
    "neoverse-v1": "+bf16,+crc,+dotprod,+fp-armv8,+fullfp16,+i8mm,+lse,+neon,+rcpc,+rdm,+v8.4a",  # Graviton 3
    "apple-m1": "+crc,+dotprod,+fp-armv8,+fp16fml,+fullfp16,+lse,+neon,+rcpc,+rdm,+v8.4a",
}
"""LLVM's names of processors, and what of their instructions matters here."""


def names_for(cpu: str) -> dict[str, str]:
    """Environment variables with which an ARM looks for what was compiled for one of `PROCESSORS`."""
    return {"NUMBA_CPU_NAME": cpu, "NUMBA_CPU_FEATURES": PROCESSORS[cpu]}


class _Library(codegen.JITCodeLibrary):
    """Functions as LLVM's code, which no one loads."""

    def _finalize_specific(self) -> None: ...

    def get_pointer_to_function(self, name: str) -> int:
        """Any address but 0, for functions of Numba's own."""
        return 8


class _Engine:
    """In the place of the one that would link and load."""

    def add_module(self, module: Any) -> None: ...

    def is_symbol_defined(self, name: str) -> bool:
        return True


class _Codegen(codegen.JITCPUCodegen):
    _library_class = _Library

    def _init(self, llvm_module: Any) -> None:
        self._tm_features = self._customize_tm_features()  # type: ignore[no-untyped-call]
        self._tm = generator(vars(config)["CPU_NAME"])
        self._engine: Any = _Engine()
        self._target_data = self._tm.target_data
        self._data_layout = str(self._target_data)
        self._loopvect, self._opt_level = False, 0

    def _scan_and_fix_unresolved_refs(self, module: Any) -> None: ...

    def set_env(self, env_name: str, env: Any) -> None: ...


@cache
def generator(cpu: str) -> Any:
    """LLVM's code generator for one of `PROCESSORS`, as Numba on an ARM has it."""
    binding.initialize_all_targets()
    binding.initialize_all_asmprinters()
    return binding.Target.from_triple(TRIPLE).create_target_machine(
        cpu=cpu, features=PROCESSORS[cpu], opt=3, reloc="default", codemodel="jitdefault", jit=True
    )


def compile_for(cpu: str) -> None:
    """Let Numba compile for one of `PROCESSORS` in this process from now on."""
    os.environ.update(names_for(cpu))
    config.reload_config()  # type: ignore[no-untyped-call]
    vars(binding)["get_process_triple"] = lambda: TRIPLE
    vars(codegen)["JITCPUCodegen"] = _Codegen
    from darknet_py.kernels.runtime import objects

    vars(objects)["_finds"] = lambda names: True  # an ARM looks itself
    vars(objects)["link"] = _refuse


def _refuse(*_: Any) -> None:
    raise RuntimeError("what is compiled for an ARM cannot be run here")


if __name__ == "__main__":  # for a shell
    for name, value in names_for(sys.argv[1]).items():
        print(f"export {name}={value}")
