"""Batch normalisation: what it divides by, and how it becomes part of a convolution's weights."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..typing import Doubles, Floats


def root_plus_epsilon(variance: Floats) -> Doubles:
    """``sqrt(variance) + .000001f`` in double, as pjreddie's ``normalize_cpu`` computes it."""
    with np.errstate(invalid="ignore"):
        result: Doubles = np.sqrt(variance.astype(np.float64)) + np.float64(np.float32(0.000001))
    return result


def root_with_epsilon(variance: Floats) -> Doubles:
    """``sqrt(variance + .00001f)``, the sum in float, the root in double, as AlexeyAB's ``normalize_cpu`` does."""
    with np.errstate(invalid="ignore"):
        result: Doubles = np.sqrt((variance + np.float32(0.00001)).astype(np.float64))
    return result


def root_of_opencv(variance: Floats) -> Doubles:
    """``sqrt(variance + .000001f)``, as OpenCV computes it in networks from Darknet's files."""
    with np.errstate(invalid="ignore"):
        result: Doubles = np.sqrt(variance.astype(np.float64) + np.float64(np.float32(0.000001)))
    return result


@np.errstate(all="ignore")
def folded(arrays: Mapping[str, Floats], deviations: Doubles) -> dict[str, Floats]:
    """Weights and biases that give what batch normalisation would have made of the sums."""
    factor = arrays["scales"] / deviations
    weights = arrays["weights"] * _by_filter(factor, arrays["weights"]).astype(np.float32)
    return {"weights": weights, "biases": (arrays["biases"] - arrays["rolling_mean"] * factor).astype(np.float32)}


@np.errstate(all="ignore")
def fused_in_double(arrays: Mapping[str, Floats]) -> dict[str, Floats]:
    """The same as AlexeyAB's ``fuse_conv_batchnorm``: in double, then rounded to float32."""
    deviations = np.sqrt(arrays["rolling_variance"].astype(np.float64) + 0.00001)
    scales = arrays["scales"].astype(np.float64)
    biases = arrays["biases"] - scales * arrays["rolling_mean"] / deviations
    weights = (arrays["weights"] * _by_filter(scales / deviations, arrays["weights"])).astype(np.float32)
    return {"weights": weights, "biases": biases.astype(np.float32)}


def _by_filter(values: Doubles, weights: Floats) -> Doubles:
    """Numbers for each filter, to be multiplied with weights (filters first)."""
    return values.reshape(-1, *[1] * (weights.ndim - 1))
