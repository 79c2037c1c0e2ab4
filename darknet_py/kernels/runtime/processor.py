"""Which processor code is made for: the one that this process runs on, as the compiler sees it.

Not `platform.machine`: that is the machine's, where a 32-bit system or an x86-64 Python may run on a 64-bit ARM.
"""

from __future__ import annotations

import os
from functools import cache

from llvmlite import binding

_NAMES = {"x86_64": "x86-64", "amd64": "x86-64", "aarch64": "arm64", "arm64": "arm64"}


def architecture_of(triple: str) -> str:
    """``"x86-64"``, ``"arm64"``, or another architecture's name as LLVM has it, of a triple such as LLVM's own."""
    name = triple.partition("-")[0]
    return _NAMES.get(name, name)


ARCHITECTURE = architecture_of(binding.get_process_triple())


@cache
def host() -> tuple[str, str, str]:
    """Triple, name and features of the processor that Numba compiles for.

    Numba's variables ``NUMBA_CPU_NAME`` and ``NUMBA_CPU_FEATURES`` may name another one.
    """
    name, features = os.environ.get("NUMBA_CPU_NAME"), os.environ.get("NUMBA_CPU_FEATURES")
    if features is None:
        try:
            features = binding.get_host_cpu_features().flatten()
        except RuntimeError:
            features = ""
    return binding.get_process_triple(), binding.get_host_cpu_name() if name is None else name, features


def has_feature(name: str) -> bool:
    """Whether that processor has a feature, by LLVM's name of it."""
    return f"+{name}" in host()[2].split(",")
