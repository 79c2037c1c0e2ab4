"""Where a training went wrong: the layer and the pictures at which numbers stopped being finite."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..errors import DarknetError

if TYPE_CHECKING:
    from .trainer import StepResult, Trainer

SHOWN = 3
"""Pictures that a message names."""


class TrainingError(DarknetError):
    """The loss is NaN or infinite: the network is lost."""


def check_loss(trainer: Trainer, result: StepResult, pictures: Sequence[str]) -> None:
    """Raise `TrainingError` if the loss of a call is not finite.

    Args:
        trainer: the network, after the call.
        result: of the call.
        pictures: of the call.
    """
    if np.isfinite(result.cost):
        return
    shown = ", ".join(pictures[:SHOWN]) + (f" and {len(pictures) - SHOWN} more" if len(pictures) > SHOWN else "")
    batch = trainer.batch_number + (not result.updated)
    raise TrainingError(
        f"the loss is {result.cost} in batch {batch}: {_first_layer(trainer)}; its pictures: {shown}; "
        "try a lower learning_rate, or more burn_in"
    )


def check_parameters(trainer: Trainer) -> None:
    """Raise `TrainingError` if parameters are not finite: a file of them would be of no use."""
    for layer, arrays in zip(trainer.network.layers, trainer.arrays, strict=True):
        for name, values in arrays.items():
            if not _finite(values):
                raise TrainingError(
                    f"after batch {trainer.batch_number} {name} of layer {layer.index} ({layer.kind}) are not finite; "
                    "nothing is written over the last checkpoint; try a lower learning_rate, or more burn_in"
                )


def largest_output(trainer: Trainer) -> str:
    """The layer whose outputs are the largest, in words."""
    layers = trainer.network.layers
    sizes = [float(np.abs(trainer.plan.output(layer.index)).max()) for layer in layers]
    worst = layers[int(np.argmax(sizes))]
    return f"the outputs of layer {worst.index} ({worst.kind}) reach {max(sizes):.2g}"


def _first_layer(trainer: Trainer) -> str:
    """The first layer whose output is not finite, in words."""
    for layer in trainer.network.layers:
        what = f"layer {layer.index} ({layer.kind})"
        if not _finite(trainer.plan.output(layer.index)):
            return f"the output of {what} is the first that is not finite"
    return "all outputs are finite, the loss alone is not"


def _finite(values: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> bool:
    with np.errstate(all="ignore"):
        return bool(np.isfinite(values.sum(dtype=np.float64)))
