"""What losses share: the way of their deltas to the layer below, and Darknet's lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...kernels.train.moves import ONE, add_scaled

if TYPE_CHECKING:
    from ...plan.step import Step
    from ...typing import Floats
    from ..context import LayerContext


def add_below(context: LayerContext, scale: float = 1.0) -> list[Step]:
    """The deltas, times ``scale``, are added to those of the layer below."""
    if context.below is None:
        return []
    delta = context.own_delta
    return [
        context.step(
            add_scaled, out=context.below, x=delta, parts=1, size=delta.size, next_out=delta.size, next_x=delta.size,
            factor=ONE * np.float32(scale),
        )
    ]  # fmt: skip


def new_sums(size: int) -> tuple[Floats, Floats]:
    """A cost, and sums for a line."""
    return np.zeros(1, np.float32), np.zeros(size, np.float32)


def average(total: np.float32, count: float) -> str:
    """A float32 quotient as C's ``%f`` prints it: 0 / 0 is ``-nan`` on x86."""
    with np.errstate(divide="ignore", invalid="ignore"):
        quotient = np.float32(total) / np.float32(count)
    if np.isnan(quotient):
        negative = not np.isnan(total) or bool(np.signbit(total))
        return "-nan" if negative else "nan"
    return f"{float(quotient):f}"
