"""Darknet's own command line, driven as its users drive it: a process, its pipes, its files, its exit code.

What is compared with Darknet's program here was printed by it (pjreddie's, ``-O2 -ffp-contract=off``; AlexeyAB's, its
Makefile) for the photographs in ``tests/data`` and the same weights.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from darknet_py.legacy.program import run
from darknet_py.synth import write_synth

from .darknet_folder import (
    PHOTOS,
    REPOSITORY,
    YOLO,
    called,
    darknet,
    make_folder,
    without_times,
)
from .nets import write_cfg
from .program import failure
from .systems import ANY_BYTES


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_folder(tmp_path_factory.mktemp("darknet"))


def test_without_a_command(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert darknet(cwd=root).stderr == "usage: darknet <function>\n"
    assert "detector test|train|valid" in darknet("--help", cwd=root).stdout
    assert run(["darknet", "detector", "test", "--help"]) == 0  # it sets up its streams: those of capsys
    assert "detector test|train|valid" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("frobnicate", "Not an option: frobnicate"),
        ("speed yolo.cfg", "darknet-py bench CFG"),
        ("denormalize yolo.cfg yolo.weights", "usage: darknet denormalize [cfg] [weights] [out]"),
        ("detector test yolo.data", "usage: darknet detector"),
        ("detector train yolo.data yolo.cfg", "data/train.list"),
        ("yolo train v1.cfg", "/data/voc/train.txt"),
        ("detector test none.data yolo.cfg yolo.weights", "none.data: cannot read"),
        ("detector test yolo.data none.cfg yolo.weights", "none.cfg: cannot read"),
        ("detector test yolo.data yolo.cfg none.weights", "none.weights: cannot read"),
        ("detector test yolo.data yolo.cfg", "yolo.cfg: needs its weights file"),
        ("detector test yolo.data yolo.cfg yolo.weights none.jpg", 'Cannot load image "none.jpg": cannot read'),
        ("detector test yolo.data classifier.cfg classifier.weights coffee.jpg", "4 names, but"),
        ("detector test classifier.data classifier.cfg classifier.weights coffee.jpg", "gives no boxes"),
        ("detector calc_anchors yolo.data", "set width and height"),
        ("yolo test v1.cfg", "v1.cfg: needs its weights file"),
        ("classifier learn classifier.data classifier.cfg", "classifier train, predict"),
        ("classifier predict yolo.data yolo.cfg yolo.weights coffee.jpg", "is a detector"),
        ("partial yolo.cfg yolo.weights out many", "many is not a number"),
        ("partial yolo.cfg yolo.weights out 99", "has 3 layers, not 99"),
    ],
)
def test_what_is_wrong_is_said_and_the_exit_code_is_1(root: Path, words: str, message: str) -> None:
    assert message in failure(*words.split(), cwd=root, program="darknet").splitlines()[-1]
    assert not (root / "out").exists()


def test_an_error_of_the_program(root: Path) -> None:
    found = darknet("detector", "test", "yolo.data", "none.cfg", "yolo.weights", cwd=root, code=1)
    assert found.stderr.startswith("Error: none.cfg: cannot read") and not found.stdout


def test_detector_test_of_one_image(root: Path) -> None:
    found = darknet(
        "detector", "test", "yolo.data", "yolo.cfg", "yolo.weights", "coffee.jpg", "-thresh", ".4", "-out", "mine",
        cwd=root,
    )  # fmt: skip
    lines = found.stdout.splitlines()
    assert re.fullmatch(r"coffee\.jpg: Predicted in \d+\.\d{6} seconds\.", lines[0])
    assert lines[1:] and all(re.fullmatch(r"(ant|bee|cat): \d+%", line) for line in lines[1:])
    table = [line for line in found.stderr.splitlines() if not line.startswith("Compiling")]
    assert table[0] == "layer     filters    size              input                output"
    assert table[-1] == "Loading weights from yolo.weights...Done!"
    with Image.open(root / "mine.jpg") as picture, Image.open(root / "coffee.jpg") as photo:
        assert picture.size == photo.size
    (root / "mine.jpg").unlink()
    words = ("detector", "test", "yolo.data", "yolo.cfg", "yolo.weights", "coffee.jpg")
    darknet(*words, cwd=root, DARKNET_PY_PICTURES="png")
    with Image.open(root / "predictions.png") as picture:
        assert picture.format == "PNG"
    program = [sys.executable, "-m", "darknet_py"]
    same = subprocess.run(
        [*program, "detector", "test", "yolo.data", "-thresh", ".4", "yolo.cfg", "yolo.weights", "coffee.jpg"],
        cwd=root, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(REPOSITORY)}, check=True,
    )  # fmt: skip
    assert without_times(same.stdout) == without_times(found.stdout)
    assert (root / "predictions.jpg").is_file()


@pytest.fixture
def child(root: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A Darknet that waits for paths, with pipes as a parent has them."""
    words = ["detector", "test", "yolo.data", "yolo.cfg", "yolo.weights", "-thresh", ".4"]
    process = subprocess.Popen(
        ["./darknet", *words], cwd=root, env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    yield process
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        assert pipe is not None
        pipe.close()


def read_to_prompt(process: subprocess.Popen[bytes]) -> str:
    """What a parent reads until the prompt stands at the end; it would wait for ever for one that was not flushed."""
    assert process.stdout is not None
    text = b""
    while not text.endswith(b"Enter Image Path: "):
        byte = os.read(process.stdout.fileno(), 1)
        assert byte, f"the output ended: {text!r}"
        text += byte
    return text.decode()


def test_a_parent_sends_paths_and_waits_for_the_prompt(root: Path, child: subprocess.Popen[bytes]) -> None:
    assert child.stdin is not None
    assert read_to_prompt(child) == "Enter Image Path: "
    answers = []
    for name in ("coffee.jpg", "chelsea.jpg", "coffee.jpg"):
        (root / "predictions.jpg").unlink(missing_ok=True)
        child.stdin.write(f"{name}\n".encode())
        child.stdin.flush()
        answer = read_to_prompt(child)
        assert answer.startswith(f"{name}: Predicted in ") and answer.endswith("%\nEnter Image Path: ")
        assert (root / "predictions.jpg").is_file()  # written before the prompt that follows
        answers.append(without_times(answer))
    assert answers[0] == answers[2] != answers[1]
    child.stdin.close()
    assert child.wait(timeout=60) == 0
    assert child.stdout is not None and child.stdout.read() == b""


def test_an_image_that_cannot_be_read_does_not_end_the_others(root: Path, child: subprocess.Popen[bytes]) -> None:
    out, err = child.communicate(b"coffee.jpg\r\nno such.jpg\n\nyolo.cfg\ncoffee.jpg", timeout=120)
    assert child.returncode == 1
    assert out.count(b"Predicted") == 2 and out.count(b"Enter Image Path: ") == 6
    complaints = err.splitlines()[-2:]
    assert complaints[0] == b'Cannot load image "no such.jpg": cannot read this file: No such file or directory'
    assert complaints[1].startswith(b'Cannot load image "yolo.cfg": this is no image')


def test_a_list_that_has_ended_is_answered_as_line_by_line(root: Path) -> None:
    words = ["detector", "test", "yolo.data", "yolo.cfg", "yolo.weights", "-thresh", ".4"]
    names = ["coffee.jpg", "chelsea.jpg", "no such.jpg", "", "astronaut.jpg", "yolo.cfg"] * 3 + ["chelsea.jpg"]
    (root / "list.txt").write_text("".join(f"{name}\n" for name in names))
    with open(root / "list.txt", "rb") as listed:
        found = subprocess.run(
            ["./darknet", *words], cwd=root, stdin=listed, env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip
    picture = (root / "predictions.jpg").read_bytes()
    answers = without_times(found.stdout).split("Enter Image Path: ")
    assert answers[0] == answers[-1] == "" and len(answers) == len(names) + 2
    alone = {name: without_times(called(*words, name, cwd=root).stdout) for name in names[:2]}
    assert picture == (root / "predictions.jpg").read_bytes()
    for name, answer in zip(names, answers[1:], strict=False):
        assert answer == alone.get(name, answer) and bool(answer) == (name in ("astronaut.jpg", *alone))
    assert found.returncode == 1 and found.stderr.count("Cannot load image") == 6


def test_end_of_input_without_a_path(root: Path) -> None:
    found = called("detector", "test", "yolo.data", "yolo.cfg", "yolo.weights", cwd=root, stdin="")
    assert found.stdout == "Enter Image Path: "


def test_streams_that_the_parent_has_closed(root: Path) -> None:
    command = "./darknet detector test yolo.data yolo.cfg yolo.weights -thresh .4"
    for line, said in (
        (f"{command} <&-", "Enter Image Path: "),
        (f"{command} coffee.jpg >&-", ""),
        (f"yes coffee.jpg | {command} 2>&- | head -n 2 | tail -n 1", None),
    ):
        found = subprocess.run(
            ["sh", "-c", line], cwd=root, env={**os.environ, "PYTHONPATH": str(REPOSITORY)}, capture_output=True,
            text=True, timeout=120,
        )  # fmt: skip
        assert found.returncode == 0 and "Traceback" not in found.stderr
        assert found.stdout == said if said is not None else re.fullmatch(r"(ant|bee|cat): \d+%\n", found.stdout)


@ANY_BYTES
def test_paths_and_names_of_any_bytes(root: Path) -> None:
    odd = os.fsencode(root) + b"/caf\xe9 1.jpg"
    os.symlink(os.fsencode(PHOTOS / "coffee.jpg"), odd)
    try:
        found = subprocess.run(
            ["./darknet", "detector", "test", "yolo.data", "yolo.cfg", "yolo.weights"], cwd=root, input=odd + b"\n",
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)}, capture_output=True, check=True, timeout=120,
        )  # fmt: skip
    finally:
        os.unlink(odd)
    assert found.stdout.startswith(b"Enter Image Path: " + odd + b": Predicted in ")


