"""The stored arrays of a network: graph + weights file -> arrays by layer, and back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .errors import WeightsError, place, warn
from .formats.unchanged import Unchanged
from .formats.weights import Header, WeightsReader, WeightsWriter, read_pages, too_short

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from .dialect import Dialect
    from .layers import Stored
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
        spoiled: values of them are NaN, infinite or negative where they must not be, and a warning was given.
    """

    def __init__(
        self,
        arrays: Sequence[Arrays],
        seen: int = 0,
        header: Header | None = None,
        file: Unchanged | None = None,
        spoiled: bool = False,
    ) -> None:
        self.arrays = arrays
        self.file = file
        self.spoiled = spoiled
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
            stored[array.name] = from_file(array, reader.take(array.count, what), reader.header.transposed)
            last = f"layer {layer.index} ({layer.kind})"
        arrays.append(stored)
    if not partial or reader.has_fifth_int:
        reader.finish(last)
    spoiled = _warn_of_nan(network, arrays, reader.path)
    return Parameters(complete(network, arrays), reader.header.seen, reader.header, file, spoiled)


def zero_parameters(network: Network) -> Parameters:
    """Zeros for all arrays of a network: memory that the system provides only when it is touched."""
    stored = [{array.name: np.zeros(array.shape, np.float32) for array in layer.stored()} for layer in network.layers]
    return Parameters(complete(network, stored))


def complete(network: Network, stored: Iterable[Arrays]) -> list[Arrays]:
    """Each layer's arrays: those of the file, those that no file has, and those that it shares with another layer."""
    result: list[Arrays] = []
    for layer, arrays in zip(network.layers, stored, strict=True):
        defaults = {
            array.name: np.full(array.shape, array.default, np.float32)
            for array in layer.arrays()
            if array.default is not None
        }
        result.append(arrays | defaults if layer.shares is None else result[layer.shares])
    return result


def _warn_of_nan(network: Network, arrays: list[Arrays], path: str) -> bool:
    """Warn once if the network's outputs will be NaN or infinite because of its weights; whether that was so."""
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
    return bool(wrong)


def _useless(name: str, values: NDArray[np.float32], dialect: Dialect) -> NDArray[np.bool_]:
    """Which values make outputs NaN or infinite; an array of one False if none does."""
    read_pages(values)
    with np.errstate(all="ignore"):
        # A sum is quicker than a look at each value, and never finite where one of them is not.
        finite = bool(np.isfinite(values.sum()))
    if name.endswith("rolling_variance"):  # its root is taken, with more or less added to it
        added = np.float32(dialect.variance_epsilon)
        with np.errstate(all="ignore"):
            useless: NDArray[np.bool_] = ~np.isfinite(values) | (values + added < 0)
            return useless | (values == -added) if added else useless
    return np.zeros(1, bool) if finite else ~np.isfinite(values)


def _check_long_enough(network: Network, reader: WeightsReader) -> None:
    """Raise `WeightsError` if the file ends early: by how many bytes, and in which layer."""
    missing = 4 * network.parameters - reader.remaining
    if missing > 0:
        short_header = missing == 4 and reader.header.wide
        hint = "has its header only 4 ints where version 0.2 has 5, " if short_header else ""
        raise WeightsError(too_short(missing, ends_at(network, reader.remaining), hint), reader.path)


def ends_at(network: Network, size: int, between: str | None = None) -> str:
    """Where ``size`` bytes of values end: layer, array, the section's place in the cfg, and how much is missing there.

    ``between``: what to say of an end after a whole layer, if that is something else. Nothing is missing: empty.
    """
    taken = 0
    for layer in network.layers:
        for number, array in enumerate(layer.stored()):
            lacking = taken + 4 * array.count - size
            if lacking > 0 and number == 0 and 0 < taken == size and between is not None:
                return between
            if lacking > 0:
                where = place(network.path, layer.line).removesuffix(": ")
                return f"layer {layer.index} ({layer.kind}), {array.name} ({where}), {lacking} bytes before their end"
            taken += 4 * array.count
    return ""


def _is_transposed(array: Stored, header: bool) -> bool:
    return array.transposed == "always" or (array.transposed == "header" and header)


def from_file(array: Stored, values: NDArray[np.float32], header: bool) -> NDArray[np.float32]:
    """An array in the order of use; ``header``: the file's header says that it is transposed."""
    if _is_transposed(array, header):
        values = np.ascontiguousarray(values.reshape(-1, array.shape[0]).T)
    return values.reshape(array.shape)


def _for_file(array: Stored, values: NDArray[np.float32], header: bool) -> NDArray[np.float32]:
    """The way back from `from_file`."""
    if _is_transposed(array, header):
        values = values.reshape(array.shape[0], -1).T
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
                writer.put(_for_file(array, values, transposed))
