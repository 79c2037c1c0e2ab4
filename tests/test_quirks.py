"""What Darknet does that nobody would guess: literal numbers, small enough to check by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from darknet_py.detector import Detector
from darknet_py.numeric.arithmetic import get_arithmetic
from darknet_py.parameters import load_parameters
from darknet_py.plan.build import Plan
from darknet_py.plan.verify import verify

from .nets import build, build_with, net, ramp

f = np.float32


def test_reorg_is_not_space_to_depth(tmp_path: Path) -> None:
    # Darknet hands reorg_cpu the shape of its input, (4, 2, 2), as the "small" side: the input is read as (1, 4, 4).
    detector = build(tmp_path, net(4, 2, 2, "reorg stride=2"))
    (out,) = detector.predict(ramp(4, 2, 2))
    assert out.shape == (16, 1, 1)
    assert out.reshape(-1).tolist() == [0, 2, 8, 10, 1, 3, 9, 11, 4, 6, 12, 14, 5, 7, 13, 15]


def test_reorg_reverse(tmp_path: Path) -> None:
    detector = build(tmp_path, net(4, 1, 2, "reorg stride=2 reverse=1"))
    (out,) = detector.predict(ramp(4, 1, 2))
    assert out.tolist() == [[[0, 2, 1, 3], [4, 6, 5, 7]]]


def test_reorg_flatten_swaps_channels_and_pixels(tmp_path: Path) -> None:
    detector = build(tmp_path, net(2, 1, 3, "reorg stride=1 flatten=1"))
    assert detector.predict(ramp(2, 1, 3))[0].reshape(-1).tolist() == [0, 3, 1, 4, 2, 5]


def test_reorg_extra_appends_zeros(tmp_path: Path) -> None:
    detector = build(tmp_path, net(1, 2, 2, "reorg extra=3"))
    assert detector.predict(ramp(1, 2, 2))[0].tolist() == [0, 1, 2, 3, 0, 0, 0]


def test_downsampling_reads_the_beginning_of_what_its_stride_does_not_divide(tmp_path: Path) -> None:
    # rows of 5 are read as if they were 4 long
    detector = build(tmp_path, net(1, 3, 5, "upsample stride=-2"))
    assert detector.predict(ramp(1, 3, 5))[0].tolist() == [[[0 + 1 + 4 + 5, 2 + 3 + 6 + 7]]]
    check_plan(detector, tmp_path)


def check_plan(detector: Detector, folder: Path) -> None:
    """The plan of a network in a folder is found to be right."""
    profile = get_arithmetic("ieee", detector.network.dialect)
    parameters = load_parameters(detector.network, folder / "net.weights")
    assert verify(Plan(detector.network, parameters, profile, 1)) == []


def test_what_lies_behind_the_beginning_that_is_read_need_not_be_read(tmp_path: Path) -> None:
    two = "conv filters=2 size=1", "conv filters=2 size=1", "route layers=0,1"
    check_plan(build(tmp_path, net(2, 4, 4, *two, "conv filters=2 size=1 stride=2")), tmp_path)
    check_plan(build(tmp_path, net(1, 3, 3, *two, "upsample stride=-3")), tmp_path)


def test_maxpool_pads_size_minus_1_by_default(tmp_path: Path) -> None:
    # padding 1, window from -1/2 = 0: the output keeps its size, and the last column sees one value only
    detector = build(tmp_path, net(1, 1, 4, "maxpool size=2 stride=1"))
    (out,) = detector.predict(np.array([[[3, 1, 4, 2]]], f))
    assert out.tolist() == [[[3, 4, 4, 2]]]


def test_maxpool_size_3_starts_one_to_the_left(tmp_path: Path) -> None:
    detector = build(tmp_path, net(1, 1, 5, "maxpool size=3 stride=2"))
    (out,) = detector.predict(np.array([[[5, 1, 2, 7, 3]]], f))
    assert out.tolist() == [[[5, 7, 7]]]


def test_maxpool_outside_counts_as_lowest_float(tmp_path: Path) -> None:
    detector = build(tmp_path, net(1, 1, 1, "maxpool size=2 stride=1 padding=5"))
    (out,) = detector.predict(np.array([[[-9]]], f))
    lowest = np.finfo(f).min
    assert out.shape == (1, 5, 5)
    assert out[0, 2].tolist() == [lowest, -9, -9, lowest, lowest]


def test_a_1x1_convolution_with_stride_reads_its_input_as_it_lies(tmp_path: Path) -> None:
    # 2 channels of 1 x 4, stride 2: 2 outputs; channel k starts at value 2 * k, not 4 * k, and no value is skipped
    arrays = {"biases": np.zeros(1, f), "weights": np.array([1, 10], f).reshape(1, 2, 1, 1)}
    text = net(2, 1, 4, "convolutional filters=1 size=1 stride=2 activation=linear")
    (out,) = build_with(tmp_path, text, arrays).predict(ramp(2, 1, 4))
    assert out.tolist() == [[[0 + 20, 1 + 30]]]


def test_pad_overrides_padding(tmp_path: Path) -> None:
    detector = build(tmp_path, net(1, 9, 9, "convolutional size=5 pad=1 padding=1 activation=linear"))
    assert detector.network.layers[0].pad == 2  # type: ignore[attr-defined]


def test_the_first_of_two_equal_keys_wins(tmp_path: Path) -> None:
    detector = build(tmp_path, net(1, 8, 8, "maxpool size=2 stride=2 stride=4 size=4"))
    assert detector.network.layers[0].out.w == 4


def test_shortcut_between_unlike_shapes_adds_where_both_have_values(tmp_path: Path) -> None:
    # from: 1 channel of 2 x 2; here: 2 channels of 1 x 1. Every second value of the larger one is added.
    text = net(
        2, 2, 2, "crop crop_width=2 crop_height=2 noadjust=1", "maxpool size=2 stride=2 padding=0", "shortcut from=0"
    )
    (out,) = build(tmp_path, text).predict(ramp(2, 2, 2))
    assert out.reshape(-1).tolist() == [3 + 0, 7 + 4]


def test_upsample_with_negative_stride_sums_blocks(tmp_path: Path) -> None:
    (out,) = build(tmp_path, net(1, 2, 4, "upsample stride=-2 scale=.5")).predict(ramp(1, 2, 4))
    assert out.tolist() == [[[0.5 * (0 + 1 + 4 + 5), 0.5 * (2 + 3 + 6 + 7)]]]


def test_crop_brings_its_middle_to_minus_1_to_1(tmp_path: Path) -> None:
    (out,) = build(tmp_path, net(1, 3, 3, "crop crop_width=1 crop_height=2")).predict(ramp(1, 3, 3) / f(8))
    assert out.reshape(-1).tolist() == [2 * 0.125 - 1, 2 * 0.5 - 1]


def test_cost_is_never_written_outside_of_training(tmp_path: Path) -> None:
    detector = build(tmp_path, net(1, 1, 3, "softmax", "cost"))
    detector.predict(ramp(1, 1, 3))
    assert detector.layer_output(1).tolist() == [0, 0, 0]
    assert detector.layer_output(0).sum() > 0.99


def test_leaky_multiplies_in_double(tmp_path: Path) -> None:
    value = f(-1.0000001)
    (out,) = build(tmp_path, net(1, 1, 1, "activation activation=leaky")).predict(np.full((1, 1, 1), value))
    assert out[0, 0, 0] == f(np.float64(value) * 0.1)
    assert f(-1.0) * f(0.1) == f(np.float64(-1.0) * 0.1), "the two ways agree on most values"


def test_relu_of_a_negative_value_is_minus_0(tmp_path: Path) -> None:
    (out,) = build(tmp_path, net(1, 1, 2, "activation activation=relu")).predict(np.array([[[-3, 3]]], f))
    assert np.signbit(out[0, 0]).tolist() == [True, False]


def test_batch_norm_adds_a_float_epsilon_to_the_double_root(tmp_path: Path) -> None:
    arrays = {
        "scales": np.ones(1, f), "rolling_mean": np.full(1, 0.1, f), "rolling_variance": np.full(1, 1e-12, f),
    }  # fmt: skip
    (out,) = build_with(tmp_path, net(1, 1, 1, "batchnorm"), arrays).predict(np.full((1, 1, 1), 0.3, f))
    root = np.sqrt(np.float64(f(1e-12))) + np.float64(f(0.000001))
    assert out[0, 0, 0] == f(np.float64(f(0.3) - f(0.1)) / root)


def test_stair_of_huge_values_is_what_an_x86_int_makes_of_it(tmp_path: Path) -> None:
    x = np.array([[[-3.5, 2.5, 3.25, 4e9, -(2.0**127)]]], f)
    (out,) = build(tmp_path, net(1, 1, 5, "activation activation=stair")).predict(x)
    assert out.reshape(-1).tolist() == [-2, 1, 1.25, 2e9, -(2.0**126)]
