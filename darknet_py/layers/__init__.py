"""One small class for each kind of section: what it means, which shapes it has, which arrays it stores.

A Darknet user finds everything under its Darknet name: the classes mirror ``make_*_layer`` and ``parse_*`` of Darknet's
C sources, and option names are field names.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from ..dialect import PJREDDIE
from .avgpool import AvgPool
from .base import INT32_MAX, Layer, Place, Shape, Stored
from .batchnorm import BatchNorm
from .connected import Connected
from .convolutional import Convolutional
from .crop import Crop
from .deconvolutional import Deconvolutional
from .detection import Detection
from .elementwise import Activation, Cost, Dropout, L2Norm, Logistic
from .foreign import refuse_foreign
from .head import Head
from .iseg import Iseg
from .local import Local
from .maxpool import MaxPool
from .normalization import Normalization
from .recurrent import Crnn, Gru, Lstm, Recurrent, Rnn
from .region import Region
from .reorg import Reorg
from .route import Route
from .shortcut import Shortcut
from .softmax import Softmax
from .upsample import Upsample
from .weighted import ACTIVATIONS, Weighted
from .yolo import Yolo

if TYPE_CHECKING:
    from collections.abc import Collection

    from ..formats.cfg import Section

_CLASSES: tuple[Any, ...] = (
    Activation, AvgPool, BatchNorm, Connected, Convolutional, Cost, Crnn, Crop, Deconvolutional, Detection, Dropout,
    Gru, Iseg, L2Norm, Local, Logistic, Lstm, MaxPool, Normalization, Region, Reorg, Rnn, Route, Shortcut, Softmax,
    Upsample, Yolo,
)  # fmt: skip

LAYERS: dict[str, Any] = {layer.kind: layer for layer in _CLASSES}
"""Layer class by the canonical name of its section."""


def make_layer(section: Section, place: Place, decoded: Collection[str] = ()) -> Layer:
    """The layer that a section describes, at its place in the network. Raises `CfgError`.

    ``decoded``: options of heads that the caller takes care of (`refuse_foreign`).
    """
    if section.kind not in LAYERS:
        raise section.error(f"[{section.name}] may stand only at the beginning of a cfg")
    refuse_foreign(section, decoded if issubclass(LAYERS[section.kind], Head) else ())
    layer: Layer = LAYERS[section.kind].parse(section, place)
    for array in layer.stored():
        if array.count > INT32_MAX:
            raise section.error(f"[{section.name}] has {array.count} {array.name}, more than Darknet can count")
    section.mark_used({*PJREDDIE.without_result(section.kind), "dontload", "numload", "dontloadscales"})
    unused = tuple(f"{option.key} = {option.value}{option.comment}" for option in section.unused())
    return dataclasses.replace(layer, unused=unused)


__all__ = [
    "ACTIVATIONS", "LAYERS", "Activation", "AvgPool", "BatchNorm", "Connected", "Convolutional", "Cost",
    "Crnn", "Crop", "Deconvolutional", "Detection", "Dropout", "Gru", "Head", "Iseg", "L2Norm", "Layer", "Local",
    "Logistic", "Lstm", "MaxPool", "Normalization", "Place", "Recurrent", "Region", "Reorg", "Rnn", "Route", "Shape",
    "Shortcut", "Softmax", "Stored", "Upsample", "Weighted", "Yolo", "make_layer", "refuse_foreign",
]  # fmt: skip
