"""Decoding: literal boxes worked out by hand, and random heads against the plain twin, bit for bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from darknet_py.detect.candidates import Candidates
from darknet_py.detect.decode import decode
from darknet_py.detect.tree import tree_steps
from darknet_py.errors import DarknetError
from darknet_py.formats.tree import Tree, read_tree
from darknet_py.kernels.runtime.denormals import CONTROL_WORD, denormals_as_zero
from darknet_py.kernels.runtime.reciprocal import HAS_ESTIMATE, intel_estimate, own_estimate
from darknet_py.layers import Region, Yolo
from darknet_py.network import Network, read_network
from darknet_py.numeric.arithmetic import PROFILES
from darknet_py.numeric.boxes import MAKEFILE, SOURCE, Frame

from . import naive_detect as naive
from .nets import net, write_cfg

f32 = np.float32


def conv(filters: int) -> str:
    return f"convolutional filters={filters} size=1 stride=32 activation=linear"


def region_net(folder: Path, options: str, channels: int, w: int = 32, h: int = 32) -> Network:
    return read_network(write_cfg(folder, net(3, h, w, conv(channels), f"region {options}")))


def run(
    network: Network, values: object, image: tuple[int, int], thresh: float, profile: str = "ieee",
    relative: bool = True, **options: object,
) -> Candidates:  # fmt: skip
    outputs = {network.heads[0].index: np.array(values, f32)}
    pixels_of = None if relative else image
    return decode(network, outputs, *image, thresh, profile=PROFILES[profile], pixels_of=pixels_of, **options)  # type: ignore[arg-type]


# ------------------------------------------------------------------------------------------------ worked out by hand


def test_region_box_of_one_cell(tmp_path: Path) -> None:
    network = region_net(tmp_path, "num=1 classes=2 softmax=1 anchors=1,2", 7)
    # x, y, w, h, objectness, two classes; one cell: the cell is the image
    found = run(network, [0.5, 0.25, 0, 0, 0.5, 0.75, 0.125], (32, 32), 0.25)
    assert found.box.tolist() == [[0.5, 0.25, 1, 2]]
    assert found.objectness.tolist() == [0.5]
    assert found.prob.tolist() == [[0.375, 0]]  # .5 * .125 is not above .25


def test_region_counts_anchor_after_anchor_and_yolo_cell_after_cell(tmp_path: Path) -> None:
    planes = np.zeros((2, 6, 2), f32)  # 2 anchors, 1 class, 2 cells side by side
    planes[:, 4:] = 1
    region = region_net(tmp_path, "num=2 classes=1 anchors=1,1,2,2", 12, w=64)
    found = run(region, planes.reshape(-1), (64, 32), 0.5)
    assert found.box.tolist() == [[0, 0, 0.5, 1], [0.5, 0, 0.5, 1], [0, 0, 1, 2], [0.5, 0, 1, 2]]
    sections = (conv(12), "yolo num=3 mask=0,2 classes=1 anchors=32,32,1,1,64,64")
    yolo = read_network(write_cfg(tmp_path, net(3, 32, 64, *sections)))
    found = run(yolo, planes.reshape(-1), (64, 32), 0.5)
    assert found.box.tolist() == [[0, 0, 0.5, 1], [0, 0, 1, 2], [0.5, 0, 0.5, 1], [0.5, 0, 1, 2]]


def test_yolo_keeps_only_boxes_above_the_threshold(tmp_path: Path) -> None:
    network = read_network(write_cfg(tmp_path, net(3, 32, 64, conv(6), "yolo num=1 classes=1 anchors=32,32")))
    values = np.zeros((6, 2), f32)
    values[4] = [0.5, 0.75]
    values[5] = [1, 0.5]
    found = run(network, values.reshape(-1), (64, 32), 0.5)
    assert found.box.tolist() == [[0.5, 0, 0.5, 1]]  # .5 itself is not above .5
    assert found.prob.tolist() == [[0]]


def test_letterbox_is_undone(tmp_path: Path) -> None:
    network = region_net(tmp_path, "num=1 classes=1 anchors=1,1", 6)
    values = [0.5, 0.5, np.log(0.5), np.log(0.25), 1, 1]
    # 200 x 100 in 32 x 32: 32 x 16 pixels, a quarter of the height free above and below
    found = run(network, values, (200, 100), 0.5)
    np.testing.assert_allclose(found.box, [[0.5, 0.5, 0.5, 0.5]], rtol=1e-6)
    found = run(network, [0.5, 0.25, *values[2:]], (200, 100), 0.5)
    assert found.box[0, 1] == 0
    found = run(network, values, (200, 100), 0.5, relative=False)
    np.testing.assert_allclose(found.box, [[100, 50, 100, 50]], rtol=1e-6)


def test_background_takes_no_objectness(tmp_path: Path) -> None:
    network = region_net(tmp_path, "num=1 classes=2 anchors=1,1 background=1", 7)
    found = run(network, [0, 0, 0, 0, 0.25, 0.75, 0.5], (32, 32), 0.5)
    assert found.objectness.tolist() == [1]
    assert found.prob.tolist() == [[0.75, 0]]


def test_yolov1_gives_pixels_and_lets_two_negatives_make_a_probability(tmp_path: Path) -> None:
    text = net(3, 32, 32, "connected output=12 activation=linear", "detection side=1 num=2 classes=2 coords=4 sqrt=1")
    network = read_network(write_cfg(tmp_path, text))
    values = [-0.5, 0.75, -1, 0, 0.5, 0.25, 0.5, -0.25, 0.5, 0.5, 1, 1]
    found = run(network, values, (200, 100), 0.25)
    assert found.box.tolist() == [[100, 25, 50, 6.25], [100, 50, 200, 100]]
    assert found.objectness.tolist() == [-1, 0]
    assert found.kept.tolist() == [0]
    assert found.prob.tolist() == [[0.5, 0]]


# ------------------------------------------------------------------------------------------------------------ WordTree


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    path = tmp_path / "small.tree"
    path.write_text("animal -1\nthing -1\ndog 0\ncat 0\npoodle 2\n")
    return read_tree(path)


@pytest.fixture
def tree_net(tmp_path: Path, tree: Tree) -> Network:
    return region_net(tmp_path, "num=1 classes=5 anchors=1,1 softmax=1 tree=small.tree", 10)


CONDITIONAL = [0.8, 0.2, 0.9, 0.1, 1.0]


@pytest.mark.parametrize(
    ("hier_thresh", "class_id"),
    [
        (0.81, 0),  # nothing is above: the best root all the same
        (0.6, 0),  # dog: .8 * .9 = .72 is, but .8 * .72 = .576 is not above
        (0.5, 2),  # dog: .576; poodle: .576 * (.72 * 1) = .415
        (0.4, 4),
    ],
)
def test_tree_walk_multiplies_twice(tree_net: Network, tree: Tree, hier_thresh: float, class_id: int) -> None:
    values = np.array([0, 0, 0, 0, 0.75, *CONDITIONAL], f32)
    before = values.copy()
    found = run(tree_net, values, (32, 32), 0.5, hier_thresh=hier_thresh, trees={1: tree})
    assert np.flatnonzero(found.prob[0]).tolist() == [class_id]
    assert found.prob[0, class_id] == 0.75  # the box's objectness
    np.testing.assert_array_equal(values, before)


def test_tree_map_reports_absolute_probabilities(tree_net: Network, tree: Tree) -> None:
    values = [0, 0, 0, 0, 0.5, *CONDITIONAL]
    found = run(tree_net, values, (32, 32), 0.3, trees={1: tree}, map=np.array([4, 3], np.int32))
    dog = f32(0.8) * f32(0.9)
    assert found.prob.tolist() == [[f32(0.5) * dog, 0, 0, 0, 0]]  # cat: .5 * .8 * .1 is not above .3


def test_tree_steps_name_the_path(tree_net: Network, tree: Tree) -> None:
    head = tree_net.heads[0]
    assert isinstance(head, Region)
    steps = tree_steps(head, np.array([0, 0, 0, 0, 0.5, *CONDITIONAL], f32), 0, 4, tree)
    assert [step.name for step in steps] == ["animal", "dog", "poodle"]
    assert [step.class_id for step in steps] == [0, 2, 4]
    np.testing.assert_allclose([step.conditional for step in steps], [0.8, 0.9, 1])
    np.testing.assert_allclose([step.absolute for step in steps], [0.8, 0.72, 0.72], rtol=1e-6)


# --------------------------------------------------------------------------------------------- against the plain twin

SIZES = st.tuples(st.integers(1, 700), st.integers(1, 700))
GRIDS = st.tuples(st.integers(1, 4), st.integers(1, 4))
SEEDS = st.integers(0, 10**6)
MAKE = st.booleans()


def same_bits(a: object, b: object) -> bool:
    return np.array_equal(np.asarray(a, f32).view(np.int32), np.asarray(b, f32).view(np.int32))


def check(found: Candidates, expected: list[naive.Found]) -> None:
    assert len(found) == len(expected)
    assert same_bits(found.box, [box.box for box in expected] or np.zeros((0, 4)))
    assert same_bits(found.objectness, [box.objectness for box in expected])
    assert found.kept.tolist() == [box.index for box in expected if box.objectness]
    classes = found.prob.shape[1]
    rows = [[expected[index].get(k) for k in range(classes)] for index in found.kept]
    assert same_bits(found.prob, rows or np.zeros((0, classes)))


def head_values(seed: int, n: int, entries: int, cells: int) -> NDArray[np.float32]:
    """Centres and scores from 0 to 1, sizes around 1."""
    rng = np.random.default_rng(seed)
    planes = rng.random((n, entries, cells)).astype(f32)
    planes[:, 2:4] = rng.normal(0, 1, (n, 2, cells))
    return planes.reshape(-1)


@settings(max_examples=40, deadline=None)
@given(
    seed=SEEDS, n=st.integers(1, 3), classes=st.integers(1, 4), grid=GRIDS, image=SIZES, make=MAKE,
    relative=st.booleans(), background=st.booleans(), thresh=st.sampled_from([0, 0.3, 0.7]),
)  # fmt: skip
def test_region_is_its_twin(
    tmp_path_factory: pytest.TempPathFactory, seed: int, n: int, classes: int, grid: tuple[int, int],
    image: tuple[int, int], make: bool, relative: bool, background: bool, thresh: float,
) -> None:  # fmt: skip
    folder = tmp_path_factory.mktemp("region")
    options = f"num={n} classes={classes} anchors=1.3,0.7 background={int(background)}"
    network = region_net(folder, options, n * (classes + 5), 32 * grid[0], 32 * grid[1])
    head = network.heads[0]
    assert isinstance(head, Region)
    values = head_values(seed, n, classes + 5, grid[0] * grid[1])
    view = naive.View((network.input.w, network.input.h), image, make, relative)
    if min(Frame(*view.net, *image).fitted) == 0:
        return  # nothing of the image is left
    found = run(network, values, image, thresh, profile="make" if make else "ieee", relative=relative)
    check(found, naive.region(head, values, view, thresh))


@settings(max_examples=40, deadline=None)
@given(
    seed=SEEDS, classes=st.integers(1, 4), grid=GRIDS, image=SIZES, make=MAKE, relative=st.booleans(),
    thresh=st.sampled_from([0, 0.3, 0.7, 0.99]),
)  # fmt: skip
def test_yolo_is_its_twin(
    tmp_path_factory: pytest.TempPathFactory, seed: int, classes: int, grid: tuple[int, int],
    image: tuple[int, int], make: bool, relative: bool, thresh: float,
) -> None:  # fmt: skip
    folder = tmp_path_factory.mktemp("yolo")
    section = f"yolo num=3 mask=2,0 classes={classes} anchors=10,14,23,27,37,58"
    text = net(3, 32 * grid[1], 32 * grid[0], conv(2 * (classes + 5)), section)
    network = read_network(write_cfg(folder, text))
    head = network.heads[0]
    assert isinstance(head, Yolo)
    values = head_values(seed, 2, classes + 5, grid[0] * grid[1])
    view = naive.View((network.input.w, network.input.h), image, make, relative)
    if min(Frame(*view.net, *image).fitted) == 0:
        return
    found = run(network, values, image, thresh, profile="make" if make else "ieee", relative=relative)
    check(found, naive.yolo(head, values, view, thresh))


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS, side=st.sampled_from([1, 3, 5, 7]), n=st.integers(1, 3), image=SIZES, make=MAKE, sqrt=st.booleans())
def test_yolov1_is_its_twin(
    tmp_path_factory: pytest.TempPathFactory, seed: int, side: int, n: int, image: tuple[int, int], make: bool,
    sqrt: bool,
) -> None:  # fmt: skip
    count = side * side * (n * 5 + 3)
    head_section = f"detection side={side} num={n} classes=3 coords=4 sqrt={int(sqrt)}"
    text = net(3, 32, 32, f"connected output={count} activation=linear", head_section)
    network = read_network(write_cfg(tmp_path_factory.mktemp("yolov1"), text))
    values = np.random.default_rng(seed).normal(0.1, 0.6, count).astype(f32)
    found = run(network, values, image, 0.2, profile="make" if make else "ieee")
    view = naive.View((32, 32), image, make)
    check(found, naive.detection(network.heads[0], values, view, 0.2))  # type: ignore[arg-type]


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, hier_thresh=st.sampled_from([0, 0.1, 0.3, 0.9]), mapped=st.booleans())
def test_tree_is_its_twin(
    tmp_path_factory: pytest.TempPathFactory, seed: int, hier_thresh: float, mapped: bool
) -> None:
    rng = np.random.default_rng(seed)
    parents = [-1, -1]
    while len(parents) < 12:  # groups of two or three below ever later nodes
        parents += [int(rng.integers(max(0, parents[-1] + 1), len(parents)))] * int(rng.integers(2, 4))
    folder = tmp_path_factory.mktemp("tree")
    (folder / "random.tree").write_text("".join(f"n{i} {parent}\n" for i, parent in enumerate(parents)))
    tree = read_tree(folder / "random.tree")
    network = region_net(folder, f"num=2 classes={tree.n} anchors=1,1 tree=random.tree", 2 * (tree.n + 5), 64, 32)
    head = network.heads[0]
    assert isinstance(head, Region)
    values = head_values(seed, 2, tree.n + 5, 2)
    classes_map = rng.permutation(tree.n)[:4].astype(np.int32) if mapped else None
    found = run(network, values, (64, 32), 0.2, hier_thresh=hier_thresh, trees={1: tree}, map=classes_map)
    as_list = None if classes_map is None else classes_map.tolist()
    check(found, naive.region(head, values, naive.View((64, 32), (64, 32)), 0.2, hier_thresh, tree, as_list))


# --------------------------------------------------------------------------------------------------------- arithmetic


def test_intel_estimate() -> None:
    """Values of the instruction on Intel's processors; good to 1.5 * 2**-12."""
    assert [float(intel_estimate(f32(x))) for x in (1, 2, 3, 0.75)] == [
        0.999755859375, 0.4998779296875, 0.333251953125, 1.3330078125,
    ]  # fmt: skip
    values = np.linspace(1, 2, 5000, endpoint=False, dtype=f32)
    estimates = np.array([intel_estimate(x) for x in values])
    assert np.abs(estimates * values.astype(float) - 1).max() <= 1.5 * 2**-12
    assert len(set(estimates.tolist())) <= 2048
    assert float(intel_estimate(f32(416))) == float(intel_estimate(f32(1.625))) / 256


