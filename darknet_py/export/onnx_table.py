"""Which function adds which layer to an ONNX model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import layers
from . import onnx_heads, onnx_layers, onnx_moves, onnx_pools, onnx_shortcuts, onnx_weighted
from .graph import Graph

HANDLERS: dict[type[layers.Layer], Callable[[Any, Graph], str]] = {
    layers.Activation: onnx_layers.add_activation,
    layers.AvgPool: onnx_pools.add_avgpool,
    layers.BatchNorm: onnx_weighted.add_batchnorm,
    layers.Connected: onnx_weighted.add_connected,
    layers.Contrastive: onnx_layers.add_zeros,
    layers.Convolutional: onnx_weighted.add_convolutional,
    layers.Cost: onnx_layers.add_zeros,
    layers.Crop: onnx_moves.add_crop,
    layers.Deconvolutional: onnx_weighted.add_deconvolutional,
    layers.Detection: onnx_heads.add_detection,
    layers.Dropout: onnx_layers.add_nothing,
    layers.Empty: onnx_layers.add_nothing,
    layers.GaussianYolo: onnx_heads.add_gaussian_yolo,
    layers.History: onnx_moves.add_history,
    layers.Implicit: onnx_weighted.add_implicit,
    layers.L2Norm: onnx_layers.add_l2norm,
    layers.Local: onnx_weighted.add_local,
    layers.LocalAvgPool: onnx_pools.add_local_avgpool,
    layers.Logistic: onnx_layers.add_logistic,
    layers.MaxPool: onnx_pools.add_maxpool,
    layers.MultiShortcut: onnx_shortcuts.add_multi_shortcut,
    layers.Normalization: onnx_layers.add_normalization,
    layers.Region: onnx_heads.add_region,
    layers.Reorg: onnx_moves.add_reorg,
    layers.Reorg3d: onnx_moves.add_reorg3d,
    layers.Route: onnx_moves.add_route,
    layers.Sam: onnx_layers.add_sam,
    layers.ScaleChannels: onnx_layers.add_scale_channels,
    layers.Shortcut: onnx_shortcuts.add_shortcut,
    layers.Softmax: onnx_layers.add_softmax,
    layers.Upsample: onnx_moves.add_upsample,
    layers.Yolo: onnx_heads.add_yolo,
}
"""By layer class; what is not here has no operators in ONNX."""


def add_layer(layer: layers.Layer, graph: Graph) -> str:
    """Add a layer to the model; the name of its output, (1, c, h, w). Raises `CfgError` if ONNX has nothing for it."""
    if type(layer) not in HANDLERS:
        raise graph.network.error(layer, f"[{layer.kind}] cannot be exported: ONNX has no operator for it")
    return HANDLERS[type(layer)](layer, graph)
