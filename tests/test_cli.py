"""The command line as a user has it: a real process, its output, its exit code; `call` where that is too much."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from darknet_py.cli import COMMANDS
from darknet_py.synth import write_synth

from .nets import net, write_cfg
from .program import failure
from .program import run as call
from .systems import POSIX

PHOTOS = Path(__file__).parent / "data" / "photos"
REPOSITORY = Path(__file__).parent.parent

NET = net(
    3, 64, 64, "conv filters=8 size=3 stride=4 pad=1 activation=leaky", "conv filters=24 size=1 activation=linear",
    "yolo classes=3 num=3 anchors=9,9,20,30,50,50 surprise=1",
)  # fmt: skip


def run(
    *arguments: object, cwd: Path | None = None, code: int = 0, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run darknet-py and check its exit code; a traceback is never an answer."""
    result = subprocess.run(
        [sys.executable, "-m", "darknet_py", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), **environment},
        capture_output=True,
        text=True,
        timeout=900,
        stdin=subprocess.DEVNULL,
    )
    assert result.returncode == code, f"exit code {result.returncode}\n{result.stdout}\n{result.stderr}"
    assert "Traceback" not in result.stderr
    return result


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small network, its weights and names, and an image."""
    folder = tmp_path_factory.mktemp("cli")
    write_synth(write_cfg(folder, NET), folder / "net.weights")
    (folder / "net.names").write_text("ant\nbee\ncat\n")
    (folder / "net.data").write_text("names = net.names\n")
    Image.open(PHOTOS / "chelsea.jpg").resize((90, 60)).save(folder / "photo.png")
    return folder


OWN = ("--cfg", "net.cfg", "--weights", "net.weights", "--names", "net.names", "--thresh", "0.3")


def test_help_of_every_command() -> None:
    text = run("--help").stdout
    assert text.startswith("Usage: python -m darknet_py ")
    for command, line in COMMANDS.items():
        assert command in text
        assert f"darknet-py {command} " in call(command, "--help").stdout.splitlines()[0]
        assert line.split(",")[0].split(" ")[0] in text


def test_a_wrong_network_is_said_once(files: Path) -> None:
    found = run("classify", "photo.png", "photo.png", *OWN[:4], cwd=files, code=1)
    said = [line for line in found.stderr.splitlines() if not line.startswith("Compiling kernels")]
    assert said == ["Error: net.cfg: the network is a detector, not a classifier"]


def test_a_file_that_cannot_be_written_is_named(files: Path, tmp_path: Path) -> None:
    for command in (("detect", "photo.png", *OWN, "--output", tmp_path), ("weights", "info", "net.weights")):
        for target, why in ((tmp_path / "none" / "a.json", "No such file or directory"), (tmp_path, "Is a directory")):
            found = call(*command, "--json", target, cwd=files, code=1)
            assert found.stderr.splitlines()[-1] == f"Error: {target}: cannot be written: {why}"


@pytest.mark.parametrize(
    "words",
    [
        "weights info net.weights --json net.weights", "synth net.cfg net.cfg",
        "trace net.cfg net.weights photo.png --json net.cfg",
        "detect photo.png --cfg net.cfg --weights net.weights --json net.weights",
        "detect photo.png --cfg net.cfg --weights net.weights --output photo.png",
        "classify photo.png --cfg net.cfg --weights net.weights --json ./photo.png",
        "record photo.png --cfg net.cfg --weights net.weights --json net.cfg",
        "bench net.cfg --plot net.cfg", "anchors --labels net.names --json net.names",
        "demo photo.png --cfg net.cfg --weights net.weights --json photo.png",
        "evaluate --cfg net.cfg --weights net.weights --images net.names --plot net.names",
        "evaluate --cfg net.cfg --weights net.weights --images list.txt --json photos/a.png",
        "record photos --cfg net.cfg --weights net.weights --json photos/a.png",
        "detect photo.png photos --cfg net.cfg --weights net.weights --json photos/a.png",
        "evaluate --cfg net.cfg --weights net.weights --images list.txt --json photos/a.txt",
        "evaluate --cfg net.cfg --weights net.weights --images list.txt --difficult list.txt --json photos/a.txt",
        "anchors --labels labels --num 1 --json labels/b.txt", "anchors --data train.data --num 1 --json list.txt",
        "anchors --data train.data --num 1 --json photos/a.png",
        "anchors --data train.data --num 1 --json photos/a.txt",
    ],
    ids=lambda words: words.split()[0],
)  # fmt: skip
def test_no_command_writes_to_what_it_reads(files: Path, words: str) -> None:
    (files / "photos").mkdir(exist_ok=True)
    shutil.copy(files / "photo.png", files / "photos" / "a.png")
    (files / "list.txt").write_text("photo.png\nphotos/a.png\n")
    (files / "train.data").write_text("train = list.txt\n")
    (files / "labels").mkdir(exist_ok=True)
    for label in ("photos/a.txt", "labels/b.txt"):
        (files / label).write_text("0 .5 .5 .2 .3\n")
    before = {path: path.read_bytes() for path in files.rglob("*") if path.is_file()}
    assert "this file is read from: write to another one" in call(*words.split(), cwd=files, code=1).stderr
    assert {path: path.read_bytes() for path in files.rglob("*") if path.is_file()} == before


def test_no_command_writes_twice_to_one_file(files: Path) -> None:
    words = ["evaluate", "--cfg", "net.cfg", "--weights", "net.weights", "--images", "net.names", "--plot", "a.svg"]
    assert "two results would be written to this file" in call(*words, "--json", "./a.svg", cwd=files, code=1).stderr
    assert not (files / "a.svg").exists()


def test_an_early_end_is_no_interrupt(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def ends(*arguments: object, **options: object) -> None:
        raise EOFError("Ran out of input")

    monkeypatch.setattr("darknet_py.network.read_network", ends)
    message = failure("summary", "net.cfg", cwd=files)
    assert message == "Error: a file or an input ended before its time: Ran out of input\n"


def test_json_has_no_nan() -> None:
    from darknet_py.cli.options import finite_json

    odd = {"a": [float("nan"), 1.5, (float("inf"), None)], "b": "nan"}
    assert finite_json(odd) == {"a": [None, 1.5, [None, None]], "b": "nan"}


def test_version() -> None:
    assert "0.1" in run("--version").stdout


@POSIX
def test_detect_prints_draws_and_writes_json(files: Path, tmp_path: Path) -> None:
    for name in ("net.cfg", "net.weights", "net.names", "photo.png"):
        (tmp_path / name).symlink_to(files / name)
    out = run("detect", "photo.png", *OWN, "--json", "found.json", cwd=tmp_path).stdout.splitlines()
    assert re.fullmatch(r"photo\.png: Predicted in \d+\.\d{6} seconds\.", out[0])
    assert out[1:] and all(re.fullmatch(r"(ant|bee|cat): \d+%", line) for line in out[1:])
    with Image.open(tmp_path / "predictions.jpg") as picture:
        assert (picture.size, picture.format) == ((90, 60), "JPEG")
    (entry,) = json.loads((tmp_path / "found.json").read_text())
    assert (entry["frame_id"], entry["filename"]) == (1, "photo.png")
    percents = [np.float32(found["confidence"]) * np.float32(100) for found in entry["objects"]]
    names = [found["name"] for found in entry["objects"]]
    assert [f"{name}: {percent:.0f}%" for name, percent in zip(names, percents, strict=True)] == out[1:]
    assert set(entry["objects"][0]) == {"class_id", "name", "relative_coordinates", "confidence"}
    assert set(entry["objects"][0]["relative_coordinates"]) == {"center_x", "center_y", "width", "height"}


def test_json_on_standard_output_is_nothing_but_json(files: Path, tmp_path: Path) -> None:
    result = run("detect", "photo.png", *OWN, "--json", "-", "--output", tmp_path / "p.png", cwd=files)
    assert json.loads(result.stdout)[0]["filename"] == "photo.png"
    assert "Predicted in" in result.stderr
    assert Image.open(tmp_path / "p.png").format == "PNG"


def test_several_images_and_directories(files: Path, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("b.png", "a.PNG"):
        (folder / name).write_bytes((files / "photo.png").read_bytes())
    (folder / "notes.txt").write_text("no image")
    result = call("detect", folder, files / "photo.png", *OWN, "--output", tmp_path / "out", "--json", "-", cwd=files)
    entries = json.loads(result.stdout)
    assert [Path(entry["filename"]).name for entry in entries] == ["a.PNG", "b.png", "photo.png"]
    assert [entry["frame_id"] for entry in entries] == [1, 2, 3]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.png", "b.png", "photo.png"]
    assert "\r" not in result.stderr, "no progress bar in a pipe"
    assert entries[0]["objects"] == entries[2]["objects"]


def test_one_broken_image_of_several_loses_nothing(files: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n garbage")
    result = call("detect", tmp_path / "broken.png", files / "photo.png", *OWN, "--output", tmp_path / "out",
                 "--json", tmp_path / "found.json", cwd=files, code=1)  # fmt: skip
    assert "broken.png" in result.stderr and "1 of 2 images" in result.stderr
    assert [entry["frame_id"] for entry in json.loads((tmp_path / "found.json").read_text())] == [2]
    assert (tmp_path / "out" / "photo.png").exists()


def test_pillow_reads_what_darknet_does_not_know(files: Path, tmp_path: Path) -> None:
    Image.open(files / "photo.png").save(tmp_path / "photo.webp", lossless=True)
    arguments = ["detect", tmp_path / "photo.webp", *OWN, "--json", "-", "-o", tmp_path / "p.png"]
    assert "pillow" in call(*arguments, cwd=files, code=1).stderr
    (entry,) = json.loads(call(*arguments, "--decoder", "pillow", cwd=files).stdout)
    (same,) = json.loads(call("detect", "photo.png", *OWN, "--json", "-", "-o", tmp_path / "p.png", cwd=files).stdout)
    assert entry["objects"] == same["objects"]


def test_a_data_file_names_the_names(files: Path, tmp_path: Path) -> None:
    options = [*OWN[:4], "--data", "net.data", "--thresh", "0.3", "-o", tmp_path / "p.png"]
    out = call("detect", "photo.png", *options, cwd=files)
    assert re.search(r"^(ant|bee|cat): ", out.stdout, re.MULTILINE)


def test_two_images_of_one_name_get_two_pictures(files: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "photo.png").write_bytes((files / "photo.png").read_bytes())
    call("detect", files / "photo.png", tmp_path / "other" / "photo.png", *OWN, "-o", tmp_path / "out", cwd=files)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["photo.png", "photo_2.png"]


def test_pictures_never_replace_their_images(files: Path, tmp_path: Path) -> None:
    original = (files / "photo.png").read_bytes()
    (tmp_path / "photo.png").write_bytes(original)
    call("detect", tmp_path / "photo.png", *OWN, "-o", f"{tmp_path}/", cwd=files)
    assert (tmp_path / "photo.png").read_bytes() == original
    assert (tmp_path / "photo_2.png").exists()


DETECT_ERRORS = {
    "no such image": (["nowhere.png", *OWN], "nowhere.png"),
    "no such cfg": (["photo.png", "--cfg", "x.cfg", "--weights", "net.weights"], "x.cfg"),
    "no such weights": (["photo.png", "--cfg", "net.cfg", "--weights", "x.weights"], "x.weights"),
    "weights of another network": (["photo.png", "--cfg", "net.cfg", "--weights", "photo.png"], "photo.png"),
    "a cfg that is none": (["photo.png", "--cfg", "net.weights", "--weights", "net.weights"], "net.weights"),
    "an image that is none": (["net.cfg", *OWN], "net.cfg"),
    "unknown model": (["photo.png", "--model", "yolo3-tiny"], "did you mean yolov3-tiny"),
    "an unwritable picture": (["photo.png", *OWN, "-o", "nowhere/p.jpg"], "nowhere"),
    "a picture of no known kind": (["photo.png", *OWN, "-o", "p.xyz"], "p.xyz"),
    "an unwritable json": (["photo.png", *OWN, "-o", "/dev/null/p.png"], "p.png"),
    "an address": (["https://example.com/dog.jpg", *OWN], "https://example.com/dog.jpg: is an address: download it"),
    "a video": (["street.mp4", *OWN], "darknet-py demo street.mp4"),
    "a network of another family": (["photo.png", "--model", "yolov8n"], "PyTorch"),
    "AlexeyAB's network": (["photo.png", "--model", "yolov4-csp-swish"], "AlexeyAB"),
    "one picture for two": (["photo.png", "photo.png", *OWN, "-o", "p.jpg"], "p.jpg: is one picture for 2 images"),
    "names that do not fit": (["photo.png", *OWN[:4], "--names", "net.data"], "net.data"),
    "an input that leaves no output": (["photo.png", *OWN, "--size", "99999"], "net.cfg"),
    "an empty directory": (["empty", *OWN], "no image in this directory"),
}  # fmt: skip


def test_an_error_of_a_process(files: Path) -> None:
    result = run("detect", "nowhere.png", *OWN, cwd=files, code=1)
    assert result.stderr == "Error: nowhere.png: there is no such file or directory\n"


def test_other_commands_as_processes(files: Path, tmp_path: Path) -> None:
    """What has tests of its own elsewhere, called there in the tests' process."""
    assert "values" in run("weights", "info", "net.weights", cwd=files).stdout
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "a.txt").write_text("0 .5 .5 .2 .2\n0 .5 .5 .4 .2\n")
    assert "anchors" in run("anchors", "--labels", "labels", "--num", 1, cwd=tmp_path).stdout
    run("record", "photo.png", *OWN, "--json", tmp_path / "r.json", cwd=files)
    agrees = run("validate", "--reference", tmp_path / "r.json", *OWN[:6], cwd=files).stdout
    assert agrees == "photo.png (trace): agrees, bit for bit\n1 of 1 agree\n"


