"""Rules of the structure, kept by reading the code: who may import whom, and no fast-math anywhere."""

from __future__ import annotations

import ast
import configparser
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROWS = [
    {"errors", "version", "terminal", "geometry", "locks", "typing"},
    {"dialect"},
    {"formats"},
    {"layers"},
    {"network", "synth"},
    {"kernels"},
    {"numeric"},
    {"parameters"},
    {"calibration"},
    {"export"},
    {"plan"},
    {"extend"},
    {"image"},
    {"detect"},
    {"output"},
    {"chart"},
    {"view"},
    {"inference"},
    {"running"},
    {"looking"},
    {"detector"},
    {"zoo"},
    {"loading"},
    {"trace"},
    {"warmup", "warmup_samples"},
    {"weights"},
    {"anchors"},
    {"bench"},
    {"validate"},
    {"batch"},
    {"evaluate"},
    {"calibrate"},
    {"train"},
    {"video"},
    {"serve"},
    {"compat"},
    {"legacy"},
    {"cli"},
    {"__init__", "__main__"},
]
"""A module imports only from its own row's folder and from rows above."""

PACKAGE = Path(__file__).resolve().parent.parent / "darknet_py"
MODULES = sorted(PACKAGE.rglob("*.py"))


def rank(part: str) -> int | None:
    return next((i for i, row in enumerate(ROWS) if part in row), None)


@cache
def tree_of(path: Path) -> ast.Module:
    """What a module says; nobody changes it."""
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def imported_names(path: Path) -> list[list[str]]:
    """Every import as the parts of its name from darknet_py on, type-checking ones left out."""
    inside = path.relative_to(PACKAGE.parent).with_suffix("").parts
    tree = tree_of(path)
    typing_only = {
        node
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.unparse(block.test)
        for node in ast.walk(block)
    }
    found = []
    for node in ast.walk(tree):
        if node in typing_only or not isinstance(node, (ast.Import, ast.ImportFrom)):
            continue
        if isinstance(node, ast.Import):
            names = [alias.name.split(".") for alias in node.names]
        else:
            base = list(inside[: len(inside) - node.level]) if node.level else []
            base += node.module.split(".") if node.module else []
            names = [[*base, alias.name] for alias in node.names]
        found += [name for name in names if name[0] == "darknet_py" and len(name) > 1]
    return found


def imported_parts(path: Path) -> set[str]:
    """First part below darknet_py of every import."""
    return {name[1] for name in imported_names(path)}


def test_no_module_imports_itself_through_others() -> None:
    """Imports inside of functions count, too."""
    names = {path: path.relative_to(PACKAGE.parent).with_suffix("").parts for path in MODULES}
    modules = {parts[:-1] if parts[-1] == "__init__" else parts: path for path, parts in names.items()}
    graph = {}
    for module, path in modules.items():
        wanted = [tuple(name) for name in imported_names(path)]
        found = {name if name in modules else name[:-1] for name in wanted}
        graph[module] = found & set(modules) - {module}
    assert len(graph) > 300
    TopologicalSorter(graph).prepare()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_one_way(path: Path) -> None:
    part = path.relative_to(PACKAGE).with_suffix("").parts[0]
    own = rank(part)
    assert own is not None, f"{part} has no row"
    for other in imported_parts(path) - {part, "errors"}:
        theirs = rank(other)
        assert theirs is not None, f"{part} imports {other}, which has no row"
        assert theirs <= own, f"{part} imports {other}, which stands in a later row"


