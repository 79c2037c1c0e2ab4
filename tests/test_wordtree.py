"""YOLO9000 in miniature: where the tree is found, what a map does, the way through the tree."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from darknet_py.detector import Detector
from darknet_py.errors import CfgError, DarknetError
from darknet_py.loading import load
from darknet_py.synth import write_synth

from .nets import net, write_cfg

TREE = """thing -1
being -1
cup 0
car 0
dog 1
cat 1
poodle 4
beagle 4
"""
NAMES = ["Thing", "Being", "Cup", "Car", "Dog", "Cat", "Poodle", "Beagle"]

TEXT = net(
    3, 32, 32, "conv filters=16 size=3 stride=4 pad=1 batch_normalize=1 activation=leaky",
    "conv filters=26 size=1 activation=linear",
    "region classes=8 num=2 softmax=1 anchors=1,1,2,2 tree=data/small.tree",
)  # fmt: skip

PIXELS = np.random.default_rng(3).integers(0, 256, (40, 50, 3)).astype(np.uint8)


@pytest.fixture
def cfg(tmp_path: Path) -> Path:
    (tmp_path / "cfg").mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "small.tree").write_text(TREE)
    cfg = write_cfg(tmp_path / "cfg", TEXT)
    write_synth(cfg, tmp_path / "w")
    return cfg


@pytest.fixture
def detector(cfg: Path, tmp_path: Path) -> Detector:
    return load(cfg, tmp_path / "w", names=NAMES)


def test_each_sibling_group_sums_to_1(detector: Detector) -> None:
    (out,) = detector.predict(detector.prepare(PIXELS))
    groups = [slice(0, 2), slice(2, 4), slice(4, 6), slice(6, 8)]
    for anchor in out.reshape(2, 13, 8, 8):
        for group in groups:
            assert np.allclose(anchor[5:][group].sum(axis=0), 1, atol=1e-6)


def test_the_path_leads_from_a_root_to_the_class(detector: Detector) -> None:
    found = detector.detect(PIXELS, thresh=0.2, hier_thresh=0.1, tree_path=True)
    assert len(found) > 3
    parents = {"Cup": "Thing", "Car": "Thing", "Dog": "Being", "Cat": "Being", "Poodle": "Dog", "Beagle": "Dog"}
    for row, path in zip(found, found.tree_paths, strict=True):
        assert path[-1].name == row.name
        assert path[0].name in ("Thing", "Being")
        assert [parents[step.name] for step in path[1:]] == [step.name for step in path[:-1]]
        assert path[-1].absolute == pytest.approx(np.prod([step.conditional for step in path]), rel=1e-6)
    first = found.to_json()[0]["tree_path"]
    assert [step["name"] for step in first] == [step.name for step in found.tree_paths[0]]
    assert len(found[1:].tree_paths) == len(found) - 1
    assert "tree_path" not in detector.detect(PIXELS, thresh=0.2).to_json()[0]


def test_the_path_of_alexeyabs_dialect_has_the_probabilities_of_its_box(cfg: Path, tmp_path: Path) -> None:
    detector = load(cfg, tmp_path / "w", names=NAMES, dialect="alexeyab")
    found = detector.detect(PIXELS, thresh=0.3, nms=0, tree_path=True)
    assert len(found) > 3
    for row, path in zip(found, found.tree_paths, strict=True):
        assert path[-1].name == row.name
        assert path[-1].absolute == row.confidence  # his C multiplies along the tree, too


def test_a_lower_threshold_goes_deeper(detector: Detector) -> None:
    def depth(hier_thresh: float) -> int:
        found = detector.detect(PIXELS, thresh=0.2, hier_thresh=hier_thresh, tree_path=True)
        return sum(len(path) for path in found.tree_paths)

    assert depth(0.99) < depth(0.3) <= depth(0.0)


def test_a_map_reports_its_nodes_only(cfg: Path, tmp_path: Path) -> None:
    (tmp_path / "pets.map").write_text("4\n5\n")
    (tmp_path / "data" / "small.names").write_text("\n".join(NAMES) + "\n")
    detector = load(cfg, tmp_path / "w", names=["dog", "cat"], map=tmp_path / "pets.map")
    found = detector.detect(PIXELS, thresh=0.05, nms=0, tree_path=True)
    assert set(found.names) == {"dog", "cat"}
    for row, path in zip(found, found.tree_paths, strict=True):
        assert [step.name for step in path] == ["Being", row.name.capitalize()]
        assert row.confidence <= path[-1].absolute
    with pytest.raises(DarknetError, match="has 3 names, but the map has 2 classes"):
        load(cfg, tmp_path / "w", names=["dog", "cat", "cow"], map=tmp_path / "pets.map")


@pytest.mark.parametrize(("text", "message"), [("4\nx\n", ":2: "), ("4\n8\n", ":2: 8 is no class"), ("", "no numbers")])
def test_a_map_that_does_not_fit(cfg: Path, tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "pets.map").write_text(text)
    with pytest.raises(DarknetError, match=message):
        load(cfg, tmp_path / "w", map=tmp_path / "pets.map")


def test_a_map_needs_a_tree(tmp_path: Path) -> None:
    cfg = write_cfg(tmp_path, TEXT.replace("tree=data/small.tree\n", ""))
    write_synth(cfg, tmp_path / "w")
    (tmp_path / "pets.map").write_text("1\n")
    with pytest.raises(DarknetError, match=r"needs a \[region\] head with a tree"):
        load(cfg, tmp_path / "w", map=tmp_path / "pets.map")
    with pytest.raises(DarknetError, match="tree paths need"):
        load(cfg, tmp_path / "w").detect(PIXELS, tree_path=True)


def test_a_tree_of_another_size(cfg: Path, tmp_path: Path) -> None:
    (tmp_path / "data" / "small.tree").write_text(TREE + "cow 7\n")
    with pytest.raises(
        CfgError, match=r"net\.cfg:\d+: tree=data/small\.tree has 9 nodes, but \[region\] has 8 classes"
    ):
        load(cfg, tmp_path / "w")


BROKEN = {
    "a parent that comes later": ("a -1\nb 5\n", 2),
    "its own parent": ("a -1\nb 1\n", 2),
    "scattered siblings": ("a -1\nb -1\nc 0\nd 1\ne 0\n", 5),
    "no number": ("a -1\nb\n", 2),
    "a number that is none": ("a -1\nb x\n", 2),
    "nothing": ("", None),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_tree_is_refused_with_its_line(cfg: Path, tmp_path: Path, name: str) -> None:
    text, line = BROKEN[name]
    path = tmp_path / "data" / "small.tree"
    path.write_text(text)
    with pytest.raises(DarknetError) as caught:
        load(cfg, tmp_path / "w")
    assert str(caught.value).startswith(f"{path}:{line}: " if line else f"{path}: ")


def test_the_tree_is_looked_for_in_the_working_directory_first(
    cfg: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere" / "data").mkdir(parents=True)
    (tmp_path / "elsewhere" / "data" / "small.tree").write_text("broken")
    load(cfg, tmp_path / "w")
    monkeypatch.chdir(tmp_path / "elsewhere")
    with pytest.raises(DarknetError, match=r"^data/small\.tree:1: "):
        load(cfg, tmp_path / "w")


def test_a_missing_tree_names_all_places(cfg: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DARKNET_PY_WEIGHTS", str(tmp_path / "fetched"))
    (tmp_path / "data" / "small.tree").rename(tmp_path / "small.tree.away")
    with pytest.raises(DarknetError) as caught:
        load(cfg, tmp_path / "w")
    message = str(caught.value)
    for place in (tmp_path / "cfg" / "data", tmp_path / "data", tmp_path / "cfg" / "small.tree"):
        assert str(place) in message
    assert "darknet-py fetch" in message
    (tmp_path / "fetched").mkdir()
    (tmp_path / "small.tree.away").rename(tmp_path / "fetched" / "small.tree")
    load(cfg, tmp_path / "w")
