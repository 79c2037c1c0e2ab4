"""A network as OpenCV computes it where Darknet computes something else.

Batch normalisation by another engine's formula: with other variances. Convolutions of 1x1 pixels by another dialect's.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ...formats.cfg import read_cfg
from ...network import build_network
from ...numeric.arithmetic import OPENCV, get_arithmetic
from ...parameters import Parameters

if TYPE_CHECKING:
    from ...network import Network

VARIANCE = "rolling_variance"


def read_opencvs_network(path: Path) -> Network:
    """The graph of a cfg, of either Darknet's, in which a 1x1 convolution skips pixels as its stride says.

    In pjreddie's Darknet it reads on as its input lies in memory; OpenCV skips pixels whosever the network is.

    Raises:
        CfgError: with file and line.
    """
    cfg = read_cfg(path)
    for section in cfg.layers:
        if not section.dialect.strided_1x1:
            section.dialect = replace(section.dialect, strided_1x1=True)
    return build_network(cfg)


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
