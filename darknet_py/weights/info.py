"""What is in a ``.weights`` file: its header, and with a cfg every layer's arrays."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import WeightsError
from ..formats.weights import WeightsReader, too_short
from ..parameters import ends_at
from .statistics import Statistics, combine, measure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..formats.weights import Header
    from ..network import Network


@dataclass(frozen=True)
class ArrayInfo:
    """One array of the file.

    Attributes:
        layer: number of its layer.
        kind: kind of that layer.
        name: Darknet's name for the array.
        shape: as the cfg has it; of connected weights (outputs, inputs), in whichever order the file has them.
        missing: how many of its bytes the file lacks.
        statistics: of the values that are there.
    """

    layer: int
    kind: str
    name: str
    shape: tuple[int, ...]
    missing: int
    statistics: Statistics


@dataclass(frozen=True)
class WeightsInfo:
    """A weights file, and how it fits its cfg.

    Attributes:
        path: the file.
        bytes: its size.
        header: version and ``seen``.
        statistics: of all whole values after the header.
        layers: number of the cfg's layers; 0 without a cfg.
        whole: how many of them the file has, counted from the first.
        arrays: those of the cfg of which the file has anything, in file order.
        missing: bytes that the cfg asks for and the file lacks.
        trailing: bytes that the file has after the last layer; without a cfg, after its last whole value.
        ends_in: the array in which a file that is too short ends, in words; empty if it ends between two layers.
    """

    path: str
    bytes: int
    header: Header
    statistics: Statistics
    layers: int = 0
    whole: int = 0
    arrays: tuple[ArrayInfo, ...] = ()
    missing: int = 0
    trailing: int = 0
    ends_in: str = ""

    @property
    def problem(self) -> str:
        """Why the file cannot be loaded with this cfg, in words; empty if it can, as a whole or as a partial one."""
        if not self.layers:
            return f"{self.trailing} bytes are left after the last whole value: is it damaged?" if self.trailing else ""
        return _problem(self.missing, self.trailing, self.ends_in)


def _problem(missing: int, trailing: int, ends_in: str) -> str:
    if trailing:
        return f"the file is too long: {trailing} bytes are left after the last layer; it belongs to another cfg"
    if ends_in:
        return too_short(missing, ends_in)
    return ""


def inspect_weights(path: str | Path, network: Network | None = None) -> WeightsInfo:
    """Read a weights file, whether or not it fits its network.

    Args:
        path: the ``.weights`` file.
        network: the graph of its cfg (`darknet_py.network.read_network`).

    Raises:
        WeightsError: the file cannot be read, or is no weights file.
    """
    with WeightsReader(path) as reader:
        size = reader.offset + reader.remaining
        if network is None:
            statistics = measure(reader.take(reader.remaining // 4, "its values"))
            return WeightsInfo(str(path), size, reader.header, statistics, trailing=reader.remaining)
        values = size - reader.offset
        arrays = tuple(_read_arrays(network, reader))
        missing = max(0, 4 * network.parameters - values)
        trailing = 0 if missing else reader.remaining
        everything = [array.statistics for array in arrays]
        everything.append(measure(reader.take(reader.remaining // 4, "what is left")))
        return WeightsInfo(
            str(path), size, reader.header, combine(everything), layers=len(network.layers), arrays=arrays,
            whole=count_whole_layers(network, values), missing=missing, trailing=trailing,
            ends_in=ends_at(network, values, between=""),
        )  # fmt: skip


def check_size(path: str | Path, network: Network) -> None:
    """Raise `WeightsError` for a file that is neither a whole one of this network, nor one of its first layers."""
    with WeightsReader(path) as reader:
        left = 4 * network.parameters - reader.remaining
        problem = _problem(left, max(0, -left), ends_at(network, reader.remaining, between=""))
    if problem:
        raise WeightsError(problem, path)


def count_whole_layers(network: Network, size: int) -> int:
    """How many layers, from the first on, find all their arrays in ``size`` bytes."""
    for layer in network.layers:
        size -= 4 * sum(array.count for array in layer.stored())
        if size < 0:
            return layer.index
    return len(network.layers)


def _read_arrays(network: Network, reader: WeightsReader) -> Iterator[ArrayInfo]:
    """The arrays of which the file has anything; the last may be cut."""
    for layer in network.layers:
        for array in layer.stored():
            missing = max(0, 4 * array.count - reader.remaining)
            if missing and not reader.remaining:
                return
            values = reader.take(min(array.count, reader.remaining // 4), array.name)
            yield ArrayInfo(layer.index, layer.kind, array.name, array.shape, missing, measure(values))
            if missing:
                return
