"""One small class for each kind of section: what it means, which shapes it has, which arrays it stores.

A Darknet user finds everything under its Darknet name: the classes mirror ``make_*_layer`` and ``parse_*`` of Darknet's
C sources, and option names are field names.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, MutableMapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..dialect import ALEXEYAB, PJREDDIE
from .base import INT32_MAX, Layer, Place, Shape, Stored
from .foreign import refuse_foreign, warn_of_ignored
from .head import GridHead, Head, MaskedHead, NmsOptions
from .mistyped import warn_of_mistyped
from .opencv import OpenCvLayer, RowOptions
from .weighted import ACTIVATIONS, Weighted

if TYPE_CHECKING:
    from ..formats.cfg import Section
    from .alexeyab_recurrent import ForgetFirstLstm, HiddenRnn, InputsFirstGru
    from .avgpool import AvgPool
    from .batchnorm import BatchNorm
    from .connected import Connected
    from .conv_lstm import ConvCrnn, ConvLstm
    from .convolutional import Convolutional
    from .crop import Crop
    from .deconvolutional import Deconvolutional
    from .detection import Detection
    from .elementwise import Activation, Cost, Dropout, L2Norm, Logistic
    from .gaussian_yolo import GaussianYolo
    from .iseg import Iseg
    from .local import Local
    from .local_avgpool import LocalAvgPool
    from .maxpool import MaxPool
    from .multi_shortcut import MultiShortcut
    from .normalization import Normalization
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
    from .yolo import Yolo

_MODULES = {
    "alexeyab_recurrent": ("ForgetFirstLstm", "HiddenRnn", "InputsFirstGru"),
    "avgpool": ("AvgPool",),
    "batchnorm": ("BatchNorm",),
    "connected": ("Connected",),
    "conv_lstm": ("ConvCrnn", "ConvLstm"),
    "convolutional": ("Convolutional",),
    "crop": ("Crop",),
    "deconvolutional": ("Deconvolutional",),
    "detection": ("Detection",),
    "elementwise": ("Activation", "Cost", "Dropout", "L2Norm", "Logistic"),
    "gaussian_yolo": ("GaussianYolo",),
    "iseg": ("Iseg",),
    "local": ("Local",),
    "local_avgpool": ("LocalAvgPool",),
    "maxpool": ("MaxPool",),
    "multi_shortcut": ("MultiShortcut",),
    "normalization": ("Normalization",),
    "passing": ("Contrastive", "Empty", "History", "Implicit"),
    "recurrent": ("Crnn", "Gru", "Lstm", "Recurrent", "Rnn"),
    "region": ("Region",),
    "reorg": ("Reorg",),
    "reorg3d": ("Reorg3d",),
    "route": ("Route",),
    "scale_channels": ("Sam", "ScaleChannels"),
    "shortcut": ("Shortcut",),
    "softmax": ("Softmax",),
    "upsample": ("Upsample",),
    "yolo": ("Yolo",),
}
"""Classes by module. One is imported when it is first asked for: of forty a network has a handful, and making them all
took a tenth of the time of a command for one picture."""

_PLACES = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f".{_PLACES[name]}", __name__), name)
    return value


class Classes(MutableMapping[str, type[Layer]]):
    """Layer classes by the canonical names of their sections."""

    def __init__(self, names: dict[str, str]) -> None:
        """
        Args:
            names: of classes of this package, by section.
        """
        self._names = names
        self._found: dict[str, type[Layer]] = {}

    def __getitem__(self, kind: str) -> type[Layer]:
        if kind not in self._found:
            name = self._names[kind]
            self._found[kind] = globals().get(name) or __getattr__(name)
        return self._found[kind]

    def __setitem__(self, kind: str, layer: type[Layer]) -> None:
        self._names[kind] = layer.__name__
        self._found[kind] = layer

    def __delitem__(self, kind: str) -> None:
        del self._names[kind]
        self._found.pop(kind, None)

    def __contains__(self, kind: object) -> bool:
        return kind in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


_SHARED = {
    "activation": "Activation", "avgpool": "AvgPool", "batchnorm": "BatchNorm", "connected": "Connected",
    "convolutional": "Convolutional", "cost": "Cost", "crop": "Crop", "detection": "Detection", "dropout": "Dropout",
    "local": "Local", "maxpool": "MaxPool", "normalization": "Normalization", "region": "Region", "reorg": "Reorg",
    "route": "Route", "softmax": "Softmax", "upsample": "Upsample", "yolo": "Yolo",
}  # fmt: skip
_PJREDDIES = {
    "crnn": "Crnn", "deconvolutional": "Deconvolutional", "gru": "Gru", "iseg": "Iseg", "l2norm": "L2Norm",
    "logistic": "Logistic", "lstm": "Lstm", "rnn": "Rnn", "shortcut": "Shortcut",
}  # fmt: skip
_ALEXEYABS = {
    "Gaussian_yolo": "GaussianYolo", "contrastive": "Contrastive", "conv_lstm": "ConvLstm", "crnn": "ConvCrnn",
    "empty": "Empty", "gru": "InputsFirstGru", "history": "History", "implicit": "Implicit",
    "local_avgpool": "LocalAvgPool", "lstm": "ForgetFirstLstm", "reorg3d": "Reorg3d", "rnn": "HiddenRnn", "sam": "Sam",
    "scale_channels": "ScaleChannels", "shortcut": "MultiShortcut",
}  # fmt: skip

LAYERS: dict[str, Classes] = {
    PJREDDIE.key: Classes({**_SHARED, **_PJREDDIES}),
    ALEXEYAB.key: Classes({**_SHARED, **_ALEXEYABS}),
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
    "refuse_foreign", "warn_of_ignored", "warn_of_mistyped",
]  # fmt: skip
