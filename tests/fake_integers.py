"""A network in 8-bit integers, simulated: float32 with weights and outputs rounded as a calibration says."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from darknet_py.calibrate.floats import rounded_layers
from darknet_py.calibrate.noise import NoisyNetwork, rounded
from darknet_py.calibration import Calibration
from darknet_py.detector import Detector
from darknet_py.numeric.balance import channel_factors
from darknet_py.parameters import Parameters
from darknet_py.typing import Floats


class FakeIntegers(Detector):
    """What `calibrate.run.integer_detector` makes, without kernels for integers."""

    def __init__(self, detector: Detector, parameters: Parameters, calibration: Calibration) -> None:
        network = detector.network
        super().__init__(network, parameters, math="fast", threads=1, view=detector.view, names=detector.names)
        integers = calibration.quantization.integers(network)
        balanced = rounded(network, calibration.balanced(network, parameters), integers)
        self.noisy = NoisyNetwork(network, balanced, calibration.quantization.outputs)
        self.factors = calibration.factors
        self.noisy.rounds = frozenset(rounded_layers(network, calibration.quantization.floats))

    def predict(self, x: Floats) -> list[Floats]:
        if x.ndim == 4:
            return [np.stack(outputs) for outputs in zip(*(self.predict(each) for each in x), strict=True)]
        self.noisy.run(x)
        heads = self.network.heads
        return [self.noisy.output(head.index).reshape(head.out.c, head.out.h, head.out.w).copy() for head in heads]

    def keep_outputs(self, numbers: Iterable[int]) -> None:
        """All are kept."""

    def layer_output(self, number: int) -> Floats:
        layer = self.network.layers[number]
        values = self.noisy.output(number).reshape(layer.out.c, -1)
        return values * channel_factors(self.network, self.factors, number)[:, None].astype(np.float32)
