"""A pytest plugin (``-p counted``) that says how many kernels were found, and which had to be compiled."""

from __future__ import annotations

from typing import Any

from darknet_py.kernels.runtime.jit import kernels


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Called by pytest at the end."""
    compiled = [kernel.__name__ for kernel in kernels for _ in range(kernel.compiled)]
    used = sum(native is not None for kernel in kernels for native in kernel.natives.values())
    terminalreporter.write_line(f"kernels: {used - len(compiled)} found, {len(compiled)} compiled: {sorted(compiled)}")
