"""`DetectBatch`: rows of pictures in this process and in others, which load the network once."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from darknet_py.batch import DetectBatch
from darknet_py.detector import Detector
from darknet_py.errors import DarknetError
from darknet_py.loading import load

from .archives import NAMES, all_paths, archived, make_photos
from .program import ask
from .systems import need_posix
from .test_cli import OWN, REPOSITORY

pa = pytest.importorskip("pyarrow")

from darknet_py.batch.node import machine_lock, warmed  # noqa: E402
from darknet_py.batch.rows import to_table  # noqa: E402


@pytest.fixture(scope="module")
def photos(net: Path) -> Path:
    return make_photos(net)


def batch(net: Path, **words: Any) -> DetectBatch:
    given = {"weights": net / "net.weights", "names": NAMES, "thresh": 0.3, "threads": 1, **words}
    return DetectBatch(str(net / "net.cfg"), **given)


def test_importing_and_pickling_needs_no_engine(net: Path) -> None:
    code = (
        "import pickle, sys; from darknet_py.batch import DetectBatch; "
        "one = DetectBatch('a.cfg', 'a.weights', classes='dog', zones=['0,0,1,1']); "
        "assert pickle.loads(pickle.dumps(one)) == one and hash(one); "
        "print([name for name in ('numba', 'numpy', 'pyarrow', 'darknet_py.detector') if name in sys.modules])"
    )
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"


def test_detect_batch_takes_paths_and_tables(net: Path, photos: Path) -> None:
    paths, detect = all_paths(photos), batch(net)
    rows = detect(paths)
    assert [row["path"] for row in rows] == paths and [row["ok"] for row in rows].count(False) == 2
    assert detect({"path": np.array(paths, object)}) == to_table(rows)
    contents = {"path": paths, "bytes": [Path(path).read_bytes() for path in paths]}
    other = detect(pa.table(contents))
    assert other.drop(["error"]) == to_table(rows).drop(["error"])
    assert detect([]) == [] and detect({"path": []}).num_rows == 0
    assert pickle.loads(pickle.dumps(detect)).worker() is detect.worker(), "one network in a process"
    assert hash(batch(net, zones=[[0, 0, 1, 1]], classes=["cat", 1], size=[32, 32])), "lists become tuples"
    assert batch(net, weights=None, zones=[[0, 0, 1, 1]]).zones == ((0, 0, 1, 1),)


def test_detect_batch_has_the_options_of_the_command(net: Path, photos: Path, tmp_path: Path) -> None:
    words = ["--classes", "cat", "--zone", "0,0,.8,1", "--min-size", "1%", "--clip", "--tiles", "2x1", "--nms", ".3"]
    ask("detect", "photos", *OWN, "--parquet", tmp_path, "-q", *words, cwd=net)
    rows = archived(tmp_path)
    detect = batch(net, classes="cat", zones=["0,0,.8,1"], min_size="1%", clip=True, tiles="2x1", nms=0.3)
    expected = detect([str(photos / Path(row["path"]).name) for row in rows])
    for one, two in zip(rows, expected, strict=True):
        for name in ("path", "error"):
            one.pop(name), two.pop(name)
        assert one == {**two, "confidence": one["confidence"], "box": one["box"]}
        assert np.array_equal(np.float32(one["confidence"]), np.float32(two["confidence"]))
        assert np.array_equal(np.float32(one["box"]), np.float32(two["box"]))


def test_addresses_are_opened_by_fsspec(net: Path, photos: Path) -> None:
    fsspec = pytest.importorskip("fsspec")
    with fsspec.open("memory://bucket/0.png", "wb") as file:
        file.write((photos / "0.png").read_bytes())
    good, missing, unknown = batch(net)(["memory://bucket/0.png", "memory://bucket/1.png", "nowhere://x/1.png"])
    (expected,) = batch(net)([str(photos / "0.png")])
    assert {**good, "path": ""} == {**expected, "path": ""}
    assert not missing["ok"] and missing["error"].startswith("memory://bucket/1.png: cannot be read")
    assert not unknown["ok"] and "nowhere" in unknown["error"]


def test_kernels_are_compiled_by_one_process_of_a_machine(
    net: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    monkeypatch.setattr("darknet_py.warmup.cache_folder", lambda: tmp_path)
    monkeypatch.setattr("darknet_py.warmup.read_pictures", lambda: read.append("read"))
    detector = load(net / "net.cfg", net / "net.weights")
    warmed(detector)
    warmed(detector)
    assert read == ["read"] and len(list(tmp_path.glob("warm-*"))) == 1
    code = """
import os, sys
from darknet_py.batch.node import machine_lock
print("waits", flush=True)
with machine_lock("test"):
    print(os.path.exists(sys.argv[1]))
"""
    need_posix()
    with machine_lock("test"):
        other = subprocess.Popen(
            [sys.executable, "-c", code, tmp_path / "before"], env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert other.stdout is not None and other.stdout.readline() == "waits\n"
        with pytest.raises(subprocess.TimeoutExpired):
            other.wait(0.5)
        (tmp_path / "before").touch()
    assert other.communicate(timeout=60)[0] == "True\n"


def test_without_a_folder_for_temporary_files_nobody_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> str:
        raise FileNotFoundError(2, "No usable temporary directory found")

    for folder in (nowhere, lambda: str(tmp_path / "none")):
        monkeypatch.setattr("tempfile.gettempdir", folder)
        entered = False
        with machine_lock("test"):
            entered = True
        assert entered


def test_a_network_that_cannot_be_loaded_ends_it(net: Path) -> None:
    with pytest.raises(DarknetError, match="cannot read"):
        DetectBatch(str(net / "net.cfg"), "nowhere.weights")(["a.png"])
    with pytest.raises(DarknetError, match="Did you mean cat"):
        batch(net, classes="catt")(["a.png"])


def test_a_picture_that_is_too_large_is_a_row(
    net: Path,
    photos: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    prepare = Detector.prepare

    def small_memory(self: Detector, pixels: Any, view: Any = None) -> Any:
        if pixels.shape == (60, 91, 3):
            raise MemoryError
        return prepare(self, pixels, view)

    monkeypatch.setattr(Detector, "prepare", small_memory)
    Image.new("RGB", (91, 60)).save(net / "large.png")
    rows = batch(net)([str(photos / "0.png"), str(net / "large.png"), str(photos / "1.png")])
    assert [row["ok"] for row in rows] == [True, False, True] and "memory" in rows[1]["error"]


def _rows_of(work: tuple[DetectBatch, list[str]]) -> list[dict[str, Any]]:
    return work[0].rows(work[1])


@pytest.mark.slow
def test_other_processes_give_the_same_bits(net: Path, photos: Path) -> None:
    paths, detect = all_paths(photos), batch(net)
    with contextlib.closing(multiprocessing.get_context("spawn").Pool(2)) as pool:
        parts = pool.map(_rows_of, [(detect, paths[start : start + 2]) for start in range(0, len(paths), 2)])
        pool.terminate()
    assert [row for part in parts for row in part] == detect.rows(paths)
