"""The stored arrays of a network: graph + weights file -> arrays by layer, and back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .errors import WeightsError, warn
from .formats.unchanged import Unchanged
from .formats.weights import Header, WeightsReader, WeightsWriter, drop_pages
from .layers import BatchNorm, Connected, Convolutional, Recurrent, Weighted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from .dialect import Dialect
    from .layers import Layer
    from .network import Network

Arrays = dict[str, "NDArray[np.float32]"]
"""The stored arrays of one layer, by Darknet's name."""


class Parameters:
    """All stored arrays of a network.

    Attributes:
        arrays: one dict per layer; views on the memory-mapped file wherever the file has them in the order of use.
        seen: number of training images, from the file's header.
        header: the file's header.
        file: the file that the arrays are views on, if any.
    """

    def __init__(
        self, arrays: list[Arrays], seen: int = 0, header: Header | None = None, file: Unchanged | None = None
    ) -> None:
        self.arrays = arrays
        self.file = file
        self.seen = seen
        self.header = header or Header(0, 2, 0, seen)


def load_parameters(network: Network, path: str | Path, partial: bool = False) -> Parameters:
    """Read a ``.weights`` file (Darknet's ``load_weights_upto``).

    Args:
        network: the graph, cut off where the file ends if the file is a partial one.
        path: the weights file.
        partial: the network was cut off, so that a file with more layers is no error.

    Raises:
        WeightsError: the file is too short or too long, with the layer and the number of bytes.
    """
    file = Unchanged(path)
    reader = WeightsReader(path)
    _check_long_enough(network, reader)
    arrays: list[Arrays] = []
    last = "the header"
    for layer in network.layers:
        stored: Arrays = {}
        for array in layer.stored():
            what = f"layer {layer.index} ({layer.kind}), {array.name}"
            stored[array.name] = reader.take(array.count, what).reshape(array.shape)
            last = f"layer {layer.index} ({layer.kind})"
        if isinstance(layer, Convolutional) and layer.shares is not None:
            stored = arrays[layer.shares]
        elif stored or isinstance(layer, Weighted):
            stored = _in_order_of_use(layer, stored, reader.header.transposed)
        arrays.append(stored)
    if not partial or reader.has_fifth_int:
        reader.finish(last)
    _warn_of_nan(network, arrays, reader.path)
    return Parameters(arrays, reader.header.seen, reader.header, file)


def zero_parameters(network: Network) -> Parameters:
    """Zeros for all arrays of a network: memory that the system provides only when it is touched."""
    return Parameters([
        _in_order_of_use(layer, {array.name: np.zeros(array.shape, np.float32) for array in layer.stored()}, False)
        for layer in network.layers
    ])  # fmt: skip


def _warn_of_nan(network: Network, arrays: list[Arrays], path: str) -> None:
    """Warn once if the network's outputs will be NaN or infinite because of its weights."""
    wrong = [
        (layer, name, values, what)
        for layer, stored in zip(network.layers, arrays, strict=True)
        for name, values in stored.items()
        for what in [_useless(name, values, network.dialect)]
        if what.any()
    ]
    if wrong:
        layer, name, values, what = wrong[0]
        kind = "negative" if np.isfinite(values[what]).all() else "NaN or infinite"
        others = f", and more in {len(wrong) - 1} other arrays" if len(wrong) > 1 else ""
        warn(f"{kind} values: {np.count_nonzero(what)} of {values.size} in layer {layer.index} ({layer.kind}), {name}"
             f"{others}; what the network computes from them is of no use", path)  # fmt: skip


def _useless(name: str, values: NDArray[np.float32], dialect: Dialect) -> NDArray[np.bool_]:
    """Which values make outputs NaN or infinite; an array of one False if none does."""
    with np.errstate(all="ignore"):
        # A sum is quicker than a look at each value, and never finite where one of them is not.
        finite = bool(np.isfinite(values.sum()))
    drop_pages(values)
    if name.endswith("rolling_variance"):  # its root is taken, with more or less added to it
        added = np.float32(dialect.variance_epsilon)
        return ~np.isfinite(values) | (values + added < 0) | (values == -added if added else False)
    return np.zeros(1, bool) if finite else ~np.isfinite(values)


