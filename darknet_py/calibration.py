"""The file that `darknet-py calibrate` writes beside the weights: what a network needs for 8-bit integers.

JSON. Which weights (their sha256) and which network it is for is checked whenever it is read.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, overload

import numpy as np

from .dialect.choose import ASKED
from .errors import DarknetError, DataError, WeightsError
from .formats.atomic import write_text
from .formats.hashes import file_sha256
from .formats.json_file import items, member, number, read_json, shown, text
from .formats.text import is_file
from .numeric.balance import balanced_arrays, balanced_sets, channel_factors
from .numeric.quantization import INPUT, LEVELS, Quantization, Scale, rounds_weights, scaled
from .parameters import Parameters

if TYPE_CHECKING:
    from .network import Network
    from .parameters import Arrays
    from .typing import Doubles, JsonObject

FORMAT, FORMAT_1 = "darknet-py int8 calibration 2", "darknet-py int8 calibration 1"
"""First field of the file: another number, another meaning. (Those of the first one were not tried with convolutions in
several groups, nor with shortcuts of AlexeyAB's dialect, in integers: they serve for networks that have none.)"""

SUFFIX = ".int8.json"
"""What the file beside the weights is called: their name and this."""

EIGHTH = 8
"""Factors that balance channels are powers of two to the so-manieth part: the file has the whole numbers."""

MOST_POWER = 60 * EIGHTH

_STRUCTURE = (
    "activation", "size", "stride", "stride_x", "stride_y", "pad", "groups", "group_id", "dilation", "batch_normalize",
    "reverse", "scale", "alpha", "beta", "weights", "normalization", "shares", "flatten", "depth", "blur", "xnor",
)  # fmt: skip
"""Attributes of layers that tell networks apart, besides kinds, sources, channels and stored arrays."""


@dataclass(frozen=True)
class Calibration:
    """What was found out about a network.

    Attributes:
        quantization: scales of the (balanced) outputs, and the layers that stay in float32.
        powers: by layer whose channels are balanced, the factor of each as ``2 ** (power / EIGHTH)``.
        shifts: by convolution, what is added to each bias, since rounded weights moved the mean of its sums.
        made: how it was made (method, seed, images, size, agreement): for whoever reads the file.
        path: the file it was read from.
    """

    quantization: Quantization
    powers: Mapping[int, Sequence[int]] = field(default_factory=dict)
    shifts: Mapping[int, Sequence[float]] = field(default_factory=dict)
    made: JsonObject = field(default_factory=dict)
    path: Path | None = None

    @property
    def factors(self) -> dict[int, Doubles]:
        """By layer, what its balanced channels are multiplied by to be the real ones."""
        return {layer: 2.0 ** (np.array(powers) / EIGHTH) for layer, powers in self.powers.items()}

    @property
    def whole(self) -> Quantization:
        """The quantization with the factors."""
        return replace(self.quantization, factors=self.factors)

    def balanced(self, network: Network, parameters: Parameters) -> Parameters:
        """The parameters with balanced channels and moved biases; computed layer by layer, when they are asked for."""
        if not self.powers and not self.shifts:
            return parameters
        return Parameters(
            _Balanced(network, parameters.arrays, self), parameters.seen, parameters.header, parameters.file,
            parameters.spoiled,
        )  # fmt: skip


class _Balanced(Sequence["Arrays"]):
    """Arrays by layer; those of a convolution are made when they are asked for, and only the last ones are kept."""

    def __init__(self, network: Network, arrays: Sequence[Arrays], calibration: Calibration) -> None:
        self._network, self._arrays, self._shifts = network, arrays, calibration.shifts
        self._factors = calibration.factors
        self._last: tuple[int, Arrays] = (-1, {})

    def __len__(self) -> int:
        return len(self._arrays)

    @overload
    def __getitem__(self, place: int) -> Arrays: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Arrays]: ...
    def __getitem__(self, place: int | slice) -> Arrays | Sequence[Arrays]:
        if isinstance(place, slice):
            return [self[i] for i in range(*place.indices(len(self)))]
        place = range(len(self))[place]
        layer = self._network.layers[place]
        if not layer.takes_factors:
            return self._arrays[place]
        if self._last[0] != place:
            out, into = (channel_factors(self._network, self._factors, at) for at in (place, layer.sources[0]))
            shift = np.array(self._shifts[place]) if place in self._shifts else None
            self._last = place, balanced_arrays(layer, self._arrays[place], out, into, shift)
        return self._last[1]


