"""What 64-bit ARMs run, as LLVM's code generator for them has it: read, not run (`tools/arm`)."""

from __future__ import annotations

import json
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from llvmlite import binding

from darknet_py.kernels.runtime import objects
from darknet_py.kernels.runtime.values import kind_of
from darknet_py.kernels.vector.tile import host_tile

TOOLS = Path(__file__).parent.parent / "tools" / "arm"
CPUS = ("cortex-a72", "neoverse-n1", "apple-m1")
IN_ORDER = "cortex-a53"

COMPILE = """
import json, sys
from cross import compile_for
compile_for(sys.argv[1])
import micro_kernels
from assembly import amiss, assembly_of, compiled
codes = {
    "pixels": compiled(*micro_kernels.pixels_of()), "filters": compiled(*micro_kernels.filters_of()),
    "fast": compiled(*micro_kernels.pixels_of(contract=True)), "tiles": compiled(*micro_kernels.tiles_of()),
    "transposed": compiled(*micro_kernels.transposed_of()), "parts": compiled(*micro_kernels.parts_of()),
}
cpus = sys.argv[1:]
code = {name: {cpu: assembly_of(code, cpu) for cpu in cpus} for name, code in codes.items()}
faults = {name: {cpu: list(amiss(code, cpu)) for cpu in cpus} for name, code in codes.items()}
print(json.dumps([code, faults]))
"""

WORDS = """
import json, sys
from cross import compile_for
compile_for(sys.argv[1])
import micro_kernels
from assembly import assembly_of, compiled
print(json.dumps(assembly_of(compiled(*micro_kernels.words_of()), sys.argv[1])))
"""

AHEAD = """
import sys
from cross import compile_for
compile_for(sys.argv[1])
from ahead import compile_ahead
import micro_kernels
compile_ahead(*micro_kernels.transposed_of())
"""


class Pair(NamedTuple):
    """Arguments may be tuples that have names."""

    first: Any
    second: Any


@pytest.fixture(scope="module")
def tools() -> Any:
    """`tools/arm/assembly.py`."""
    binding.initialize_all_targets()
    try:
        binding.Target.from_triple("aarch64-unknown-linux-gnu")
    except RuntimeError:
        pytest.skip("this LLVM has no code generator for 64-bit ARM")
    sys.path.insert(0, str(TOOLS))
    try:
        import assembly

        return assembly
    finally:
        sys.path.remove(str(TOOLS))


def run(*arguments: str, repository: Path, **more: str) -> str:
    """A program's output, with the tools on the path of modules."""
    path = os.pathsep.join((str(TOOLS), str(repository)))
    environment = {**os.environ, "PYTHONPATH": path, **more}
    result = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, env=environment)
    assert result.returncode == 0, result.stderr[-2000:]
    return result.stdout


@pytest.fixture(scope="module")
def micro_kernels(tools: Any, repository: Path) -> tuple[Any, Any]:
    """Name -> processor -> assembly; the same -> what is amiss."""
    code, faults = json.loads(run("-c", COMPILE, *CPUS, repository=repository))
    return code, faults


def test_blocks_of_processors_that_work_in_order_are_smaller(repository: Path, tools: Any) -> None:
    code, faults = json.loads(run("-c", COMPILE, IN_ORDER, repository=repository))
    assert {fault for found in faults.values() for fault in found[IN_ORDER]} == set()
    for name, least in (("pixels", 2), ("filters", 10)):
        loops = list(tools.inner_loops(code[name][IN_ORDER]))  # most have several rounds in one there
        assert len(loops) >= least and not any(tools.spills(loop) for loop in loops)


def test_micro_kernels_round_each_product_and_keep_their_sums(micro_kernels: tuple[Any, Any], tools: Any) -> None:
    code, faults = micro_kernels
    for cpu in CPUS:
        for name, least in (("pixels", 3), ("filters", 13)):
            assert faults[name][cpu] == []
            loops = list(tools.inner_loops(code[name][cpu]))
            assert len(loops) == least, "one for each number of vectors, or of columns"
            largest = max(loop.count("fmul") for loop in loops)
            assert largest == {"pixels": 24, "filters": 26}[name]
            assert all(loop.count("fadd") == loop.count("fmul") for loop in loops)
            assert not tools.FUSED.search(code[name][cpu])


