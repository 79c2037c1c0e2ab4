"""The cfg files that come with the project: they say what upstream's say, in our words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from darknet_py.formats.cfg import Section, read_cfg
from darknet_py.formats.data import read_data, read_names
from darknet_py.layers import Detection, Yolo
from darknet_py.network import read_network

CFG = Path(__file__).resolve().parent.parent / "cfg"
FILES = sorted(CFG.glob("*.cfg"))

FACTS = {  # layers, values in a weights file: as Darknet counts them, and for released files the size says the same
    "alexnet": (14, 62378344),
    "cifar": (17, 7687050),
    "darknet": (16, 7323480),
    "darknet19": (26, 20856776),
    "darknet19_448": (26, 20856776),
    "darknet53": (78, 41645640),
    "darknet53_448": (78, 41645640),
    "darknet9000": (27, 29485226),
    "densenet201": (305, 17206440),
    "extraction": (27, 23455400),
    "extraction22k": (27, 97605650),
    "go": (16, 7093761),
    "gru": (5, 1250048),
    "resnet101": (138, 41870248),
    "resnet152": (205, 57559976),
    "resnet18": (29, 11523496),
    "resnet34": (53, 21639080),
    "resnet50": (69, 22825896),
    "resnext50": (69, 22312872),
    "rnn": (5, 8950016),
    "strided": (26, 85583400),
    "tiny": (22, 1046488),
    "vgg-16": (25, 138357544),
    "yolo-voc": (32, 50676061),
    "yolo9000": (25, 48807501),
    "yolov1": (32, 197328243),
    "yolov1-tiny": (16, 27099950),
    "yolov2": (32, 50983561),
    "yolov2-tiny": (16, 11237145),
    "yolov2-tiny-voc": (16, 15867885),
    "yolov2-voc": (32, 50676061),
    "yolov3": (107, 62001757),
    "yolov3-openimages": (107, 64807342),
    "yolov3-spp": (114, 63052381),
    "yolov3-tiny": (24, 8858734),
    "yolov3-voc": (107, 61678657),
    "csresnext50-panet-spp": (138, 57030845),
    "enet-coco": (146, 4808270),
    "yolo-fastest-1.1": (131, 346062),
    "yolo-fastest-1.1-xl": (131, 923486),
    "yolov3-tiny-prn": (28, 4939758),
    "yolov4": (162, 64429405),
    "yolov4-csp": (175, 52986205),
    "yolov4-p5": (244, 70917468),
    "yolov4-tiny": (38, 6062814),
    "yolov4-tiny-3l": (45, 6334045),
    "yolov4x-mish": (203, 99847037),
    "yolov7": (143, 36974557),
    "yolov7-tiny": (99, 6241885),
}

ALEXEYABS = (
    "csresnext50-panet-spp", "enet-coco", "yolo-fastest-1.1", "yolo-fastest-1.1-xl", "yolov3-tiny-prn", "yolov4",
    "yolov4-csp", "yolov4-p5", "yolov4-tiny", "yolov4-tiny-3l", "yolov4x-mish", "yolov7", "yolov7-tiny",
)  # fmt: skip
"""Of AlexeyAB's Darknet."""

MARKED = ("csresnext50-panet-spp", "yolov3-tiny-prn")
"""His, but nothing in his file says so; in ours his default letter_box=0 does."""

WEIGHTS = {
    "yolov3-voc": "no released weights are known",
    "csresnext50-panet-spp": "csresnext50-panet-spp_final.weights",
    "enet-coco": "enetb0-coco_final.weights",
}
"""What the head of a file names, if not the weights of its name."""

RELEASED = {  # bytes of the released weights files; their headers have 16 or 20
    "darknet19": 83427120,
    "darknet19_448": 83427120,
    "darknet53": 166582576,
    "densenet201": 68825776,
    "extraction": 93821616,
    "resnet50": 91303600,
    "yolo-voc": 202704260,
    "yolo9000": 195230020,
    "yolov1": 789312988,
    "yolov1-tiny": 108399816,
    "yolov2": 203934260,
    "yolov2-tiny": 44948600,
    "yolov2-tiny-voc": 63471556,
    "yolov2-voc": 202704264,
    "yolov3": 248007048,
    "yolov3-spp": 252209544,
    "yolov3-tiny": 35434956,
    "yolo-fastest-1.1": 1384268,
    "yolo-fastest-1.1-xl": 3693964,
    "yolov4": 257717640,
    "yolov4-tiny": 24251276,
}

