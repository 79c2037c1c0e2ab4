"""Darknet's own command line, driven as its users drive it: a process, its pipes, its files, its exit code.

What is compared with Darknet's program here was printed by it (pjreddie's, ``-O2 -ffp-contract=off``; AlexeyAB's, its
Makefile) for the photographs in ``tests/data`` and the same weights.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from darknet_py.detect.detections import Detections
from darknet_py.errors import DarknetError
from darknet_py.legacy import alexeyab
from darknet_py.legacy.arguments import Arguments
from darknet_py.legacy.flags import take_flags
from darknet_py.legacy.program import run
from darknet_py.legacy.recognise import is_darknets
from darknet_py.output.alexeyab import json_text
from darknet_py.synth import write_synth

from .nets import net, write_cfg
from .program import answer, failure
from .systems import ANY_BYTES, need_posix

PHOTOS = Path(__file__).parent / "data" / "photos"
REPOSITORY = Path(__file__).parent.parent

YOLO = net(
    3, 64, 64, "conv filters=8 size=3 stride=4 pad=1 activation=leaky", "conv filters=24 size=1 activation=linear",
    "yolo classes=3 num=3 anchors=9,9,20,30,50,50",
)  # fmt: skip
CLASSIFIER = net(
    3, 32, 32, "conv filters=8 size=3 stride=2 pad=1 activation=leaky", "conv filters=12 size=1 activation=linear",
    "avgpool", "softmax",
)  # fmt: skip
YOLO_V1 = net(
    3, 64, 64, "conv filters=8 size=3 stride=4 pad=1 activation=leaky", "connected output=1470 activation=linear",
    "detection classes=20 coords=4 side=7 num=2 softmax=0 sqrt=1",
)  # fmt: skip


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as Darknet's: networks with weights, data files, names, pictures, and the program as a link."""
    need_posix()
    folder = tmp_path_factory.mktemp("darknet")
    for name, text in (("yolo", YOLO), ("classifier", CLASSIFIER), ("v1", YOLO_V1)):
        write_synth(write_cfg(folder, text, f"{name}.cfg"), folder / f"{name}.weights", 7)
    (folder / "yolo.names").write_text("ant\nbee\ncat\nnot one of the classes\n")
    (folder / "yolo.data").write_text("classes = 3\nnames = yolo.names\n")
    (folder / "classifier.names").write_text("\n".join("abcdefghijkl") + "\nmore\n")
    (folder / "classifier.data").write_text("names = classifier.names\ntop = 3\n")
    for photo in PHOTOS.glob("*.jpg"):
        (folder / photo.name).symlink_to(photo)
    program = folder / "darknet"
    program.write_text(f"#!{sys.executable}\nfrom darknet_py.__main__ import main\nmain()\n")
    program.chmod(0o755)
    return folder


def darknet(
    *words: object, cwd: Path, stdin: str | None = None, code: int = 0, **more: str
) -> subprocess.CompletedProcess[str]:
    """Run ``./darknet WORDS``; a traceback is never an answer."""
    result = subprocess.run(
        ["./darknet", *map(str, words)], cwd=cwd, input=stdin, stdin=None if stdin is not None else subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), **more}, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert result.returncode == code, f"exit code {result.returncode}\n{result.stdout}\n{result.stderr}"
    assert "Traceback" not in result.stderr
    return result


def called(*words: object, cwd: Path, stdin: str = "", code: int = 0) -> subprocess.CompletedProcess[str]:
    """The same within this process."""
    done = answer(*words, cwd=cwd, program="./darknet", stdin=stdin.encode())
    out, err = done.out.decode(), done.err.decode()
    assert (done.code or 0) == code, f"exit code {done.code}\n{out}\n{err}"
    return subprocess.CompletedProcess(["darknet", *map(str, words)], code, out, err)


def without_times(text: str) -> str:
    return re.sub(r"Predicted in [0-9.]+", "Predicted in T", text)


# Whose command line is it?


