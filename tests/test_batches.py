"""Many images, some of them bad: each is named, the rest goes on, and the exit code tells."""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
from pathlib import Path

import pytest
from PIL import Image

from darknet_py.synth import write_synth

from .darknet_folder import CLASSIFIER
from .nets import net, write_cfg
from .program import answer

YOLO = net(
    3, 32, 32, "conv filters=8 size=3 stride=4 pad=1 activation=leaky", "conv filters=14 size=1 activation=linear",
    "yolo classes=2 num=2 anchors=9,9,20,30",
)  # fmt: skip
TEST = ("detector", "test", "net.data", "net.cfg", "net.weights")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    write_synth(write_cfg(folder, YOLO), folder / "net.weights", 7)
    write_synth(write_cfg(folder, CLASSIFIER, "classifier.cfg"), folder / "classifier.weights", 7)
    (folder / "net.names").write_text("ant\nbee\n")
    (folder / "net.data").write_text("classes = 2\nnames = net.names\nvalid = list.txt\n")
    (folder / "list.txt").write_text("a.png\nb.png\n")
    (folder / "c.names").write_text("\n".join("abcdefghijkl"))
    (folder / "c.data").write_text("classes = 12\nnames = c.names\nlabels = c.names\nvalid = list.txt\n")
    for number, name in enumerate("ab"):
        picture = Image.effect_mandelbrot((48, 40), (-2 + number, -1, 1, 1), 30).convert("RGB")
        picture.save(folder / f"{name}.png")
        (folder / f"{name}.txt").write_text("0 0.5 0.5 0.4 0.4\n")
    return folder


