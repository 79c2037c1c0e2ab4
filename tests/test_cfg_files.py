"""The cfg files that come with the project: they say what upstream's say, in our words."""

from __future__ import annotations

from pathlib import Path

import pytest

from darknet_py.formats.cfg import Section, read_cfg
from darknet_py.formats.data import read_data, read_names
from darknet_py.network import read_network

CFG = Path(__file__).resolve().parent.parent / "cfg"
FILES = sorted(CFG.glob("*.cfg"))

REQUIRED = {
    "yolo-voc", "yolov2-voc", "yolov2", "yolov2-tiny", "yolov2-tiny-voc", "yolo9000", "yolov3", "yolov3-tiny",
    "yolov3-spp", "darknet19", "darknet19_448", "yolov1", "yolov1-tiny",
}  # fmt: skip

PARAMETERS = {  # values of the released weights files, headers left out
    "yolo-voc": (202704260 - 16) // 4,
    "yolov2-voc": (202704264 - 20) // 4,
    "yolov2": (203934260 - 20 + 4) // 4,
    "yolov2-tiny": (44948600 - 20 + 4) // 4,
    "yolov2-tiny-voc": (63471556 - 16) // 4,
    "yolo9000": (195230020 - 16) // 4,
    "yolov3": (248007048 - 20) // 4,
    "yolov3-tiny": (35434956 - 20) // 4,
    "yolov3-spp": (252209544 - 20) // 4,
    "yolov1": (789312988 - 16) // 4,
    "yolov1-tiny": (108399816 - 16) // 4,
    "darknet19": (83427120 - 16) // 4,
    "darknet19_448": (83427120 - 16) // 4,
    "darknet53": (166582576 - 16) // 4,
    "extraction": (93821616 - 16) // 4,
    "resnet50": (91303600 - 16) // 4,
    "densenet201": (68825776 - 16) // 4,
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
    assert {path.stem for path in FILES} >= REQUIRED


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_says_the_same_as_upstream(oracle: Path, path: Path) -> None:
    name = "yolov2-voc" if path.stem == "yolo-voc" else path.stem
    ours, theirs = read_cfg(path), read_cfg(oracle / "reference" / "cfg" / f"{name}.cfg")
    assert meaning(ours.net) == meaning(theirs.net)
    assert [meaning(section) for section in ours.layers] == [meaning(section) for section in theirs.layers]
    assert not ours.notes


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_reads_all_its_options_and_fits_the_released_weights(path: Path) -> None:
    network = read_network(path)
    assert not [layer.unused for layer in network.layers if layer.unused]
    assert abs(network.parameters - PARAMETERS[path.stem]) <= 1, "but for the four bytes of a wide header"


@pytest.mark.parametrize(("name", "count"), [("voc", 20), ("coco", 80)])
def test_data_files_lead_to_names(name: str, count: int) -> None:
    data = read_data(CFG / f"{name}.data")
    names = read_names(CFG / data["names"])
    assert len(names) == len(set(names)) == count == int(data["classes"])


def test_names_are_upstreams(oracle: Path) -> None:
    for name in ("voc", "coco"):
        assert read_names(CFG / f"{name}.names") == read_names(oracle / "reference" / "data" / f"{name}.names")
