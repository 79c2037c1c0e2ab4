"""Archives: a row a picture in Parquet files, runs that are killed and go on, evaluations of them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from darknet_py.batch import DetectBatch
from darknet_py.errors import DarknetError, FileError
from darknet_py.loading import load
from darknet_py.synth import write_synth
from darknet_py.view import Fit

from .archives import NAMES, all_paths, archived, make_photos
from .darknet_folder import YOLO_V1
from .nets import net as net_text
from .nets import write_cfg
from .program import ask, failure
from .systems import need_posix
from .test_cli import NET, OWN, REPOSITORY

parquet = pytest.importorskip("pyarrow.parquet")

from darknet_py.batch.archive import PART, Archive, read_archive  # noqa: E402
from darknet_py.batch.facts import Facts  # noqa: E402
from darknet_py.batch.rows import failed_row, schema  # noqa: E402
from darknet_py.evaluate.archived import archived as archived_found  # noqa: E402
from darknet_py.evaluate.found import Setting, unit_of  # noqa: E402
from darknet_py.evaluate.run import Task  # noqa: E402

QUIET = ("--parquet", "out", "-q")


@pytest.fixture(scope="module")
def photos(net: Path) -> Path:
    return make_photos(net)


@pytest.fixture
def out(net: Path) -> Path:
    """Where an archive goes; nothing is there."""
    shutil.rmtree(net / "out", ignore_errors=True)
    return net / "out"


def test_a_row_for_each_picture_with_the_very_numbers(net: Path, photos: Path, out: Path) -> None:
    answer = ask("detect", "photos", *OWN, "--parquet", "out", cwd=net)
    assert answer.code == 1 and answer.out == ""
    assert answer.err.splitlines()[-2:] == [
        "Rows: 9 new ones in out, 2 of them could not be read", "Error: 2 of 9 images could not be read",
    ]  # fmt: skip
    assert answer.err.count("Error: photos/") == 2
    assert sorted(path.name for path in out.iterdir()) == [".lock", "part-000001.parquet", "run.json"]
    rows = archived(out)
    assert [row["path"] for row in rows] == [f"photos/{name}" for name in sorted(os.listdir(photos))]
    found = load(net / "net.cfg", net / "net.weights", names=NAMES).detect(net / "photo.png", thresh=0.3)
    for row in rows:
        good = row["path"] not in ("photos/3x.png", "photos/9.jpg")
        assert row["ok"] == good and (row["error"] is None) == good
        assert (row["width"], row["height"]) == ((90, 60) if good else (None, None))
        assert row["name"] == (found.names if good else [])
        if good:
            assert np.array_equal(np.array(row["confidence"], np.float32), found.confidence)
            assert np.array_equal(np.array(row["box"], np.float32), found.box)
            assert row["class_id"] == found.class_id.tolist() and row["box_id"] == found.box_id.tolist()
    run = json.loads((out / "run.json").read_text())
    assert {(row["model"], row["settings"]) for row in rows} == {(run["model_hash"], run["settings_hash"])}
    assert read_archive(out).schema == schema()


def test_a_finished_run_has_nothing_left_to_do(net: Path, photos: Path, out: Path) -> None:
    assert ask("detect", "photos", *OWN, *QUIET, "--resume", cwd=net).code == 1, "nothing to go on with: begun"
    before = archived(out)
    assert "go on with it (--resume)" in failure("detect", "photos", *OWN, *QUIET, cwd=net)
    again = ask("detect", "photos", "photos/0.png", *OWN, "--parquet", "out", "--resume", cwd=net)
    assert again == (0, "", "out: goes on with 9 pictures that are done\nRows: 0 new ones in out\n")
    assert archived(out) == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--thresh", ".4"], "thresh was 0.3, and is 0.4 now"),
        (["--classes", "cat"], "classes was null, and is [2] now"),
        (["--tiles", "2x2"], "tiles was null, and is"),
        (["--size", "32"], "size was 64 x 64 x 3, and is 32 x 32 x 3 now"),
        (["--stretch"], "fit was letterbox, and is stretch now"),
        (["--exif"], "exif was false, and is true now"),
        (["--weights", "other.weights"], "weights was sha256"),
        (["--names", "other.names"], "names was sha256"),
    ],
)
def test_a_run_of_something_else_does_not_go_on(
    net: Path,
    photos: Path,
    out: Path,
    words: list[str],
    message: str,
) -> None:
    data = bytearray((net / "net.weights").read_bytes())
    data[-1] ^= 1
    (net / "other.weights").write_bytes(data)
    (net / "other.names").write_text("ant\nbee\ndog\n")
    ask("detect", "photos/0.png", *OWN, *QUIET, cwd=net)
    before = archived(out)
    told = failure("detect", "photos/1.png", *OWN, *QUIET, "--resume", *words, cwd=net)
    assert told.startswith("Error: out: its results are made of something else: ") and message in told
    assert archived(out) == before


def test_relative_paths_are_of_the_folder_where_it_was_begun(
    net: Path,
    photos: Path,
    out: Path,
    tmp_path: Path,
) -> None:
    ask("detect", "photos/0.png", *OWN, *QUIET, cwd=net)
    shutil.copytree(photos, tmp_path / "photos")
    own = [str(net / word) if word.startswith("net.") else word for word in OWN]
    told = failure("detect", "photos", *own, "--parquet", out, "--resume", cwd=tmp_path)
    assert f"was begun in the folder {net}" in told
    assert ask("detect", tmp_path / "photos" / "0.png", *own, "--parquet", out, "--resume", cwd=tmp_path).code == 0
    assert len(archived(out)) == 2


def test_what_does_not_go_together(net: Path, photos: Path) -> None:
    for words in (["--json", "-"], ["-o", "x"], ["--tree-path"], ["--percentages"]):
        assert "--parquet goes without" in failure("detect", "photos", *OWN, *QUIET, *words, cwd=net, code=2)
    assert "--resume goes with --parquet" in failure("detect", "photos", *OWN, "--resume", cwd=net, code=2)
    assert "pictures that are files" in failure("detect", "-", *OWN, *QUIET, cwd=net, code=2)
    (net / "file").write_text("")
    assert "file: cannot be written" in failure("detect", "photos", *OWN, "--parquet", "file", "-q", cwd=net)


FACTS = Facts({"weights": "a"}, {"thresh": 0.5})


def row(path: str, facts: Facts = FACTS) -> dict[str, Any]:
    return failed_row(path, DarknetError("no"), facts.hashes)


def test_parts_appear_whole_and_each_row_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("darknet_py.batch.archive.PICTURES", 3)
    with Archive(tmp_path / "out", FACTS) as archive:
        assert archive.missing(["/a", "/b", "/a"]) == ["/a", "/b"]
        for path in ("/a", "/b", "/a", "/c", "/d", "/b"):
            archive.add(row(path))
        assert [path.name for path in sorted((tmp_path / "out").glob("part*"))] == ["part-000001.parquet"]
        with pytest.raises(FileError, match="another run writes"):
            need_posix()
            Archive(tmp_path / "out", FACTS, resume=True)
    assert [each["path"] for each in archived(tmp_path / "out")] == ["/a", "/b", "/c", "/d"]
    with pytest.raises(ZeroDivisionError), Archive(tmp_path / "out", FACTS, resume=True) as archive:
        assert archive.missing(["/c", "/e", "/f"]) == ["/e", "/f"]
        archive.add(row("/e"))
        raise ZeroDivisionError  # what was done by then is there
    assert [each["path"] for each in archived(tmp_path / "out")] == ["/a", "/b", "/c", "/d", "/e"]
    with (
        Archive(tmp_path / "out", FACTS, resume=True) as archive,
        pytest.raises(FileError, match="the workers have other"),
    ):
        archive.add(row("/g", Facts({"weights": "b"}, {})))


def test_files_that_are_not_whole_are_named(tmp_path: Path) -> None:
    with Archive(tmp_path / "out", FACTS) as archive:
        archive.add(row("/a"))
    part = tmp_path / "out" / "part-000001.parquet"
    whole = part.read_bytes()
    (tmp_path / "out" / "part-000002.parquet.77.part").write_bytes(whole[:50])  # of a run that was killed
    for broken in (whole[:-9], b"", b"PAR1"):
        part.write_bytes(broken)
        with pytest.raises(FileError, match=r"part-000001.parquet: is no whole part .*delete it"):
            Archive(tmp_path / "out", FACTS, resume=True)
    part.write_bytes(whole)
    (tmp_path / "out" / "part-000007.parquet").write_bytes(whole)
    with pytest.raises(FileError, match=r"part-000007.parquet: has rows of pictures that other parts have, too"):
        Archive(tmp_path / "out", FACTS, resume=True)
    (tmp_path / "out" / "part-000007.parquet").unlink()
    with Archive(tmp_path / "out", FACTS, resume=True) as archive:
        archive.add(row("/b"))
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        ".lock", "part-000001.parquet", "part-000002.parquet", "run.json",
    }  # fmt: skip
    (tmp_path / "out" / "run.json").write_text("{")
    with pytest.raises(DarknetError, match=r"run.json:1: is not JSON"):
        Archive(tmp_path / "out", FACTS, resume=True)
    (tmp_path / "out" / "run.json").unlink()
    with pytest.raises(FileError, match=r"no run.json"):
        Archive(tmp_path / "out", FACTS, resume=True)
    with pytest.raises(FileError, match="no part"):
        read_archive(tmp_path)


def test_a_full_disk_ends_it_and_loses_nothing_that_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **words: Any) -> None:
        raise OSError(28, "No space left on device")

    with Archive(tmp_path / "out", FACTS) as archive:
        archive.add(row("/a"))
    with (
        monkeypatch.context() as patch,
        pytest.raises(FileError, match="cannot be written: No space left"),
    ):
        patch.setattr(parquet, "write_table", full)
        with Archive(tmp_path / "out", FACTS, resume=True) as archive:
            archive.add(row("/b"))
    with Archive(tmp_path / "out", FACTS, resume=True) as archive:
        assert archive.missing(["/a", "/b"]) == ["/b"]


def test_without_pyarrow_it_says_what_to_install(
    net: Path, photos: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert "install darknet-py's extra [parquet]" in failure("detect", "photos", *OWN, *QUIET, cwd=net)
    assert not out.exists()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("number", [9, signal.SIGTERM])
def test_a_run_that_is_stopped_goes_on(
    net: Path,
    photos: Path,
    out: Path,
    number: int,
    tmp_path: Path,
) -> None:
    many = tmp_path / "many"
    many.mkdir()
    for count in range(12):
        shutil.copy(net / "photo.png", many / f"{count:02d}.png")
    shutil.copy(photos / "3x.png", many / "05.png")
    expected = ask("detect", many, *OWN, "--parquet", tmp_path / "whole", "-q", cwd=net)
    assert expected.code == 1
    (many / "08.png").unlink()
    os.mkfifo(many / "08.png")  # nobody ever writes to it: the run stops there
    code = "import darknet_py.batch.archive as a; a.PICTURES = 2; from darknet_py.cli import main; main()"
    files = [str(many / f"{count:02d}.png") for count in range(12)]
    process = subprocess.Popen(
        [sys.executable, "-c", code, "detect", *files, *OWN, "--parquet", str(out)],
        cwd=net, env={**os.environ, "PYTHONPATH": str(REPOSITORY)}, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    while "05.png" not in (line := process.stderr.readline()):
        assert line, "it ended before the first pictures"
    process.send_signal(number)
    process.communicate(timeout=120)
    assert process.returncode == (-9 if number == 9 else 143)
    before = {path.name: path.read_bytes() for path in out.glob("part*.parquet")}
    assert before and 2 <= len(read_archive(out)) < 12
    (many / "08.png").unlink()
    shutil.copy(net / "photo.png", many / "08.png")
    answer = ask("detect", *files, *OWN, "--parquet", out, "--resume", "-q", cwd=net)
    assert answer.code in (0, 1)  # 1 if the broken picture was left
    assert archived(out) == archived(tmp_path / "whole")
    assert all((out / name).read_bytes() == data for name, data in before.items()), "what was there stays"
    assert all(PART.fullmatch(path.name) or path.name in (".lock", "run.json") for path in out.iterdir())


REGION = net_text(
    3, 64, 64, "conv filters=24 size=3 stride=8 pad=1 activation=linear",
    "region classes=3 num=3 coords=4 softmax=1 anchors=1,1.5,3,3,5,4",
)  # fmt: skip


@pytest.mark.parametrize("text", [NET, REGION, YOLO_V1])
def test_an_evaluation_of_an_archive_is_that_of_the_network(photos: Path, tmp_path: Path, text: str) -> None:
    cfg = write_cfg(tmp_path, text)
    write_synth(cfg, tmp_path / "net.weights")
    detector, paths = load(cfg, tmp_path / "net.weights"), all_paths(photos)
    network = detector.network
    setting = Setting(stretch=detector.view.of(network).fit is Fit.STRETCH, asked=unit_of(network))
    detect = DetectBatch(str(cfg), str(tmp_path / "net.weights"), thresh=0.005)
    with Archive(tmp_path / "out", detect.worker().facts) as archive:
        for row in detect.rows(paths):
            archive.add(row)
    expected = Task(detector, paths, "a list", setting).run()
    for one, two in zip(archived_found(tmp_path / "out", paths, detector, setting), expected, strict=True):
        assert (one is None) == (two is None)
        if one is not None and two is not None:
            assert one.as_lists() == two.as_lists() and len(one.score)
    with pytest.raises(FileError, match=r"has no row of 1 of 1 images, other.png first"):
        archived_found(tmp_path / "out", ["other.png"], detector, setting)
    with pytest.raises(FileError, match=r"thresh was 0.005, and is 0.1 now"):
        archived_found(tmp_path / "out", paths, detector, replace(setting, thresh=0.1))


def test_evaluate_found(net: Path, photos: Path, out: Path) -> None:
    for path in photos.iterdir():
        path.with_suffix(".txt").write_text("2 .5 .5 .4 .4\n0 .2 .2 .1 .1\n")
    try:
        (net / "val.list").write_text(
            "".join(f"photos/{path.name}\n" for path in photos.iterdir() if "png" in path.name)
        )
        own = OWN[:-2]
        words = ["evaluate", *own, "--images", "val.list", "--thresh", ".1", "--iou-thresh", ".2"]
        expected = ask(*words, cwd=net)
        ask("detect", "photos", *own, "--thresh", ".005", *QUIET, cwd=net)
        found = ask(*words, "--found", "out", cwd=net)
        assert (found.code, found.out) == (expected.code, expected.out) and "mAP" in found.out
        assert "classes was null" in failure(*words, "--found", "out", "--classes", "cat", cwd=net)
        assert "run.json: cannot read" in failure(*words, "--found", "photos", cwd=net)
    finally:
        for path in photos.glob("*.txt"):
            path.unlink()
