"""What a network starts from: Darknet's random weights, then whatever a weights file has of it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..dialect import AUTO
from ..errors import WeightsError
from ..formats.cfg import Cfg, read_cfg
from ..formats.weights import Header, WeightsReader
from ..layers import BatchNorm, Connected, Convolutional, Deconvolutional, Layer, Local, Stored
from ..network import Network, build_network
from ..parameters import Arrays, from_file
from ..typing import Floats
from .random import GlibcRandom

_RESTARTS = ("detection", "region", "yolo", "iseg")
"""Layers that call ``srand(0)`` when they are made, so that what comes after them always starts the same."""

_DECONVOLUTION = np.float32(0.02)


@dataclass(frozen=True)
class LoadRule:
    """What of a layer a weights file has, by the options of its section.

    Attributes:
        skipped: nothing (``dontload``).
        filters: only so many filters (``numload``); 0 for all.
    """

    skipped: bool = False
    filters: int = 0


def read_training_network(path: str | Path, dialect: str = AUTO) -> tuple[Network, list[LoadRule]]:
    """Read a cfg for training: as `read_network`, but ``dontload`` and ``numload`` may leave weights at random.

    Raises:
        CfgError: with file and line.
    """
    cfg = read_cfg(path, dialect)
    rules = take_load_rules(cfg)
    return build_network(cfg), rules


def take_load_rules(cfg: Cfg) -> list[LoadRule]:
    """The rules of each layer; their options are taken out of the sections, since a network that runs refuses them."""
    rules = []
    for section in cfg.layers:
        rules.append(LoadRule(bool(section.find_int("dontload", 0)), section.find_int("numload", 0)))
        if rules[-1].filters < 0:
            raise section.error(f"numload={rules[-1].filters} must not be negative", "numload")
        section.options[:] = [option for option in section.options if option.key not in ("dontload", "numload")]
    return rules


def initial_parameters(network: Network, random: GlibcRandom) -> list[Arrays]:
    """All arrays of a network as Darknet makes them before it reads a file, from one stream of random numbers.

    Returns:
        float32 arrays of each layer by name, in the order of use; none is shared or read-only.

    Raises:
        CfgError: there is a layer with weights that cannot be trained.
    """
    return [_layer_arrays(network, layer, random) for layer in network.layers]


def _layer_arrays(network: Network, layer: Layer, random: GlibcRandom) -> Arrays:
    if layer.kind in _RESTARTS:
        random.seed(0)
    arrays = {array.name: np.zeros(array.shape, np.float32) for array in layer.arrays()}
    if "scales" in arrays:
        arrays["scales"][:] = 1
    if "weights" in arrays:
        _draw_weights(network, layer, arrays["weights"], random)
    elif arrays and not isinstance(layer, BatchNorm):
        raise network.error(layer, f"[{layer.kind}] cannot be trained here")
    return arrays


def _draw_weights(network: Network, layer: Layer, weights: Floats, random: GlibcRandom) -> None:
    flat = weights.reshape(-1)
    if isinstance(layer, Convolutional):
        random.normals(flat, _spread(layer.size * layer.size * layer.c // layer.groups))
    elif isinstance(layer, Deconvolutional):
        random.normals(flat, float(_DECONVOLUTION))
    elif isinstance(layer, Connected):
        random.uniforms(flat, -1, 1, _spread(layer.input.size))
    elif isinstance(layer, Local):  # Darknet draws only those of the first place; the others stay 0
        random.uniforms(weights[0].reshape(-1), -1, 1, _spread(math.prod(weights.shape[2:])))
    else:
        raise network.error(layer, f"[{layer.kind}] cannot be trained here")


def _spread(fan_in: int) -> float:
    """Darknet's ``sqrt(2./fan_in)``."""
    return math.sqrt(2.0 / fan_in)


def load_into(network: Network, arrays: Sequence[Arrays], path: str | Path, rules: Sequence[LoadRule] = ()) -> Header:
    """Overwrite a network's arrays with those of a weights file (``load_weights``).

    A file that ends after some layer is a partial one (``darknet19_448.conv.23``): the layers that it does not have
    keep their values. Darknet reads on in the middle of a layer, too, and beyond its cfg's end: such a file is another
    network's.

    Args:
        network: the graph.
        arrays: of each layer, by name; written.
        path: the file.
        rules: what of each layer is in the file; all without them.

    Returns:
        the file's header.

    Raises:
        WeightsError: the file cannot be read, ends within a layer, or is too long.
    """
    last = "the header"
    with WeightsReader(path) as reader:
        for number, layer in enumerate(network.layers):
            rule = rules[number] if rules else LoadRule()
            if rule.skipped or not layer.stored():
                continue
            if not reader.remaining:
                break
            last = f"layer {layer.index} ({layer.kind})"
            _load_layer(layer, arrays[number], reader, rule)
        else:
            reader.finish(last)
        return reader.header


def _first(array: Stored, count: int) -> Stored:
    """The first of an array's filters, as an array of their own."""
    return dataclasses.replace(array, shape=(count, *array.shape[1:]))


def _load_layer(layer: Layer, arrays: Arrays, reader: WeightsReader, rule: LoadRule) -> None:
    limited = rule.filters and isinstance(layer, (Convolutional, Deconvolutional))
    for array in layer.stored():
        target = arrays[array.name]
        whole = target.shape[0]
        part = rule.filters if limited else whole
        if part > whole:
            raise WeightsError(f"layer {layer.index} has {whole} filters: numload={part} is more", reader.path)
        what = f"layer {layer.index} ({layer.kind}), {array.name}"
        count = array.count // whole * part
        if 4 * count > reader.remaining:
            raise WeightsError(
                f"the file ends in {what}, {4 * count - reader.remaining} bytes before its end: a partial file ends "
                "after a layer; is it another network's, or of another number of classes? `darknet-py weights extract` "
                "cuts the layers off that both have",
                reader.path,
            )
        target[:part] = from_file(_first(array, part), reader.take(count, what), reader.header.transposed)
