"""Layers -> steps: which function makes the steps of which layer. One module per family of layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ... import layers
from ...numeric.number_format import FLOAT32

if TYPE_CHECKING:
    from ...kernels.runtime.work import PlanKernel
    from ..context import LayerContext
    from ..step import Step

Handler = Callable[[Any, Any], list[Any]]
"""From a layer and its context to its steps."""


class Handlers(MutableMapping[type[layers.Layer], Handler]):
    """Handlers by layer class. The module of a handler is imported when a network has such a layer."""

    def __init__(self, rows: dict[str, str]) -> None:
        """
        Args:
            rows: ``module.function`` of this package, by the name of a class of `layers`.
        """
        self._rows = rows
        self._found: dict[type[layers.Layer], Handler] = {}

    def __getitem__(self, layer: type[layers.Layer]) -> Handler:
        if layer not in self._found:
            if not self._is_own(layer):
                raise KeyError(layer)
            module, _, name = self._rows[layer.__name__].partition(".")
            self._found[layer] = getattr(import_module(f".{module}", __name__), name)
        return self._found[layer]

    def _is_own(self, layer: type[layers.Layer]) -> bool:
        """Whether this class has a row: not another one of the same name."""
        return layer.__name__ in self._rows and getattr(layers, layer.__name__) is layer

    def __setitem__(self, layer: type[layers.Layer], handler: Handler) -> None:
        self._found[layer] = handler

    def __delitem__(self, layer: type[layers.Layer]) -> None:
        if layer not in self:
            raise KeyError(layer)
        if self._is_own(layer):
            del self._rows[layer.__name__]
        self._found.pop(layer, None)

    def __contains__(self, layer: object) -> bool:
        return layer in self._found or (isinstance(layer, type) and self._is_own(layer))

    def __iter__(self) -> Iterator[type[layers.Layer]]:
        own = [getattr(layers, name) for name in self._rows]
        return iter(dict.fromkeys([*own, *self._found]))

    def __len__(self) -> int:
        return len(list(iter(self)))


HANDLERS = Handlers(
    {
        "Activation": "elementwise.activation_steps",
        "AvgPool": "pooling.avgpool_steps",
        "BatchNorm": "weighted.batchnorm_steps",
        "Connected": "weighted.connected_steps",
        "Convolutional": "convolutional.convolutional_steps",
        "Contrastive": "elementwise.cost_steps",
        "ConvCrnn": "recurrent.rnn_steps",
        "ConvLstm": "recurrent.conv_lstm_steps",
        "Cost": "elementwise.cost_steps",
        "Crnn": "recurrent.rnn_steps",
        "Crop": "moves.crop_steps",
        "Deconvolutional": "weighted.deconvolutional_steps",
        "Detection": "heads.detection_steps",
        "Dropout": "elementwise.dropout_steps",
        "Empty": "elementwise.dropout_steps",
        "ForgetFirstLstm": "recurrent.lstm_steps",
        "GaussianYolo": "heads.gaussian_yolo_steps",
        "Gru": "recurrent.gru_steps",
        "HiddenRnn": "recurrent.rnn_steps",
        "History": "moves.history_steps",
        "Implicit": "moves.implicit_steps",
        "InputsFirstGru": "recurrent.gru_steps",
        "Iseg": "heads.iseg_steps",
        "L2Norm": "elementwise.l2norm_steps",
        "Local": "weighted.local_steps",
        "LocalAvgPool": "pooling.local_avgpool_steps",
        "Logistic": "elementwise.logistic_steps",
        "Lstm": "recurrent.lstm_steps",
        "MaxPool": "pooling.maxpool_steps",
        "MultiShortcut": "elementwise.multi_shortcut_steps",
        "Normalization": "elementwise.normalization_steps",
        "Region": "heads.region_steps",
        "Reorg": "moves.reorg_steps",
        "Reorg3d": "moves.reorg3d_steps",
        "Rnn": "recurrent.rnn_steps",
        "Route": "moves.route_steps",
        "Sam": "elementwise.sam_steps",
        "ScaleChannels": "elementwise.scale_channels_steps",
        "Shortcut": "elementwise.shortcut_steps",
        "Softmax": "heads.softmax_steps",
        "Upsample": "moves.upsample_steps",
        "Yolo": "heads.yolo_steps",
    }
)
"""By layer class."""

_MOVES = {
    "Dropout": "elementwise.dropout_steps",
    "Empty": "elementwise.dropout_steps",
    "MaxPool": "words.maxpool_steps",
    "Reorg": "words.reorg_steps",
    "Route": "words.route_steps",
    "Upsample": "words.upsample_steps",
}
"""Of any narrow number format."""

NARROW = {
    "int8": Handlers(
        {
            **_MOVES,
            "Convolutional": "int8.convolutional_steps",
            "MultiShortcut": "int8.shortcut_steps",
            "Shortcut": "int8.shortcut_steps",
        }
    ),
    "bf16": Handlers({**_MOVES, "Convolutional": "bf16.convolutional_steps", "Shortcut": "bf16.shortcut_steps"}),
}
"""By name of a narrow number format and layer class: all classes with layers that can be computed in it."""

BOTTLENECKS = {"float32": "..bottleneck", "int8": ".int8_bottleneck"}
"""By number format: the module whose function ``bottleneck_steps`` makes the step of a chain; few networks have one."""

OWN_KERNELS: dict[str, PlanKernel] = {}
"""By activation that a program has brought along (`extend.add_activation`): what computes it, as a step of its own."""


def make_steps(layer: layers.Layer, context: LayerContext) -> list[Step]:
    """The steps that compute ``layer``'s output from its inputs."""
    if type(layer) not in HANDLERS:
        raise TypeError(f"no kernel runs [{layer.kind}]")
    if context.chain is not None:
        numbers = context.narrow or FLOAT32
        steps_of: Handler = import_module(BOTTLENECKS[numbers.name], __name__).bottleneck_steps
        return steps_of(context.chain, context)
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
