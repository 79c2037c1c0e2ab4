"""AlexeyAB's heads and his suppression: boxes worked out by hand, and plain twins, bit for bit."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from darknet_py.detect.candidates import Candidates
from darknet_py.detect.decode import decode
from darknet_py.detect.nms import AlexeyabNms, nms_sort, suppression_of
from darknet_py.errors import CfgError
from darknet_py.formats.tree import read_tree
from darknet_py.network import Network, read_network
from darknet_py.numeric.arithmetic import get_arithmetic
from darknet_py.view import Fit, View

from .nets import net, write_cfg

f32 = np.float32
STRIDE = "size=1 stride=32 activation=linear"


def head_net(folder: Path, head: str, channels: int, w: int = 32, h: int = 32, dialect: str = "alexeyab") -> Network:
    text = net(3, h, w, f"convolutional filters={channels} {STRIDE}", head)
    return read_network(write_cfg(folder, text), dialect=dialect)


def run(network: Network, values: object, image: tuple[int, int], thresh: float, **options: object) -> Candidates:
    outputs = {network.heads[0].index: np.array(values, f32)}
    return decode(network, outputs, *image, thresh, profile=get_arithmetic("ieee", network.dialect), **options)  # type: ignore[arg-type]


# --------------------------------------------------------------------------------------------------------------- heads


def test_new_coords_are_squares(tmp_path: Path) -> None:
    network = head_net(tmp_path, "yolo num=2 mask=1 classes=1 anchors=1,1,8,24 new_coords=1", 6)
    found = run(network, [0.5, 0.25, 0.5, 0.25, 0.5, 1], (32, 32), 0.25)
    assert found.box.tolist() == [[0.5, 0.25, 0.25, 0.1875]]  # (2 * .5)^2 * 8 / 32, (2 * .25)^2 * 24 / 32


@settings(max_examples=50, deadline=None)
@given(st.floats(0, 1, width=32), st.integers(1, 400), st.integers(1, 20))
def test_new_coords_round_after_each_product(
    tmp_path_factory: pytest.TempPathFactory, v: float, anchor: int, n: int
) -> None:
    folder = tmp_path_factory.mktemp("new")
    network = head_net(folder, f"yolo num=1 classes=1 anchors={anchor},1 new_coords=1", 6, w=32 * n)
    planes = np.zeros((6, n), f32)
    planes[2], planes[4:] = v, 1
    found = run(network, planes.reshape(-1), (32 * n, 32), 0.5)
    wanted = f32(f32(f32(f32(v) * f32(v)) * f32(4)) * f32(anchor)) / f32(32 * n)
    assert found.box[:, 2].tolist() == [wanted] * n


def gaussian(folder: Path, options: str = "") -> Network:
    return head_net(folder, f"Gaussian_yolo num=1 classes=2 anchors=16,8 {options}", 11)


GAUSSIAN = [0.5, 0.125, 0.5, 0.25, 0, 0.375, 0, 0.25, 0.5, 1, 0.75]
"""x, its uncertainty, y, its, w, its, h, its, objectness, two classes."""


@pytest.mark.parametrize(
    ("point", "centre"),
    [("center", [0.5, 0.5]), ("left_top", [0.75, 0.625]), ("right_bottom", [0.25, 0.375]), ("nonsense", [0.5, 0.5])],
)
def test_gaussian_boxes_have_points_and_uncertainties(tmp_path: Path, point: str, centre: list[float]) -> None:
    found = run(gaussian(tmp_path, f"yolo_point={point}"), GAUSSIAN, (32, 32), 0.3)
    assert found.box.tolist() == [[*centre, 0.5, 0.25]]
    assert found.uncertainty is not None and found.uncertainty.tolist() == [[0.125, 0.25, 0.375, 0.25]]
    assert found.prob.tolist() == [[0.375, 0]]  # .5 * 1 * (1 - .25); .5 * .75 * .75 is not above .3


def test_gaussian_probability_is_rounded_once_more(tmp_path: Path) -> None:
    values = np.random.RandomState(3).uniform(0.05, 0.95, 11).astype(f32)
    found = run(gaussian(tmp_path), values, (32, 32), 0.0)
    s = [values[i] for i in (1, 3, 5, 7)]
    mean = f32(float(f32(f32(f32(s[0] + s[1]) + s[2]) + s[3])) / 4.0)
    wanted = [f32(float(f32(values[8] * c)) * (1.0 - float(mean))) for c in values[9:]]
    assert found.prob.tolist() == [wanted]


def test_flat_region_goes_cell_by_cell_with_objectness_1(tmp_path: Path) -> None:
    network = head_net(tmp_path, "region num=2 classes=2 anchors=1,1,2,2", 14, w=64)
    values = np.zeros((2, 2, 7), f32)  # cell, anchor, x y w h objectness classes
    values[..., 4] = [[0.5, 1], [0.25, 0]]
    values[..., 5:] = [0.75, 0.25]
    found = run(network, values.reshape(-1), (64, 32), 0.2)
    assert found.box.tolist() == [[0.25, 0.5, 0.5, 1], [0.25, 0.5, 1, 2], [0.75, 0.5, 0.5, 1], [0.75, 0.5, 1, 2]]
    assert found.objectness.tolist() == [1, 1, 1, 1]
    assert found.prob.tolist() == [[0.375, 0], [0.75, 0.25], [0, 0], [0, 0]]


def test_classfix_takes_a_low_objectness_for_0(tmp_path: Path) -> None:
    values = [0, 0, 0, 0, 0.4375, 1]
    for option, wanted in (("", 0.4375), ("classfix=-1", 0), ("classfix=1", 0.4375)):
        network = head_net(tmp_path, f"region num=1 classes=1 anchors=1,1 {option}", 6)
        assert run(network, values, (32, 32), 0.2).prob.tolist() == [[wanted]]


def test_a_tree_gives_the_deepest_class_above_a_half(tmp_path: Path) -> None:
    (tmp_path / "small.tree").write_text("animal -1\nthing -1\ndog 0\ncat 0\npoodle 2\n")
    network = head_net(tmp_path, "region num=1 classes=5 anchors=1,1 tree=small.tree", 10)
    tree = read_tree(tmp_path / "small.tree")
    index = network.heads[0].index
    for probabilities, wanted in (
        ([0.9, 0.1, 0.9, 0.1, 0.5], {2: f32(0.9) * f32(0.9)}),  # the poodle has .405
        ([0.9, 0.1, 0.9, 0.1, 1.0], {4: f32(0.9) * f32(0.9)}),
        ([0.5, 0.5, 0.5, 0.5, 1.0], {}),
    ):
        found = run(network, [0, 0, 0, 0, 0.4, *probabilities], (32, 32), 0.3, trees={index: tree}, hier_thresh=0.9)
        assert {int(k): found.prob[0, k] for k in np.flatnonzero(found.prob)} == wanted
        assert not run(network, [0, 0, 0, 0, 0.4, *probabilities], (32, 32), 0.4, trees={index: tree}).prob.any()
    nodes = np.array([4, 1], np.int32)
    found = run(network, [0, 0, 0, 0, 0.5, 1, 0.5, 1, 0, 1], (32, 32), 0.3, trees={index: tree}, map=nodes)
    assert found.prob.tolist() == [[0.5, 0, 0, 0, 0]]


def test_a_region_of_other_coordinates_is_refused(tmp_path: Path) -> None:
    head_net(tmp_path, "region num=1 classes=1 coords=6 anchors=1,1", 8, dialect="darknet")
    with pytest.raises(CfgError, match=r"coords=6: AlexeyAB's Darknet decodes every \[region\] as if it had 4"):
        head_net(tmp_path, "region num=1 classes=1 coords=6 anchors=1,1", 8)


def test_sizes_are_corrected_by_his_float_reciprocal_but_those_of_gaussian_heads(tmp_path: Path) -> None:
    values = [0.3, 0.6, 0.1, 0.2, 1, 1]
    yolo = head_net(tmp_path, "yolo num=1 classes=1 anchors=7,9", 6)
    found = run(yolo, values, (317, 211), 0.5)
    raw = [f32(math.exp(float(f32(v))) * b / 32) for v, b in ((0.1, 7), (0.2, 9))]
    new_w, new_h = 32, 211 * 32 // 317
    ratio = [f32(new_w) / f32(32), f32(new_h) / f32(32)]
    assert found.box[0, 2:].tolist() == [raw[0] * (f32(1) / ratio[0]), raw[1] * (f32(1) / ratio[1])]
    for side in range(300, 400):  # where both formulas differ, the Gaussian head keeps pjreddie's
        new_h = 211 * 32 // side
        theirs, his = f32(32) / f32(new_h), f32(1) / (f32(new_h) / f32(32))
        if raw[1] * theirs != raw[1] * his:
            break
    numbers = [0.3, 0, 0.6, 0, 0.1, 0, 0.2, 0, 1, 1, 1]
    network = head_net(tmp_path, "Gaussian_yolo num=1 classes=2 anchors=7,9", 11)
    assert run(network, numbers, (side, 211), 0.5).box[0, 3] == raw[1] * theirs
    assert run(yolo, values, (side, 211), 0.5).box[0, 3] == raw[1] * his


# ----------------------------------------------------------------------------------------------------------------- NMS


def plain_overlap(a: NDArray[np.float32], b: NDArray[np.float32], exponent: float | None) -> np.float32:
    """``box_iou``, or with an exponent ``box_diou``, scalar by scalar."""

    def ends(box: NDArray[np.float32], axis: int) -> tuple[np.float32, np.float32]:
        return box[axis] - box[axis + 2] / f32(2), box[axis] + box[axis + 2] / f32(2)

    common, hull = [], []
    for axis in (0, 1):
        (l1, r1), (l2, r2) = ends(a, axis), ends(b, axis)
        common.append(min(r1, r2) - max(l1, l2))
        hull.append(max(r1, r2) - min(l1, l2))
    inside = f32(0) if min(common) < 0 else common[0] * common[1]
    union = a[2] * a[3] + b[2] * b[3] - inside
    iou = f32(0) if inside == 0 or union == 0 else inside / union
    diagonal = hull[0] * hull[0] + hull[1] * hull[1]
    if exponent is None or diagonal == 0:
        return iou
    x, y = a[0] - b[0], a[1] - b[1]
    return iou - f32(math.pow(float((x * x + y * y) / diagonal), exponent))


def plain_nms(found: Candidates, nms: float, exponent: float | None) -> list[tuple[int, list[float]]]:
    """``diounms_sort`` of boxes that all have objectness."""
    prob = found.prob.copy()
    order = list(range(len(found)))
    for k in range(prob.shape[1]):
        order.sort(key=lambda row: -prob[row, k])
        for place, row in enumerate(order):
            if prob[row, k] == 0:
                continue
            for other in order[place + 1 :]:
                if plain_overlap(found.box[row], found.box[other], exponent) > f32(nms):
                    prob[other, k] = 0
    return [(row, prob[row].tolist()) for row in order]


def random_boxes(seed: int, n: int, classes: int = 3) -> Candidates:
    random = np.random.RandomState(seed)
    box = np.concatenate([random.uniform(0, 1, (n, 2)), random.uniform(0, 0.8, (n, 2))], axis=1).astype(f32)
    box[random.uniform(size=n) < 0.1, 2:] = 0
    prob = random.uniform(0, 1, (n, classes)).astype(f32)
    prob[random.uniform(size=prob.shape) < 0.4] = 0
    return Candidates(box, np.ones(n, f32), np.arange(n), prob)


@pytest.mark.parametrize("exponent", [None, 0.6, float(f32(0.6)), float(f32(0.2))])
def test_suppression_is_the_plain_twins(exponent: float | None) -> None:
    suppress = AlexeyabNms(exponent)
    for seed in range(20):
        found = random_boxes(seed, 5 + 3 * seed)
        for nms in (0.2, 0.45):
            boxes = suppress(found, nms)
            got = list(zip(boxes.index.tolist(), boxes.prob.tolist(), strict=True))
            assert got == plain_nms(found, nms, exponent)


def test_far_centres_save_a_box_from_greedy_suppression() -> None:
    box = np.array([[0.5, 0.5, 0.5, 0.5], [0.625, 0.5, 0.5, 0.5]], f32)  # IoU .6, distance^2 / diagonal^2 = 1/41
    found = Candidates(box, np.ones(2, f32), np.arange(2), np.array([[1], [0.5]], f32))
    assert nms_sort(found, 0.55).prob.tolist() == AlexeyabNms()(found, 0.55).prob.tolist() == [[1], [0]]
    assert AlexeyabNms(0.6)(found, 0.55).prob.tolist() == [[1], [0.5]]
    assert AlexeyabNms(0.6)(found, 0.45).prob.tolist() == [[1], [0]]


YOLO = "yolo num=1 classes=1 anchors=1,1"


@pytest.mark.parametrize(
    ("options", "exponent"),
    [
        ("", None), ("nms_kind=default beta_nms=0.1", None), ("nms_kind=greedynms beta_nms=0.1", 0.6),
        ("nms_kind=diounms", float(f32(0.6))), ("nms_kind=diounms beta_nms=0.2", float(f32(0.2))),
        ("nms_kind=cornersnms", None), ("nms_kind=softnms", None),
    ],
)  # fmt: skip
def test_a_head_chooses_the_suppression(tmp_path: Path, options: str, exponent: float | None) -> None:
    assert suppression_of(head_net(tmp_path, f"{YOLO} {options}", 6)) == AlexeyabNms(exponent)


def test_the_last_head_chooses_for_all(tmp_path: Path) -> None:
    sections = (f"convolutional filters=6 {STRIDE}", f"{YOLO} nms_kind=greedynms", "route layers=0", YOLO)
    network = read_network(write_cfg(tmp_path, net(3, 32, 32, *sections)), dialect="alexeyab")
    assert View().of(network).suppress == AlexeyabNms(None)
    sections = (sections[0], YOLO, sections[2], sections[1])
    network = read_network(write_cfg(tmp_path, net(3, 32, 32, *sections)), dialect="alexeyab")
    assert View().of(network).suppress == AlexeyabNms(0.6)
    assert View(suppress=nms_sort).of(network).suppress is nms_sort


def test_pjreddies_heads_are_suppressed_as_ever(tmp_path: Path) -> None:
    assert View().of(head_net(tmp_path, YOLO, 6, dialect="darknet")).suppress is nms_sort


# ----------------------------------------------------------------------------------------------------------------- fit


@pytest.mark.parametrize(
    ("dialect", "letter_box", "fit"),
    [("darknet", 0, Fit.LETTERBOX), ("alexeyab", 0, Fit.STRETCH), ("alexeyab", 1, Fit.LETTERBOX)],
)
def test_the_dialect_says_how_images_are_fitted(tmp_path: Path, dialect: str, letter_box: int, fit: Fit) -> None:
    text = net(3, 32, 32, f"convolutional filters=6 {STRIDE}", YOLO)
    if letter_box:
        text = text.replace("[net]", "[net]\nletter_box=1")
    network = read_network(write_cfg(tmp_path, text), dialect=dialect)
    assert View().of(network).fit is fit
    assert View().asked_size(network, (64, 48)) == ((32, 32) if fit is Fit.STRETCH else (64, 48))