def calibration_path(weights: str | Path) -> Path:
    """Where the calibration of a weights file is looked for: beside it."""
    return Path(weights).with_name(Path(weights).name + SUFFIX)


def structure_of(network: Network) -> str:
    """A hash of all that a network's activations depend on, but for its weights and the size of its input."""
    described = [
        [
            layer.kind,
            list(layer.sources),
            layer.out.c if layer.out.image else 0,
            [[array.name, list(array.shape)] for array in layer.arrays()],
            [[name, value] for name in _STRUCTURE if not callable(value := getattr(layer, name, None))],
        ]
        for layer in network.layers
    ]
    whole = json.dumps([network.dialect.key, network.input.c, described])
    return hashlib.sha256(whole.encode()).hexdigest()


def write_calibration(
    calibration: Calibration, network: Network, weights: str | Path, path: str | Path, sha256: str
) -> None:
    """Write the file, at once and whole. ``sha256``: of the weights that were calibrated.

    Raises:
        FileError: it cannot be written.
    """
    quantization = calibration.quantization
    layers: JsonObject = {}
    for layer in sorted(quantization.outputs.keys() | calibration.powers.keys() | calibration.shifts.keys()):
        entry: JsonObject = {}
        if layer in quantization.outputs:
            scale = quantization.outputs[layer]
            entry |= {"step": float(f"{scale.step:.9g}"), "zero": scale.zero}
        if layer in calibration.powers:
            entry["balance"] = [int(power) for power in calibration.powers[layer]]
        if layer in calibration.shifts:
            entry["shift"] = [float(f"{value:.5g}") for value in calibration.shifts[layer]]
        layers[str(layer)] = entry
    head = {
        "format": FORMAT,
        "weights": {"file": Path(weights).name, "sha256": sha256},
        "network": {
            "file": Path(network.path).name,
            "structure": structure_of(network),
            "dialect": network.dialect.key,
        },
        **calibration.made,
        "floats": sorted(quantization.floats),
    }
    lines = [f" {json.dumps(key)}: {json.dumps(value)}," for key, value in head.items()]
    rows = ",\n".join(f"  {json.dumps(key)}: {json.dumps(entry)}" for key, entry in layers.items())
    write_text(path, "\n".join(["{", *lines, ' "layers": {', rows, " }", "}", ""]))


def find_calibration(network: Network, weights: str | Path, path: str | Path | None = None) -> Calibration:
    """Read the calibration of a network with these weights: the file beside them, or the one at ``path``.

    Raises:
        DarknetError: there is none; the line says what to run.
        DataError: it cannot be read, or it is for other weights or another network.
    """
    options = _dialect_option(network) + ("" if path is None else f" -o {path}")
    path = calibration_path(weights) if path is None else Path(path)
    if os.path.exists(path) and not is_file(path):
        raise DataError("is no file: math=int8 needs one here that darknet-py calibrate has written", path)
    if not is_file(path):
        raise DarknetError(
            f"{path}: math=int8 needs this file, which is not there: darknet-py calibrate {network.path} {weights} "
            f"IMAGES...{options} makes it, with some dozens of typical pictures"
        )
    return read_calibration(network, weights, path)


def _dialect_option(network: Network) -> str:
    """What tells ``calibrate`` the network's dialect, where that is not what the cfg itself says."""
    return f" --dialect {network.dialect.key}" if network.reason == ASKED else ""


def read_calibration(network: Network, weights: str | Path, path: Path) -> Calibration:
    """Read a calibration file. Raises `DataError` if it is broken, of other weights or for another network."""
    document = read_json(path)
    try:
        _check_format(network, text(member(document, "format"), "format"))
        _check_identity(network, weights, document)
        return _calibration(network, document, path)
    except (ValueError, DarknetError) as error:
        reason = error.message if isinstance(error, DataError) else str(error)
        raise DataError(
            f"is no calibration of {Path(weights).name} in {Path(network.path).name}: {reason}; "
            f"run darknet-py calibrate{_dialect_option(network)} again", path,
        ) from None  # fmt: skip


def _check_format(network: Network, given: str) -> None:
    """Raise ValueError unless the file says all that this version needs to know of the network."""
    if given not in (FORMAT, FORMAT_1):
        raise ValueError("it has another format than this version writes")
    later = [layer for layer in network.layers if layer.quantizes and layer.quantizes_since > 1]
    if given == FORMAT_1 and later:
        raise ValueError(
            f"it was made by a version that computed layer {later[0].index} ({later[0].brief}), as others of its kind, "
            "in float32"
        )


