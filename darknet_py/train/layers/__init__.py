"""Layers -> passes: which function makes the passes of which layer. One module per family; heads are in `losses`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ... import layers
from ..losses import cost, detection, region, softmax, yolo
from . import convolution, dense, elementwise, moves, pooling

if TYPE_CHECKING:
    from ...kernels.vector.tile import Tile
    from ...network import Network
    from ..context import LayerContext, Passes

HANDLERS: dict[type[layers.Layer], Callable[[Any, Any], Any]] = {
    layers.Activation: elementwise.activation_passes,
    layers.AvgPool: pooling.avgpool_passes,
    layers.Connected: dense.connected_passes,
    layers.Convolutional: convolution.convolutional_passes,
    layers.Cost: cost.cost_passes,
    layers.Crop: moves.crop_passes,
    layers.Detection: detection.detection_passes,
    layers.Dropout: moves.dropout_passes,
    layers.Local: dense.local_passes,
    layers.Logistic: cost.logistic_passes,
    layers.MaxPool: pooling.maxpool_passes,
    layers.Normalization: elementwise.normalization_passes,
    layers.Region: region.region_passes,
    layers.Reorg: moves.reorg_passes,
    layers.Route: moves.route_passes,
    layers.Shortcut: elementwise.shortcut_passes,
    layers.Softmax: softmax.softmax_passes,
    layers.Upsample: moves.upsample_passes,
    layers.Yolo: yolo.yolo_passes,
}
"""Layer class -> the function that makes its passes. What is not here cannot be trained."""

ROOMS: dict[type[layers.Layer], Callable[[Any, int, Tile, int], int]] = {
    layers.Convolutional: convolution.convolutional_room,
    layers.Local: dense.local_room,
}
"""Layer class -> how many values of the memory that all layers share it needs, of (layer, batch, tile, threads)."""


IN_PLACE = frozenset({layers.Dropout})
"""Layers whose output and delta are those of the layer before."""

WITHOUT_DELTA = frozenset({layers.Crop})
"""Layers that end the way back."""


def make_passes(layer: layers.Layer, context: LayerContext) -> Passes:
    """A layer's passes. Raises `CfgError` for options that cannot be trained."""
    passes: Passes = HANDLERS[type(layer)](layer, context)
    return passes


def check_trainable(network: Network) -> None:
    """Raise `CfgError` at the first layer that cannot be trained."""
    for layer in network.layers:
        if type(layer) not in HANDLERS:
            raise network.error(layer, f"[{layer.kind}] cannot be trained")
