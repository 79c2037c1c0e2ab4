"""Training, as Darknet's CPU and GPU code compute it: loader, passes, losses, updates, learning rates.

How it works. A network that learns has a plan of its own (`train.plan`), beside the one for inference (`plan/`):

* Nothing is fused or reused. Each layer has an output and a delta (the gradient, as truth minus prediction, which all
  else *adds* to) for all images of a call, and keeps what its way back needs: the sums before batch normalisation and
  the normalised ones, the places of maxima, the draws of dropout. A [dropout] works in the arrays of the layer before
  it, as in Darknet.
* The parameters are arrays in Darknet's order, with their ``*_updates`` beside them (gradients, which carry the
  momentum on from update to update). After an update the packed copies that the micro-kernels read are made anew.
* A call (`Trainer.step`): random numbers are drawn in the order of the layers; the forward steps of all layers, the
  losses among them; the backward steps from the last layer to the first that gradients reach; after every
  ``subdivisions`` calls the update.
* A layer's passes are made by one function (`train.layers.HANDLERS`; heads and costs: `train.losses`), of kernels
  (`kernels/train/`) with the same contracts as all others. Sums over images and over the cells of a channel run in
  Darknet's order: threads share out filters, channels or cells, never images, so that any number of them gives the
  same bits.
* Both backward products of a convolution go through the forward micro-kernels: each of their sums is the same kind of
  chain, one product and one addition after the other in float32 (`train.layers.convolution`).

What Darknet's CPU code gets wrong is computed as its GPU code does it: the way back of [region], softmax over a
WordTree. A 1x1 convolution adds to the delta of its input, unless ``darknet_deltas`` asks for Darknet's own bits.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .opening import open_training
    from .trainer import StepResult, Trainer

_PLACES = {"StepResult": "trainer", "Trainer": "trainer", "open_training": "opening"}


def __getattr__(name: str) -> Any:
    """Import the public names when they are first used."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_PLACES[name]}", __name__), name)
    globals()[name] = value
    return value


__all__ = ["StepResult", "Trainer", "open_training"]