@pytest.mark.parametrize(
    "argv",
    [
        "darknet", "./darknet foo", "/usr/bin/darknet detector", r"C:\bin\darknet.exe detect", "darknet --help",
        "darknet-py detector test a b", "darknet-py yolo test a.cfg b", "darknet-py classifier predict d c w",
        "darknet-py detect cfg/yolo.cfg w.weights", "darknet-py detect -thresh .1 yolo.cfg w.weights dog.jpg",
        "darknet-py -i 0 detector test a b", "darknet-py -nogpu detect a.cfg b", "darknet-py classify d.cfg d.weights",
        "darknet-py detect a.cfg b.weights dog.jpg --thresh .1", "darknet-py partial a b c 3",
        "darknet-script.py detect", "darknet_no_gpu.exe foo",
    ],
)  # fmt: skip
def test_darknets_command_lines(argv: str) -> None:
    assert is_darknets(argv.split(" "))


@pytest.mark.parametrize(
    "argv",
    [
        "darknet-py", "darknet-py --help", "darknet-py detect dog.jpg", "darknet-py detect dog.jpg --cfg a.cfg",
        "darknet-py detect --help", "darknet-py classify dog.jpg -m darknet19", "darknet-py summary a.cfg", "",
        "python -m darknet_py detect", "darknet-py weights info a.cfg", "darknet-py -i", "darknet-pyx detect dog.jpg",
    ],
)  # fmt: skip
def test_our_own_command_lines(argv: str) -> None:
    assert not is_darknets(argv.split(" "))


def test_flags_stand_anywhere_and_positions_remain() -> None:
    words = "-thresh .25 detector test -dont_show a.data -nms 0.3x a.cfg -c 2 w -ext_output dog.jpg"
    arguments = Arguments(words.split(" "))
    flags = take_flags(arguments)
    assert arguments.positions() == ["detector", "test", "a.data", "a.cfg", "w", "dog.jpg"]
    assert (flags.thresh, flags.nms, flags.hier, flags.ext_output, flags.alexeyab) == (0.25, 0.3, 0.5, True, True)
    assert flags.demo["c"] == 2 and flags.demo["dont_show"] is True and "s" not in flags.demo


