"""Evaluation: Darknet's files byte for byte, average precision against others' definitions, runs that were stopped."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import tempfile
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from darknet_py.errors import DataError
from darknet_py.evaluate.classifier import center_crop
from darknet_py.evaluate.files import c_float, coco_id, coco_text, image_id
from darknet_py.evaluate.found import Setting, average_mirrored, unit_of
from darknet_py.evaluate.run import Task, read_list
from darknet_py.evaluate.truth import NOTHING, read_truth, read_truths
from darknet_py.image.load import load_image
from darknet_py.layers import Yolo
from darknet_py.loading import load
from darknet_py.network import read_network
from darknet_py.synth import write_synth

from .darknet_folder import CLASSIFIER, PHOTOS, REPOSITORY, YOLO_V1, darknet, write_program
from .nets import net, write_cfg
from .program import failure, run
from .scenes import found_of
from .systems import POSIX, need_posix


def region(classes: int, w: int = 104, h: int = 72) -> str:
    return net(
        3, h, w, "conv batch_normalize=1 filters=8 size=3 stride=8 pad=1 activation=leaky",
        f"conv filters={3 * (classes + 5)} size=1 activation=linear",
        f"region classes={classes} num=3 coords=4 softmax=1 anchors=1,1.5,3,3,5,4",
    )  # fmt: skip


TREE = net(
    3, 32, 32, "conv filters=8 size=3 stride=4 pad=1 activation=leaky", "avgpool",
    "connected output=12 activation=linear", "softmax tree=wood.tree",
)  # fmt: skip
PARENTS = {"_000": -1, "_001": -1, "_002": -1, "_003": 0, "_004": 0, "_005": 0, "_006": 1, "_007": 1, "_008": 3,
           "_0010": 3, "_0011": 3, "_0012": 3}  # fmt: skip
COCO = net(
    3, 48, 48, "conv batch_normalize=1 filters=8 size=3 stride=8 pad=1 activation=leaky",
    "conv filters=255 size=1 activation=linear", "yolo classes=80 num=3 anchors=9,9,20,30,50,50",
)  # fmt: skip

LABELS: dict[int, list[str]] = {
    0: ["16 0.314 0.810 0.390 0.166", "3 0.887 0.170 0.390 0.167",
        "7 0.010 0.467 0.330 0.189", "7 0.010 0.709 0.377 0.168"],
    1: ["7 0.018 0.276 0.416 0.197", "17 0.023 0.132 0.298 0.224",
        "7 0.203 0.918 0.227 0.181", "8 0.757 0.459 0.276 0.164"],
    2: ["7 0.446 0.142 0.276 0.199", "7 0.485 0.159 0.262 0.212",
        "0 0.023 0.694 0.302 0.192", "7 0.190 0.990 0.308 0.162"],
    3: ["7 0.407 0.139 0.411 0.185", "11 0.285 0.804 0.397 0.147",
        "7 0.035 0.294 0.416 0.227", "7 0.010 0.664 0.329 0.149"],
    5: ["7 0.117 0.501 0.815 0.178", "7 0.010 0.136 0.572 0.152",
        "1 0.010 0.456 0.499 0.195", "7 0.010 0.990 0.533 0.153"],
    6: ["7 0.247 0.935 0.484 0.210", "7 0.474 0.758 0.454 0.192",
        "7 0.030 0.789 0.439 0.211", "7 0.810 0.567 0.368 0.151"],
    7: ["11 0.022 0.255 0.365 0.190", "7 0.166 0.138 0.278 0.195",
        "7 0.990 0.870 0.263 0.156", "7 0.022 0.748 0.250 0.188"],
    8: ["7 0.023 0.688 0.403 0.169", "14 0.023 0.280 0.307 0.172",
        "7 0.024 0.674 0.280 0.176", "7 0.436 0.329 0.257 0.168"],
}  # fmt: skip
"""Objects by image: some where the network sees something, with other classes, too."""

NETS = {
    "region20": region(20), "region200": region(200), "coco": COCO, "classifier": CLASSIFIER, "tree": TREE,
    "v1": YOLO_V1,
}  # fmt: skip


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with networks, pictures with labels, lists and data files, and the program as ``darknet``."""
    need_posix()
    folder = tmp_path_factory.mktemp("evaluate")
    make_root(folder)
    write_program(folder)
    return folder


