"""What 64-bit ARMs would run, read from LLVM's assembly: ``python assembly.py SIGNATURES CPU...`` prints what is amiss.

Kernels are compiled as for the first processor, up to LLVM's optimised code; each processor's code generator goes on.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ahead import find_kernel, load_signatures
from cross import compile_for, generator

FUSED = re.compile(r"\s(fn?m(?:add|sub)|fml[as]l?2?)\s")
"""Instructions that multiply and add in one rounding."""

VECTOR_MOVE = re.compile(r"\smov\s+v\d+\.16b, v(\d+)\.16b")

_LOOP = re.compile(r"^(\.LBB\w+):.*\n((?:(?!^\.LBB)(?:.*\n))*?.*\bb\.\w+\s+\1\n)", re.MULTILINE)


def inner_loops(assembly: str) -> Iterator[str]:
    """Blocks of instructions that jump to their own start and multiply vectors, of float32 or of words of bytes."""
    for match in _LOOP.finditer(assembly):
        if re.search(r"\s(fmul|fmla|u?sdot|sudot)\s+v\d+\.4s", match.group(2)):
            yield match.group(0)


def spills(loop: str) -> bool:
    """Whether values leave the registers in a loop, or are moved about in them all the time.

    (A copy of what stays the same is where a sum begins.)
    """
    made = set(written(loop))
    return "[sp" in loop or sum(source in made for source in VECTOR_MOVE.findall(loop)) > 2


def written(loop: str) -> Iterator[str]:
    """Numbers of the vector registers that instructions change: the first one's, all of a load, none of a store."""
    for line in loop.splitlines():
        name, _, operands = line.strip().partition("\t")
        found = re.findall(r"\b[vqds](\d+)", operands.partition("[x")[0])
        yield from found if name.startswith("ld") else found[: not name.startswith("st")]


def without_intended(code: str) -> str:
    """LLVM's code with calls of an unknown function for what is fused on purpose."""
    return code.replace("@llvm.fma.", "@intended.fma.")


def assembly_of(code: str, cpu: str) -> str:
    """LLVM's code as one processor's instructions."""
    from llvmlite import binding

    return str(generator(cpu).emit_assembly(binding.parse_assembly(code)))


def compiled(kernel: Any, arguments: tuple[Any, ...]) -> str:
    """LLVM's optimised code of a kernel for such arguments."""
    from darknet_py.kernels.runtime.compiling import make_module

    made = make_module(kernel, f"call.{kernel.__name__}", arguments)
    assert made is not None
    return str(made[0])


def amiss(code: str, cpu: str) -> Iterator[str]:
    """What a kernel's code does that it should not."""
    if re.search(r"\bf(add|sub|mul|div)\s+(fast|contract|reassoc|arcp)|llvm\.fmuladd", code):
        yield "may be contracted or reordered"
    assembly, unintended = assembly_of(code, cpu), without_intended(code)
    fused = sorted(set(FUSED.findall(assembly if unintended == code else assembly_of(unintended, cpu))))
    if fused:
        yield f"unintended {', '.join(fused)}"
    for loop in inner_loops(assembly):
        if spills(loop):
            yield f"an inner loop of {loop.count(chr(10))} instructions spills"


def main(path: str, *cpus: str) -> None:
    """Look at all kernels."""
    compile_for(cpus[0])
    count = 0
    for name, signatures in load_signatures(Path(path)).items():
        for arguments in signatures:
            code = compiled(find_kernel(name), arguments)
            count += 1
            for cpu in cpus:
                for fault in amiss(code, cpu):
                    print(f"{name}: {cpu}: {fault}")
    print(f"{count} signatures read")


if __name__ == "__main__":
    main(*sys.argv[1:])
