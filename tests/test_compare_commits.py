"""``benchmarks/compare_commits.py``: whose turn it is, what a benchmark's document has, ratios."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

BEFORE, AFTER = Path("before"), Path("after")


@pytest.fixture(scope="module")
def script(repository: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "compare_commits", repository / "benchmarks" / "compare_commits.py"
    )  # fmt: skip
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look there
    spec.loader.exec_module(module)
    return module


def test_trees_take_turns_and_change_who_is_first(script: ModuleType) -> None:
    turns: list[tuple[str, str]] = []

    def measure(tree: Path, name: str) -> float:
        turns.append((tree.name, name))
        return {"before": 3.0, "after": 2.0}[tree.name] + len(turns) / 100

    one, two = script.compare((BEFORE, AFTER), ["a.cfg", "b.cfg"], 2, measure)
    first = [("before", "a.cfg"), ("after", "a.cfg"), ("before", "b.cfg"), ("after", "b.cfg")]
    second = [("after", "a.cfg"), ("before", "a.cfg"), ("after", "b.cfg"), ("before", "b.cfg")]
    assert turns == first + second
    assert one.before == pytest.approx([3.01, 3.06]) and one.after == pytest.approx([2.02, 2.05])
    assert two.name == "b.cfg"


def test_ratios(script: ModuleType) -> None:
    assert script.Pair("x.cfg", [1.0, 2.0, 9.0], [1.0, 1.0, 3.0]).ratio == 2.0  # the median of 1, 2 and 3
    assert script.Pair(script.START_UP, [1.0, 0.5], [0.25, 4.0]).ratio == 2.0  # by the least of each
    head, start, line = script.table(
        [script.Pair(script.START_UP, [0.2], [0.1]), script.Pair("/x/y.cfg", [2.0], [4.0])]
    )
    assert head.split() == ["before,", "ms", "after,", "ms", "ratio"]
    assert start.split() == ["start-up", "200.00", "100.00", "2.000"]
    assert line.split() == ["y", "2000.00", "4000.00", "0.500"]


def test_the_time_of_a_benchmark(script: ModuleType) -> None:
    assert script.seconds_of({"networks": [{"median": 0.25, "least": 0.2}]}) == 0.25


@pytest.mark.parametrize(
    "document", [{}, {"networks": []}, {"networks": [{}, {}]}, {"networks": [{"median": None}]},
                 {"networks": [{"median": -1.0}]}, {"networks": {"median": 1.0}}],
)  # fmt: skip
def test_what_is_no_benchmark_of_one_network(script: ModuleType, document: Any) -> None:
    with pytest.raises(ValueError):
        script.seconds_of(document)


@pytest.mark.parametrize(("after", "code"), [(1.0, 0), (1.01, 0), (1.1, 1)])
def test_a_slower_tree_is_exit_code_1(
    script: ModuleType, repository: Path, after: float, code: int, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    times = iter([1.0] * 4 + [1.0, after] * 2)  # what compiles, and one round
    monkeypatch.setattr(script, "measure_with", lambda options, folder: lambda tree, name: next(times))
    assert script.main([str(repository), str(repository), "x.cfg", "--rounds", "1"]) == code
    assert f"{1 / after:.3f}" in capsys.readouterr().out


def test_what_is_no_source_tree(script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        script.main([str(tmp_path), str(tmp_path), "x.cfg"])
    assert "is no source tree of darknet-py" in capsys.readouterr().err
