"""What ``cv2.dnn.Net`` reports about itself: layers, shapes, operations, bytes, learned values, the graph."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .dump import dump_graph
from .errors import NotFound, opencv_surface
from .facts import Dims, PartFacts, measure_parts, read_shape
from .layer import INPUT_TYPE, Layer, part_blobs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...detector import Detector
    from ...parameters import Parameters
    from .names import Part

    Shape = Sequence[int] | Sequence[Sequence[int]]
    Shapes = tuple[tuple[NDArray[np.int32], ...], ...]


_ALL = object()


@opencv_surface
class Description:
    """The part of `Net` that computes nothing. A layer's id counts from 1; 0 is the input."""

    _parts: list[Part]
    _numbers: dict[str, int]
    _inputs: tuple[str, ...]
    _parameters: Parameters

    @abstractmethod
    def _ready(self) -> Detector:
        """The detector. Raises `DarknetError` if the network is empty."""

    @abstractmethod
    def _input_shape(self) -> Dims:
        """The shape of the blob, or what is known of it before there is one."""

    def getLayer(self, layerId: int | str) -> Layer:
        """The layer of an id or a name."""
        network = self._ready().network
        number = self._layer_number(layerId)
        if not number:
            return Layer("_input", "", outputs=self._inputs)
        part = self._parts[number - 1]
        blobs = partial(part_blobs, network, self._parameters, part)
        return Layer(part.name, part.type, read_blobs=blobs)

    def getParam(self, layer: int | str, numParam: int = 0) -> NDArray[np.float32]:
        """A copy of what a layer has learned: value number ``numParam`` of its ``blobs``."""
        blobs = self.getLayer(layer).blobs
        if not 0 <= numParam < len(blobs):
            raise NotFound(f"getParam: layer {layer!r} has {len(blobs)} parameters, none of number {numParam}")
        found: NDArray[np.float32] = blobs[numParam]
        return found

    def getLayersShapes(self, netInputShapes: Shape) -> tuple[NDArray[np.int32], Shapes, Shapes]:
        """Ids of all layers, and for each the shapes that it reads and gives, for an input of that shape."""
        facts = self._facts(netInputShapes)
        inputs = tuple(tuple(np.array(shape, np.int32) for shape in fact.inputs) for fact in facts)
        outputs = tuple((np.array(fact.output, np.int32),) for fact in facts)
        return np.arange(len(facts), dtype=np.int32), inputs, outputs

    def getFLOPS(self, *arguments: object, **named: object) -> int:
        """Floating point operations, of the whole network or, with a layer's id first, of that layer.

        ``getFLOPS(netInputShape)`` or ``getFLOPS(layerId, netInputShape)``: images, channels, height, width.
        """
        number, shape = _layer_and_shape(arguments, named)
        facts = self._facts(shape)
        return sum(fact.operations for fact in (facts if number is _ALL else [facts[self._layer_number(number)]]))

    def getMemoryConsumption(self, *arguments: object, **named: object) -> tuple[int, int]:
        """Bytes of the weights and of the outputs as OpenCV would keep them; arguments as for `getFLOPS`."""
        number, shape = _layer_and_shape(arguments, named)
        facts = self._facts(shape)
        chosen = range(len(facts)) if number is _ALL else [self._layer_number(number)]
        network = self._ready().network
        weights = sum(
            blob.nbytes for i in chosen if i for blob in part_blobs(network, self._parameters, self._parts[i - 1])
        )
        return weights, sum(facts[i].bytes for i in chosen)

    def getLayerTypes(self) -> tuple[str, ...]:
        """The types of the layers that there are, in alphabetical order."""
        self._ready()
        return tuple(sorted({INPUT_TYPE, *(part.type for part in self._parts)}))

    def getLayersCount(self, layerType: str) -> int:
        """How many layers have that type."""
        self._ready()
        return [INPUT_TYPE, *(part.type for part in self._parts)].count(layerType)

    def dump(self) -> str:
        """The network as a Graphviz graph, with the shapes for the blob that is set (else those of the cfg)."""
        return dump_graph(self._ready().network, self._parts, self._facts(self._input_shape()))

    def dumpToFile(self, path: str | os.PathLike[str]) -> None:
        """Write `dump`'s text to a file."""
        Path(path).write_text(self.dump(), encoding="utf-8")

    def _facts(self, shape: object) -> list[PartFacts]:
        network = self._ready().network
        return measure_parts(network, self._parts, read_shape(shape))

    def _layer_number(self, layer: object) -> int:
        """A layer's id, of an id or a name. Raises `NotFound`."""
        number = layer
        if isinstance(layer, str):
            number = 0 if layer == "_input" else self._numbers.get(layer, -1)
        if isinstance(number, bool) or not isinstance(number, (int, np.integer)) or not 0 <= number <= len(self._parts):
            raise NotFound(f"the network has no layer {layer!r}; getLayerNames() lists those that it has, from id 1 on")
        return int(number)


def _layer_and_shape(arguments: tuple[object, ...], named: dict[str, object]) -> tuple[object, object]:
    """The layer (`_ALL`: the network) and the input's shape of OpenCV's overloaded calls."""
    given = dict(named)
    for key in ("netInputShape", "netInputShapes"):
        if key in given:
            arguments = (*arguments, given.pop(key))
    if "layerId" in given:
        arguments = (given.pop("layerId"), *arguments)
    if given or not 1 <= len(arguments) <= 2:
        raise TypeError("the arguments are ([layerId, ]netInputShape)")
    return (_ALL, arguments[0]) if len(arguments) == 1 else (arguments[0], arguments[1])
