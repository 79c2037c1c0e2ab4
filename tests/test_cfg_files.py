"""The cfg files that come with the project: they say what upstream's say, in our words."""

from __future__ import annotations

from pathlib import Path

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
}

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


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_says_the_same_as_upstream(oracle: Path, path: Path) -> None:
    name = "yolov2-voc" if path.stem == "yolo-voc" else path.stem
    reference = oracle / "reference" / "cfg" / f"{name}.cfg"
    if not reference.exists():
        pytest.skip(f"upstream's {name}.cfg is not among the references on this machine")
    ours, theirs = read_cfg(path), read_cfg(reference)
    assert meaning(ours.net) == meaning(theirs.net)
    assert [meaning(section) for section in ours.layers] == [meaning(section) for section in theirs.layers]
    assert not ours.notes


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
        assert (f"{path.stem}.weights" in head) == (path.stem != "yolov3-voc"), "the weights that fit"


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
