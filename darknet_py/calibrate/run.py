"""A calibration from pictures: observed, chosen, tried, with the report of it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ..calibration import Calibration
from ..detector import Detector
from ..errors import DarknetError
from ..numeric.arithmetic import get_arithmetic
from ..numeric.quantization import Quantization, quantizable, scaled
from .agreement import agreement, look, setting_of
from .balancing import choose_powers
from .floats import ends_in_float, fewest_floats, order_of_harm, rounded_layers
from .noise import NoisyNetwork, noise_shares
from .observe import observe_channels, observe_values
from .ranges import METHODS
from .report import Report, make_rows
from .scales import choose_scales, choose_shifts, folded_weights

if TYPE_CHECKING:
    from ..network import Network
    from ..parameters import Parameters
    from ..typing import Floats, Pixels
    from .agreement import Agreement, Seen
    from .histogram import Histogram

FEW = 8
"""With fewer pictures, all of them serve for everything."""

PROBED = 3
"""Pictures with which each layer's noise is measured."""


class Bar(Protocol):
    """Shows how far a part of the work is: ``bar(count, what)`` yields what is called for each step."""

    def __call__(self, count: int, what: str, /) -> AbstractContextManager[Callable[[], None]]: ...


def no_bar(count: int, what: str) -> AbstractContextManager[Callable[[], None]]:
    """Shows nothing."""
    return nullcontext(lambda: None)


@dataclass(frozen=True)
class Asked:
    """How to calibrate.

    Attributes:
        method: how ranges are chosen: a key of `ranges.METHODS`.
        wanted: least agreement (`Agreement.reaches`); layers that hurt stay in float32 until then. 0: as it is.
        seed: of the order in which pictures are divided.
        balance: bring channels to like ranges first.
    """

    method: str = "mse"
    wanted: float = 0.9
    seed: int = 0
    balance: bool = True


@dataclass(frozen=True)
class Pictures:
    """The pictures to observe, and those to measure the agreement with: others, where there are enough."""

    observed: Sequence[Path]
    measured: Sequence[Path]

    @classmethod
    def divide(cls, paths: Sequence[Path], seed: int) -> Pictures:
        """Half of them are for measuring: few objects would tell little."""
        order = sorted(paths)
        if len(order) < FEW:
            return cls(order, order)
        random.Random(seed).shuffle(order)
        count = len(order) // 2
        return cls(order[count:], order[:count])


class ReadAgain:
    """Pictures that are read again for each look at them: all together they could be more than the memory holds."""

    def __init__(self, paths: Sequence[Path], read: Callable[[Path], Pixels]) -> None:
        self._paths, self._read = paths, read

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, number: int) -> Pixels:
        return self._read(self._paths[number])

    def __iter__(self) -> Iterator[Pixels]:
        return map(self._read, self._paths)