@pytest.mark.parametrize("name", DETECT_ERRORS)
def test_detect_errors_are_one_line(files: Path, name: str) -> None:
    (files / "empty").mkdir(exist_ok=True)
    (files / "street.mp4").write_bytes(b"\0\0\0\x18ftypmp42")
    before = sorted(path.name for path in files.iterdir())
    arguments, message = DETECT_ERRORS[name]
    said = failure("detect", *arguments, cwd=files)
    assert said.count("\n") == 1, said
    assert said.startswith("Error: ") and message in said
    assert sorted(path.name for path in files.iterdir()) == before, "nothing is left behind"


@pytest.mark.parametrize(
    "arguments",
    [["photo.png", "--cfg", "net.cfg"], ["photo.png", "--model", "yolov3", "--cfg", "a", "--weights", "b"], [],
     ["photo.png", "--thresh", "2"], ["photo.png", "--threads", "0"], ["photo.png", "--size", "0"],
     ["photo.png", "--thresh", "nan"], ["photo.png", "--math", "quick"],
     ["photo.png", "--no-picture", "-o", "p.jpg"]],
)  # fmt: skip
def test_options_that_do_not_go_together(files: Path, arguments: list[str]) -> None:
    assert "Error: " in call("detect", *arguments, cwd=files, code=2).stderr