@pytest.fixture
def root(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return tmp_path


# Nothing is found: the commonest case of all


FLAGS = ("-dont_show", "-ext_output", "-save_labels", "-letter_box", "-out r.json")


@pytest.mark.parametrize(
    "flags", [c for n in (1, 2, 5) for c in itertools.combinations(FLAGS, n)], ids=lambda flags: " ".join(flags)
)
def test_nothing_is_found(flags: tuple[str, ...], root: Path) -> None:
    words = " ".join(flags).split()
    got = answer(*TEST, "-thresh", 1, *words, cwd=root, stdin=b"a.png\nb.png\n", program="darknet")
    lines = got.out.decode().splitlines()
    assert got.code == 0 and len(lines) == 5 and lines[-1] == "Enter Image Path: "
    assert [line.split(":")[0] for line in lines[1::2]] == ["a.png", "b.png"]
    if "-out r.json" in flags:
        frames = json.loads((root / "r.json").read_text())
        assert [(frame["filename"], frame["objects"]) for frame in frames] == [("a.png", []), ("b.png", [])]
    if "-save_labels" in flags:
        assert (root / "a.txt").read_bytes() == (root / "b.txt").read_bytes() == b""


# Lists at the prompt


@pytest.mark.parametrize("flags", [(), ("-dont_show", "-save_labels", "-out", "r.json")], ids=["pjreddie", "alexeyab"])
def test_one_bad_image_never_ends_the_others(flags: tuple[str, ...], root: Path) -> None:
    (root / "folder").mkdir()
    (root / "empty.png").touch()
    (root / "locked.png").touch(mode=0)
    shutil.copy(root / "a.png", root / "predictions.jpg")
    before = (root / "predictions.jpg").read_bytes()
    listed = b"none.png\na\0b.png\nfolder\nempty.png\nlocked.png\nnet.cfg\npredictions.jpg\n" + b"x" * 5000 + b"\n"
    got = answer(*TEST, *flags, cwd=root, stdin=listed, program="darknet")
    said = got.err.decode().splitlines()
    assert got.code == 1 and b"Predicted" not in got.out and (root / "predictions.jpg").read_bytes() == before
    for name in ("none.png", "folder", "empty.png", "locked.png", "net.cfg", "x" * 100):
        assert sum(f'Cannot load image "{name}' in line for line in said) == 1
    assert sum("predictions.jpg: this file is read from" in line for line in said) == 1
    got = answer(*TEST, *flags, cwd=root, stdin=b"none.png\npredictions.jpg\na\0.png\n b.png \n", program="darknet")
    assert got.code == 1 and got.out.count(b"b.png: Predicted") == 1


def test_a_picture_that_cannot_be_written(root: Path) -> None:
    (root / "predictions.jpg").mkdir()
    got = answer(*TEST, cwd=root, stdin=b"a.png\nb.png\n", program="darknet")
    assert got.code == 1 and got.out.count(b"Predicted") == 2
    assert got.err.count(b"predictions.jpg: cannot be written") == 2
    (root / "a.txt").unlink()
    (root / "a.txt").mkdir()
    got = answer(*TEST, "-save_labels", "-thresh", 1, cwd=root, stdin=b"a.png\nb.png\n", program="darknet")
    assert got.code == 1 and got.err.count(b"a.txt: cannot be written") == 1 and (root / "b.txt").read_bytes() == b""


def test_what_is_written_is_checked_before_the_first_image(root: Path) -> None:
    for out in ("none/r.json", "net.data", "net.cfg"):
        got = answer(*TEST, "a.png", "-dont_show", "-out", out, cwd=root, program="darknet")
        assert got.code == 1 and b"Predicted" not in got.out and out.encode() in got.err
    got = answer("evaluate", "--data", "net.data", "--cfg", "net.cfg", "--weights", "net.weights", "--json", "none/a",
                 cwd=root)  # fmt: skip
    assert got.code == 1 and b"none/a: cannot be written" in got.err


def test_further_images_and_words_left_over(root: Path) -> None:
    got = answer(*TEST, "a.png", "b.png", "none.png", "--thresh", 1, cwd=root, program="darknet")
    assert [line.split(b":")[0] for line in got.out.splitlines()] == [b"a.png", b"b.png"]
    assert got.code == 1 and b'Cannot load image "none.png"' in got.err
    got = answer("detect", "net.cfg", "net.weights", "a.png", "--thresh", 1, cwd=root)
    assert got.code == 0 and got.out.startswith(b"a.png: Predicted in") and got.out.count(b"\n") == 1
    got = answer("detector", "map", *TEST[2:], "a.png", "x", cwd=root, program="darknet")
    assert got.code == 0 and b"not used: a.png x\n" in got.err
    got = answer("ops", "net.cfg", "other.cfg", cwd=root, program="darknet")
    assert got.code == 0 and b"not used: other.cfg\n" in got.err
    got = answer("classifier", "predict", "c.data", "classifier.cfg", "classifier.weights", "a.png", "none", "b.png",
                 "-dont_show", "-topk", cwd=root, program="darknet")  # fmt: skip
    assert got.code == 1 and b'Cannot load image "none"' in got.err
    assert len(re.findall(rb"^[a-z]: 0\.\d{6}$", got.out, re.MULTILINE)) == 2  # AlexeyAB's lines, by his flag


# Validation sets


def bad_list(root: Path) -> None:
    (root / "broken.png").write_bytes(b"no image")
    (root / "broken.txt").write_text("1 0.5 0.5 0.2 0.2\n")
    (root / "list.txt").write_bytes(b"no\0ne.png\na.png  \nbroken.png\n'b.png'\n")


@pytest.mark.parametrize("kind", ["voc", "imagenet"])
def test_valid_names_images_that_cannot_be_read(kind: str, root: Path) -> None:
    bad_list(root)
    if kind == "imagenet":
        write_synth(
            write_cfg(root, YOLO.replace("filters=14", "filters=410").replace("classes=2", "classes=200")),
            root / "net.weights", 7,
        )  # fmt: skip
        (root / "net.names").write_text("".join(f"{number}\n" for number in range(200)))
    (root / "net.data").write_text(f"names = net.names\nvalid = list.txt\neval={kind}\nresults = my results\n")
    got = answer("detector", "valid", *TEST[2:], cwd=root, program="darknet")
    assert got.code == 1, got.err
    assert (
        got.err.count(rb"image 1 of the list: no\x00ne.png") == got.err.count(b"image 3 of the list: broken.png") == 1
    )
    names = {"voc": "comp4_det_test_ant.txt", "imagenet": "imagenet-detection.txt"}
    lines = (root / "my results" / names[kind]).read_text().splitlines()
    assert {line.split()[0] for line in lines} == ({"a", "b"} if kind == "voc" else {"2", "4"})


def test_map_and_recall_and_accuracy_are_of_what_can_be_read(root: Path) -> None:
    (root / "list.txt").write_text("a.png\nb.png\n")
    whole = answer("detector", "map", *TEST[2:], cwd=root, program="darknet")
    assert whole.code == 0
    bad_list(root)
    got = answer("detector", "map", *TEST[2:], cwd=root, program="darknet")
    assert got.code == 1 and b"This is the mean of 2 images; 2 could not be read" in got.err
    assert mean(got.out) == mean(whole.out)
    (root / "data").mkdir()
    shutil.copy(root / "list.txt", root / "data" / "coco_val_5k.list")
    got = answer("detector", "recall", *TEST[2:], cwd=root, program="darknet")
    assert got.code == 1 and got.err.count(b"RPs/Img") == 2 and b"no\0ne.png has no label file" in got.err
    got = answer("classifier", "valid", "c.data", "classifier.cfg", "classifier.weights", cwd=root, program="darknet")
    assert got.code == 1 and got.out.count(b": top 1: ") == 2 and b"\n1: top 1: " in got.out
    (root / "list.txt").write_text("none.png\n")
    (root / "none.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    got = answer("detector", "map", *TEST[2:], cwd=root, program="darknet")
    assert got.code == 1 and b"none of its 1 images can be read" in got.err


def mean(out: bytes) -> bytes:
    return out[out.index(b"mean average precision (mAP@") :].splitlines()[0]


def test_evaluate_counts_the_images_that_can_be_read(root: Path) -> None:
    bad_list(root)
    words = ("evaluate", "--data", "net.data", "--cfg", "net.cfg", "--weights", "net.weights", "--json", "r.json")
    got = answer(*words, cwd=root)
    assert got.code == 1 and b"2 of 4 images could not be read" in got.err
    assert b"2 objects in 2 images" in got.out and json.loads((root / "r.json").read_text())["images"] == 2


BAD_LINES = ("2 0.5 0.5 0.1 0.1", "0 1.5 0.5 0.1 0.1", "0 0.5 0.5 0.1 0.1 0.9", "1.0 0.5 0.5 0.1 0.1",
             "0 0.5 0.5 nan 0.1", "-1 0.5 0.5 0.1 0.1", "1_0 0 0 0 0", "0 0.5 0.5 0.1", "9" * 30 + " 0 0 0 0",
             "caf\xe9")  # fmt: skip


def test_label_lines_that_are_wrong_are_named_and_left_out(root: Path) -> None:
    (root / "list.txt").write_text("a.png\nb.png\n")
    whole = answer("detector", "map", *TEST[2:], cwd=root, program="darknet")
    lines = ["", *BAD_LINES[:5], "0 0.5 0.5 0.4 0.4", *BAD_LINES[5:]]
    (root / "b.txt").write_bytes("\n".join(lines).encode("latin-1"))
    (root / "net.data").write_text((root / "net.data").read_text() + "train = list.txt\n")
    got = answer("detector", "map", *TEST[2:], cwd=root, program="darknet")
    assert got.code == 0 and mean(got.out) == mean(whole.out)
    said = [line for line in got.err.splitlines() if line.startswith(b"left out: b.txt:")]
    assert len(said) == len(BAD_LINES) and b"\n10 wrong lines of labels left out\n" in got.err
    own = ("--data", "net.data", "--cfg", "net.cfg")
    for words in (("evaluate", *own, "--weights", "net.weights"), ("anchors", *own, "--num", 1)):
        refused = answer(*words, cwd=root)
        count = b"10" if words[0] == "evaluate" else b"9"  # how many classes there are is not known to the other
        assert refused.code == 1 and b"(the first of " + count + b" wrong lines of labels); --skip-bad" in refused.err
        taken = answer(*words, "--skip-bad", cwd=root)
        assert taken.code == 0 and taken.err.count(b"left out: b.txt:") == int(count)
    got = answer("detector", "calc_anchors", "net.data", "-num_of_clusters", 1, "-width", 32, "-height", 32, cwd=root,
                 program="darknet")  # fmt: skip
    assert got.code == 0 and b"9 wrong lines of labels left out" in got.err


def test_labels_without_objects(root: Path) -> None:
    (root / "list.txt").write_text("a.png\n")
    (root / "a.txt").write_bytes(b"\xff\xfe0\0\0binary")
    for points in (0, 11, 101):
        got = answer("detector", "map", *TEST[2:], "-points", points, cwd=root, program="darknet")
        assert got.code == 0 and mean(got.out) == b"mean average precision (mAP@0.50) = 0.000000, or 0.00 % "
    (root / "a.txt").write_bytes(b"")
    got = answer("evaluate", "--data", "net.data", "--cfg", "net.cfg", "--weights", "net.weights", "--json", "r.json",
                 "--plot", "p.svg", cwd=root)  # fmt: skip
    assert got.code == 0 and b"mAP@0.50 = - (no objects)" in got.out
    assert json.loads((root / "r.json").read_text())["mean_average_precision"] is None


def test_record_goes_on(root: Path) -> None:
    (root / "broken.png").write_bytes(b"no image")
    words = ("record", "broken.png", "a.png", "--cfg", "net.cfg", "--weights", "net.weights", "--json", "r.json")
    got = answer(*words, cwd=root)
    assert got.code == 1 and b"1 of 2 images could not be read" in got.err
    assert [entry["image"] for entry in json.loads((root / "r.json").read_text())["images"]] == ["a.png"]


# Names that are no UTF-8, streams that are no UTF-8


@pytest.mark.skipif(os.name != "posix", reason="names of files are bytes on POSIX systems")
@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "cp1252"])
def test_the_bytes_of_names_come_out_as_they_are(encoding: str, root: Path) -> None:
    names = [b"caf\xe9", b"\xe8\x88\xb9"]
    (root / "net.names").write_bytes(b"\n".join(names))
    (root / "list.txt").write_text("a.png\n")
    got = answer(*TEST, "a.png", "-thresh", 0, cwd=root, program="darknet", encoding=encoding)
    assert got.code == 0 and {line.split(b":")[0] for line in got.out.splitlines()[1:]} == set(names)
    got = answer(*TEST, "a.png", "-thresh", 0, "-ext_output", "-out", "r.json", cwd=root, program="darknet",
                 encoding=encoding)  # fmt: skip
    assert got.code == 0 and {line.split(b":")[0] for line in got.out.splitlines() if b"%" in line} == set(names)
    found = {entry["name"] for entry in json.loads((root / "r.json").read_bytes())[0]["objects"]}
    assert found == {"caf\xe9", "\u8239"}
    got = answer("detector", "valid", *TEST[2:], cwd=root, program="darknet", encoding=encoding)
    files = {os.fsencode(name) for name in os.listdir(root / "results")}
    assert got.code == 0 and files == {b"comp4_det_test_" + name + b".txt" for name in names}
    got = answer("detector", "map", *TEST[2:], cwd=root, program="darknet", encoding=encoding)
    assert got.code == 0 and all(b"name = " + name in got.out for name in names)
    own = ("--cfg", "net.cfg", "--weights", "net.weights", "--data", "net.data", "--thresh", 0)
    got = answer("detect", "a.png", *own, "--json", "o.json", cwd=root, encoding=encoding)
    assert got.code == 0 and b"caf\xe9: " in got.out, got.err
    assert {entry["name"] for entry in json.loads((root / "o.json").read_bytes())[0]["objects"]} == found
    shown = b"\\u8239: " if encoding == "cp1252" else names[1] + b": "
    assert shown in got.out
    got = answer("evaluate", *own[:-2], "--plot", "p.svg", "--json", "e.json", cwd=root, encoding=encoding)
    assert got.code == 0 and "caf\xe9" in (root / "p.svg").read_text(encoding="utf-8")
    assert {entry["name"] for entry in json.loads((root / "e.json").read_bytes())["classes"]} == found