def make_root(folder: Path) -> None:
    """All files; also made for the real Darknet, whose results stand below."""
    (folder / "wood.tree").write_text("".join(f"{name} {parent}\n" for name, parent in PARENTS.items()))
    (folder / "some.leaves").write_text("_001\n_004\n_007\n_003\nnothing\n")
    for name, text in NETS.items():
        write_synth(write_cfg(folder, text, f"{name}.cfg"), folder / f"{name}.weights", 7)
    for number, photo in enumerate(sorted(PHOTOS.glob("*.jpg")) * 3):
        for kind in ("images", "labels"):
            (folder / kind).mkdir(exist_ok=True)
        pixels = np.rot90(load_image(photo), number // 3)[::2, ::2]
        # PNG, whatever the name says: no encoder's losses, and Darknet makes labels' names of .jpg only.
        Image.fromarray(np.ascontiguousarray(pixels)).save(folder / "images" / f"img_{number:03d}.jpg", format="PNG")
        labels = "".join(f"{line}\n" for line in LABELS.get(number, ()))
        for place in ("images", "labels"):  # AlexeyAB's place, and pjreddie's
            (folder / place / f"img_{number:03d}.txt").write_text(labels)
    images = [f"images/img_{number:03d}.jpg" for number in range(9)]
    for name in ("val.list", "data/coco_val_5k.list", "data/voc.2007.test"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("".join(f"{image}\n" for image in images))
    for classes in (20, 80, 200):
        (folder / f"{classes}.names").write_text("".join(f"class {number}\n" for number in range(classes)))
    sets = (("voc", 20, "voc"), ("coco", 80, "coco"), ("imagenet", 200, "imagenet"), ("coco200", 200, "coco"))
    for name, classes, kind in sets:
        (folder / f"{name}.data").write_text(
            f"classes={classes}\nvalid=val.list\nnames={classes}.names\neval={kind}\nresults=results_{name}\n"
        )
    (folder / "classifier.names").write_text("".join(f"_00{number}\n" for number in (*range(9), 10, 11, 12)))
    classes = "labels=classifier.names\nvalid=val.list\nclasses=12\ntop=3\n"
    (folder / "classifier.data").write_text(classes)
    (folder / "leaves.data").write_text(f"{classes}leaves=some.leaves\n")


def digest(folder: Path) -> str:
    """One hash over the names and contents of all files of a folder."""
    total = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        total.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return total.hexdigest()[:16]


# Files of Darknet's commands


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


# Small parts


def test_names_and_numbers_of_images() -> None:
    assert image_id("/a.b/c.d.jpg") == "c" and image_id("x") == "x"
    assert coco_id("a/COCO_val2014_000000000139.jpg") == 139
    assert coco_id("images/000000000285.jpg") == 285
    assert coco_id("my_set/12.jpg") == 0  # what follows the last _ is no number; Darknet sees it so, too
    assert coco_id("17.jpg") == 17


def test_numbers_that_are_none_are_written_as_c_writes_them() -> None:
    assert (c_float(1.5), c_float(float("nan")), c_float(-float("nan")), c_float(2, 2)) == (
        "1.500000",
        "nan",
        "-nan",
        "2.00",
    )


def test_results_without_detections() -> None:
    nothing = found_of([])
    assert json.loads(coco_text(["1.jpg"], [nothing])) == []


def test_a_mirrored_output_is_averaged_as_darknet_does_it() -> None:
    [head] = yolo_layers(5)
    rng = np.random.default_rng(1)
    a, b = (rng.standard_normal(head.out.size).astype(np.float32) for _ in "ab")
    planes = b.reshape(-1, 5, 5)
    for plane in range(len(planes)):  # the loops of the C source, said again
        for row in range(5):
            for i in range(2):
                left, right = planes[plane, row, i], planes[plane, row, 4 - i]
                sign = -1 if plane < head.n else 1
                planes[plane, row, i], planes[plane, row, 4 - i] = sign * right, sign * left
    wanted = (a + planes.reshape(-1)) / np.float32(2)
    again = np.random.default_rng(1)
    a, b = (again.standard_normal(head.out.size).astype(np.float32) for _ in "ab")
    assert np.array_equal(average_mirrored(head, a, b), wanted.reshape(-1, 5, 5))


def yolo_layers(side: int) -> list[Yolo]:
    with tempfile.TemporaryDirectory() as folder:
        text = net(24, side, side, "yolo classes=3 num=3 anchors=9,9,20,30,50,50")
        return [layer for layer in read_network(write_cfg(Path(folder), text)).layers if isinstance(layer, Yolo)]


def test_the_middle_square() -> None:
    pixels = np.arange(5 * 8 * 3, dtype=np.uint8).reshape(5, 8, 3)
    assert np.array_equal(center_crop(pixels), pixels[:, 1:6])
    assert np.array_equal(center_crop(pixels.transpose(1, 0, 2)), pixels.transpose(1, 0, 2)[1:6])


def test_labels_that_are_wrong_or_missing(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("0 .5 .5 .1 .1\n3 .5 .5 .1 .1\n")
    with pytest.raises(DataError, match=r"a.txt:2: class 3: the network has classes 0 to 2"):
        read_truth(path, 3)
    path.write_text("")
    assert read_truth(path, 3) is NOTHING
    truths, without = read_truths([str(tmp_path / "a.jpg"), str(tmp_path / "b.jpg")], 3)
    assert [len(truth) for truth in truths] == [0, 0] and without == [str(tmp_path / "b.jpg")]
    with pytest.raises(DataError, match="none of the images has a label file"):
        read_truths([str(tmp_path / "b.jpg")], 3)
    path.write_text("\n\n")
    with pytest.raises(DataError, match="list of images is empty"):
        read_list(path)


# A run that was killed


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


# The command


OWN = ("--cfg", "region20.cfg", "--weights", "region20.weights", "--names", "20.names")


def test_evaluate_prints_draws_and_writes_json(root: Path) -> None:
    out = run(
        "evaluate", *OWN, "--images", "val.list", "--thresh", 0.1, "--iou-thresh", 0.4, "--plot", "a.svg", "--json",
        "a.json", cwd=root,
    ).stdout.splitlines()  # fmt: skip
    assert out[0].split() == ["class", "AP", "objects", "found", "false", "precision", "recall", "IoU"]
    assert out[-2].startswith("mAP@0.40 = ") and "32 objects in 9 images" in out[-2]
    found = json.loads((root / "a.json").read_text())
    assert found["objects"] == 32 and 0 < found["mean_over_all_classes"] < found["mean_average_precision"] < 1
    texts = [node.text or "" for node in ElementTree.parse(root / "a.svg").iter()]
    assert "region20, 9 images of val.list" in texts and "class 7" in texts
    run("evaluate", *OWN, "--data", "voc.data", "--stretch", "--plot", "a.png", cwd=root)
    with Image.open(root / "a.png") as picture:
        assert picture.format == "PNG"


def test_boxes_of_yolov1_are_fractions_as_labels_are(root: Path) -> None:
    detector = load(root / "v1.cfg", root / "v1.weights")
    image = str(sorted((root / "images").glob("*.jpg"))[0])
    for stretch in (True, False):
        setting = Setting(thresh=0.1, stretch=stretch, asked=unit_of(detector.network))
        (found,) = Task(detector, [image], "a list", setting).run()
        plain = detector.detect(image, thresh=0.1, stretch=stretch)
        assert found is not None and np.array_equal(found.box[found.row], plain.box) and len(plain)
    for line in ("map", "evaluate"):
        words = (
            ["detector", "map", "voc.data", "v1.cfg", "v1.weights"]
            if line == "map"
            else ["evaluate", "--cfg", "v1.cfg", "--weights", "v1.weights", "--images", "val.list"]
        )
        assert run(*words, cwd=root).stdout


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ((*OWN,), 2, "which images?"),
        ((*OWN, "--images", "none.list"), 1, "none.list: cannot read"),
        ((*OWN, "--images", "broken.list"), 1, "broken.list: image 2 of the list: images/none.jpg: cannot read"),
        ((*OWN, "--images", "val.list", "--plot", "a.pdf"), 1, ".svg or .png"),
        ((*OWN, "--images", "val.list", "--difficult", "broken.list"), 2, "has 2 images"),
        ((*OWN, "--data", "none.data"), 1, "none.data: cannot read"),
        (("--cfg", "classifier.cfg", "--weights", "classifier.weights", "--images", "val.list"), 1, "class"),
    ],
)
def test_what_is_wrong_is_said(root: Path, words: tuple[str, ...], code: int, message: str) -> None:
    (root / "broken.list").write_text("images/img_000.jpg\nimages/none.jpg\n")
    assert message in failure("evaluate", *words, cwd=root, code=code)


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
