"""What a calibration does to each layer: a table, JSON, and which layers hurt most."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .observe import by_channel
from .ranges import Range, clipped, noise_ratio, squared_error

if TYPE_CHECKING:
    from ..calibration import Calibration
    from ..running import RunningNetwork
    from ..typing import Floats, JsonObject
    from .agreement import Agreement
    from .histogram import Histogram

WORST = 5
"""How many of the layers that hurt most are named."""


@dataclass(frozen=True)
class Row:
    """A layer.

    Attributes:
        layer, kind, shape: which one.
        integer: it is computed in integers.
        low, high, zero: the ends of its 256 levels (balanced), and the level of 0; None where it has no scale.
        clipped: share of the values beyond these.
        rounding: signal by the noise of its own levels, in dB.
        signal: signal by noise of its output in the network with integers, against ``ieee``, in dB.
        harm: its share of the noise at the heads; None if its output is not rounded.
    """

    layer: int
    kind: str
    shape: str
    integer: bool
    low: float | None
    high: float | None
    zero: int | None
    clipped: float
    rounding: float
    signal: float
    harm: float | None


@dataclass(frozen=True)
class Report:
    """Of a calibration: its rows, and how far it agrees with float32."""

    network: str
    rows: Sequence[Row]
    agreement: Agreement
    wanted: float

    @property
    def worst(self) -> list[Row]:
        """The layers whose rounding hurts most, whether they have been taken into float32 or not."""
        rows = [row for row in self.rows if row.harm]
        return sorted(rows, key=lambda row: -(row.harm or 0))[:WORST]

    @property
    def reached(self) -> bool:
        """Whether the agreement is as wanted."""
        return self.agreement.reaches(self.wanted)


def make_rows(
    calibration: Calibration, exact: RunningNetwork, integers: RunningNetwork, histograms: Mapping[int, Histogram],
    harms: Mapping[int, float], inputs: Sequence[Floats],
) -> list[Row]:  # fmt: skip
    """A row for each layer.

    Args:
        calibration: its scales and factors.
        exact: the network in float32.
        integers: the same in integers.
        histograms: of balanced outputs.
        harms: by layer whose output is rounded, the noise at the heads that this alone makes.
        inputs: with which both are compared.
    """
    network = exact.network
    signals = signal_to_noise(exact, integers, inputs)
    computed = calibration.quantization.integers(network)
    total = sum(harms.values())
    rows = []
    for layer in network.layers:
        number, histogram = layer.index, histograms[layer.index]
        scale = calibration.quantization.outputs.get(number)
        own = None if scale is None else Range(*scale.range)
        power = float((histogram.counts * histogram.centers**2).sum())
        rows.append(
            Row(
                number,
                layer.kind,
                str(layer.out),
                integer=number in computed,
                low=None if own is None else own.low,
                high=None if own is None else own.high,
                zero=None if scale is None else scale.zero,
                clipped=0.0 if own is None else clipped(histogram, own),
                rounding=math.inf if own is None else noise_ratio(power, squared_error(histogram, own)),
                signal=signals[number],
                harm=harms[number] / total if number in harms and total else None,
            )
        )
    return rows


def signal_to_noise(exact: RunningNetwork, integers: RunningNetwork, inputs: Sequence[Floats]) -> dict[int, float]:
    """By layer, the ratio of its output to what the network in integers makes wrong of it, in dB."""
    network = exact.network
    numbers = range(len(network.layers))
    signal, noise = dict.fromkeys(numbers, 0.0), dict.fromkeys(numbers, 0.0)
    for running in (exact, integers):
        running.keep_outputs(numbers)
        running.reset_state()
    for x in inputs:
        exact.predict(x)
        integers.predict(x)
        for number in numbers:
            real = by_channel(network, number, exact.layer_output(number))
            other = by_channel(network, number, integers.layer_output(number))
            signal[number] += float(np.square(real, dtype=np.float64).sum())
            noise[number] += float(np.square(other - real, dtype=np.float64).sum())
    return {number: noise_ratio(signal[number], noise[number]) for number in numbers}


def report_lines(report: Report) -> list[str]:
    """The table, the layers that hurt most, and the agreement."""
    lines = ["layer                 output         in        from .. to     clipped  rounding    signal    harm"]
    for row in report.rows:
        ends = "" if row.low is None else f"{row.low:9.3g} ..{row.high:8.3g}"
        share = "" if row.low is None else f"{row.clipped:8.4%}"
        rounding = "" if row.low is None else _decibel(row.rounding)
        harm = "" if row.harm is None else f"{row.harm:6.1%}"
        lines.append(
            f"{row.layer:4d} {row.kind:14s} {row.shape:>16s}  {'int8' if row.integer else 'float32':8s}{ends:20s} "
            f"{share:>8s} {rounding:>9s} {_decibel(row.signal):>9s}  {harm:>6s}"
        )
    floats = sum(not row.integer and row.harm is not None for row in report.rows)
    worst = ", ".join(f"{row.layer} ({row.harm:.0%}{'' if row.integer else ', in float32'})" for row in report.worst)
    lines += ["", f"hurt most, if rounded: layers {worst}" if worst else "no output is rounded"]
    lines.append(f"{sum(row.integer for row in report.rows)} layers in int8; {floats} of the others could be")
    return [line.rstrip() for line in [*lines, *agreement_lines(report)]]


def agreement_lines(report: Report) -> list[str]:
    """How far it agrees with ``ieee``."""
    own = report.agreement
    lines = [
        f"agreement with ieee on {own.images} pictures: mAP@.5 {own.at_half:.4f}, mAP@.5:.95 {own.mean:.4f}; "
        f"of {own.objects} objects {own.lost} are lost, {own.found} are found besides"
    ]
    if not own.objects:
        lines.append(
            "nothing was found in these pictures, so that there was nothing to agree on: give some with objects"
        )
    if not report.reached:
        lines.append(
            f"the agreement wanted ({report.wanted:g}) was not reached with any number of layers in float32: "
            "try more pictures, or use fast"
        )
    return lines


def _decibel(value: float) -> str:
    return "exact" if value == math.inf else "-" if value == -math.inf else f"{value:.1f} dB"


def document(report: Report) -> JsonObject:
    """Everything as JSON."""
    rows = [
        {
            "layer": row.layer, "kind": row.kind, "output": row.shape, "integer": row.integer, "low": row.low,
            "high": row.high, "zero": row.zero, "clipped": row.clipped, "rounding_db": row.rounding,
            "signal_db": row.signal, "harm": row.harm,
        }
        for row in report.rows
    ]  # fmt: skip
    return {
        "network": report.network,
        "wanted": report.wanted,
        "reached": report.reached,
        "agreement": report.agreement.as_json(),
        "layers": rows,
    }
