"""``[cost]`` and ``[logistic]``: losses value by value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...kernels.layers.activations import CODES
from ...kernels.train import entropy
from ...kernels.train.gradients import activate_copy
from ..context import Loss, Passes
from ..options import warn_without_effect
from .common import add_below, new_sums

if TYPE_CHECKING:
    from ...layers import Cost, Logistic
    from ..context import LayerContext

KINDS = {
    "sse": entropy.SQUARES, "seg": entropy.SQUARES, "masked": entropy.MASKED, "smooth": entropy.SMOOTH,
    "L1": entropy.ABSOLUTE,
}  # fmt: skip
"""``type`` -> the kind of loss."""


def cost_passes(layer: Cost, context: LayerContext) -> Passes:
    """Differences between the labels and the input."""
    section = context.section
    kind = section.find_str("type", "sse")
    if kind == "wgan":
        raise section.error("type=wgan: only Darknet's GPU code has it", "type")
    if kind not in KINDS:
        section.warn(f"type={kind}: there is {', '.join(KINDS)}; taken for sse, as in Darknet", "type")
        kind = "sse"
    if kind == "smooth":
        section.warn("type=smooth: as in Darknet's CPU code, values that are 1 or more from their truth are pushed "
                     "away from it; take sse or L1", "type")  # fmt: skip
    warn_without_effect(section, ("ratio", "noobj", "thresh"))
    cost, _ = new_sums(0)
    step = context.step(
        entropy.difference_loss, delta=context.own_delta, cost=cost, out=context.out, x=context.x, truth=context.truth,
        kind=KINDS[kind],
    )  # fmt: skip
    return Passes([step], add_below(context, section.find_float("scale", 1.0)), loss=Loss(cost))


def logistic_passes(layer: Logistic, context: LayerContext) -> Passes:
    """The logistic function and its cross entropy."""
    cost, _ = new_sums(0)
    forward = [
        context.step(activate_copy, out=context.out, x=context.x, code=CODES["logistic"]),
        context.step(entropy.logistic_loss, delta=context.own_delta, cost=cost, out=context.out, truth=context.truth),
    ]
    return Passes(forward, add_below(context), loss=Loss(cost))