def _check_identity(network: Network, weights: str | Path, document: object) -> None:
    """Raise ValueError unless the file is of these weights and of this network."""
    theirs = text(member(member(document, "weights"), "sha256"), "sha256")
    try:
        own = file_sha256(weights)
    except OSError as error:
        raise WeightsError(f"cannot read these weights: {error.strerror or error}", weights) from None
    if theirs != own:
        raise ValueError(f"it was made of weights with sha256 {theirs[:12]!r}, these have {own[:12]!r}")
    described = member(document, "network")
    if text(member(described, "structure"), "structure") != structure_of(network):
        made_in = described.get("dialect", network.dialect.key) if isinstance(described, dict) else ""
        if made_in != network.dialect.key:
            raise ValueError(f"it was made in the dialect {shown(made_in)}, this is {network.dialect.key}")
        raise ValueError("it was made of another network")


def _calibration(network: Network, document: object, path: Path) -> Calibration:
    """The contents, field by field. Raises ValueError for what is not as `write_calibration` writes it."""
    layers = member(document, "layers")
    if not isinstance(layers, dict):
        raise ValueError("layers is no object")
    outputs: dict[int, Scale] = {}
    powers: dict[int, list[int]] = {}
    shifts: dict[int, list[float]] = {}
    balanced = balanced_sets(network)
    for name, entry in layers.items():
        layer = _layer(name, network, INPUT)
        what = f"layer {layer}, "
        if not isinstance(entry, dict):
            raise ValueError(f"layer {layer} is no object")
        if "step" in entry or "zero" in entry:
            step = number(member(entry, "step"), what + "step", 2.0**-101, 2.0**101)  # to the digit: `Scale`
            outputs[layer] = Scale(step, _whole(member(entry, "zero"), what + "zero", 0, LEVELS))
        if "balance" in entry:
            if layer not in balanced:
                raise ValueError(f"{what}balance: its channels cannot be balanced")
            values = items(entry["balance"], what + "balance", network.layers[layer].out.c)
            powers[layer] = [_whole(value, what + "balance", -MOST_POWER, MOST_POWER) for value in values]
        if "shift" in entry:
            if layer < 0 or not rounds_weights(network.layers[layer]):
                raise ValueError(f"{what}shift: it is no layer whose weights are rounded")
            values = items(entry["shift"], what + "shift", network.layers[layer].out.c)
            shifts[layer] = [number(value, what + "shift", -1e30, 1e30) for value in values]
    _check_sets(balanced, powers)
    floats = frozenset(_layer(value, network, 0) for value in items(member(document, "floats"), "floats"))
    needless = sorted(floats & shifts.keys())
    if needless:
        raise ValueError(f"layer {needless[0]} has a shift, but stays in float32, where nothing is to be shifted")
    missing = sorted(scaled(network) - outputs.keys())
    if missing:
        raise ValueError(f"it has no scale of layer {missing[0]}")
    quantization = Quantization(outputs, floats, sha256=file_sha256(path))
    quantization.check(network)
    assert isinstance(document, dict)
    made = {key: document[key] for key in ("method", "seed", "images", "size", "agreement") if key in document}
    return Calibration(quantization, powers, shifts, made, path)


def _check_sets(balanced: Mapping[int, int], powers: Mapping[int, list[int]]) -> None:
    """Raise ValueError if layers that hand on each other's channels have different factors."""
    of_set: dict[int, list[int]] = {}
    for layer, root in balanced.items():
        own = powers.get(layer, [])
        if of_set.setdefault(root, own) != own:
            raise ValueError(f"layer {layer} has another balance than the layers that it is added to")


def _layer(value: object, network: Network, least: int) -> int:
    """A layer's number. Raises ValueError if there is no such layer."""
    try:
        found = int(value) if isinstance(value, str) and len(value) < 9 else value
    except ValueError:
        found = None
    if isinstance(value, str) and str(found) != value:  # another spelling would be the same layer once more
        raise ValueError(f"{shown(value)} is no number of a layer")
    return _whole(found, "the number of a layer", least, len(network.layers) - 1)


def _whole(value: object, what: str, least: int, most: int) -> int:
    """A whole number in a range. Raises ValueError if it is something else."""
    found = number(value, what, least, most)
    if not isinstance(value, int):
        raise ValueError(f"{what} is {value!r}, not a whole number")
    return int(found)
