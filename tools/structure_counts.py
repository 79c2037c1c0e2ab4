"""Counts what `docs/architecture.md` has in its table of counts: ``python tools/structure_counts.py [TREE]``."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

Tree = dict[Path, ast.Module]


def main() -> None:
    """Print a line for each count."""
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent) / "darknet_py"
    texts = {path.relative_to(root): path.read_text(encoding="utf-8") for path in sorted(root.rglob("*.py"))}
    trees = {path: ast.parse(text) for path, text in texts.items()}
    print("arguments of a step:", *max(step_arguments(trees)))
    print("arguments of a kernel:", *max(kernel_arguments(trees)))
    print("Any outside of kernels/:", sum(name.id == "Any" for name in names_outside_kernels(trees)))
    print("isinstance on layers:", sum(1 for _ in layer_checks(trees)))
    print("noqa:", sum(len(re.findall(r"#\s*noqa", text)) for text in texts.values()))
    print("lines:", sum(text.count("\n") for text in texts.values()))


def step_arguments(trees: Tree) -> Iterator[tuple[int, str]]:
    """For each ``Step.of(kernel, name=value, ...)`` or ``context.step(...)``: how many arguments besides the kernel."""
    for path, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and re.fullmatch(r"Step|Step\.of|\w+\.step", ast.unparse(node.func)):
                yield len(node.args) - 1 + len(node.keywords), f"{path}:{node.lineno}"


def kernel_arguments(trees: Tree) -> Iterator[tuple[int, str]]:
    """For each function that Numba compiles: how many parameters, and where."""
    for path, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and any("kernel" in ast.unparse(d) for d in node.decorator_list):
                yield len(node.args.args) + len(node.args.kwonlyargs), f"{path}:{node.name}"


def names_outside_kernels(trees: Tree) -> Iterator[ast.Name]:
    """Names in annotations and code."""
    for path, tree in trees.items():
        if path.parts[0] != "kernels":
            yield from (node for node in ast.walk(tree) if isinstance(node, ast.Name))


def layer_checks(trees: Tree) -> Iterator[ast.Call]:
    """Calls of ``isinstance`` with a class of `layers` that is a layer, or `Head` or `Layer` itself."""
    found = {"Layer"}
    for _ in range(4):  # bases before what is derived from them
        for path, tree in trees.items():
            for node in ast.walk(tree) if path.parts[0] == "layers" else ():
                if isinstance(node, ast.ClassDef) and found & {ast.unparse(base).split(".")[-1] for base in node.bases}:
                    found.add(node.name)
    calls = (node for tree in trees.values() for node in ast.walk(tree) if isinstance(node, ast.Call))
    for call in calls:
        if ast.unparse(call.func) == "isinstance" and found & set(re.findall(r"\w+", ast.unparse(call.args[1]))):
            yield call


if __name__ == "__main__":
    main()
