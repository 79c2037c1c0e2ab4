"""Layers -> steps: which function makes the steps of which layer. One module per family of layers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ... import layers
from . import bf16, convolutional, elementwise, heads, int8, moves, pooling, recurrent, weighted, words

if TYPE_CHECKING:
    from ...kernels.runtime.work import PlanKernel
    from ..context import LayerContext
    from ..step import Step

HANDLERS: dict[type[layers.Layer], Callable[[Any, Any], list[Any]]] = {
    layers.Activation: elementwise.activation_steps,
    layers.AvgPool: pooling.avgpool_steps,
    layers.BatchNorm: weighted.batchnorm_steps,
    layers.Connected: weighted.connected_steps,
    layers.Convolutional: convolutional.convolutional_steps,
    layers.Contrastive: elementwise.cost_steps,
    layers.ConvCrnn: recurrent.rnn_steps,
    layers.ConvLstm: recurrent.conv_lstm_steps,
    layers.Cost: elementwise.cost_steps,
    layers.Crnn: recurrent.rnn_steps,
    layers.Crop: moves.crop_steps,
    layers.Deconvolutional: weighted.deconvolutional_steps,
    layers.Detection: heads.detection_steps,
    layers.Dropout: elementwise.dropout_steps,
    layers.Empty: elementwise.dropout_steps,
    layers.ForgetFirstLstm: recurrent.lstm_steps,
    layers.GaussianYolo: heads.gaussian_yolo_steps,
    layers.Gru: recurrent.gru_steps,
    layers.HiddenRnn: recurrent.rnn_steps,
    layers.History: moves.history_steps,
    layers.Implicit: moves.implicit_steps,
    layers.InputsFirstGru: recurrent.gru_steps,
    layers.Iseg: heads.iseg_steps,
    layers.L2Norm: elementwise.l2norm_steps,
    layers.Local: weighted.local_steps,
    layers.LocalAvgPool: pooling.local_avgpool_steps,
    layers.Logistic: elementwise.logistic_steps,
    layers.Lstm: recurrent.lstm_steps,
    layers.MaxPool: pooling.maxpool_steps,
    layers.MultiShortcut: elementwise.multi_shortcut_steps,
    layers.Normalization: elementwise.normalization_steps,
    layers.Region: heads.region_steps,
    layers.Reorg: moves.reorg_steps,
    layers.Reorg3d: moves.reorg3d_steps,
    layers.Rnn: recurrent.rnn_steps,
    layers.Route: moves.route_steps,
    layers.Sam: elementwise.sam_steps,
    layers.ScaleChannels: elementwise.scale_channels_steps,
    layers.Shortcut: elementwise.shortcut_steps,
    layers.Softmax: heads.softmax_steps,
    layers.Upsample: moves.upsample_steps,
    layers.Yolo: heads.yolo_steps,
}
"""By layer class."""

_MOVES: dict[type[layers.Layer], Callable[[Any, Any], list[Any]]] = {
    layers.Dropout: elementwise.dropout_steps,
    layers.Empty: elementwise.dropout_steps,
    layers.MaxPool: words.maxpool_steps,
    layers.Reorg: words.reorg_steps,
    layers.Route: words.route_steps,
    layers.Upsample: words.upsample_steps,
}
"""Of any narrow number format."""

NARROW: dict[str, dict[type[layers.Layer], Callable[[Any, Any], list[Any]]]] = {
    "int8": {
        **_MOVES,
        layers.Convolutional: int8.convolutional_steps,
        layers.Shortcut: int8.shortcut_steps,
    },
    "bf16": {
        **_MOVES,
        layers.Convolutional: bf16.convolutional_steps,
        layers.Shortcut: bf16.shortcut_steps,
    },
}
"""By name of a narrow number format and layer class: all classes with layers that can be computed in it."""

OWN_KERNELS: dict[str, PlanKernel] = {}
"""By activation that a program has brought along (`extend.add_activation`): what computes it, as a step of its own."""


def make_steps(layer: layers.Layer, context: LayerContext) -> list[Step]:
    """The steps that compute ``layer``'s output from its inputs."""
    if type(layer) not in HANDLERS:
        raise TypeError(f"no kernel runs [{layer.kind}]")
    if context.narrow is not None:
        return NARROW[context.narrow.name][type(layer)](layer, context)
    activation = getattr(layer, "activation", None)
    if activation not in OWN_KERNELS:
        return HANDLERS[type(layer)](layer, context)
    steps = HANDLERS[type(layer)](replace(layer, activation="linear"), context)  # type: ignore[call-arg]
    return [*steps, *_own_activation(OWN_KERNELS[activation], layer.out.size, context)]


def _own_activation(kernel: PlanKernel, count: int, context: LayerContext) -> list[Step]:
    """An activation in place, of one image after the other."""
    starts = [image * context.images.next_out for image in range(context.images.count)]
    outputs = [context.out[start : start + count] for start in starts]
    return [context.step(kernel, out=out, x=out, count=count) for out in outputs]
