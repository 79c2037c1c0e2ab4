"""Calibration: histograms, the ranges that are chosen from them, and when enough is agreed on."""

from __future__ import annotations

import numpy as np
import pytest

from darknet_py.calibrate.agreement import Agreement
from darknet_py.calibrate.histogram import BINS, Histogram, united
from darknet_py.calibrate.noise import rounded_to
from darknet_py.calibrate.ranges import METHODS, Range, clipped, squared_error
from darknet_py.numeric.quantization import Scale


def histogram_of(*parts: np.ndarray) -> Histogram:
    histogram = Histogram()
    for part in parts:
        histogram.add(part.astype(np.float32))
    return histogram


def test_a_histogram_does_not_depend_on_the_order_of_its_values() -> None:
    rng = np.random.default_rng(1)
    parts = [rng.normal(0, scale, 1000) for scale in (0.01, 30, 1, 1e-6)]
    one, other = histogram_of(*parts), histogram_of(*parts[::-1])
    assert (one.exponent, one.first, one.counts.tolist()) == (other.exponent, other.first, other.counts.tolist())
    assert one.total == 4000 and len(one.counts) <= BINS
    values = np.concatenate(parts).astype(np.float32)
    places = np.floor(values / np.float32(one.width)).astype(int) - one.first
    assert np.array_equal(np.bincount(places, minlength=len(one.counts)), one.counts)
    joined = united([histogram_of(parts[0], parts[1]), Histogram(), histogram_of(parts[2], parts[3])])
    assert np.array_equal(joined.counts, one.counts) and (joined.low, joined.high) == (one.low, one.high)


def test_a_histogram_takes_what_activations_can_be() -> None:
    for values in (np.zeros(5), np.full(3, 1e4), np.full(3, -2e-30), np.array([1e30, -1e-30])):
        histogram = histogram_of(values)
        assert histogram.total == len(values) and len(histogram.counts) <= BINS
        assert np.isclose(histogram.centers[histogram.counts > 0].max(), values.max(), rtol=1e-3, atol=1e27)
    with pytest.raises(ValueError, match="NaN"):
        histogram_of(np.array([1, np.nan]))


def test_ranges_say_what_is_clipped_and_what_it_costs() -> None:
    values = np.random.default_rng(3).standard_t(3, 200_000).astype(np.float32)
    values[values < 0] *= 0.1
    histogram = histogram_of(values)
    chosen = {name: method(histogram) for name, method in METHODS.items()}
    assert chosen["minmax"] == Range(float(values.min()), float(values.max()))
    assert clipped(histogram, chosen["minmax"]) == 0
    assert 0.00003 < clipped(histogram, chosen["percentile"]) < 0.0002
    errors = {name: squared_error(histogram, each) for name, each in chosen.items()}
    assert errors["mse"] < 0.9 * errors["minmax"] and errors["mse"] <= errors["percentile"]
    for name, each in chosen.items():
        scale = Scale(each.step, each.zero)
        real = float(np.square(rounded_to(values, scale) - values, dtype=np.float64).sum())
        assert errors[name] == pytest.approx(real, rel=0.1)
    low, high = (scale.step * (level - scale.zero) for level in (-0.5, 255.5))
    assert clipped(histogram, each) == pytest.approx(float(((values < low) | (values > high)).mean()), abs=1e-5)


def test_boxes_agree_better_at_an_overlap_of_half() -> None:
    assert Agreement(0.971, 0.9, 9, 1, 0, 9).reaches(0.9) and not Agreement(0.969, 0.95, 9, 1, 0, 9).reaches(0.9)
    assert Agreement(0.0, 0.0, 9, 9, 9, 9).reaches(0) and not Agreement(1.0, 0.89, 9, 1, 0, 9).reaches(0.9)