# The same words as the real Darknet's


def test_classifier_predict_prints_darknets_lines(root: Path) -> None:
    words = ("classifier", "predict", "classifier.data", "classifier.cfg", "classifier.weights")
    found = called(*words, cwd=root, stdin="astronaut.jpg\nchelsea.jpg\n")
    assert found.stdout == CLASSIFIED
    assert "astronaut.jpg: Predicted in " in found.stderr
    assert len(called(*words, "coffee.jpg", "-t", 5, cwd=root).stdout.splitlines()) == 5
    assert "-t -1" in called(*words, "coffee.jpg", "-t", -1, cwd=root, code=1).stderr


def test_classify_takes_five_classes(root: Path, tmp_path: Path) -> None:
    (tmp_path / "cfg").mkdir()
    (tmp_path / "cfg" / "imagenet1k.data").write_text(f"names = {root}/classifier.names\n")
    found = called("classify", root / "classifier.cfg", root / "classifier.weights", root / "coffee.jpg", cwd=tmp_path)
    assert len(found.stdout.splitlines()) == 5


def test_yolo_test_prints_darknets_lines(root: Path) -> None:
    found = called("yolo", "test", "v1.cfg", "v1.weights", "coffee.jpg", "-thresh", ".5", cwd=root)
    assert without_times(found.stdout) == YOLO_V1_LINES


