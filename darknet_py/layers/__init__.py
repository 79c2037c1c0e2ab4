"""One small class for each kind of section: what it means, which shapes it has, which arrays it stores.

A Darknet user finds everything under its Darknet name: the classes mirror ``make_*_layer`` and ``parse_*`` of Darknet's
C sources, and option names are field names.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from ..dialect import ALEXEYAB, PJREDDIE
from .alexeyab_recurrent import ForgetFirstLstm, HiddenRnn, InputsFirstGru
from .avgpool import AvgPool
from .base import INT32_MAX, Layer, Place, Shape, Stored
from .batchnorm import BatchNorm
from .connected import Connected
from .conv_lstm import ConvCrnn, ConvLstm
from .convolutional import Convolutional
from .crop import Crop
from .deconvolutional import Deconvolutional
from .detection import Detection
from .elementwise import Activation, Cost, Dropout, L2Norm, Logistic
from .foreign import refuse_foreign, warn_of_ignored
from .gaussian_yolo import GaussianYolo
from .head import GridHead, Head, MaskedHead, NmsOptions
from .iseg import Iseg
from .local import Local
from .local_avgpool import LocalAvgPool
from .maxpool import MaxPool
from .multi_shortcut import MultiShortcut
from .normalization import Normalization
from .opencv import OpenCvLayer, RowOptions
from .passing import Contrastive, Empty, History, Implicit
from .recurrent import Crnn, Gru, Lstm, Recurrent, Rnn
from .region import Region
from .reorg import Reorg
from .reorg3d import Reorg3d
from .route import Route
from .scale_channels import Sam, ScaleChannels
from .shortcut import Shortcut
from .softmax import Softmax
from .upsample import Upsample
from .weighted import ACTIVATIONS, Weighted
from .yolo import Yolo

if TYPE_CHECKING:
    from ..formats.cfg import Section

_SHARED: tuple[type[Layer], ...] = (
    Activation, AvgPool, BatchNorm, Connected, Convolutional, Cost, Crop, Detection, Dropout, Local, MaxPool,
    Normalization, Region, Reorg, Route, Softmax, Upsample, Yolo,
)  # fmt: skip
_PJREDDIES: tuple[type[Layer], ...] = (Crnn, Deconvolutional, Gru, Iseg, L2Norm, Logistic, Lstm, Rnn, Shortcut)
_ALEXEYABS: tuple[type[Layer], ...] = (
    Contrastive, ConvCrnn, ConvLstm, Empty, ForgetFirstLstm, GaussianYolo, HiddenRnn, History, Implicit,
    InputsFirstGru, LocalAvgPool, MultiShortcut, Reorg3d, Sam, ScaleChannels,
)  # fmt: skip

LAYERS: dict[str, dict[str, type[Layer]]] = {
    PJREDDIE.key: {layer.kind: layer for layer in (*_SHARED, *_PJREDDIES)},
    ALEXEYAB.key: {layer.kind: layer for layer in (*_SHARED, *_ALEXEYABS)},
}
"""Layer class by dialect and by the canonical name of its section."""


def make_layer(section: Section, place: Place) -> Layer:
    """The layer that a section describes, at its place in the network. Raises `CfgError`."""
    classes = LAYERS[section.dialect.key]
    if section.kind not in classes:
        raise section.error(f"[{section.name}] may stand only at the beginning of a cfg")
    refuse_foreign(section)
    layer: Layer = classes[section.kind].parse(section, place)
    for array in layer.stored():
        if array.count > INT32_MAX:
            raise section.error(f"[{section.name}] has {array.count} {array.name}, more than Darknet can count")
    everywhere = {option.key for option in section.dialect.everywhere.result}
    section.mark_used(section.dialect.without_result(section.kind) | everywhere)
    unused = tuple(f"{option.key} = {option.value}{option.comment}" for option in section.unused())
    return dataclasses.replace(layer, unused=unused)


__all__ = [
    "ACTIVATIONS", "LAYERS", "Activation", "AvgPool", "BatchNorm", "Connected", "Contrastive", "ConvCrnn", "ConvLstm",
    "Convolutional", "Cost", "Crnn", "Crop", "Deconvolutional", "Detection", "Dropout", "Empty", "ForgetFirstLstm",
    "GaussianYolo", "GridHead", "Gru", "Head", "HiddenRnn", "History", "Implicit", "InputsFirstGru", "Iseg", "L2Norm",
    "Layer", "Local", "LocalAvgPool", "Logistic", "Lstm", "MaskedHead", "MaxPool", "MultiShortcut", "NmsOptions",
    "Normalization", "OpenCvLayer", "Place", "Recurrent", "Region", "Reorg", "Reorg3d", "Rnn", "Route", "RowOptions",
    "Sam", "ScaleChannels", "Shape", "Shortcut", "Softmax", "Stored", "Upsample", "Weighted", "Yolo", "make_layer",
    "refuse_foreign", "warn_of_ignored",
]  # fmt: skip
