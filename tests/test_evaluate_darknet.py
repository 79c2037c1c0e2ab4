"""Darknet's own commands of evaluation: files and lines byte for byte as Darknet's, runs that were stopped."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
from pathlib import Path

import pytest

from .darknet_folder import REPOSITORY, called, darknet
from .evaluation import make_root
from .program import failure
from .systems import POSIX


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_root(tmp_path_factory.mktemp("evaluate"))


def digest(folder: Path) -> str:
    """One hash over the names and contents of all files of a folder."""
    total = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        total.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return total.hexdigest()[:16]


@pytest.mark.parametrize(
    ("command", "data", "network", "wanted"),
    [
        ("valid", "voc", "region20", "b913152fba3e4956"),
        ("valid2", "voc", "region20", "f538088bc4d4512e"),
        ("valid", "coco", "coco", "e0467615288715ba"),
        ("valid", "imagenet", "region200", "da0e2ee7354cf806"),
        pytest.param("valid2", "imagenet", "region200", "bb1fe786286eec8c", marks=pytest.mark.slow),
    ],
)
def test_result_files_are_darknets(root: Path, command: str, data: str, network: str, wanted: str) -> None:
    found = darknet("detector", command, f"{data}.data", f"{network}.cfg", f"{network}.weights", cwd=root)
    assert digest(root / f"results_{data}") == wanted
    assert found.stdout == ""
    lines = [line for line in found.stderr.splitlines() if not line.startswith("Compiling kernels")]
    assert lines[-5:-1] == ["Learning Rate: 0.001, Momentum: 0.9, Decay: 0.0001", "4", "8", "12"]
    assert lines[-1].startswith("Total Detection Time: ")


@pytest.mark.parametrize(
    ("network", "data", "folder", "wanted"),
    [
        ("v4", "voc3", "", "8a37bd2c5d934206"),
        ("v4box", "voc3", "", "39efc485c2432850"),
        ("v4", "coco3", "", "4195bb758185829a"),
        ("v4", "bdd3", "", "2428464881928aec"),
        ("v4", "kitti3", "kitti_results/data", "163acfd5480716e0"),
    ],
)
def test_result_files_are_alexeyabs(root: Path, network: str, data: str, folder: str, wanted: str) -> None:
    """His fit, thresholds, suppression and formats, as his strict build wrote them."""
    found = called("detector", "valid", f"{data}.data", f"{network}.cfg", f"{network}.weights", cwd=root)
    assert digest(root / f"results_{data}" / folder) == wanted
    assert found.stdout.splitlines() == [" Detection layer: 2 - type = 28 ", *(["kitti_results"] if folder else [])]


def test_recall_in_alexeyabs_dialect_prints_his_lines_of_the_data_files_images(root: Path) -> None:
    found = called("detector", "recall", "voc3.data", "v4.cfg", "v4.weights", cwd=root)
    lines = found.stderr.splitlines()[-9:]
    assert lines[0] == "    0     0     4\tRPs/Img: 67.00\tIOU: 20.29%\tRecall:0.00%"
    assert lines[8] == "    8     0    32\tRPs/Img: 70.33\tIOU: 24.72%\tRecall:0.00%"


@pytest.mark.parametrize(("data", "most"), [("bdd", 10), ("kitti", 3)])
def test_kinds_of_few_classes_refuse_more(root: Path, data: str, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DARKNET_PY_DIALECT", "alexeyab")
    (root / "many.data").write_text(f"classes=20\nvalid=val.list\nnames=20.names\neval={data}\n")
    words = ("detector", "valid", "many.data", "region20.cfg", "region20.weights")
    found = called(*words, cwd=root, code=1)
    assert f"many.data: eval = {data} is for {most} classes, this network has 20" in found.stderr


def test_yolo_valid_is_darknets(root: Path) -> None:
    darknet("yolo", "valid", "v1.cfg", "v1.weights", cwd=root)
    assert digest(root / "results") == "80166b6df7d98522"


def test_recall_prints_darknets_lines(root: Path) -> None:
    found = darknet("detector", "recall", "voc.data", "region20.cfg", "region20.weights", cwd=root)
    assert found.stderr.splitlines()[-9:] == RECALL
    first = darknet("yolo", "recall", "v1.cfg", "v1.weights", cwd=root).stderr.splitlines()[-1]
    assert first.startswith("    8 ") and "RPs/Img: " in first


def test_classifier_valid_prints_darknets_lines(root: Path) -> None:
    found = darknet("classifier", "valid", "classifier.data", "classifier.cfg", "classifier.weights", cwd=root)
    assert found.stdout == ACCURACY


def test_classifier_valid_of_some_leaves_of_a_wordtree(root: Path) -> None:
    found = darknet("classifier", "valid", "leaves.data", "tree.cfg", "tree.weights", cwd=root)
    assert found.stdout == LEAVES
    assert "Found 4 leaves." in found.stderr


@pytest.mark.parametrize(
    ("points", "wanted"),
    [(0, "91663ab002bd3c85"), (11, "67788bee64568d5b"), pytest.param(101, "05383c0f882b7656", marks=pytest.mark.slow)],
)
def test_map_prints_alexeyabs_lines(root: Path, points: int, wanted: str) -> None:
    found = darknet(
        "detector", "map", "voc.data", "region20.cfg", "region20.weights", "-points", points, "-thresh", ".1",
        "-iou_thresh", ".4", cwd=root,
    )  # fmt: skip
    assert hashlib.sha256(found.stdout.encode()).hexdigest()[:16] == wanted, found.stdout


LEAVES = (
    "images/img_000.jpg, 0, 0.000000, 0.319222, \n"
    "0: top 1: 0.000000, top 3: 0.000000\n"
    "images/img_001.jpg, 1, 0.000000, 0.328953, \n"
    "1: top 1: 0.500000, top 3: 0.500000\n"
    "images/img_002.jpg, 2, 0.000000, 0.323781, \n"
    "2: top 1: 0.333333, top 3: 0.333333\n"
    "images/img_003.jpg, 3, 0.000000, 0.314291, \n"
    "3: top 1: 0.250000, top 3: 0.250000\n"
    "images/img_004.jpg, 4, 0.000000, 0.330356, \n"
    "4: top 1: 0.200000, top 3: 0.400000\n"
    "images/img_005.jpg, 5, 0.000000, 0.327373, \n"
    "5: top 1: 0.166667, top 3: 0.333333\n"
    "images/img_006.jpg, 6, 0.000000, 0.317135, \n"
    "6: top 1: 0.142857, top 3: 0.285714\n"
    "images/img_007.jpg, 7, 0.000000, 0.330723, \n"
    "7: top 1: 0.125000, top 3: 0.375000\n"
    "images/img_008.jpg, 8, 0.000000, 0.327761, \n"
    "8: top 1: 0.111111, top 3: 0.333333\n"
)
RECALL = [
    "    0     3     4\tRPs/Img: 118.00\tIOU: 61.06%\tRecall:75.00%",
    "    1     6     8\tRPs/Img: 107.50\tIOU: 63.11%\tRecall:75.00%",
    "    2     9    12\tRPs/Img: 109.00\tIOU: 60.78%\tRecall:75.00%",
    "    3    13    16\tRPs/Img: 110.75\tIOU: 60.28%\tRecall:81.25%",
    "    4    13    16\tRPs/Img: 106.80\tIOU: 60.28%\tRecall:81.25%",
    "    5    15    20\tRPs/Img: 108.17\tIOU: 56.85%\tRecall:75.00%",
    "    6    17    24\tRPs/Img: 109.71\tIOU: 55.75%\tRecall:70.83%",
    "    7    20    28\tRPs/Img: 107.25\tIOU: 57.35%\tRecall:71.43%",
    "    8    23    32\tRPs/Img: 107.89\tIOU: 58.16%\tRecall:71.88%",
]

ACCURACY = (
    "images/img_000.jpg, 0, 0.108290, 0.082409, \n"
    "0: top 1: 0.000000, top 3: 0.000000\n"
    "images/img_001.jpg, 1, 0.101849, 0.085536, \n"
    "1: top 1: 0.000000, top 3: 0.000000\n"
    "images/img_002.jpg, 2, 0.103937, 0.085129, \n"
    "2: top 1: 0.000000, top 3: 0.000000\n"
    "images/img_003.jpg, 3, 0.107435, 0.082940, \n"
    "3: top 1: 0.000000, top 3: 0.000000\n"
    "images/img_004.jpg, 4, 0.101952, 0.085321, \n"
    "4: top 1: 0.000000, top 3: 0.000000\n"
    "images/img_005.jpg, 5, 0.103379, 0.084878, \n"
    "5: top 1: 0.000000, top 3: 0.166667\n"
    "images/img_006.jpg, 6, 0.107429, 0.084028, \n"
    "6: top 1: 0.000000, top 3: 0.142857\n"
    "images/img_007.jpg, 7, 0.102046, 0.085156, \n"
    "7: top 1: 0.000000, top 3: 0.125000\n"
    "images/img_008.jpg, 8, 0.104657, 0.085142, \n"
    "8: top 1: 0.000000, top 3: 0.222222\n"
)


@pytest.mark.slow
@POSIX
def test_a_killed_run_goes_on(root: Path, tmp_path: Path) -> None:
    listed = root / "many.list"
    listed.write_text("".join(f"images/img_{number % 9:03d}.jpg\n" for number in range(160)))
    (root / "many.data").write_text("valid=many.list\nnames=20.names\nresults=results_many\n")
    words = ["./darknet", "detector", "valid", "many.data", "region20.cfg", "region20.weights"]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "XDG_CACHE_HOME": str(tmp_path)}
    child = subprocess.Popen(words, cwd=root, env=environment, stderr=subprocess.PIPE, text=True)
    assert child.stderr is not None
    for line in child.stderr:
        if line.strip() == "40":
            break
    child.send_signal(signal.SIGKILL)
    child.communicate()
    assert list((root / "results_many").iterdir()) == []  # made before the work, to know that it can be written to
    [journal] = tmp_path.rglob("*.jsonl")
    assert len(journal.read_text().splitlines()) >= 40
    again = subprocess.run(words, cwd=root, env=environment, capture_output=True, text=True, check=True)
    assert "going on with a run that was stopped: " in again.stderr
    assert not journal.exists()
    first = digest(root / "results_many")
    subprocess.run(words, cwd=root, env=environment, capture_output=True, check=True)
    assert digest(root / "results_many") == first


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("valid coco200.data region200.cfg region200.weights", "eval = coco is for 80 classes, this network has 200"),
        ("valid imagenet.data region20.cfg region20.weights", "eval = imagenet is for 200 classes"),
        ("map coco.data region20.cfg region20.weights", "has 80 names, but region20.cfg has classes=20"),
        ("valid voc.data region20.cfg", "needs the weights file"),
    ],
)
def test_darknets_commands_say_what_is_wrong(root: Path, words: str, message: str) -> None:
    assert message in failure("detector", *words.split(), cwd=root, program="darknet")


def test_a_folder_that_cannot_be_written(root: Path) -> None:
    (root / "other.data").write_text("valid=val.list\nnames=20.names\nresults=val.list\n")
    found = darknet("detector", "valid", "other.data", "region20.cfg", "region20.weights", cwd=root, code=1)
    assert "cannot be written" in found.stderr.splitlines()[-1]
