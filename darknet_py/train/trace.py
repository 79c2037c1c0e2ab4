"""Hashes of everything that happens in training calls: what it takes to compare two engines bit for bit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..trace import FIRST, array_sha256

if TYPE_CHECKING:
    from ..layers import Layer
    from ..typing import Floats
    from .trainer import StepResult, Trainer

PARAMETERS = ("biases", "weights", "bias_updates", "weight_updates", "scales", "rolling_mean", "rolling_variance")
"""Of a layer, in the order of a trace; then ``scale_updates`` and the batch's statistics."""

_UPDATES = {"bias_updates": "biases", "weight_updates": "weights", "scale_updates": "scales"}


def trace_steps(trainer: Trainer, calls: Iterable[tuple[Floats, Floats]]) -> list[dict[str, Any]]:
    """Run calls, and describe each.

    Args:
        trainer: the network; its input takes on the size of each call's images.
        calls: images and labels, as `Trainer.step` takes them.

    Returns:
        for each call ``cost``, ``seen``, ``updated``, ``rate``, ``printed`` and ``layers``: of each layer its number,
        ``type``, and [sha256, first values] of ``output``, ``delta``, ``head_delta`` (a head's delta before the
        backward pass) and, ``after`` the call, of parameters, updates and the batch's statistics. Floats are
        hexadecimal.
    """
    steps = []
    for x, y in calls:
        shape = trainer.network.input
        if x.ndim == 4 and x.shape[2:] != (shape.h, shape.w):
            trainer.resize(x.shape[3], x.shape[2])
        trainer.forward(x, y)
        plan = trainer.plan
        heads = {
            layer.index: describe(plan.delta(layer.index)) for layer in trainer.network.layers
            if plan.passes[layer.index].loss is not None
        }  # fmt: skip
        result = trainer.backward()
        steps.append(_describe_step(trainer, result, heads))
    return steps


def describe(values: Floats | None) -> list[Any]:
    """Hash and first values of an array."""
    assert values is not None
    return [array_sha256(values), [float(value).hex() for value in values.reshape(-1)[:FIRST]]]


def _describe_step(trainer: Trainer, result: StepResult, heads: Mapping[int, list[Any]]) -> dict[str, Any]:
    return {
        "cost": float(result.cost).hex(),
        "seen": result.seen,
        "updated": result.updated,
        "rate": float(result.rate).hex(),
        "printed": list(result.lines),
        "layers": [_describe_layer(trainer, layer, heads) for layer in trainer.network.layers],
    }


def _describe_layer(trainer: Trainer, layer: Layer, heads: Mapping[int, list[Any]]) -> dict[str, Any]:
    plan, index = trainer.plan, layer.index
    passes = plan.passes[index]
    fields: dict[str, Any] = {"index": index, "type": layer.kind, "output": describe(plan.output(index))}
    if passes.loss is not None:
        fields |= {"head_delta": heads[index], "cost": float(np.float32(passes.loss.cost[0])).hex()}
    delta = plan.delta(index)
    if delta is not None:
        fields["delta"] = describe(delta)
    arrays, updates = trainer.arrays[index], trainer.updates[index]
    after = {
        name: values for name in (*PARAMETERS, "scale_updates")
        if (values := updates.get(_UPDATES[name]) if name in _UPDATES else arrays.get(name)) is not None
    } | passes.statistics  # fmt: skip
    if after:
        fields["after"] = {name: describe(values) for name, values in after.items()}
    return fields
