"""Dimension clusters: k-means with 1 - IoU, from labels to the line for a cfg."""

from __future__ import annotations

import json
import time
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from PIL import Image

from darknet_py.anchors.boxes import read_data_boxes, read_label_boxes
from darknet_py.anchors.clusters import SAMPLE, assign, cluster, iou, iterate, start
from darknet_py.anchors.search import Search, measure
from darknet_py.anchors.target import Target, target_of
from darknet_py.errors import DarknetError, DataError, ImageError
from darknet_py.network import read_network

from .nets import net, write_cfg
from .program import run

Floats = NDArray[np.float64]

THINGS = np.array([[0.05, 0.11], [0.11, 0.30], [0.32, 0.15], [0.30, 0.72], [0.80, 0.55]])
"""Widths and heights of five sorts of things."""


def made_up(count: int, spread: float, seed: int = 5) -> Floats:
    """Boxes of `THINGS`, as many of each, whose logarithms vary by ``spread``."""
    random = np.random.default_rng(seed)
    kinds = np.arange(count) % len(THINGS)
    return np.clip(THINGS[kinds] * np.exp(random.normal(0, spread, (count, 2))), 0.002, 1)


def plain_iou(box: Floats, other: Floats) -> float:
    common = min(box[0], other[0]) * min(box[1], other[1])
    return float(common / (box[0] * box[1] + other[0] * other[1] - common))


def write_labels(folder: Path, boxes: Floats, each: int = 5) -> list[str]:
    """Darknet label files with ``each`` boxes a file, in ``labels``; returns the images that they would be of."""
    (folder / "labels").mkdir(parents=True, exist_ok=True)
    images = []
    for number in range(0, len(boxes), each):
        lines = [f"{i} 0.5 0.5 {w:.6f} {h:.6f}\n" for i, (w, h) in enumerate(boxes[number : number + each])]
        (folder / "labels" / f"{number:06d}.txt").write_text("".join(lines))
        images.append(f"images/{number:06d}.jpg")
    return images


def write_data(folder: Path, boxes: Floats) -> Path:
    (folder / "train.txt").write_text("\n".join(write_labels(folder, boxes)) + "\n")
    (folder / "my.data").write_text("classes = 5\ntrain = train.txt\n")
    return folder / "my.data"


def test_iou_of_centred_boxes() -> None:
    wide, high = np.array([[4.0, 1.0]]), np.array([[1.0, 4.0]])
    assert iou(wide, high)[0] == 1 / 7
    assert iou(wide, wide)[0] == 1
    assert iou(wide, wide / 2)[0] == 0.25


def test_each_box_goes_to_the_nearest_and_to_the_first_of_equals() -> None:
    random = np.random.default_rng(3)
    boxes, sizes = random.random((40_000, 2)), random.random((7, 2))
    nearest, value = assign(boxes, sizes)
    for i in random.integers(0, len(boxes), 300):
        every = [plain_iou(boxes[i], size) for size in sizes]
        assert nearest[i] == int(np.argmax(every)) and value[i] == pytest.approx(max(every), rel=1e-12)
    assert assign(boxes[:9], np.repeat(sizes[:1], 3, axis=0))[0].tolist() == [0] * 9