@pytest.mark.parametrize(
    ("cpu", "dot"), [("neoverse-n1", "sdot"), ("apple-m1", "sdot"), ("neoverse-v1", "(usdot|sudot)")]
)
def test_bytes_are_multiplied_four_at_a_time(cpu: str, dot: str, repository: Path, tools: Any) -> None:
    code = json.loads(run("-c", WORDS, cpu, repository=repository))
    loops = list(tools.inner_loops(code))
    assert len(loops) == 16, "one for each number of vectors, and of columns"
    found = [len(re.findall(rf"\s{dot}\s+v\d+\.4s, v\d+\.16b, v\d+\.4b\[", loop)) for loop in loops]
    assert max(found[:3]) == 24 and max(found) == 26  # scalars are lanes of what is read by vectors
    assert not any(tools.spills(loop) for loop in loops)


def test_what_is_fused_is_seen_and_known_as_intended(micro_kernels: tuple[Any, Any], tools: Any) -> None:
    code, faults = micro_kernels
    for cpu in CPUS:
        for name in ("fast", "tiles"):
            assert len(tools.FUSED.findall(code[name][cpu])) >= 24
            assert faults[name][cpu] == []


@pytest.mark.parametrize("cpu", CPUS)
def test_faults_are_found(tools: Any, cpu: str) -> None:
    """Code that may be contracted, and a loop that has more sums than there are registers."""
    multiply_add = """
define float @f(float %a, float %b, float %c) {
  %p = fmul contract float %a, %b
  %s = fadd contract float %p, %c
  ret float %s
}"""
    assert list(tools.amiss(multiply_add, cpu)) == ["may be contracted or reordered", "unintended fmadd"]
    assert list(tools.amiss(multiply_add.replace(" contract", ""), cpu)) == []
    assert list(tools.amiss(summing(20), cpu)) == []
    assert re.fullmatch(r"an inner loop of \d+ instructions spills", *tools.amiss(summing(40), cpu))


def summing(count: int) -> str:
    """A function that adds a vector's product to so many sums in a loop."""
    sums = "\n".join(f"  %s{i} = phi <4 x float> [zeroinitializer, %entry], [%t{i}, %loop]" for i in range(count))
    steps = "\n".join(
        f"  %q{i} = getelementptr <4 x float>, ptr %x, i64 %k, i64 0\n"
        f"  %a{i} = getelementptr float, ptr %q{i}, i64 {4 * i}\n"
        f"  %l{i} = load <4 x float>, ptr %a{i}, align 4\n"
        f"  %p{i} = fmul <4 x float> %l{i}, %l{i}\n  %t{i} = fadd <4 x float> %s{i}, %p{i}"
        for i in range(count)
    )
    stores = "\n".join(
        f"  %o{i} = getelementptr float, ptr %x, i64 {4 * i}\n  store <4 x float> %t{i}, ptr %o{i}"
        for i in range(count)
    )
    return f"""
define void @f(ptr %x, i64 %n) {{
entry:
  br label %loop
loop:
  %k = phi i64 [0, %entry], [%next, %loop]
{sums}
{steps}
  %next = add i64 %k, 1
  %more = icmp slt i64 %next, %n
  br i1 %more, label %loop, label %done
done:
{stores}
  ret void
}}"""


@pytest.mark.parametrize("columns", [1, 2, 3, 4])
@pytest.mark.parametrize("cpu", CPUS)
def test_blocks_with_all_rows_are_stored_without_masks(micro_kernels: tuple[Any, Any], cpu: str, columns: int) -> None:
    path = walked(micro_kernels[0]["transposed"][cpu], "store_transposed_4", {"x4": 4, "x5": columns})
    stores = [line for line in path if re.match(r"st(r|p|1|ur)\s", line) and "[sp" not in line]
    assert 4 <= len(stores) <= (4 if columns in (1, 2, 4) else 8), stores
    assert len(path) < 50 and not [line for line in path if line.startswith(("tbz", "tbnz"))]


@pytest.mark.parametrize("cpu", CPUS)
def test_parts_of_vectors_that_are_whole_are_read_and_written_at_once(micro_kernels: tuple[Any, Any], cpu: str) -> None:
    assert re.search(r"\n\tldr\tq(\d+), \[x.*\n\tstr\tq\1, \[x", micro_kernels[0]["parts"][cpu])