@pytest.mark.skipif(not HAS_ESTIMATE, reason="this processor has no rcpps")
def test_own_estimate() -> None:
    for x in (1.0, 3.0, 13.0, 416.0, 576.5):
        assert abs(float(own_estimate(f32(x))) * x - 1) <= 1.5 * 2**-12


def test_make_divides_by_way_of_the_estimate() -> None:
    """Seen in gcc's build on an Intel processor: 312 / 416 is not .75."""
    frame = Frame(416, 416, 768, 576)
    assert frame.fitted == (416, 312)
    box = np.array([[0.25, 0.625, 0.5, 0.25]], f32)
    exact = SOURCE.correct(frame, box)
    made = MAKEFILE.correct(frame, box)
    assert exact.tolist() == [[0.25, f32(2) / f32(3), 0.5, f32(1) / f32(3)]]
    assert not same_bits(exact, made)
    np.testing.assert_allclose(made, exact, rtol=3e-7)


def test_make_flushes_denormals_and_ieee_does_not(tmp_path: Path) -> None:
    network = region_net(tmp_path, "num=1 classes=1 anchors=1,1", 6)
    values = [0, 0, 0, 0, 1e-20, 1e-20]
    assert run(network, values, (32, 32), 0).prob[0, 0] == f32(1e-20) * f32(1e-20) > 0
    with denormals_as_zero(True):  # as a library in this process may have left it
        inside = run(network, values, (32, 32), 0).prob[0, 0]
    assert inside == f32(1e-20) * f32(1e-20)
    if CONTROL_WORD is not None:
        assert run(network, values, (32, 32), 0, profile="make").prob[0, 0] == 0