@pytest.mark.parametrize("centroid", ["best", "mean"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_known_clusters_are_found(centroid: str, seed: int) -> None:
    found = cluster(made_up(4000, 0.08), 5, seed=seed, centroid=centroid)
    order = np.argsort(THINGS.prod(axis=1))
    assert np.abs(found.sizes / THINGS[order] - 1).max() < 0.03
    assert found.counts.tolist() == [800] * 5
    assert found.average_iou > 0.87


def test_as_many_clusters_as_sizes_fit_exactly() -> None:
    boxes = np.repeat(THINGS, [5, 1, 7, 2, 30], axis=0)
    found = cluster(boxes, 5, tries=3)
    assert found.average_iou == 1.0
    assert sorted(map(tuple, found.sizes)) == sorted(map(tuple, THINGS))
    with pytest.raises(DarknetError, match="6 clusters need as many different sizes of boxes, but the labels have 5"):
        cluster(boxes, 6)


def test_the_best_centre_is_better_than_the_mean() -> None:
    # The mean is where squares are least. Skewed sizes, as those of COCO, show the difference.
    random = np.random.default_rng(1)
    boxes = np.clip(np.exp(random.normal(-2, 1, (3000, 1)) + random.normal(0, 0.4, (3000, 2))), 0.002, 1)
    best, mean = (cluster(boxes, 5, centroid=centroid).average_iou for centroid in ("best", "mean"))
    assert best > mean + 0.005


def test_one_cluster_is_where_a_search_of_all_places_finds_it() -> None:
    boxes = made_up(500, 0.5)
    found = cluster(boxes, 1)
    grid = np.geomspace(0.05, 0.9, 120)
    every = [iou(boxes, np.broadcast_to(np.array([w, h]), boxes.shape)).mean() for w in grid for h in grid]
    assert found.average_iou >= max(every) - 2e-4


boxes_of_any_kind = arrays(np.float64, st.tuples(st.integers(8, 60), st.just(2)), elements=st.sampled_from(
    [0.001, 0.0011, 0.01, 0.1, 0.3, 0.5, 0.77, 1.0])) | arrays(
    np.float64, st.tuples(st.integers(8, 60), st.just(2)), elements=st.floats(0.001, 1.0))  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(boxes_of_any_kind, st.integers(1, 6), st.integers(0, 99), st.sampled_from(["best", "mean"]))
def test_average_iou_never_falls(boxes: Floats, k: int, seed: int, centroid: str) -> None:
    random = np.random.default_rng(seed)
    # Starts that leave clusters empty, too: the same box several times.
    sizes = boxes[random.integers(0, len(boxes), k)]
    found = iterate(boxes, sizes, centroid)
    assert all(after >= before - 1e-12 for before, after in pairwise(found.history))
    assert found.average_iou >= found.history[0] - 1e-12
    assert found.counts.sum() == len(boxes)
    assert np.isfinite(found.sizes).all() and (found.sizes > 0).all()


def test_an_empty_cluster_moves_to_the_box_that_is_worst_off() -> None:
    boxes = np.concatenate([np.full((50, 2), 0.1), np.full((3, 2), 0.9)])
    found = iterate(boxes, np.full((2, 2), 0.1))
    assert found.sizes.tolist() == [[0.1, 0.1], [0.9, 0.9]] and found.counts.tolist() == [50, 3]


def test_the_start_draws_boxes_far_from_those_before() -> None:
    boxes = np.concatenate([np.full((9990, 2), 0.1), np.full((10, 2), 0.9)])
    drawn = [start(boxes, 2, np.random.default_rng(seed)) for seed in range(20)]
    assert all(sorted(sizes[:, 0].tolist()) == [0.1, 0.9] for sizes in drawn), "by chance it would be 1 in 500"


def test_the_same_seed_gives_the_same_anchors() -> None:
    boxes = made_up(2000, 0.6)
    once, again = (cluster(boxes, 6, seed=4, tries=2) for _ in range(2))
    assert once.sizes.tobytes() == again.sizes.tobytes() and once.history == again.history
    others = {cluster(boxes, 6, seed=seed, tries=1).sizes.tobytes() for seed in range(5)}
    assert len(others) > 1


def test_more_tries_are_never_worse() -> None:
    boxes = made_up(2000, 0.6)
    values = [cluster(boxes, 8, tries=tries).average_iou for tries in (1, 3, 10)]
    assert values == sorted(values)


@pytest.mark.slow
def test_a_million_boxes_take_seconds() -> None:
    boxes = made_up(1_000_000, 0.3)
    assert len(boxes) > SAMPLE
    begin = time.process_time()
    found = cluster(boxes, 5)
    assert time.process_time() - begin < 60
    assert found.counts.sum() == len(boxes)
    whole = iterate(boxes, found.sizes)
    assert whole.average_iou - found.average_iou < 2e-4, "the sample of the tries costs nothing"


def test_cells_and_pixels() -> None:
    sizes = np.array([[0.1, 0.2], [0.5, 0.0005]])
    region, yolo = Target("region", 608, 416), Target("yolo", 608, 416)
    assert region.rounded(sizes).tolist() == [[1.9, 2.6], [9.5, 0.0065]]
    assert yolo.rounded(sizes).tolist() == [[61, 83], [304, 1]]
    assert yolo.text(yolo.rounded(sizes)) == "61,83, 304,1"
    assert region.text(region.rounded(sizes)) == "1.9,2.6, 9.5,0.0065"


def test_what_is_measured_is_what_is_printed() -> None:
    boxes = made_up(3000, 0.2)
    target = Target("yolo", 64, 64)
    found = Search(5, target).run(boxes, 5)
    exact = cluster(boxes, 5)
    assert (found.values == found.values.round()).all()
    assert found.average_iou == measure(boxes, found.values / 64, target, exact=True).average_iou < exact.average_iou


REGION = net(3, 64, 96, "conv filters=16 size=3 stride=16 pad=1 activation=leaky",
             "region num=2 classes=3 anchors=1,2,3,2")  # fmt: skip
YOLO = net(
    3, 64, 96, "conv filters=8 size=3 stride=16 pad=1 activation=leaky", "yolo classes=3 num=2 mask=1 anchors=9,12,48,8"
)


def test_a_cfgs_own_anchors(tmp_path: Path) -> None:
    target, own = target_of(read_network(write_cfg(tmp_path, REGION)))
    assert target == Target("region", 96, 64, (16.0, 16.0))
    assert own.tolist() == [pytest.approx([1 / 6, 2 / 4]), pytest.approx([3 / 6, 2 / 4])]
    target, own = target_of(read_network(write_cfg(tmp_path, YOLO)))
    assert (target.head, target.width, target.height) == ("yolo", 96, 64)
    assert own.tolist() == [pytest.approx([9 / 96, 12 / 64]), pytest.approx([48 / 96, 8 / 64])]
    with pytest.raises(DarknetError, match=r"net\.cfg: the network has no \[region\] or \[yolo\] head"):
        target_of(read_network(write_cfg(tmp_path, net(3, 8, 8, "avgpool"))))


def test_the_labels_of_a_data_file(tmp_path: Path) -> None:
    boxes = made_up(100, 0.2)
    data = write_data(tmp_path, boxes)
    (tmp_path / "labels" / "000005.txt").unlink()
    found = read_data_boxes(data)
    assert found.images == 19 and found.pictures is None
    assert found.notes == ("without a label file, such as images/000005.jpg: 1 of 20 images",)
    assert np.abs(found.sizes - np.delete(boxes, range(5, 10), axis=0)).max() <= 5e-7
    (tmp_path / "train.txt").write_text("nothing/a.jpg\n")
    with pytest.raises(DataError, match=r"none of its 1 images has a label file; the first would be nothing/a\.txt"):
        read_data_boxes(data)
    data.write_text("classes = 5\n")
    with pytest.raises(DataError, match=r"my\.data: has no train= entry"):
        read_data_boxes(data)


def test_folders_and_files_of_all_kinds(tmp_path: Path) -> None:
    write_labels(tmp_path, made_up(20, 0.2))
    (tmp_path / "labels" / "classes.txt").write_text("ant\nbee\n")
    (tmp_path / "one.xml").write_text(
        "<annotation><size><width>200</width><height>100</height></size><object><bndbox><xmin>0</xmin><ymin>0</ymin>"
        "<xmax>100</xmax><ymax>100</ymax></bndbox></object></annotation>"
    )
    images, annotations = [{"id": 1, "width": 50, "height": 50}], [{"image_id": 1, "bbox": [0, 0, 25, 10]}]
    (tmp_path / "c.json").write_text(json.dumps({"images": images, "annotations": annotations}))
    found = read_label_boxes([tmp_path / "labels", tmp_path / "one.xml", tmp_path / "c.json"])
    assert len(found.sizes) == 22 and found.images == 6
    assert found.sizes[-2:].tolist() == [[0.5, 1.0], [0.5, 0.2]]
    with pytest.raises(DarknetError, match="sizes must be known"):
        found.letterboxed(416, 416)
    with pytest.raises(DataError, match=r"has both \.txt and \.xml files"):
        read_label_boxes([tmp_path])
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="has no label files"):
        read_label_boxes([tmp_path / "empty"])


def test_boxes_that_training_ignores_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("0 .5 .5 .2 .2\n0 .5 .5 0 .3\n0 .5 .5 .3 .0009\n")
    found = read_label_boxes([path])
    assert found.sizes.tolist() == [[0.2, 0.2]]
    assert found.notes == (
        "narrower or lower than 0.001 of the image (Darknet's training ignores them): 2 boxes left out",
    )
    path.write_text("0 .5 .5 0 0\n")
    with pytest.raises(DataError, match=r"a\.txt: has no boxes; narrower or lower .* 1 box left out"):
        read_label_boxes([path])


def test_letterboxed_sizes(tmp_path: Path) -> None:
    data = write_data(tmp_path, np.array([[0.5, 0.5], [0.2, 0.4]]))
    (tmp_path / "images").mkdir()
    Image.new("RGB", (200, 100)).save(tmp_path / "images" / "000000.jpg")
    found = read_data_boxes(data, pictures=True)
    # 200x100 becomes 416x208 of 416x416, and all of 608x304.
    assert found.letterboxed(416, 416) == pytest.approx(np.array([[0.5, 0.25], [0.2, 0.2]]))
    assert found.letterboxed(608, 304) == pytest.approx(found.sizes)
    (tmp_path / "images" / "000000.jpg").write_text("no image")
    with pytest.raises(ImageError, match=r"000000\.jpg: cannot be read as an image"):
        read_data_boxes(data, pictures=True)


def test_the_command(tmp_path: Path) -> None:
    write_data(tmp_path, made_up(500, 0.08))
    write_cfg(tmp_path, YOLO)
    lines = run("anchors", "--data", "my.data", cwd=tmp_path).stdout.splitlines()
    assert lines[0] == "500 boxes of 100 images"
    values = [float(value) for value in lines[2].removeprefix("anchors = ").split(",")]
    assert np.reshape(values, (5, 2)) == pytest.approx(THINGS[np.argsort(THINGS.prod(axis=1))] * 13, rel=0.05)
    assert "(region: cells of 32x32 pixels at 416x416)" in lines[4]
    out = run("anchors", "--labels", "labels", "labels/000000.txt", "--cfg", "net.cfg", "--num", 3, "--k", "1-4",
              "--plot", "a.svg", "--json", "a.json", cwd=tmp_path).stdout  # fmt: skip
    assert "yolo: pixels at 96x64" in out and "with its own 2 anchors" in out
    document = json.loads((tmp_path / "a.json").read_text())
    assert (document["boxes"], document["num"], document["head"], document["size"]) == (505, 3, "yolo", [96, 64])
    assert sum(document["counts"]) == 505 and document["cfg"]["anchors"] == [[9, 12], [48, 8]]
    curve = [entry["average_iou"] for entry in document["curve"]]
    assert curve == sorted(curve) and curve[2] == document["average_iou"] > document["cfg"]["average_iou"]
    again = run("anchors", "--labels", "labels", "labels/000000.txt", "--cfg", "net.cfg", "--num", 3, "--json", "-",
                cwd=tmp_path)  # fmt: skip
    assert json.loads(again.stdout)["anchors"] == document["anchors"] and "anchors = " in again.stderr


def test_a_plot_of_few_sizes(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("0 .5 .5 .2 .4\n")
    out = run("anchors", "--labels", "a.txt", "--num", 1, "--plot", "a.svg", cwd=tmp_path).stdout
    assert out.startswith("1 box of 1 image\n") and "anchors = " in out
    assert (tmp_path / "a.svg").is_file()
    assert "no-such-folder" in run(
        "anchors", "--labels", "a.txt", "--num", 1, "--json", "no-such-folder/a.json", cwd=tmp_path, code=1
    ).stderr.replace("no-such-folder/a.json: cannot be written", "no-such-folder")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_plot_that_cannot_be_written_takes_nothing_else_with_it(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("0 .5 .5 .2 .4\n")
    for name in ("full.svg", "full.json"):
        (tmp_path / name).symlink_to("/dev/full")
    asked = ("anchors", "--labels", "a.txt", "--num", 1, "--plot", "full.svg", "--json")
    said = run(*asked, "a.json", cwd=tmp_path, code=1).stderr
    assert said == "Error: full.svg: cannot be written: No space left on device\n"
    assert json.loads((tmp_path / "a.json").read_text())["anchors"]
    both = run(*asked, "full.json", cwd=tmp_path, code=1).stderr.splitlines()
    assert [line.split(":")[1] for line in both] == [" full.svg", " full.json"]


@pytest.mark.parametrize("wrong", [{"k": 0}, {"k": -1}, {"k": 1, "tries": 0}, {"k": 1, "centroid": "median"}], ids=str)
def test_wrong_arguments(wrong: dict[str, Any]) -> None:
    with pytest.raises(DarknetError, match="at least 1; centroid="):
        cluster(np.array([[0.1, 0.2], [0.3, 0.1]]), **wrong)
    for box in ([0.0, 0.1], [np.nan, 0.1]):
        with pytest.raises(DarknetError, match="must be above 0"):
            cluster(np.array([box, [0.3, 0.1]]), 1)


def test_the_plot(tmp_path: Path) -> None:
    write_labels(tmp_path, made_up(100, 0.1))
    write_cfg(tmp_path, REGION)
    for name in ("a.svg", "a.png"):
        run("anchors", "--labels", "labels", "--num", 3, "--k", "2-3", "--cfg", "net.cfg", "--plot", name, cwd=tmp_path)
    nodes = list(ElementTree.parse(tmp_path / "a.svg").iter())
    outlines = [node for node in nodes if node.tag.endswith("rect") and node.get("fill") == "none"]
    assert len(outlines) == 1 + 1 + 3 + 2, "the mark on the curve, the input, our anchors, the cfg's"
    assert any((node.text or "").startswith("net.cfg: 2 anchors, average IoU ") for node in nodes)
    with Image.open(tmp_path / "a.png") as picture:
        colours = {colour for _, colour in picture.convert("RGB").getcolors(1 << 20) or []}
        assert {(0x25, 0x63, 0xEB), (0xDC, 0x26, 0x26), (255, 255, 255)} <= colours


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ((), 2, "give either --data FILE or --labels PATH..."),
        (("--data", "my.data", "--labels", "labels"), 2, "give either"),
        (("--data", "none.data"), 1, "none.data: cannot read this file"),
        (("--labels", "none"), 1, "none: cannot read this file"),
        (("--labels", "labels", "--k", "3-1"), 2, "'3-1' is no range of numbers"),
        (("--labels", "labels", "--plot", "a.pdf"), 1, ".svg or .png"),
        (("--labels", "labels", "--num", "21"), 1, "21 clusters need as many different sizes"),
        (("--labels", "labels", "--letterbox"), 1, "sizes must be known"),
        (("--labels", "bad.txt"), 1, "bad.txt:2: "),
    ],
)  # fmt: skip
def test_what_goes_wrong_is_one_line(tmp_path: Path, arguments: tuple[str, ...], code: int, message: str) -> None:
    write_data(tmp_path, made_up(20, 0.2))
    (tmp_path / "bad.txt").write_text("0 .5 .5 .5 .5\n0 .5 .5\n")
    result = run("anchors", *arguments, cwd=tmp_path, code=code)
    assert message in result.stderr
    assert code == 2 or len(result.stderr.strip().splitlines()) == 1