HEADS = {  # channels before each head: anchors * (classes + 5), or what YOLOv1's grid needs
    "yolo-voc": [125],
    "yolo9000": [28269],
    "yolov1": [7 * 7 * (20 + 3 * 5)],
    "yolov1-tiny": [7 * 7 * (20 + 2 * 5)],
    "yolov2": [425],
    "yolov2-tiny": [425],
    "yolov2-tiny-voc": [125],
    "yolov2-voc": [125],
    "yolov3": [255] * 3,
    "yolov3-openimages": [1818] * 3,
    "yolov3-spp": [255] * 3,
    "yolov3-tiny": [255] * 2,
    "yolov3-voc": [75] * 3,
    "csresnext50-panet-spp": [255] * 3,
    "enet-coco": [255] * 2,
    "yolo-fastest-1.1": [255] * 2,
    "yolo-fastest-1.1-xl": [255] * 2,
    "yolov3-tiny-prn": [255] * 2,
    "yolov4": [255] * 3,
    "yolov4-csp": [255] * 3,
    "yolov4-p5": [340] * 3,
    "yolov4-tiny": [255] * 2,
    "yolov4-tiny-3l": [255] * 3,
    "yolov4x-mish": [255] * 3,
    "yolov7": [255] * 3,
    "yolov7-tiny": [255] * 3,
}

ASKED = {  # of AlexeyAB's heads: scale_x_y, new_coords, how boxes of one object are suppressed
    "csresnext50-panet-spp": ([1.0] * 3, False, "default", 0.6),
    "enet-coco": ([1.0] * 2, False, "default", 0.6),
    "yolo-fastest-1.1": ([1.0] * 2, False, "greedynms", 0.6),
    "yolo-fastest-1.1-xl": ([1.0] * 2, False, "greedynms", 0.6),
    "yolov3-tiny-prn": ([1.0] * 2, False, "default", 0.6),
    "yolov4": ([1.2, 1.1, 1.05], False, "greedynms", 0.6),
    "yolov4-csp": ([2.0] * 3, True, "diounms", 0.6),
    "yolov4-p5": ([2.0] * 3, True, "diounms", 0.6),
    "yolov4-tiny": ([1.05] * 2, False, "greedynms", 0.6),
    "yolov4-tiny-3l": ([1.05] * 3, False, "greedynms", 0.6),
    "yolov4x-mish": ([2.0] * 3, True, "diounms", 0.6),
    "yolov7": ([2.0] * 3, True, "diounms", 0.6),
    "yolov7-tiny": ([2.0] * 3, True, "diounms", 0.6),
}


def meaning(section: Section) -> tuple[str, dict[str, list[float] | str]]:
    """What a section says: its kind, and the first of each key with its numbers as numbers."""
    options: dict[str, list[float] | str] = {}
    for option in section.options:
        try:
            value: list[float] | str = [float(piece) for piece in option.value.split(",")]
        except ValueError:
            value = option.value
        options.setdefault(option.key, value)
    return section.kind, options


def test_all_that_are_promised_are_there() -> None:
    assert {path.stem for path in FILES} == set(FACTS) >= set(RELEASED) | set(HEADS)