def test_summary(files: Path) -> None:
    plain = run("summary", "net.cfg", cwd=files).stdout
    header = "layer     filters    size              input                output\n"
    assert plain.startswith(header + "    0 conv      8  3 x 3 / 4 ")
    assert "Unused" not in plain
    totals = dict(line.split(None, 1) for line in plain.split("\n\n")[1].splitlines())
    assert totals["parameters"] == "440 (0.0 MB)" and totals["layers"] == "3"
    assert {"memory", "work", "input"} <= set(totals)
    assert "Unused field: 'surprise = 1'" in call("summary", "net.cfg", "--verbose", cwd=files).stdout


def test_summary_survives_a_reader_that_stops(files: Path) -> None:
    command = f'"{sys.executable}" -m darknet_py summary "{REPOSITORY}/cfg/densenet201.cfg" | head -n 1'
    result = subprocess.run(command, shell=True, cwd=REPOSITORY, capture_output=True, text=True, timeout=60)
    assert result.stdout.startswith("layer") and "Traceback" not in result.stderr and "BrokenPipe" not in result.stderr


def test_summary_of_every_cfg() -> None:
    # Trees and names of YOLO9000 are not needed for its shapes.
    for path in sorted((REPOSITORY / "cfg").glob("yolo*.cfg")):
        assert "work" in call("summary", path).stdout


