"""``benchmarks/int8_accuracy.py``: whose rows stay when a file is measured in parts, and which files go together."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


@pytest.fixture(scope="module")
def script(repository: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("int8_accuracy", repository / "benchmarks" / "int8_accuracy.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def network(name: str, *rows: tuple[str, int]) -> dict[str, Any]:
    return {"network": name, "engines": [{"name": engine, "lost": lost} for engine, lost in rows]}


def test_rows_that_were_measured_anew_replace_the_older_ones(script: ModuleType) -> None:
    older = [
        network("a", ("darknet-py int8", 1), ("darknet-py int8, --agreement 0", 2), ("ONNX Runtime int8 (MinMax)", 3)),
        network("b", ("darknet-py int8", 4)),
    ]
    found = script.merged(network("a", ("darknet-py int8", 5), ("OpenVINO int8 (NNCF)", 6)), older)
    assert found == [
        network("a", ("darknet-py int8", 5), ("OpenVINO int8 (NNCF)", 6), ("ONNX Runtime int8 (MinMax)", 3)), older[1]
    ]  # fmt: skip
    assert script.merged(network("c", ("darknet-py int8", 7)), older)[:2] == older
    peers = script.merged(network("a", ("ONNX Runtime int8 (MinMax)", 8)), older)[0]
    assert [each["lost"] for each in peers["engines"]] == [1, 2, 8]


def test_a_file_of_other_pictures_is_refused(script: ModuleType, tmp_path: Path) -> None:
    for name in ("a.jpg", "b.png", "c.jpg", "d.txt"):
        (tmp_path / name).write_text(name)
    parts = script.divided(tmp_path, 2, 0)
    assert [len(part) for part in parts] == [2, 1] and script.divided(tmp_path, 2, 0) == parts
    pictures = script.picture_identity(parts)
    out = tmp_path / "out.json"
    assert script.older_results(out, pictures) == []
    out.write_text(json.dumps({**pictures, "results": [network("a")]}))
    assert script.older_results(out, pictures) == [network("a")]
    parts[1][0].write_text("another picture")
    with pytest.raises(SystemExit, match="is of other pictures"):
        script.older_results(out, script.picture_identity(parts))