def test_click_is_for_command_lines_only() -> None:
    for path in MODULES:
        if path.relative_to(PACKAGE).parts[0] not in ("cli", "legacy"):
            tree = tree_of(path)
            imported = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
            imported += [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
            assert not any(name.split(".")[0] == "click" for name in imported), path


def test_kernels_import_nothing_of_ours_but_kernels() -> None:
    for path in (PACKAGE / "kernels").rglob("*.py"):
        assert imported_parts(path) <= {"kernels", "typing"}, path


KERNEL_ROWS = [{"runtime"}, {"vector"}, {"conv", "layers", "codec"}, {"train", "words"}]
"""Folders of kernels; each imports only from its own row and from rows above."""


@pytest.mark.parametrize("path", sorted((PACKAGE / "kernels").rglob("*.py")), ids=lambda path: path.stem)
def test_kernels_import_from_above(path: Path) -> None:
    folder = path.parent.name
    own = next((i for i, row in enumerate(KERNEL_ROWS) if folder in row), len(KERNEL_ROWS))
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.ImportFrom) and node.level == 2 and node.module:
            other = node.module.split(".")[0]
            assert any(other in row for row in KERNEL_ROWS[: own + 1]), f"{folder} imports {other}"


def test_fast_math_is_set_nowhere_and_compiling_is_configured_in_one_place() -> None:
    for path in MODULES:
        tree = tree_of(path)
        for node in ast.walk(tree):
            if isinstance(node, ast.keyword):
                assert node.arg != "fastmath", f"{path}:{node.value.lineno}"
            name = node.id if isinstance(node, ast.Name) else getattr(node, "attr", None)
            is_numba = name in {"njit", "jit"}
            assert not is_numba or path.name == "compiling.py", f"{path}:{node.lineno}: use kernels.runtime.jit.kernel"  # type: ignore[attr-defined]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_what_is_imported_exists(path: Path) -> None:
    """Imports inside of functions, too, which no test may come to: a module that was moved is missed at once."""
    inside = path.relative_to(PACKAGE.parent).with_suffix("").parts
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = PACKAGE.parent.joinpath(*inside[: len(inside) - node.level], *(node.module or "").split("."))
            assert base.is_dir() or base.with_suffix(".py").is_file(), f"{path}:{node.lineno}: {base}"


def test_every_package_is_installed() -> None:
    # setup.cfg names the packages one by one, because cfg/ is installed as one of them.
    settings = configparser.ConfigParser()
    settings.read(PACKAGE.parent / "setup.cfg")
    named = set(settings["options"]["packages"].split())
    found = {".".join(path.parent.relative_to(PACKAGE.parent).parts) for path in PACKAGE.rglob("__init__.py")}
    assert named == found | {"darknet_py._data.cfg"}


PROTOCOLS = {"_repr_png_", "_type_", "_obj", "_replace", "_fields", "_core", "_multiarray_umath"}
"""Names of IPython, ctypes, named tuples and NumPy."""


def private_names(tree: ast.AST) -> Iterator[str]:
    """Names with an underscore that code takes from something else than itself."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) not in ("self", "cls"):
            yield node.attr
        elif isinstance(node, ast.ImportFrom):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("setattr", "delattr", "getattr")):
            texts = [each.value for each in node.args if isinstance(each, ast.Constant)]
            yield from (text.rpartition(".")[2] for text in texts if isinstance(text, str))


@pytest.mark.parametrize("path", sorted(Path(__file__).parent.glob("*.py")), ids=lambda path: path.stem)
def test_tests_use_what_other_modules_may_use(path: Path) -> None:
    found = private_names(tree_of(path))
    assert not {name for name in found if name.startswith("_") and not name.startswith("__")} - PROTOCOLS


def test_numba_is_imported_only_to_compile() -> None:
    """A command whose kernels are on disk starts in half the time without it."""
    allowed = {"kernels/runtime/compiling.py", "kernels/runtime/numba_types.py"}
    for path in MODULES:
        name = path.relative_to(PACKAGE).as_posix()
        for node in tree_of(path).body:  # what is inside of functions comes later
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [str(node.module)] if isinstance(node, ast.ImportFrom) and node.level == 0 else []
            found = any(imported.partition(".")[0] == "numba" for imported in names)
            assert not found or name in allowed or name == "validate/environment.py", f"{name}:{node.lineno}"