def test_synth_and_trace(files: Path, tmp_path: Path) -> None:
    out = run("synth", files / "net.cfg", tmp_path / "w", "--seed", "7").stdout
    assert "440 values" in out
    assert (tmp_path / "w").read_bytes() == (files / "net.weights").read_bytes()
    text = call("trace", "net.cfg", tmp_path / "w", "photo.png", cwd=files).stdout
    arguments = ["trace", "net.cfg", tmp_path / "w", "photo.png", "--thresh", ".3"]
    result = json.loads(run(*arguments, "--json", "-", cwd=files).stdout)
    assert set(result) >= {
        "cfg", "weights", "image", "thresh", "hier_thresh", "nms", "decoded", "input_sha256", "layers",
        "detections_before_nms", "detections",
    }  # fmt: skip
    assert [(layer["kind"], layer["size"]) for layer in result["layers"]] == [
        ("convolutional", 2048), ("convolutional", 6144), ("yolo", 6144),
    ]  # fmt: skip
    assert all(layer["sha256"] in text for layer in result["layers"])
    assert result["decoded"]["width"] == 90
    for found in result["detections"]:
        assert len(found["box"]) == 4 and float.fromhex(found["objectness"]) > 0.3
        assert all(float.fromhex(prob) > 0.3 for prob in found["probs"].values())
    call(*arguments, "--json", tmp_path / "t.json", cwd=files)
    assert json.loads((tmp_path / "t.json").read_text()) == result
    assert call("trace", "net.cfg", "photo.png", "photo.png", cwd=files, code=1).stderr.count("\n") == 1
    assert call("synth", "photo.png", tmp_path / "x", cwd=files, code=1).stderr.count("\n") == 1


