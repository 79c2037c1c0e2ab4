"""How long inner loops take on 64-bit ARMs, as LLVM's models of them say: ``python mca.py [llvm-mca]`` prints a table.

Debian's package ``llvm`` has llvm-mca; older ones have no models of newer processors, and take another's.
"""

from __future__ import annotations

import re
import subprocess
import sys

from assembly import assembly_of, compiled, inner_loops, spills
from cross import compile_for

PROCESSORS = ("cortex-a72", "neoverse-n1", "apple-m1")
ROUNDS = 200


def micro_kernels(contract: bool) -> dict[str, str]:
    """What a loop computes -> LLVM's code of the function that has it, among others."""
    import micro_kernels as kernels

    return {
        "pixels in the lanes": compiled(*kernels.pixels_of(contract)),
        "filters in the lanes": compiled(*kernels.filters_of(contract)),
    }


def cycles(program: str, loop: str, cpu: str) -> float:
    """Cycles of one round, many in a row."""
    command = [program, "-mtriple=aarch64-linux-gnu", f"-mcpu={cpu}", f"-iterations={ROUNDS}"]
    result = subprocess.run(command, input=loop, capture_output=True, text=True, check=True)
    found = re.search(r"Total Cycles:\s+(\d+)", result.stdout)
    assert found, result.stdout
    return int(found[1]) / ROUNDS


def main(program: str = "llvm-mca") -> None:
    """Print the table."""
    compile_for(PROCESSORS[0])
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    print(f"llvm-mca: {' '.join(version.split()[:5])}\n")
    print("| processor | profile | loop | instructions | of them arithmetic | cycles | multiply-adds a cycle |")
    print("|---|---|---|---:|---:|---:|---:|")
    for cpu in PROCESSORS:
        for profile, contract in (("ieee", False), ("fast", True)):
            for name, code in micro_kernels(contract).items():
                loop = max(inner_loops(assembly_of(code, cpu)), key=products)
                assert not spills(loop)
                count, took = products(loop), cycles(program, loop, cpu)
                print(
                    f"| {cpu} | {profile} | {name} | {loop.count(chr(10)) - 1} | {count * (1 if contract else 2)} "
                    f"| {took:.1f} | {4 * count / took:.2f} |"
                )


def products(loop: str) -> int:
    """Vectors that are multiplied in a round."""
    return len(re.findall(r"\s(?:fmul|fmla)\s", loop))


if __name__ == "__main__":
    main(*sys.argv[1:])
