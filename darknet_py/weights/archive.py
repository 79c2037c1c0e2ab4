"""A network's arrays as ``.npz`` and ``.safetensors`` files.

Arrays are float32, named ``0.convolutional.weights`` by layer number, kind and Darknet's name, in the order of use:
connected weights are (outputs, inputs) whatever the header says. The header goes along, so that a ``.weights`` file
comes back with the same bits, NaNs included.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import WeightsError
from ..formats.atomic import whole_file
from ..formats.weights import Header
from ..parameters import Parameters, complete
from .npz_member import read_member

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import ModuleType

    from ..network import Network
    from ..parameters import Arrays
    from ..typing import Array, Floats


OWN_HEADER = Header(0, 2, 0, 0)
"""Of an archive that has none: the version that Darknet writes."""

_HEADER = ("header", "seen")
_METADATA = ("major", "minor", "revision", "seen")
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, RuntimeError,
           OverflowError, struct.error, OSError)  # fmt: skip
_SHOWN = 60
"""Characters of a header's number that a message shows."""


def name_arrays(network: Network, arrays: Iterable[Mapping[str, Floats]]) -> dict[str, Floats]:
    """The stored arrays under the names that an archive has them by."""
    return {
        f"{layer.index}.{layer.kind}.{array.name}": np.ascontiguousarray(stored[array.name], np.float32)
        for layer, stored in zip(network.layers, arrays, strict=True)
        for array in layer.stored()
    }


def write_npz(path: str | Path, arrays: Mapping[str, Floats], header: Header) -> None:
    """Write NumPy's format; ``header`` (major, minor, revision) and ``seen`` are arrays among the others.

    Raises:
        WeightsError: the file cannot be written; none is left behind.
    """
    version = np.array([header.major, header.minor, header.revision], np.int32)
    seen = np.array(header.seen, np.uint64 if header.seen >= 0 else np.int64)
    everything: dict[str, Any] = {"header": version, "seen": seen, **arrays}
    try:
        with whole_file(path) as part, open(part, "wb") as file:
            np.savez(file, **everything)
    except OSError as error:
        raise _cannot_write(path, error) from None


def write_safetensors(path: str | Path, arrays: Mapping[str, Floats], header: Header) -> None:
    """Write the safetensors format; the header stands in its metadata.

    Raises:
        WeightsError: the file cannot be written (none is left behind), or the package safetensors is not installed.
    """
    safetensors = _need_safetensors(path)
    numbers = {"major": header.major, "minor": header.minor, "revision": header.revision, "seen": header.seen}
    metadata = {"format": "darknet", **{key: str(value) for key, value in numbers.items()}}
    try:
        with whole_file(path) as part:
            safetensors.numpy.save_file(dict(arrays), part, metadata)
    except (OSError, safetensors.SafetensorError) as error:
        raise _cannot_write(path, error) from None


def _cannot_write(path: str | Path, error: Exception) -> WeightsError:
    return WeightsError(f"cannot write these weights: {getattr(error, 'strerror', None) or error}", path)


def _need_safetensors(path: str | Path) -> ModuleType:
    try:
        import safetensors.numpy
    except ImportError as error:
        raise WeightsError(f"needs the package safetensors ({error}): pip install safetensors", path) from None
    return safetensors


def read_npz(path: str | Path, network: Network) -> tuple[Parameters, list[str]]:
    """Read NumPy's format, and say what was left open.

    Raises:
        WeightsError: the file is damaged, or has not just the arrays of this network; names the array.
    """
    try:
        with zipfile.ZipFile(path) as file:
            names = {name.removesuffix(".npy"): name for name in file.namelist()}

            def take(name: str, shape: tuple[int, ...] | None) -> Array:
                check = None if shape is None else partial(_check, path, name, shape=shape)
                return read_member(file, names[name], path, name, check)

            arrays = _take_arrays(path, network, names.keys() - set(_HEADER), take)
            header = _npz_header(path, take) if _has_header(path, names.keys(), _HEADER) else None
    except _BROKEN as error:
        what = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise WeightsError(f"cannot read this npz file: {what}", path) from None
    return _parameters(path, arrays, header)