def test_classify(tmp_path: Path) -> None:
    write_synth(
        write_cfg(tmp_path, net(3, 16, 16, "conv filters=7 activation=linear", "avgpool", "softmax")), tmp_path / "w"
    )
    arguments = ["classify", PHOTOS / "coffee.jpg", "--cfg", "net.cfg", "--weights", "w", "--top", "3"]
    finished = run(*arguments, cwd=tmp_path)
    lines = finished.stdout.splitlines()
    assert re.search(rf"{PHOTOS / 'coffee.jpg'}: Predicted in 0\.\d+ seconds\.$", finished.stderr, re.MULTILINE)
    assert len(lines) == 3
    assert all(re.fullmatch(r"[ \d]\d\.\d\d%: \d", line) for line in lines)
    (result,) = json.loads(call(*arguments, "--json", "-", cwd=tmp_path).stdout)
    assert [str(best["class_id"]) for best in result["classes"]] == [line[-1] for line in lines]
    assert "no image" in call("classify", tmp_path, *arguments[2:], cwd=tmp_path, code=1).stderr
    assert "classify" in call("detect", *arguments[1:6], cwd=tmp_path, code=1).stderr


@pytest.mark.parametrize(
    ("top", "wanted"),
    [
        pytest.param("", 1, marks=pytest.mark.slow),
        pytest.param("top = 2", 2, marks=pytest.mark.slow),
        ("top=9", 7),
        (None, 5),
    ],
)
def test_classify_names_as_many_as_darknet(tmp_path: Path, top: str | None, wanted: int) -> None:
    # `classifier predict` reads the number from its data file (1 by default), `darknet classify` names five
    text = net(3, 16, 16, "conv filters=7 activation=linear", "avgpool", "softmax")
    write_synth(write_cfg(tmp_path, text), tmp_path / "w")
    (tmp_path / "n.names").write_text("a\nb\nc\nd\ne\nf\ng\n")
    arguments = ["classify", PHOTOS / "coffee.jpg", "--cfg", "net.cfg", "--weights", "w"]
    if top is not None:
        (tmp_path / "n.data").write_text(f"classes = 7\nlabels = n.names\n{top}\n")
        arguments += ["--data", "n.data"]
    lines = call(*arguments, cwd=tmp_path).stdout.splitlines()
    assert len(lines) == wanted
    assert all(line[-1] in ("abcdefg" if top is not None else "0123456") for line in lines)
    assert len(call(*arguments, "--top", "3", cwd=tmp_path).stdout.splitlines()) == 3


@pytest.mark.network
def test_the_released_model_finds_the_person(tmp_path: Path) -> None:
    out = run("detect", PHOTOS / "astronaut.jpg", "--size", "224", cwd=tmp_path).stdout
    assert out.splitlines()[1:] == ["person: 79%"]
    assert (tmp_path / "predictions.jpg").stat().st_size > 10_000


@pytest.mark.network
def test_darknets_own_five_lines(oracle: Path, tmp_path: Path) -> None:
    out = run("detect", oracle / "images" / "dog.jpg", cwd=tmp_path).stdout
    assert out.splitlines()[1:] == ["dog: 57%", "car: 52%", "truck: 56%", "car: 62%", "bicycle: 59%"]


@pytest.mark.parametrize(
    "command",
    [
        "anchors --labels gone --num 3", "bench gone.cfg", "calibrate gone.cfg gone.weights gone.jpg",
        "classify gone.jpg",
        "evaluate --images gone.txt --cfg gone.cfg --weights gone.weights", "record gone.jpg --model gone",
        "trace gone.cfg gone.weights gone.jpg", "trace-training gone.cfg gone.weights gone.npz",
    ],
)  # fmt: skip
def test_a_result_that_could_not_be_written_is_an_error_before_the_work(tmp_path: Path, command: str) -> None:
    for name in ("gone.cfg", "gone.weights", "gone.npz", "gone.txt", "gone.jpg"):
        (tmp_path / name).write_bytes(b"neither read nor found fault with")
    said = failure(*command.split(), "--json", "nowhere/found.json", cwd=tmp_path)
    assert said == "Error: nowhere/found.json: cannot be written: there is no folder nowhere\n"
