"""Tensors of KServe's v2 protocol: in JSON, or as bytes behind it (its binary data extension)."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .bodies import read_json
from .limits import Refused

TYPES: dict[str, Any] = {"UINT8": np.uint8, "INT64": np.int64, "FP32": np.float32}
"""Data types by name; BYTES besides."""

MOST_DIMENSIONS = 8


@dataclass(frozen=True)
class Tensor:
    """A named array.

    Attributes:
        name: in the protocol.
        datatype: BYTES, or one of `TYPES`.
        shape: its dimensions.
        values: an array of that shape; for BYTES a list.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]
    values: Any


def split_request(body: bytes, header: str | None) -> tuple[dict[str, Any], memoryview]:
    """The JSON, and the bytes behind it; ``header``: Inference-Header-Content-Length. Raises `Refused` (400)."""
    if header is None:
        return read_json(body), memoryview(b"")
    if not header.isdecimal() or int(header) > len(body):
        raise Refused(400, "Inference-Header-Content-Length is not the length of the JSON in the body")
    return read_json(body[: int(header)]), memoryview(body)[int(header) :]


def read_tensors(asked: dict[str, Any], rest: memoryview) -> list[Tensor]:
    """The inputs of a request. Raises `Refused` (400)."""
    inputs = asked.get("inputs")
    if not isinstance(inputs, list) or not all(isinstance(entry, dict) for entry in inputs):
        raise Refused(400, "inputs must be a list of tensors")
    tensors, place = [], 0
    for entry in inputs:
        name, datatype, shape = entry.get("name"), entry.get("datatype"), entry.get("shape")
        if not isinstance(name, str) or not isinstance(datatype, str) or not _is_shape(shape):
            raise Refused(400, "an input needs a name, a datatype and a shape")
        if datatype not in (*TYPES, "BYTES"):
            raise Refused(400, f"input {name!r}: datatype {datatype!r} is none of {', '.join([*TYPES, 'BYTES'])}")
        parameters = entry.get("parameters") or {}
        if not isinstance(parameters, dict) or any("shared_memory" in key for key in parameters):
            raise Refused(400, f"input {name!r}: shared memory is not taken")
        size = parameters.get("binary_data_size")
        if size is None:
            values = _from_json(name, datatype, shape, entry.get("data"))
        else:
            if isinstance(size, bool) or not isinstance(size, int) or not 0 <= size <= len(rest) - place:
                raise Refused(400, f"input {name!r}: binary_data_size is more than what is there")
            values = _from_bytes(name, datatype, shape, rest[place : place + size])
            place += size
        tensors.append(Tensor(name, datatype, tuple(shape), values))
    if place != len(rest):
        raise Refused(400, f"{len(rest) - place} bytes behind the inputs belong to none")
    return tensors


def _is_shape(shape: Any) -> bool:
    return (
        isinstance(shape, list)
        and 0 < len(shape) <= MOST_DIMENSIONS
        and all(isinstance(side, int) and not isinstance(side, bool) and 0 <= side < 1 << 31 for side in shape)
    )


def _from_json(name: str, datatype: str, shape: list[int], data: Any) -> Any:
    if datatype == "BYTES":
        raise Refused(400, f"input {name!r}: files are no text: send them as binary data (binary_data_size)")
    try:
        values = np.array(data, dtype=object).reshape(-1).astype(np.float64)
    except (TypeError, ValueError, OverflowError):
        raise Refused(400, f"input {name!r}: data is no list of numbers") from None
    if values.size != math.prod(shape):
        raise Refused(400, f"input {name!r}: {values.size} values are not of shape {shape}")
    if datatype == "UINT8" and not ((values >= 0) & (values <= 255) & (values == np.floor(values))).all():
        raise Refused(400, f"input {name!r}: UINT8 are whole numbers from 0 to 255")
    with np.errstate(all="ignore"):
        return values.astype(TYPES[datatype]).reshape(shape)


def _from_bytes(name: str, datatype: str, shape: list[int], data: memoryview) -> Any:
    if datatype == "BYTES":
        values, place = [], 0
        while place < len(data):
            if place + 4 > len(data) or (end := place + 4 + struct.unpack_from("<I", data, place)[0]) > len(data):
                raise Refused(400, f"input {name!r}: the lengths of its elements do not fit")
            values.append(bytes(data[place + 4 : end]))
            place = end
        if len(values) != math.prod(shape):
            raise Refused(400, f"input {name!r}: {len(values)} elements are not of shape {shape}")
        return values
    dtype = np.dtype(TYPES[datatype]).newbyteorder("<")
    if len(data) != math.prod(shape) * dtype.itemsize:
        raise Refused(400, f"input {name!r}: {len(data)} bytes are not {datatype} of shape {shape}")
    return np.frombuffer(data, dtype).astype(TYPES[datatype]).reshape(shape)


def wanted_outputs(asked: dict[str, Any], names: Sequence[str]) -> dict[str, bool]:
    """Names of the outputs asked for, and whether each is to be binary. Raises `Refused` (400)."""
    parameters = asked.get("parameters") or {}
    binary = isinstance(parameters, dict) and parameters.get("binary_data_output") is True
    outputs = asked.get("outputs") or [{"name": name} for name in names]
    if not isinstance(outputs, list) or not all(isinstance(entry, dict) for entry in outputs):
        raise Refused(400, "outputs must be a list")
    wanted = {}
    for entry in outputs:
        name, own = entry.get("name"), entry.get("parameters") or {}
        if name not in names:
            raise Refused(400, f"there is no output {name!r} for this input; there are {', '.join(names)}")
        if not isinstance(own, dict) or any("shared_memory" in key or key == "classification" for key in own):
            raise Refused(400, f"output {name!r}: neither shared memory nor classification is done here")
        wanted[str(name)] = bool(own.get("binary_data", binary))
    return wanted


def answer_body(
    document: dict[str, Any], tensors: Sequence[Tensor], binary: dict[str, bool]
) -> tuple[bytes, int | None]:
    """The body of an answer, and the length of its JSON if bytes follow it."""
    outputs, rest = [], []
    for tensor in tensors:
        entry: dict[str, Any] = {"name": tensor.name, "datatype": tensor.datatype, "shape": list(tensor.shape)}
        if binary[tensor.name]:
            rest.append(_to_bytes(tensor))
            entry["parameters"] = {"binary_data_size": len(rest[-1])}
        else:
            entry["data"] = tensor.values if tensor.datatype == "BYTES" else _finite(tensor).reshape(-1).tolist()
        outputs.append(entry)
    head = json.dumps({**document, "outputs": outputs}, allow_nan=False).encode()
    return b"".join([head, *rest]), len(head) if any(binary.values()) else None


def _finite(tensor: Tensor) -> NDArray[Any]:
    values: NDArray[Any] = np.asarray(tensor.values)
    if not np.isfinite(values).all():
        raise Refused(400, f"output {tensor.name!r} has values that JSON has no number for: ask for binary_data")
    return values


def _to_bytes(tensor: Tensor) -> bytes:
    if tensor.datatype == "BYTES":
        texts = [str(value).encode() for value in tensor.values]
        return b"".join(struct.pack("<I", len(text)) + text for text in texts)
    values = np.ascontiguousarray(tensor.values)
    return values.astype(values.dtype.newbyteorder("<")).tobytes()
