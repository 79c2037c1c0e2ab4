"""``cv2.dnn.Net`` for Darknet's networks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from ...detector import Detector
from ...errors import DarknetError
from ...locks import ForkLock
from ...parameters import load_parameters
from .arrays import to_array
from .describe import Description
from .errors import NotFound, opencv_surface
from .facts import Dims, is_flat, measure_parts, read_shape
from .ids import make_ids
from .names import Part, name_parts, output_names
from .normalization import read_opencvs_network, with_opencvs_normalization
from .region import read_options, region_rows
from .results import AsyncArray
from .stages import inner_output

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...layers import RowOptions
    from ...network import Network
    from ...typing import Array, Floats


TICKS_PER_SECOND = 1_000_000_000
"""``cv2.getTickFrequency()`` on Linux."""


@opencv_surface
class Net(Description):
    """A network with OpenCV's surface: one input blob, outputs by name.

    The blob may have another height and width than the cfg says; the network then takes that size, as in OpenCV. Calls
    from several Python threads take turns.
    """

    def __init__(self, cfg: Path | None = None, weights: Path | None = None, keep_files: object = None) -> None:
        """Of a cfg and a weights file; without them an empty network. ``keep_files`` lives as long as the network."""
        self._lock = ForkLock()
        self._keep_files = keep_files
        self._blob: Floats | None = None
        self._inputs: tuple[str, ...] = ("data",)
        self._given_shape: Dims | None = None
        self._parts: list[Part] = []
        self._outputs: list[str] = []
        self._numbers: dict[str, int] = {}
        self._seconds = 0.0
        self._detector: Detector | None = None
        self.region_options: dict[int, RowOptions] = {}
        if cfg is None or weights is None:
            return
        network = read_opencvs_network(cfg)
        network.check_picture()
        self._parameters = load_parameters(network, weights)
        self.region_options = read_options(network)
        self._parts = name_parts(network)
        self._outputs = output_names(network)
        self._numbers = {part.name: number for number, part in enumerate(self._parts, 1)}
        self._computed = with_opencvs_normalization(network, self._parameters)
        self._detector = Detector(network, self._computed)

    def empty(self) -> bool:
        """Whether there are no layers."""
        return self._detector is None

    @property
    def input_size(self) -> tuple[int, int]:
        """Width and height of the input, from the cfg or the last blob."""
        shape = self._ready().network.input
        return shape.w, shape.h

    def setInput(
        self, blob: Array, name: str = "", scalefactor: float = 1.0, mean: float | Sequence[float] = 0.0
    ) -> None:
        """Take n x channels x height x width values, of which ``(blob - mean) * scalefactor`` go into the network.

        Raises:
            DarknetError: the blob has other axes or channels than the network's input, or the input another name.
        """
        channels = self._ready().network.input.c
        self._check_input(name)
        x = to_array(blob)
        if x.ndim != 4 or x.shape[1] != channels or 0 in x.shape or x.dtype.kind not in "fiu":
            raise DarknetError(
                f"setInput needs numbers of n x {channels} x height x width (blobFromImage makes them), "
                f"not {x.dtype} of {' x '.join(map(str, x.shape))}"
            )
        values: Floats = x.astype(np.float32)  # a copy: the caller may reuse its array
        offset = to_scalar(mean)[:channels].reshape(1, -1, 1, 1)
        if offset.any() or scalefactor != 1:
            values = (values - offset) * np.float32(scalefactor)
        with self._lock:
            self._blob = values

    def setInputsNames(self, inputBlobNames: Sequence[str]) -> None:
        """Name the input (``data`` until then); a Darknet network has one, so that further names stay unused."""
        names = (inputBlobNames,) if isinstance(inputBlobNames, str) else tuple(map(str, inputBlobNames))
        self._inputs = names or ("data",)

    def setInputShape(self, inputName: str, shape: Sequence[int]) -> None:
        """Say what the input will be, for `dump`; `forward` goes by the blob.

        Raises:
            DarknetError: there is no such input, or the network cannot take that shape.
        """
        self._check_input(inputName)
        dims = read_shape(shape)
        measure_parts(self._ready().network, self._parts, dims)
        self._given_shape = dims

    def _check_input(self, name: str) -> None:
        if name and name != self._inputs[0]:
            raise NotFound(f"the network has no input '{name}'; its input is '{self._inputs[0]}'")

    def _input_shape(self) -> Dims:
        if self._blob is not None:
            return self._blob.shape
        shape = self._ready().network.input
        return self._given_shape or (1, shape.c, shape.h, shape.w)

    def forward(self, outputName: str | Sequence[str] | None = None, outputBlobs: object = None, **names: Any) -> Any:
        """Run the network on the blob.

        Args:
            outputName: a layer's name (none: the last layer), or a list of them (also as ``outBlobNames=``).
            outputBlobs: accepted and ignored.

        Returns:
            float32. Of a head: rows x (5 + classes), for several images n x rows x (5 + classes); of other layers
            n x channels x height x width. For a list of names a tuple in their order.

        Raises:
            DarknetError: no blob was set, or a name is unknown.
        """
        outputName = names.pop("outBlobNames", outputName)
        if names:
            raise TypeError(f"forward() got an unexpected keyword argument '{next(iter(names))}'")
        self._ready()
        if outputName is None or isinstance(outputName, str):
            return self._run([outputName or self._parts[-1].name])[0]
        return tuple(self._run(list(outputName) or [self._parts[-1].name]))

    def forwardAndRetrieve(self, outBlobNames: Sequence[str]) -> tuple[tuple[Floats, ...], ...]:
        """`forward` of several layers, with a tuple of outputs for each: all have one."""
        return tuple((values,) for values in self.forward(list(outBlobNames)))

    def forwardAsync(self, outputName: str = "") -> AsyncArray:
        """`forward` of one layer by a thread of its own, on the blob that is set now; ``get()`` waits for it.

        (OpenCV has this with Intel's engine only.)
        """
        self._ready()
        name = outputName or self._parts[-1].name
        self._part(name)
        blob = self._blob
        if blob is None:
            raise DarknetError("forwardAsync: there is no input yet; call setInput first")
        return AsyncArray(lambda: self._run([name], blob)[0])

    def _run(self, names: list[str], blob: Floats | None = None) -> list[Floats]:
        wanted = [self._part(name) for name in names]
        with self._lock:
            blob = self._blob if blob is None else blob
            if blob is None:
                raise DarknetError("forward: there is no input yet; call setInput first")
            detector = self._fitted(blob)
            start = perf_counter()
            heads = [head.index for head in detector.network.heads] or [detector.network.output_layer.index]
            if all(part.stage == "output" and part.number in heads for part in wanted):
                found = dict(zip(heads, detector.predict(blob), strict=True))
                results = [found[part.number] for part in wanted]
            else:
                results = self._one_by_one(detector, blob, wanted)
            self._seconds = perf_counter() - start
        return [self._shaped(detector.network, part, values) for part, values in zip(wanted, results, strict=True)]

    def _one_by_one(self, detector: Detector, blob: Floats, wanted: list[Part]) -> list[Floats]:
        """The values of layers inside the network, image after image."""
        detector.keep_outputs(part.number for part in wanted if part.stage == "output")
        images = []
        for x in blob:
            detector.predict(x)
            images.append(
                [
                    detector.layer_output(part.number)
                    if part.stage == "output"
                    else inner_output(detector.network, self._computed, part, x)
                    for part in wanted
                ]
            )
        return [np.stack(values) for values in zip(*images, strict=True)]

    def _shaped(self, network: Network, part: Part, values: Floats) -> Floats:
        """Values of n images as OpenCV shapes them."""
        layer = network.layers[part.number]
        if part.stage == "permuted":
            return np.ascontiguousarray(values.transpose(0, 2, 3, 1))
        if layer.opencv.rows:
            head = network.head(layer.index)
            options, size = self.region_options[layer.index], (network.input.w, network.input.h)
            rows = [region_rows(head, image, options, size) for image in values]
            return np.stack(rows) if len(rows) > 1 else rows[0]
        return values.reshape(len(values), -1) if is_flat(network, layer) else _image(values)

    def is_head(self, name: str) -> bool:
        """Whether a layer gives rows of boxes."""
        part = self._part(name)
        return part.stage == "output" and part.number in self.region_options

    def _fitted(self, blob: Floats) -> Detector:
        """The network for a blob of this size."""
        detector = self._ready()
        size = blob.shape[3], blob.shape[2]
        if size != self.input_size:
            detector.resize(size)
        return detector

    def _part(self, name: str) -> Part:
        number = self._numbers.get(name)
        if number is None:
            raise NotFound(f"the network has no layer '{name}'; getLayerNames() lists those that it has")
        return self._parts[number - 1]

    def _ready(self) -> Detector:
        if self._detector is None:
            raise DarknetError("the network is empty: read it with readNetFromDarknet(cfg, weights)")
        return self._detector

    def getLayerNames(self) -> tuple[str, ...]:
        """The names of all layers, in order; a layer's id is its place, from 1."""
        return tuple(part.name for part in self._parts)

    def getLayerId(self, layer: str) -> int:
        """The id of a layer; 0 for ``_input``; -1 if there is none."""
        return 0 if layer == "_input" else self._numbers.get(layer, -1)

    def getUnconnectedOutLayers(self) -> NDArray[np.int32]:
        """Ids of the layers that no other reads, as `Ids`: ``i - 1`` and ``i[0] - 1`` are the same."""
        return make_ids([self._numbers[name] for name in self.getUnconnectedOutLayersNames()])

    def getUnconnectedOutLayersNames(self) -> tuple[str, ...]:
        """Names of the layers that no other reads."""
        return tuple(self._outputs)

    def getPerfProfile(self) -> tuple[int, NDArray[np.float64]]:
        """How long the last `forward` took, in ticks (``cv2.getTickFrequency()`` of them are a second), and by layer.

        The layers are not timed one by one: the last one has it all (``darknet-py bench`` measures layers).
        """
        ticks = int(self._seconds * TICKS_PER_SECOND)
        layers = np.zeros(len(self.getLayerNames()))
        layers[-1:] = ticks
        return ticks, layers

    def setPreferableBackend(self, backendId: int) -> None:
        """Accepted and ignored: there is one backend, this engine."""

    def setPreferableTarget(self, targetId: int) -> None:
        """Accepted and ignored: there is one target, the CPU."""

    def enableFusion(self, fusion: bool) -> None:
        """Accepted and ignored."""

    def enableWinograd(self, useWinograd: bool) -> None:
        """Accepted and ignored."""


def _image(values: Floats) -> Floats:
    """Values of n images with height and width, which are 1 where the layer has none."""
    return values if values.ndim == 4 else values[:, :, None, None]


def to_scalar(value: float | Sequence[float]) -> Floats:
    """OpenCV's Scalar: four values; a single number is the first, the others are 0."""
    values = np.zeros(4, np.float32)
    given = np.atleast_1d(np.asarray(value, np.float32)).reshape(-1)[:4]
    values[: given.size] = given
    return values