def upstreams(oracle: Path, name: str) -> Path:
    """Upstream's file of that name; the test is skipped where it is not."""
    if name == "yolo-voc":
        name = "yolov2-voc"
    folders = ("alexeyab/cfg", "alexeyab/weights") if name in ALEXEYABS else ("reference/cfg",)
    for folder in folders:
        if (oracle / folder / f"{name}.cfg").exists():
            return oracle / folder / f"{name}.cfg"
    pytest.skip(f"upstream's {name}.cfg is not among the references on this machine")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_says_the_same_as_upstream(oracle: Path, path: Path) -> None:
    reference = upstreams(oracle, path.stem)
    dialect = "alexeyab" if path.stem in ALEXEYABS else "darknet"
    ours, theirs = read_cfg(path), read_cfg(reference, dialect)
    kind, options = meaning(theirs.net)
    assert meaning(ours.net) == (kind, options | ({"letter_box": [0.0]} if path.stem in MARKED else {}))
    assert [meaning(section) for section in ours.layers] == [meaning(section) for section in theirs.layers]
    assert not ours.notes


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_makes_the_same_network_as_upstreams(oracle: Path, path: Path) -> None:
    """Layer by layer every fact but the line: shapes, strides, groups, anchors, masks, how boxes are suppressed."""
    ours = read_network(path)
    theirs = read_network(upstreams(oracle, path.stem), dialect="alexeyab" if path.stem in ALEXEYABS else "darknet")
    assert (ours.input, ours.letter_box, ours.dialect) == (theirs.input, theirs.letter_box, theirs.dialect)
    for our, their in zip(ours.layers, theirs.layers, strict=True):
        assert replace(our, line=0) == replace(their, line=0)
        assert our.stored() == their.stored()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_says_whose_network_it_is(path: Path) -> None:
    """By itself: with the command line's default, the arithmetic is that of the Darknet that trained it."""
    network = read_network(path)
    assert network.dialect.key == ("alexeyab" if path.stem in ALEXEYABS else "darknet"), network.reason
    if path.stem in MARKED:
        assert "letter_box" in network.reason and not network.letter_box


@pytest.mark.parametrize("name", ALEXEYABS)
def test_asks_of_its_heads_what_alexeyab_trained_them_for(name: str) -> None:
    network = read_network(CFG / f"{name}.cfg")
    heads = [head for head in network.heads if isinstance(head, Yolo)]
    assert len(heads) == len(network.heads) == len(HEADS[name])
    scales, new_coords, kind, beta = ASKED[name]
    assert [head.scale_x_y for head in heads] == [np.float32(scale) for scale in scales]
    assert {head.new_coords for head in heads} == {new_coords}
    assert {(head.nms.kind, head.nms.beta) for head in heads} == {(kind, float(np.float32(beta)))}
    assert network.letter_box == (name in {"yolov4-csp", "yolov4x-mish", "yolov4-p5"})
    assert {anchor for head in heads for anchor in head.mask} <= set(range(heads[0].total))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_fits_the_weights_that_darknet_writes_for_it(path: Path) -> None:
    network = read_network(path)
    assert (len(network.layers), network.parameters) == FACTS[path.stem]
    unused = {field for layer in network.layers for field in layer.unused}
    assert unused == ({"hidden = 1024"} if path.stem == "rnn" else set()), "upstream's rnn.cfg has it; nobody reads it"
    assert RELEASED.get(path.stem, 4 * network.parameters + 20) - 4 * network.parameters in (16, 20)


@pytest.mark.parametrize("name", HEADS)
def test_heads_have_the_channels_that_their_boxes_need(name: str) -> None:
    network = read_network(CFG / f"{name}.cfg")
    assert [network.layers[head.index - 1].out.c for head in network.heads] == HEADS[name]
    for head in network.heads:
        cells = head.side**2 if isinstance(head, Detection) else 1
        boxes = head.n * (head.coords + 1) if not isinstance(head, Yolo) else head.n * 5
        scores = head.classes if isinstance(head, Detection) else head.n * head.classes
        assert network.layers[head.index - 1].out.c == cells * (boxes + scores)


def test_every_file_says_what_it_is() -> None:
    for path in FILES:
        head = path.read_text(encoding="utf-8").split("\n\n")[0]
        assert head.startswith("# ") and "classes" in head, path
        assert WEIGHTS.get(path.stem, f"{path.stem}.weights") in head, "the weights that fit"


@pytest.mark.parametrize(("name", "count"), [("voc", 20), ("coco", 80)])
def test_data_files_lead_to_names(name: str, count: int) -> None:
    data = read_data(CFG / f"{name}.data")
    names = read_names(CFG.parent / data["names"])
    assert len(names) == len(set(names)) == count == int(data["classes"])


@pytest.mark.parametrize("name", ["imagenet1k", "combine9k"])
def test_data_files_of_classifiers_say_the_same_as_upstream(oracle: Path, name: str) -> None:
    ours, theirs = read_data(CFG / f"{name}.data"), read_data(oracle / "reference" / "cfg" / f"{name}.data")
    for key in ("classes", "names", "labels", "top", "map"):
        assert ours.get(key) == theirs.get(key)


def test_names_are_upstreams(oracle: Path) -> None:
    for name in ("voc", "coco"):
        assert read_names(CFG / f"{name}.names") == read_names(oracle / "reference" / "data" / f"{name}.names")