def _npz_header(path: str | Path, take: Callable[[str, None], Array]) -> Header:
    numbers = [*take("header", None).reshape(-1).tolist(), *take("seen", None).reshape(-1).tolist()]
    return _make_header(path, numbers)


def read_safetensors(path: str | Path, network: Network) -> tuple[Parameters, list[str]]:
    """Read the safetensors format, and say what was left open.

    Raises:
        WeightsError: the file is damaged, or has not just the arrays of this network, or the package is not installed.
    """
    safetensors = _need_safetensors(path)
    try:
        with safetensors.safe_open(path, framework="numpy") as file:

            def take(name: str, shape: tuple[int, ...]) -> Floats:
                found = file.get_slice(name)
                dtype = found.get_dtype()
                _check(path, name, dtype == "F32", dtype, tuple(found.get_shape()), shape=shape)
                values: Floats = file.get_tensor(name)
                return values

            arrays = _take_arrays(path, network, set(file.keys()), take)
            metadata = file.metadata() or {}
    except (OSError, safetensors.SafetensorError, ValueError) as error:
        what = getattr(error, "strerror", None) or error
        raise WeightsError(f"cannot read this safetensors file: {what}", path) from None
    header = None
    if _has_header(path, metadata.keys(), _METADATA):
        header = _make_header(path, [metadata[key] for key in _METADATA])
    return _parameters(path, arrays, header)


def _take_arrays(path: str | Path, network: Network, names: set[str], take: Callable[..., Any]) -> list[Arrays]:
    """All arrays of the network, and nothing else."""
    wanted = {f"{layer.index}.{layer.kind}.{array.name}" for layer in network.layers for array in layer.stored()}
    for problem, odd in (("lacks", wanted - names), ("has, but its cfg has not,", names - wanted)):
        if odd:
            shown = sorted(odd, key=_file_order)
            more = f" and {len(shown) - 3} more" if len(shown) > 3 else ""
            raise WeightsError(f"{problem} {', '.join(shown[:3])}{more}; is it another network's file?", path)
    return complete(network, [
        {array.name: take(f"{layer.index}.{layer.kind}.{array.name}", array.shape) for array in layer.stored()}
        for layer in network.layers
    ])  # fmt: skip


def _file_order(name: str) -> tuple[int, str]:
    number = name.partition(".")[0]
    return (int(number), name) if number.isdecimal() else (0, name)


def _check(
    path: str | Path, name: str, float32: bool, dtype: str, found: tuple[int, ...], *, shape: tuple[int, ...]
) -> None:
    if not float32:
        raise WeightsError(f"{name} is {dtype}, not float32: convert it, as with array.astype('float32')", path)
    if found != shape:
        hint = "; it is transposed" if len(found) == 2 and found == shape[::-1] else ""
        raise WeightsError(f"{name} has shape {found}, not {shape}{hint}", path)


def _has_header(path: str | Path, names: Collection[str], keys: tuple[str, ...]) -> bool:
    """Whether there is a header, which must then be a whole one."""
    lacking = [key for key in keys if key not in names]
    if lacking and len(lacking) < len(keys):
        raise WeightsError(f"its header lacks {', '.join(lacking)}", path)
    return not lacking


def _make_header(path: str | Path, numbers: list[Any]) -> Header:
    try:
        header = Header(*map(int, numbers))
        header.pack()
    except (TypeError, ValueError, OverflowError, struct.error):
        shown = ", ".join(str(number)[:_SHOWN] for number in numbers)
        raise WeightsError(f"its header is no version and count: {shown}", path) from None
    return header


def _parameters(path: str | Path, arrays: list[Arrays], header: Header | None) -> tuple[Parameters, list[str]]:
    notes = [] if header else [f"{path} has no header: taken as version 0.2.0, seen=0"]
    header = header or OWN_HEADER
    return Parameters(arrays, header.seen, header), notes