def test_partial_writes_the_first_layers(root: Path, tmp_path: Path) -> None:
    called("partial", "yolo.cfg", "yolo.weights", tmp_path / "part", 1, cwd=root)
    whole = (root / "yolo.weights").read_bytes()
    assert (tmp_path / "part").read_bytes()[20:] == whole[20 : 20 + 4 * (8 + 8 * 27)]


def test_ops_denormalize_and_reset(root: Path, tmp_path: Path) -> None:
    cfg = REPOSITORY / "cfg" / "yolov3-tiny.cfg"
    found = called("ops", cfg, cwd=root)
    assert found.stdout == "Floating Point Operations: 5564961792\nFloating Point Operations: 5.56 Bn\n"
    write_synth(write_cfg(tmp_path, YOLO.replace("filters=8", "filters=8\nbatch_normalize=1")), tmp_path / "w")
    for command, more in (("denormalize", -3 * 8), ("reset", 0)):
        out = tmp_path / f"{command}.weights"
        called(command, "net.cfg", "w", out, cwd=tmp_path)
        assert out.stat().st_size == (tmp_path / "w").stat().st_size + 4 * more
    assert sorted(path.name for path in tmp_path.iterdir()) == ["denormalize.weights", "net.cfg", "reset.weights", "w"]


@pytest.mark.network
def test_released_weights_print_darknets_lines(released: Path, root: Path) -> None:
    words = ("detect", REPOSITORY / "cfg" / "yolov3-tiny.cfg", released, "-thresh", ".05")
    found = called(*words, cwd=root, stdin="astronaut.jpg\nchelsea.jpg\ncoffee.jpg\n")
    assert without_times(found.stdout) == RELEASED


CLASSIFIED = (
    "Enter Image Path: 13.75%: k\n"
    "12.94%: i\n"
    "12.00%: f\n"
    "Enter Image Path: 13.46%: k\n"
    "12.97%: i\n"
    "12.55%: f\n"
    "Enter Image Path: "
)

YOLO_V1_LINES = (
    "coffee.jpg: Predicted in T seconds.\n"
    "cow: 97%\n"
    "sheep: 69%\n"
    "sofa: 82%\n"
    "tvmonitor: 52%\n"
    "bus: 52%\n"
    "train: 62%\n"
    "cat: 52%\n"
    "diningtable: 78%\n"
    "sheep: 52%\n"
    "sheep: 51%\n"
    "pottedplant: 74%\n"
    "motorbike: 60%\n"
    "person: 57%\n"
    "motorbike: 61%\n"
    "horse: 83%\n"
    "dog: 57%\n"
    "car: 52%\n"
    "bottle: 53%\n"
    "aeroplane: 53%\n"
)

RELEASED = (
    "Enter Image Path: astronaut.jpg: Predicted in T seconds.\n"
    "bottle: 21%\n"
    "toothbrush: 8%\n"
    "bowl: 6%\n"
    "clock: 6%\n"
    "vase: 8%\n"
    "person: 10%\n"
    "person: 8%\n"
    "Enter Image Path: chelsea.jpg: Predicted in T seconds.\n"
    "Enter Image Path: coffee.jpg: Predicted in T seconds.\n"
    "diningtable: 9%\n"
    "cup: 59%\n"
    "bowl: 16%\n"
    "Enter Image Path: "
)