@pytest.mark.parametrize(
    ("words", "environment", "alexeyab_is_meant"),
    [("", "", False), ("-out a.json", "", True), ("-out a", "", False), ("-letter_box", "", True),
     ("-letter_box", "pjreddie", False), ("", "alexeyab", True), ("-prefix a -avg 2", "", False)],
)  # fmt: skip
def test_a_flag_of_alexeyabs_means_his_darknet(
    words: str, environment: str, alexeyab_is_meant: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DARKNET_PY_DIALECT", environment)
    assert take_flags(Arguments(words.split())).alexeyab is alexeyab_is_meant


SWITCHES = (
    "-nogpu -cuda_debug_sync -clear -fullscreen -ext_output -dont_show -benchmark -benchmark_layers -show -letter_box "
    "-map -show_imgs -dontdraw_bbox -save_labels -dontuse_opencv -topk"
)
WITH_VALUES = (
    "-i -thresh -hier -c -s -avg -w -h -fps -t -points -mjpeg_port -avgframes -json_port -time_limit_sec -iou_thresh "
    "-num_of_clusters -width -height -mAP_epochs -out -prefix -gpus -http_post_host -out_filename "
    "-json_file_output -chart"
)
"""All flags that pjreddie's and AlexeyAB's programs read for the commands that are here."""


def test_every_flag_of_both_darknets_is_taken_and_documented(capsys: pytest.CaptureFixture[str]) -> None:
    page = (REPOSITORY / "docs" / "legacy.md").read_text(encoding="utf-8")
    for flag in SWITCHES.split() + WITH_VALUES.split():
        words = [flag, "7"] if flag in WITH_VALUES.split() else [flag]
        assert run(["darknet", "classifier", *words, "predict"]) == 1, "too few words, none of them a flag"
        assert capsys.readouterr().err.splitlines()[-1].startswith("usage: "), flag
        assert re.search(rf"[` |]{flag}[` |]", page), flag


def test_wrong_flags_are_errors(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DarknetError, match="-thresh high: not a number"):
        take_flags(Arguments(["-thresh", "high"]))
    for word in ("-tresh", "--tresh", "--thresh=.3"):
        with pytest.raises(DarknetError, match="unknown flag -"):
            Arguments(["detector", word, ".3"]).positions()
    assert take_flags(Arguments(["detector", "--thresh", ".3"])).thresh == 0.3
    assert Arguments(["detector", "a.jpg\r"]).positions() == ["detector", "a.jpg"]
    assert Arguments(["go", "-1"]).positions() == ["go", "-1"]
    assert take_flags(Arguments(["detector", "-out"])).out is None
    assert capsys.readouterr().err == "-out has no value after it and is ignored\n"
    monkeypatch.setenv("DARKNET_PY_DIALECT", "joseph")
    with pytest.raises(DarknetError, match="it may be pjreddie or alexeyab"):
        take_flags(Arguments([]))


# The program, as its users call it


def test_without_a_command(root: Path) -> None:
    assert darknet(cwd=root).stderr == "usage: darknet <function>\n"
    assert "detector test|valid" in darknet("--help", cwd=root).stdout
    assert run(["darknet", "detector", "test", "--help"]) == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("frobnicate", "Not an option: frobnicate"),
        ("speed yolo.cfg", "darknet-py bench CFG"),
        ("denormalize yolo.cfg yolo.weights", "usage: darknet denormalize [cfg] [weights] [out]"),
        ("detector test yolo.data", "usage: darknet detector"),
        ("detector train yolo.data yolo.cfg", "training is not what"),
        ("detector test none.data yolo.cfg yolo.weights", "none.data: cannot read"),
        ("detector test yolo.data none.cfg yolo.weights", "none.cfg: cannot read"),
        ("detector test yolo.data yolo.cfg none.weights", "none.weights: cannot read"),
        ("detector test yolo.data yolo.cfg", "yolo.cfg: needs its weights file"),
        ("detector test yolo.data yolo.cfg yolo.weights none.jpg", 'Cannot load image "none.jpg": cannot read'),
        ("detector test yolo.data classifier.cfg classifier.weights coffee.jpg", "4 names, but"),
        ("detector test classifier.data classifier.cfg classifier.weights coffee.jpg", "gives no boxes"),
        ("detector calc_anchors yolo.data", "set width and height"),
        ("yolo test v1.cfg", "v1.cfg: needs its weights file"),
        ("classifier train classifier.data classifier.cfg", "classifier predict"),
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


# AlexeyAB's


@pytest.mark.network
def test_alexeyabs_lines_json_and_labels(released: Path, root: Path, tmp_path: Path) -> None:
    (tmp_path / "coffee.jpg").symlink_to(PHOTOS / "coffee.jpg")
    data = tmp_path / "coco.data"
    data.write_text(f"names = {REPOSITORY}/cfg/coco.names\n")
    found = called(
        "detector", "test", data, REPOSITORY / "cfg" / "yolov3-tiny.cfg", released, "-thresh", ".05", "-ext_output",
        "-dont_show", "-out", "found.json", "-save_labels", cwd=tmp_path, stdin="coffee.jpg\ncoffee.jpg\n",
    )  # fmt: skip
    assert without_times(found.stdout) == f"Enter Image Path: {ALEXEYABS}" * 2 + "Enter Image Path: "
    document = json.loads((tmp_path / "found.json").read_text())
    assert [image["frame_id"] for image in document] == [1, 2]
    assert {found["name"] for found in document[0]["objects"]} == {
        line.split(":")[0] for line in ALEXEYABS.splitlines()[3:]
    }
    labels = (tmp_path / "coffee.txt").read_text().splitlines()
    assert all(re.fullmatch(r"\d+ \d\.\d{4} \d\.\d{4} \d\.\d{4} \d\.\d{4}", line) for line in labels) and labels


def found_of(*rows: tuple[float, float, float, float, float, int, int]) -> Detections:
    box, confidence, ids, boxes = ([row[:4] for row in rows], *([row[i] for row in rows] for i in (4, 5, 6)))
    return Detections(box, confidence, ids, boxes, (200, 100), 3, ("ant", "bee", "dont_show_cat"))  # type: ignore[arg-type]


def test_alexeyab_sorts_boxes_from_left_to_right_and_classes_by_probability() -> None:
    found = found_of(
        (0.8, 0.5, 0.2, 0.4, 0.3, 0, 0), (0.8, 0.5, 0.2, 0.4, 0.6, 1, 0), (0.2, 0.5, 0.2, 0.4, 0.5, 0, 4),
        (0.1, 0.1, 0.1, 0.1, 0.9, 2, 5),
    )  # fmt: skip
    assert list(alexeyab.object_lines(found, False)) == ["ant: 50%", "bee: 60%", "ant: 30%"]
    place = "\t(left_x:   20   top_y:   30   width:   40   height:   40)"
    assert next(alexeyab.object_lines(found, True)) == f"ant: 50%{place}"
    objects = json.loads(json_text(found, 3, 'a "b".jpg'))
    assert (objects["frame_id"], objects["filename"]) == (3, 'a "b".jpg')
    assert [(row["class_id"], row["confidence"]) for row in objects["objects"]] == [(0, 0.3), (1, 0.6), (0, 0.5)]


@pytest.mark.parametrize(
    ("image", "labels"),
    [("a/b.jpg", "a/b.txt"), ("x/JPEGImages/b.PNG", "x/labels/b.txt"),
     ("c/images/val2017/b.jpeg", "c/labels/val2017/b.txt"),
     ("images/b.jpg", "images/b.txt"), ("b.c.jpg", "b.c.txt"), ("noise", "noise.txt")],
)  # fmt: skip
def test_where_alexeyab_has_labels(image: str, labels: str) -> None:
    assert alexeyab.label_file(image) == Path(labels)


def test_calc_anchors(root: Path, tmp_path: Path) -> None:
    for number, sizes in enumerate([(0.1, 0.2), (0.12, 0.22), (0.5, 0.5), (0.52, 0.48)]):
        (tmp_path / f"{number}.txt").write_text(f"{number % 2} 0.5 0.5 {sizes[0]} {sizes[1]}\n")
    (tmp_path / "train.list").write_text("".join(f"{number}.jpg\n" for number in range(5)))
    (tmp_path / "my.data").write_text("classes = 3\ntrain = train.list\n")
    words = ("detector", "calc_anchors", "my.data", "-num_of_clusters", 2, "-width")
    found = called(*words, 416, "-height", 416, cwd=tmp_path)
    anchors = (tmp_path / "anchors.txt").read_text()
    assert re.fullmatch(r" 4\d, 8\d, 2\d\d,2\d\d|( 4\d), ?( 8\d|9\d), ?2\d\d,20\d", anchors)
    assert f"anchors = {anchors}\n" in found.stdout
    assert "counters_per_class = 2, 2, 0" in found.stdout
    assert (tmp_path / "counters_per_class.txt").read_text() == "counters_per_class = 2, 2, 0"
    assert re.search(r"avg IoU = \d\d\.\d\d %", found.stdout)
    called(*words, 13, "-height", 13, cwd=tmp_path)
    assert re.fullmatch(r"1\.\d{4},2\.\d{4}, 6\.\d{4},6\.\d{4}", (tmp_path / "anchors.txt").read_text())


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

ALEXEYABS = (
    " Detection layer: 16 - type = 28 \n"
    " Detection layer: 23 - type = 28 \n"
    "coffee.jpg: Predicted in T milli-seconds.\n"
    "toilet: 34%\t(left_x:  159   top_y:   -7   width:  271   height:  353)\n"
    "cup: 16%\t(left_x:  159   top_y:   -7   width:  271   height:  353)\n"
)
