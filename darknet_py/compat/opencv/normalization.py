"""Batch normalisation as OpenCV computes it, by another engine's formula: with other variances."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...numeric.arithmetic import OPENCV, get_arithmetic
from ...parameters import Parameters

if TYPE_CHECKING:
    from ...network import Network

VARIANCE = "rolling_variance"


def with_opencvs_normalization(network: Network, parameters: Parameters) -> Parameters:
    """The parameters with variances of which the network's own formula makes what OpenCV divides by.

    Where a network was trained with small variances the formulas differ by far more than rounding does.
    """
    arithmetic = get_arithmetic("ieee", network.dialect)
    arrays = [
        {**stored, VARIANCE: arithmetic.variance(OPENCV.deviations(stored[VARIANCE]))} if VARIANCE in stored else stored
        for stored in parameters.arrays
    ]
    return Parameters(arrays, parameters.seen, parameters.header, parameters.file)