class Calibrator:
    """A network in float32, its pictures, and what is found out about it.

    Attributes:
        unchosen: after a run, the calibration with as many layers in integers as can be.
    """

    unchosen: Calibration

    def __init__(self, detector: Detector, parameters: Parameters, asked: Asked, bar: Bar = no_bar) -> None:
        """
        Args:
            detector: the network in ``ieee`` or ``fast``.
            parameters: what it was made of.
            asked: how.
            bar: shows progress.

        Raises:
            DarknetError: the network is not for pictures, or nothing of it can be computed in integers.
        """
        detector.network.check_picture()
        if not quantizable(detector.network):
            raise DarknetError(f"{detector.network.path}: none of its layers can be computed in 8-bit integers")
        self.detector, self.network, self.parameters = detector, detector.network, parameters
        self.asked, self.bar = asked, bar

    def run(self, pictures: Pictures, read: Callable[[Path], Pixels]) -> tuple[Calibration, Report]:
        """The calibration and its report. ``read``: a file's pixels; called again for each look at a picture."""
        observed, histograms = self._observe(pictures.observed, read)
        self.unchosen = with_floats(observed, observed.quantization.floats)
        measured = ReadAgain(pictures.measured, read)
        with self.bar(len(measured), "Looking in float32") as step:
            exact = look(self.detector, measured, step)
        inputs = [self._input(measured[i]) for i in range(min(PROBED, len(measured)))]
        shares = self._shares(observed, inputs)
        floats, agreed = self._choose_floats(observed, shares, measured, exact)
        final = self._final(observed, floats, agreed, len(pictures.observed))
        integers = self._integers(final)
        rows = make_rows(final, self.detector, integers, histograms, shares, inputs)
        return final, Report(self.network.path, rows, agreed, self.asked.wanted)

    def _integers(self, calibration: Calibration) -> Detector:
        return integer_detector(self.detector, self.parameters, calibration)

    def _input(self, pixels: Pixels) -> Floats:
        """The network's input of a picture, fitted as `look` does."""
        heads = self.network.heads
        view = setting_of(self.detector).view() if heads else self.detector.class_view
        return self.detector.prepare(pixels, view)

    def _observe(
        self, paths: Sequence[Path], read: Callable[[Path], Pixels]
    ) -> tuple[Calibration, dict[int, Histogram]]:
        """Everything in integers that can be, and the histograms of balanced outputs."""
        network, arrays = self.network, self.parameters.arrays
        numbers = sorted(scaled(network) | set(range(len(network.layers))))
        self.detector.keep_outputs(number for number in numbers if number >= 0)

        def inputs() -> Sequence[Floats] | map[Floats]:
            return map(lambda path: self._input(read(path)), paths)

        with self.bar(len(paths), "Looking at channels") as step:
            channels = observe_channels(self.detector, inputs(), numbers, step)
        weights = folded_weights(network, arrays)
        powers = choose_powers(network, weights, channels) if self.asked.balance else {}
        calibration = Calibration(Quantization({}), powers)
        with self.bar(len(paths), "Counting values") as step:
            histograms = observe_values(self.detector, inputs(), numbers, calibration.factors, step)
        scales = choose_scales(network, histograms, METHODS[self.asked.method])
        shifts = choose_shifts(network, weights, channels, calibration.factors)
        return Calibration(Quantization(scales, ends_in_float(network)), powers, shifts), histograms

    def _shares(self, calibration: Calibration, inputs: Sequence[Floats]) -> dict[int, float]:
        """The noise of each rounded output at the heads."""
        plain = replace(calibration, shifts={}).balanced(self.network, self.parameters)
        noisy = NoisyNetwork(self.network, plain, calibration.quantization.outputs, self.detector.trees)
        numbers = rounded_layers(self.network, calibration.quantization.floats)
        numbers = [number for number in numbers if number in calibration.quantization.outputs]
        with self.bar(len(numbers), "Trying layers") as step:
            return noise_shares(noisy, inputs, numbers, step)

    def _choose_floats(
        self, calibration: Calibration, shares: dict[int, float], measured: ReadAgain, exact: Seen
    ) -> tuple[frozenset[int], Agreement]:
        """The layers to keep in float32, and how far the network agrees then."""

        def measure(floats: frozenset[int]) -> Agreement:
            integers = self._integers(with_floats(calibration, floats))
            with self.bar(len(measured), f"Measuring with {len(floats)} layers in float32") as step:
                return agreement(exact, look(integers, measured, step), self.network.classes)

        start = calibration.quantization.floats
        return fewest_floats(start, order_of_harm(self.network, shares), measure, self.asked.wanted)

    def _final(self, calibration: Calibration, floats: frozenset[int], agreed: Agreement, images: int) -> Calibration:
        asked, shape = self.asked, self.network.input
        made = {
            "method": asked.method, "seed": asked.seed, "images": images, "size": [shape.w, shape.h],
            "agreement": agreed.as_json(),
        }  # fmt: skip
        return replace(with_floats(calibration, floats), made=made)


def check_computes(network: Network) -> None:
    """Raise `DarknetError` if this machine cannot compute in integers: a calibration is tried out before it counts."""
    why = get_arithmetic("int8", network.dialect).why_not_here()
    if why is not None:
        raise DarknetError(f"{network.path}: cannot be calibrated here: {why}")


def with_floats(calibration: Calibration, floats: frozenset[int]) -> Calibration:
    """The calibration with other layers in float32; their weights are not rounded, so no bias is moved."""
    quantization = replace(calibration.quantization, floats=floats)
    shifts = {layer: values for layer, values in calibration.shifts.items() if layer not in floats}
    return replace(calibration, quantization=quantization, shifts=shifts)


def integer_detector(detector: Detector, parameters: Parameters, calibration: Calibration) -> Detector:
    """The same network with ``math="int8"``."""
    return Detector(
        detector.network, calibration.balanced(detector.network, parameters), names=detector.names,
        trees=detector.trees, view=detector.view, node_names=detector.node_names, math="int8",
        threads=detector.threads, quantization=calibration.whole,
    )  # fmt: skip