def _check_long_enough(network: Network, reader: WeightsReader) -> None:
    """Raise `WeightsError` if the file ends early: by how many bytes, and in which layer."""
    missing = 4 * network.parameters - reader.remaining
    if missing <= 0:
        return
    left = reader.remaining
    for layer in network.layers:
        for array in layer.stored():
            if 4 * array.count > left:
                header = (
                    "has its header only 4 ints where version 0.2 has 5, "
                    if missing == 4 and reader.header.wide
                    else ""
                )
                raise WeightsError(
                    f"the file is {missing} bytes too short for its cfg: it ends in layer {layer.index} "
                    f"({layer.kind}), {array.name}; {header}is it another network's file, a partial one, or a broken "
                    "download?", reader.path,
                )  # fmt: skip
            left -= 4 * array.count


def _in_order_of_use(layer: Layer, stored: Arrays, transposed: bool) -> Arrays:
    """Undo what a file may have transposed, and add what no file has."""
    if isinstance(layer, Recurrent):
        return {
            f"{name}.{key}": values
            for name, part in layer.parts.items()
            for key, values in _in_order_of_use(part, layer.arrays_of(name, stored), transposed).items()
        }
    if isinstance(layer, Connected) and transposed:
        stored["weights"] = np.ascontiguousarray(stored["weights"].reshape(layer.input.size, layer.out.size).T)
    if isinstance(layer, Convolutional) and layer.flipped:
        weights = stored["weights"]
        stored["weights"] = np.ascontiguousarray(weights.reshape(-1, layer.n).T).reshape(weights.shape)
    return with_defaults(layer, stored)


def with_defaults(layer: Layer, stored: Arrays) -> Arrays:
    """A layer's arrays, and those that no file has: the values that Darknet gives them."""
    if isinstance(layer, BatchNorm) and not layer.stored_biases:
        stored["biases"] = np.zeros(layer.input.c, np.float32)
    if isinstance(layer, Weighted) and layer.batch_normalize and layer.dontloadscales:
        channels = stored["biases"].size
        stored["scales"] = np.ones(channels, np.float32)
        stored["rolling_mean"] = np.zeros(channels, np.float32)
        stored["rolling_variance"] = np.zeros(channels, np.float32)
    return stored


def _in_file_order(layer: Layer, name: str, values: NDArray[np.float32], transposed: bool) -> NDArray[np.float32]:
    """One array as a file has it: the way back from `_in_order_of_use`."""
    if isinstance(layer, Recurrent):
        part, _, name = name.partition(".")
        return _in_file_order(layer.parts[part], name, values, transposed)
    if name == "weights" and isinstance(layer, Connected) and transposed:
        values = values.T
    if name == "weights" and isinstance(layer, Convolutional) and layer.flipped:
        values = values.reshape(layer.n, -1).T
    return np.ascontiguousarray(values, np.float32)


def save_parameters(
    network: Network,
    arrays: Iterable[Mapping[str, NDArray[np.float32]]],
    path: str | Path,
    seen: int = 0,
    header: Header | None = None,
) -> None:
    """Write a ``.weights`` file for this cfg, as Darknet's ``save_weights`` does.

    Args:
        network: the graph.
        arrays: of each layer, in the order of use; taken one after another, so that they need not all exist at once.
        path: the file to write.
        seen: number of training images, for Darknet's own header (version 0.2.0).
        header: another header instead; one that says so gets the connected layers' weights transposed.

    Raises:
        WeightsError: an array is missing or has another shape than its layer says; no file is left behind.
    """
    transposed = header is not None and header.transposed
    with WeightsWriter(path, seen, header=header) as writer:
        for layer, stored in zip(network.layers, arrays, strict=True):
            for array in layer.stored():
                values = stored.get(array.name)
                if values is None or values.shape != array.shape:
                    found = "is missing" if values is None else f"has shape {values.shape}, not {array.shape}"
                    raise WeightsError(f"layer {layer.index} ({layer.kind}): {array.name} {found}", path)
                writer.put(_in_file_order(layer, array.name, values, transposed))
