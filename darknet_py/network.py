"""Sections -> graph: the layers of a network with their shapes. No tensors here."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from .dialect import AUTO, PJREDDIE, Dialect
from .errors import CfgError, printable
from .formats.cfg import read_cfg
from .layers import Head, Layer, Place, Shape, make_layer, refuse_foreign, warn_of_ignored, warn_of_mistyped
from .layers.base import INT32_MAX

if TYPE_CHECKING:
    from .formats.cfg import Cfg, Section

TABLE_HEADER = "layer     filters    size              input                output"
"""First line of Darknet's layer table."""


@dataclass(frozen=True)
class Network:
    """A network as its cfg describes it.

    Attributes:
        path: the cfg file.
        input: shape of the network's input image.
        layers: in order of execution.
        notes: what Darknet would print about lines that it cannot read.
        dialect: whose Darknet it is computed as.
        reason: what decided for the dialect.
        letter_box: the cfg asks for letterboxed images where its dialect stretches them.
        cfg: the file's contents.
        sections: what the layers were made from.
    """

    path: str
    input: Shape
    layers: tuple[Layer, ...]
    notes: tuple[str, ...] = ()
    dialect: Dialect = PJREDDIE
    reason: str = ""
    letter_box: bool = False
    cfg: Cfg | None = field(default=None, compare=False, repr=False)
    sections: tuple[Section, ...] = field(default=(), compare=False, repr=False)

    @property
    def stretches(self) -> bool:
        """Whether images are stretched to its size unless something else is asked for."""
        return self.dialect.stretches and not self.letter_box

    @property
    def heads(self) -> list[Head]:
        """Layers whose outputs are decoded into boxes, in order."""
        return [layer for layer in self.layers if isinstance(layer, Head)]

    def head(self, number: int) -> Head:
        """The head that is layer ``number``. Raises `KeyError` if that layer is none."""
        return {head.index: head for head in self.heads}[number]

    @property
    def output_layer(self) -> Layer:
        """The layer whose output is the network's: the last that is not a cost (``get_network_output_layer``)."""
        for layer in reversed(self.layers):
            if not layer.is_cost:
                return layer
        raise CfgError("the network has no layer but [cost]", self.path)

    @property
    def classes(self) -> int:
        """Number of classes that the heads know (of a classifier: number of outputs)."""
        heads = self.heads
        return heads[-1].classes if heads else self.output_layer.out.size

    @property
    def tree_files(self) -> dict[int, str]:
        """Names of the WordTree files, by number of the layer that needs one."""
        return {layer.index: layer.tree for layer in self.layers if layer.tree}

    @property
    def parameters(self) -> int:
        """Number of stored float32 values."""
        return sum(array.count for layer in self.layers for array in layer.stored())

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds of one image's pass."""
        return sum(layer.multiply_adds for layer in self.layers)

    def check_picture(self) -> None:
        """Raise `CfgError` unless the input is a picture of at most three channels."""
        if not self.input.image or self.input.c > 3:
            raise CfgError(f"the network's input ({self.input}) is not a picture", self.path)

    @property
    def stride(self) -> int:
        """Sizes that are multiples of it divide evenly in every layer (32 for the released detectors)."""
        scales: list[tuple[int, int]] = []
        for layer in self.layers:
            source = layer.sources[0] if layer.sources else -1
            above, below = scales[source] if source >= 0 else (1, 1)
            stride, reverse = getattr(layer, "stride", 1), getattr(layer, "reverse", False)
            if layer.kind == "deconvolutional" or layer.kind == ("reorg" if reverse else "upsample"):
                below *= stride
            else:
                above *= stride
            common = math.gcd(above, below)
            scales.append((above // common, below // common))
        return math.lcm(*(above for above, _ in scales))

    def resized(self, w: int, h: int) -> Network:
        """The network at another input size, for the same weights (Darknet's ``resize_network``).

        Raises:
            CfgError: it is not fully convolutional, or its layers do not fit together at that size.
        """
        if not self.input.image:
            raise CfgError(f"the input is no image: it cannot be {w} x {h}", self.path)
        assert self.cfg is not None
        other = _build_resized(self.cfg, self.input, (w, h), self.sections)
        for layer, new in zip(self.layers, other.layers, strict=True):
            if layer.stored() != new.stored():
                raise self.error(
                    layer,
                    f"layer {layer.index} [{layer.kind}] has weights for an input of {self.input.w} x {self.input.h} "
                    f"only: the network is not fully convolutional and cannot be resized to {w} x {h}",
                )
        return other

    def error(self, layer: Layer, message: str) -> CfgError:
        """An error at a layer's section."""
        return CfgError(message, self.path, layer.line)


_log = logging.getLogger(__name__)


def read_network(
    path: str | Path, cutoff: int | None = None, size: tuple[int, int] | None = None, dialect: str = AUTO
) -> Network:
    """Read a cfg file into a graph (Darknet's ``parse_network_cfg``).

    Args:
        path: the cfg file.
        cutoff: keep only this many layers, for partial weights such as ``darknet19_448.conv.23``.
        size: width and height of the input instead of the cfg's, as if it were edited (multi-scale, section 2).
        dialect: whose Darknet it is for: ``darknet``, ``alexeyab``, or ``auto``: what the file itself says.

    Raises:
        CfgError: with file and line.
    """
    return build_network(read_cfg(path, dialect), cutoff, size)


def build_network(cfg: Cfg, cutoff: int | None = None, size: tuple[int, int] | None = None) -> Network:
    """The graph of a cfg that was read before; as `read_network`."""
    _log.info("%s: %s: %s", printable(cfg.path), cfg.dialect.name, cfg.reason)
    warn_of_ignored([cfg.net, *cfg.layers], cfg.path)
    warn_of_mistyped(cfg)
    shape = _read_net(cfg.net)
    sections = cfg.layers
    if not sections:
        raise cfg.net.error("the network has no layers")
    if cutoff is not None:
        if not 1 <= cutoff <= len(sections):
            raise CfgError(f"cutoff={cutoff}: the network has layers 1 to {len(sections)}", cfg.path)
        sections = sections[:cutoff]
    if size is None:
        return _build(cfg, shape, sections)
    if not shape.image:
        raise cfg.net.error(f"the input is no image: it cannot be {size[0]} x {size[1]}")
    return _build_resized(cfg, shape, size, sections)


def _build(cfg: Cfg, shape: Shape, sections: Sequence[Section]) -> Network:
    """The layers, one after the other, for an input's shape."""
    given = shape
    layers: list[Layer] = []
    for index, section in enumerate(sections):
        layer = make_layer(section, Place(index, shape, layers))
        layers.append(layer)
        shape = layer.out
    network = Network(
        cfg.path, given, tuple(layers), tuple(cfg.notes), cfg.dialect, cfg.reason,
        bool(cfg.net.find_int("letter_box", 0)), cfg, tuple(sections),
    )  # fmt: skip
    _check_heads(network)
    return network


def _build_resized(cfg: Cfg, shape: Shape, size: tuple[int, int], sections: Sequence[Section]) -> Network:
    """`_build` for an input of another size; an error says which sizes would do, if the network's own does."""
    w, h = size
    if w < 1 or h < 1 or shape.c * w * h > INT32_MAX:
        raise CfgError(f"an input of {w} x {h} is not possible", cfg.path)
    try:
        return _build(cfg, Shape(shape.c, h, w), sections)
    except CfgError as error:
        try:
            stride = _build(cfg, shape, sections).stride
        except CfgError:
            raise error from None
        if w % stride == 0 and h % stride == 0:
            raise
        message = f"{error.message}; {w} x {h} does not fit this network: take multiples of {stride}"
        raise CfgError(message, error.path, error.line) from None


def _read_net(section: Section) -> Shape:
    """The network's input, from ``[net]`` (Darknet's ``parse_net_options``)."""
    refuse_foreign(section)
    h, w, c = (section.find_int(key, 0) for key in ("height", "width", "channels"))
    for key, value in (("height", h), ("width", w), ("channels", c)):
        if value < 0:
            raise section.error(f"{key}={value} must not be negative", key)
    inputs = section.find_int("inputs", h * w * c)
    if h and w and c:
        if inputs != h * w * c:
            raise section.error(f"inputs={inputs} is not height x width x channels = {h * w * c}", "inputs")
        shape = Shape(c, h, w)
    elif inputs > 0:
        shape = Shape(inputs, image=False)
    else:
        raise section.error("no input size: [net] must give height, width and channels (or inputs)")
    if shape.size > INT32_MAX:
        raise section.error(f"an input of {shape.size} values is more than Darknet can count")
    return shape


def _check_heads(network: Network) -> None:
    """All heads must know the same classes: Darknet gives every box an array as long as the last layer's."""
    heads = network.heads
    for head in heads[1:]:
        if head.classes != heads[0].classes:
            raise network.error(head, f"[{head.kind}] has other classes than the head of layer {heads[0].index}")


def layer_table(network: Network, verbose: bool = False) -> list[str]:
    """pjreddie's layer table, line for line as he prints it; ``verbose`` adds its "Unused field" lines."""
    lines = [TABLE_HEADER]
    for layer in network.layers:
        lines += f"{layer.index:5d} {layer.describe()}".split("\n")
        if verbose:
            lines += [printable(f"Unused field: '{field}'") for field in layer.unused]
    return lines