# ------------------------------------------------------------------------------------------------------------- errors


def test_errors(tmp_path: Path, tree_net: Network, tree: Tree) -> None:
    network = region_net(tmp_path, "num=1 classes=1 anchors=1,1", 6)
    good = np.zeros(6, f32)
    for arguments, message in (
        (dict(thresh=-1.0), "thresh=-1.0 must be"),
        (dict(thresh=float("nan")), "thresh=nan must be"),
        (dict(hier_thresh=-0.5), "hier_thresh=-0.5 must be"),
        (dict(image_w=0), "an image of 0 x 32"),
        (dict(outputs={}), "the output of layer 1"),
        (dict(outputs={1: good[:5]}), "has 5 values instead of 6"),
    ):
        options = {"outputs": {1: good}, "image_w": 32, "image_h": 32, "thresh": 0.5, **arguments}
        with pytest.raises(DarknetError, match=message):
            decode(network, **options)  # type: ignore[arg-type]
    values = {1: np.zeros(10, f32)}
    with pytest.raises(DarknetError, match="needs its tree"):
        decode(tree_net, values, 32, 32, 0.5)
    with pytest.raises(DarknetError, match="map entry 1 is 5"):
        decode(tree_net, values, 32, 32, 0.5, trees={1: tree}, map=np.array([1, 5], np.int32))
    with pytest.raises(DarknetError, match="the map has 6 entries"):
        decode(tree_net, values, 32, 32, 0.5, trees={1: tree}, map=np.zeros(6, np.int32))
    classifier = read_network(write_cfg(tmp_path, net(3, 32, 32, "avgpool"), "classifier.cfg"))
    with pytest.raises(DarknetError, match="no head"):
        decode(classifier, {}, 32, 32, 0.5)


def test_images_too_long_to_leave_a_width_do_not_crash(tmp_path: Path) -> None:
    network = region_net(tmp_path, "num=1 classes=1 anchors=1,1", 6)
    for profile in ("ieee", "make"):
        found = run(network, [0.5, 0.5, 0, 0, 1, 1], (1, 4000), 0.5, profile=profile)
        assert not np.isfinite(found.box).all()