def walked(assembly: str, function: str, known: dict[str, int]) -> list[str]:
    """The instructions from a function's start to its return; branches compare ``known`` registers with numbers."""
    lines = [line.split("//")[0].strip() for line in assembly.partition(f"\n{function}:\n")[2].splitlines()]
    labels = {line[:-1]: number for number, line in enumerate(lines) if line.endswith(":")}
    holds = {
        "eq": lambda a, b: a == b, "ne": lambda a, b: a != b, "gt": lambda a, b: a > b, "le": lambda a, b: a <= b,
        "ge": lambda a, b: a >= b, "lt": lambda a, b: a < b, "hs": lambda a, b: a >= b, "lo": lambda a, b: a < b,
    }  # fmt: skip
    at, compared, path = 0, (0, 0), []
    while True:
        line, at = lines[at], at + 1
        if not line or line.endswith(":") or line.startswith("."):
            continue
        path.append(line)
        name, _, rest = line.partition("\t")
        if name == "ret":
            return path
        if name == "cmp":
            register, _, number = rest.partition(", #")
            compared = known[register], int(number)
        elif name == "b" or (name.startswith("b.") and holds[name[2:]](*compared)):
            at = labels[rest]


def test_stand_ins_are_of_the_kinds_that_they_stand_for(tools: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(TOOLS))
    from stand_ins import example, noted

    columns, frozen = np.zeros((70, 50), np.float32), np.zeros(900, np.int8)
    frozen.flags.writeable = False
    groups = columns, columns.T, columns[:, 3:9], columns[:0], frozen, np.zeros((), np.int64)
    arguments = (*groups, groups, Pair(columns.T, (frozen, 2.0)), 3, True, np.float32(1), host_tile())
    for argument in arguments:
        note = pickle.loads(pickle.dumps(noted(argument)))
        assert kind_of(example(note)) == kind_of(argument)
    assert len(pickle.dumps(noted(columns))) < 200


def test_copies_of_what_stays_the_same_are_no_spills(tools: Any) -> None:
    begin = "".join(f"\tmov\tv{i}.16b, v0.16b\n\tfmla\tv{i}.4s, v8.4s, v9.4s\n" for i in range(1, 5))
    moved = "".join(f"\tmov\tv{i}.16b, v{i + 10}.16b\n" for i in range(1, 4))
    loads = "\tldp\tq11, q12, [x9, #-16]\n\tld1r\t{ v13.4s }, [x11], #4\n"
    assert not tools.spills(begin) and not tools.spills(moved) and tools.spills(loads + moved)
    assert not tools.spills("\tstp\tq11, q12, [x9]\n\tstr\tq13, [x9]\n" + moved) and tools.spills(
        "\tstr\tq1, [sp, #32]\n"
    )


def test_objects_made_ahead_are_kept_for_the_processor(tools: Any, repository: Path, tmp_path: Path) -> None:
    run("-c", AHEAD, CPUS[0], repository=repository, NUMBA_CACHE_DIR=str(tmp_path))
    (path,) = tmp_path.rglob(f"*{objects.SUFFIX}")
    header, _, code = path.read_bytes()[len(objects.seal(b"")) :].partition(b"\n")
    assert code[:4] == b"\x7fELF" and int.from_bytes(code[18:20], "little") == 183, "for AArch64"
    assert "aarch64-unknown-linux-gnu" in json.loads(header)[0] and CPUS[0] in json.loads(header)[0]


@pytest.mark.slow
def test_all_kernels(tools: Any, repository: Path, tmp_path: Path) -> None:
    """All that ``warmup --training`` compiles: only what is meant to be is contracted, and no inner loop spills."""
    names = {"ARM_CPU": CPUS[0], "ARM_SIGNATURES": str(tmp_path / "signatures")}
    run(str(TOOLS / "signatures.py"), repository=repository, **names)
    cache = {"NUMBA_CACHE_DIR": str(tmp_path / "kernels")}
    found = run(str(TOOLS / "assembly.py"), names["ARM_SIGNATURES"], *CPUS, repository=repository, **cache)
    *faults, last = found.splitlines()
    assert faults == []
    assert int(last.split()[0]) > 100  # what is called from Python; the rest is part of it
