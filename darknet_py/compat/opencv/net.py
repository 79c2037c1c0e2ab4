"""``cv2.dnn.Net`` and the functions that read one, for Darknet's files."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from ...detector import Detector
from ...errors import DarknetError
from ...layers import Connected, Cost, Dropout, Region, Softmax, Yolo
from ...network import read_network
from ...parameters import load_parameters
from .names import Part, name_parts, output_names
from .region import DECODED, RegionOptions, read_options, region_rows
from .stages import inner_output

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...layers import Layer
    from ...network import Network

    Floats = NDArray[np.float32]
    Source = str | os.PathLike[str] | bytes | bytearray | memoryview | NDArray[np.uint8]

TICKS_PER_SECOND = 1_000_000_000
"""``cv2.getTickFrequency()`` on Linux."""


class Net:
    """A network with OpenCV's surface: one input blob, outputs by name.

    The blob may have another height and width than the cfg says; the network then takes that size, as in OpenCV. Calls
    from several Python threads take turns.
    """

    def __init__(self, cfg: Path | None = None, weights: Path | None = None, keep_files: Any = None) -> None:
        """Of a cfg and a weights file; without them an empty network. ``keep_files`` lives as long as the network."""
        self._lock = threading.RLock()
        self._keep_files = keep_files
        self._blob: Floats | None = None
        self._seconds = 0.0
        self._detector: Detector | None = None
        self.region_options: dict[int, RegionOptions] = {}
        if cfg is None or weights is None:
            return
        network = read_network(cfg, decoded=DECODED)
        network.check_picture()
        self._parameters = load_parameters(network, weights)
        self.region_options = read_options(network)
        self._parts = name_parts(network)
        self._outputs = output_names(network)
        self._numbers = {part.name: number for number, part in enumerate(self._parts, 1)}
        self._detector = Detector(network, self._parameters)

    def empty(self) -> bool:
        """Whether there are no layers."""
        return self._detector is None

    @property
    def input_size(self) -> tuple[int, int]:
        """Width and height of the input, from the cfg or the last blob."""
        shape = self._ready().network.input
        return shape.w, shape.h

    def setInput(
        self, blob: NDArray[Any], name: str = "", scalefactor: float = 1.0, mean: float | Sequence[float] = 0.0
    ) -> None:
        """Take n x channels x height x width values, of which ``(blob - mean) * scalefactor`` go into the network.

        Raises:
            DarknetError: the blob has other axes or channels than the network's input.
        """
        channels = self._ready().network.input.c
        x = np.asarray(blob)
        if x.ndim != 4 or x.shape[1] != channels or 0 in x.shape or x.dtype.kind not in "fu":
            raise DarknetError(
                f"setInput needs floats of n x {channels} x height x width (blobFromImage makes them), "
                f"not {x.dtype} of {' x '.join(map(str, x.shape))}"
            )
        values: Floats = x.astype(np.float32)  # a copy: the caller may reuse its array
        offset = to_scalar(mean)[:channels].reshape(1, -1, 1, 1)
        if offset.any() or scalefactor != 1:
            values = (values - offset) * np.float32(scalefactor)
        with self._lock:
            self._blob = values

    def forward(self, outputName: str | Sequence[str] | None = None, outputBlobs: Any = None, **names: Any) -> Any:
        """Run the network on the blob.

        Args:
            outputName: a layer's name (none: the last layer), or a list of them (also as ``outBlobNames=``).
            outputBlobs: taken and left alone.

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
        return tuple(self._run(list(outputName)))

    def _run(self, names: list[str]) -> list[Floats]:
        wanted = [self._part(name) for name in names]
        with self._lock:
            if self._blob is None:
                raise DarknetError("forward: there is no input yet; call setInput first")
            detector = self._fitted(self._blob)
            start = perf_counter()
            heads = [head.index for head in detector.network.heads] or [detector.network.output_layer.index]
            if all(part.stage == "output" and part.number in heads for part in wanted):
                found = dict(zip(heads, detector.predict(self._blob), strict=True))
                results = [found[part.number] for part in wanted]
            else:
                results = self._one_by_one(detector, self._blob, wanted)
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
                    else inner_output(detector.network, self._parameters, part, x)
                    for part in wanted
                ]
            )
        return [np.stack(values) for values in zip(*images, strict=True)]

    def _shaped(self, network: Network, part: Part, values: Floats) -> Floats:
        """Values of n images as OpenCV shapes them."""
        layer = network.layers[part.number]
        if part.stage == "permuted":
            return np.ascontiguousarray(values.transpose(0, 2, 3, 1))
        if part.stage == "output" and isinstance(layer, (Region, Yolo)):
            options, size = self.region_options[layer.index], (network.input.w, network.input.h)
            rows = [region_rows(layer, image, options, size) for image in values]
            return np.stack(rows) if len(rows) > 1 else rows[0]
        return values.reshape(len(values), -1) if _is_flat(network, layer) else _image(values)

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
            raise DarknetError(f"the network has no layer '{name}'; getLayerNames() tells those that it has")
        return self._parts[number - 1]

    def _ready(self) -> Detector:
        if self._detector is None:
            raise DarknetError("the network is empty: read it with readNetFromDarknet(cfg, weights)")
        return self._detector

    def getLayerNames(self) -> tuple[str, ...]:
        """The names of all layers, in order; a layer's id is its place, from 1."""
        return tuple(part.name for part in self._parts) if self._detector else ()

    def getLayerId(self, layer: str) -> int:
        """The id of a layer; 0 for ``_input``; -1 if there is none."""
        return 0 if layer == "_input" else self._numbers.get(layer, -1) if self._detector else -1

    def getUnconnectedOutLayers(self) -> NDArray[np.int32]:
        """Ids of the layers that no other reads."""
        return np.array([self._numbers[name] for name in self.getUnconnectedOutLayersNames()], np.int32)

    def getUnconnectedOutLayersNames(self) -> tuple[str, ...]:
        """Names of the layers that no other reads."""
        return tuple(self._outputs) if self._detector else ()

    def getPerfProfile(self) -> tuple[int, NDArray[np.float64]]:
        """How long the last `forward` took, in ticks (``cv2.getTickFrequency()`` of them are a second), and by layer.

        The layers are not timed one by one: the last one has it all (``darknet-py bench`` measures layers).
        """
        ticks = int(self._seconds * TICKS_PER_SECOND)
        layers = np.zeros(len(self.getLayerNames()))
        layers[-1:] = ticks
        return ticks, layers

    def setPreferableBackend(self, backendId: int) -> None:
        """Taken and left alone: there is one backend, this engine."""

    def setPreferableTarget(self, targetId: int) -> None:
        """Taken and left alone: there is one target, the CPU."""

    def enableFusion(self, fusion: bool) -> None:
        """Taken and left alone."""

    def enableWinograd(self, useWinograd: bool) -> None:
        """Taken and left alone."""


def readNetFromDarknet(cfgFile: Source, darknetModel: Source | None = None) -> Net:
    """Read a network from a cfg and a weights file, or from the contents of such files.

    Args:
        cfgFile: a path, or the text as bytes, bytearray or an array of uint8.
        darknetModel: likewise the weights.

    Raises:
        CfgError, WeightsError: a file cannot be used.
        DarknetError: there are no weights (OpenCV then runs on memory that nobody has set).
    """
    if darknetModel is None or (isinstance(darknetModel, str) and not darknetModel):
        raise DarknetError("readNetFromDarknet needs the weights file, too: readNetFromDarknet(cfg, weights)")
    folder = None
    if _is_buffer(cfgFile) or _is_buffer(darknetModel):
        folder = tempfile.TemporaryDirectory(prefix="darknet-py-")
    cfg = _as_file(cfgFile, "buffer.cfg", folder)
    return Net(cfg, _as_file(darknetModel, "buffer.weights", folder), folder)


def readNet(model: Source, config: Source = "", framework: str | Source = "") -> Net:
    """`readNetFromDarknet` with the two files in either order, or with buffers: ``readNet("darknet", weights, cfg)``.

    Raises:
        DarknetError: these are not the files of a Darknet network.
    """
    if isinstance(model, str) and model.lower() == "darknet":
        return readNetFromDarknet(framework, config)
    if _is_buffer(model) or _is_buffer(config):
        raise DarknetError('readNet reads buffers as readNet("darknet", weights, cfg)')
    files = [str(file) for file in (model, config)]
    if not is_darknet(files[0], files[1], framework):
        raise DarknetError(f"{files[0]}: not a .cfg and a .weights file; here only Darknet's networks can be read")
    if files[0].endswith(".cfg"):
        files.reverse()
    return readNetFromDarknet(files[1], files[0])


def is_darknet(model: object, config: object = "", framework: object = "") -> bool:
    """Whether the arguments of a ``readNet`` mean a Darknet network, as OpenCV tells it."""
    names = [name for name in (model, config, framework) if isinstance(name, (str, os.PathLike))]
    return any(str(name).endswith((".cfg", ".weights")) or str(name).lower() == "darknet" for name in names)


def _is_buffer(source: object) -> bool:
    return isinstance(source, (bytes, bytearray, memoryview, np.ndarray))


def _as_file(source: Source, name: str, folder: tempfile.TemporaryDirectory[str] | None) -> Path:
    if not _is_buffer(source):
        return Path(source)  # type: ignore[arg-type]
    assert folder is not None
    path = Path(folder.name) / name
    data = np.asarray(source).tobytes() if isinstance(source, np.ndarray) else bytes(source)  # type: ignore[arg-type]
    path.write_bytes(data)
    return path


def _is_flat(network: Network, layer: Layer) -> bool:
    """Whether OpenCV has a layer's output as a list: that of ``[connected]``, and what passes it on."""
    while isinstance(layer, (Softmax, Dropout, Cost)) and layer.index:
        layer = network.layers[layer.index - 1]
    return isinstance(layer, Connected)


def _image(values: Floats) -> Floats:
    """Values of n images with height and width, which are 1 where the layer has none."""
    return values if values.ndim == 4 else values[:, :, None, None]


def to_scalar(value: float | Sequence[float]) -> Floats:
    """OpenCV's Scalar: four values; a single number is the first, the others are 0."""
    values = np.zeros(4, np.float32)
    given = np.atleast_1d(np.asarray(value, np.float32)).reshape(-1)[:4]
    values[: given.size] = given
    return values
