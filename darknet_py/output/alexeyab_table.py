"""AlexeyAB's layer table: what his Darknet prints to standard error while it reads a cfg."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import printable
from ..layers import (
    Connected,
    Contrastive,
    ConvCrnn,
    ConvLstm,
    Convolutional,
    Detection,
    Dropout,
    Empty,
    GaussianYolo,
    Head,
    History,
    Implicit,
    LocalAvgPool,
    MaxPool,
    MultiShortcut,
    Recurrent,
    Reorg,
    Reorg3d,
    Route,
    Sam,
    ScaleChannels,
    Shape,
    Upsample,
    Yolo,
)
from ..layers.avgpool import AvgPool
from ..layers.elementwise import Activation, Cost

if TYPE_CHECKING:
    from ..formats.cfg import Section
    from ..layers import Layer
    from ..network import Network

HEADER = "   layer   filters  size/strd(dil)      input                output"

IOU_LOSSES = {"mse": 2, "giou": 1, "diou": 3, "ciou": 4}
"""Numbers of his ``IOU_LOSS``; every other word is the IoU's, 0."""

WEIGHTS = {"per_feature": 1, "per_layer": 1, "per_channel": 2}
NORMALIZATIONS = {"relu": 1, "avg_relu": 1, "softmax": 2}
POINTS = {"center": 1, "left_top": 2, "right_bottom": 4}

f32 = np.float32


def alexeyabs_table(network: Network, verbose: bool = False) -> list[str]:
    """The table, with the two lines of totals at its end; ``verbose`` adds "Unused field" lines."""
    lines = [HEADER]
    total, outputs, counted = f32(0), 0, 0
    for layer, section in zip(network.layers, network.sections, strict=True):
        text = _describe(network, layer, section)
        lines += f"{layer.index:4d} {text}".split("\n")
        if verbose:
            lines += [printable(f"Unused field: '{field}'") for field in layer.unused]
        total += _billions(layer)
        if min(_size(network, layer)) > 1:
            outputs += _sharp(layer).size
            counted += 1
    return [*lines, f"Total BFLOPS {total:5.3f} ", f"avg_outputs = {outputs // counted if counted else 0} "]


def _describe(network: Network, layer: Layer, section: Section) -> str:
    describe = _LINES.get(type(layer))
    return layer.describe() if describe is None else describe(network, layer, section)


_WITHOUT_SIZE = (Activation, Connected, Cost, Implicit)
"""Layers that do not know their input's width and height, and do not count in the mean."""


def _size(network: Network, layer: Layer) -> tuple[int, int]:
    """Width and height that he knows of a layer: of its input; of a route those of its first layer's."""
    if isinstance(layer, Route):
        return _size(network, network.layers[layer.layers[0]])
    if isinstance(layer, Detection):
        return layer.side, layer.side
    plain_dropout = isinstance(layer, Dropout) and not network.sections[layer.index].find_int("dropblock", 0)
    if plain_dropout or (isinstance(layer, Recurrent) and not isinstance(layer, (ConvCrnn, ConvLstm))):
        return 0, 0
    return (0, 0) if isinstance(layer, _WITHOUT_SIZE) else (layer.input.w, layer.input.h)


def _sharp(layer: Layer) -> Shape:
    """The output's shape, before a blur."""
    return layer.sharp if isinstance(layer, (Convolutional, MaxPool)) else layer.out


def _shape(shape: Shape) -> str:
    return f"{shape.w:4d} x{shape.h:4d} x{shape.c:4d}"


def _billions(layer: Layer) -> np.float32:
    """His count of operations, in billions, as a float; only some layers have one."""
    found: np.float32 = f32(0)
    if isinstance(layer, Convolutional):
        out = layer.sharp
        weights = layer.input.c // layer.groups * layer.n * layer.size * layer.size
        found = f32(2.0 * weights * out.h * out.w / 1e9) / f32(32 if layer.xnor else 1)
    elif isinstance(layer, (MaxPool, LocalAvgPool)):
        out = _sharp(layer)
        found = f32(layer.size * layer.size * layer.input.c * out.h * out.w / 1e9)
    elif isinstance(layer, MultiShortcut):
        found = f32(layer.out.size * len(layer.added) / 1e9) * f32(2 if layer.weights else 1)
    elif isinstance(layer, (ConvCrnn, ConvLstm)):
        for name in _PARTS[type(layer)]:
            if name in layer.parts:
                found += _billions(layer.parts[name])
        if isinstance(layer, ConvLstm):
            found = f32(float(found) + (12 if layer.peephole else 9) * layer.out.size / 1e9)
    return found


_PARTS: dict[type[Recurrent], tuple[str, ...]] = {
    ConvCrnn: ("input_layer", "self_layer", "output_layer"),
    ConvLstm: ("uf", "ui", "ug", "uo", "wf", "wi", "wg", "wo", "vf", "vi", "vo"),
}
"""Convolutions of recurrent layers in the order in which he makes them."""


def _convolution(layer: Convolutional, shares: bool = False, assisted: bool = False) -> str:
    kind = "convX " if layer.xnor else "convS " if shares else "convAE" if assisted else "conv  "
    filters = f"{layer.n:5d}/{layer.groups:4d} " if layer.groups > 1 else f"{layer.n:5d}      "
    x, y = (1, 1) if layer.blur else (layer.stride_x, layer.stride_y)
    if x != y:
        window = f"{layer.size:2d}x{layer.size:2d}/{x:2d}x{y:2d} "
    elif layer.dilation > 1:
        window = f"{layer.size:2d} x{layer.size:2d}/{x:2d}({layer.dilation:1d})"
    else:
        window = f"{layer.size:2d} x{layer.size:2d}/{x:2d}   "
    sizes = f"{_shape(layer.input)} -> {_shape(layer.sharp)} {_billions(layer):5.3f} BF"
    line = f"{kind}{filters}{window}{sizes}"
    return f"{line}\n{_blur(layer)}" if layer.blur else line


def _blur(layer: Convolutional | MaxPool) -> str:
    """The line of the depthwise convolution behind a layer with ``antialiasing``."""
    sharp, size = layer.sharp, 3 if layer.blur == 1 else 2
    work = f32(2.0 * sharp.c * size * size * layer.out.h * layer.out.w / 1e9)
    x, y = layer.stride_x, layer.stride_y
    window = f"{size:2d} x{size:2d}/{x:2d}   " if x == y else f"{size:2d}x{size:2d}/{x:2d}x{y:2d} "
    filters = f"{sharp.c:5d}/{sharp.c:4d} " if sharp.c > 1 else f"{sharp.c:5d}      "
    return f"conv  {filters}{window}{_shape(sharp)} -> {_shape(layer.out)} {work:5.3f} BF"


def _convolutional(network: Network, layer: Convolutional, section: Section) -> str:
    return _convolution(layer, layer.shares is not None, bool(section.find_float("assisted_excitation", 0)))


def _pool(network: Network, layer: Any, section: Section) -> str:
    depth, blur = getattr(layer, "depth", 0), getattr(layer, "blur", 0)
    x, y = (1, 1) if blur else (layer.stride_x, layer.stride_y)
    name = "avg" if isinstance(layer, LocalAvgPool) else "max-depth" if depth else "max"
    begin, window = f"{name:18}", f"{layer.size:2d}x{layer.size:2d}/{x:2d}"
    if x != y and not depth:
        begin, window = f"{name:17}", f"{window}x{y:2d} "
    else:
        window += "   "
    line = f"{begin}{window}{_shape(layer.input)} -> {_shape(_sharp(layer))} {_billions(layer):5.3f} BF"
    return f"{line}\n{_blur(layer)}" if blur else line


def _route(network: Network, layer: Route, section: Section) -> str:
    count = len(layer.layers)
    gap = " \t    " if count > 3 else " \t            " if count > 1 else " \t\t            "
    group = f"{layer.group_id}/{layer.groups}" if layer.groups > 1 else "   "
    numbers = "".join(f" {number}" for number in layer.layers)
    return f"route {numbers}{gap}           {group} -> {_shape(layer.out)} "


def _shortcut(network: Network, layer: MultiShortcut, section: Section) -> str:
    weights = WEIGHTS.get(section.find_str("weights_type", "none"), 0)
    normalization = NORMALIZATIONS.get(section.find_str("weights_normalization", "none"), 0) if weights else 0
    lines = [
        f"Shortcut Layer: {''.join(f'{number}, ' for number in layer.added)} wt = {weights}, wn = {normalization}, "
        f"outputs:{_shape(layer.out)} {_billions(layer):5.3f} BF"
    ]
    shapes = [network.layers[number].out for number in layer.added]
    lines += [f" ({_shape(layer.out)}) + ({_shape(shape)}) " for shape in shapes if shape != layer.out]
    return "\n".join(lines)


def _yolo(network: Network, layer: Yolo, section: Section) -> str:
    return f"yolo\n[yolo] params: {_losses(section)}, scale_x_y: {layer.scale_x_y:2.2f}"


def _gaussian(network: Network, layer: GaussianYolo, section: Section) -> str:
    scale, point = f"scale: {layer.scale_x_y:2.2f}", f"point: {POINTS[layer.point]}"
    return f"[Gaussian_yolo] {_losses(section)}, {scale}, {point}"


def _losses(section: Section) -> str:
    loss = section.find_str("iou_loss", "mse")
    parts = [f"iou loss: {loss} ({IOU_LOSSES.get(loss, 0)})"]
    for name, default in (("iou", 0.75), ("obj", 1.0), ("cls", 1.0), ("delta", 1.0)):
        parts.append(f"{name}_norm: {section.find_float(f'{name}_normalizer', default):2.2f}")
    return ", ".join(parts)


def _dropout(network: Network, layer: Dropout, section: Section) -> str:
    size, probability = layer.input.size, section.find_float("probability", 0.2)
    if not section.find_int("dropblock", 0):
        return f"dropout    p = {probability:.3f}        {size:4d}  ->   {size:4d}"
    relative = section.find_float("dropblock_size_rel", 0)
    absolute = int(section.find_float("dropblock_size_abs", 0))
    if absolute > min(layer.input.w, layer.input.h):
        absolute = min(layer.input.w, layer.input.h)
    if not relative and not absolute:
        absolute = 7
    block = f"abs = {absolute:d}" if absolute else f"rel = {relative:.2f}"
    return f"dropblock    p = {probability:.3f}   l.dropblock_size_{block}    {size:4d}  ->   {size:4d}"


def _recurrent(network: Network, layer: ConvCrnn | ConvLstm, section: Section) -> str:
    x, name = layer.input, "CRNN" if isinstance(layer, ConvCrnn) else "CONV_LSTM"
    lines = [f"{name} Layer: {x.h} x {x.w} x {x.c} image, {layer.out.c} filters"]
    parts = (layer.parts[part] for part in _PARTS[type(layer)] if part in layer.parts)
    return "\n".join([*lines, *(_convolution(part) for part in parts if isinstance(part, Convolutional))])


def _upsample(network: Network, layer: Upsample, section: Section) -> str:
    name = "downsample" if layer.reverse else "upsample"
    return f"{name:24}{layer.stride:2d}x  {_shape(layer.input)} -> {_shape(layer.out)}"


def _contrastive(network: Network, layer: Contrastive, section: Section) -> str:
    number = section.find_int("yolo_layer", 0)
    head = network.layers[number + layer.index if number < 0 else number]
    boxes, classes = (head.n, head.classes) if isinstance(head, Head) else (1, section.find_int("classes", 1000))
    grid = layer.input
    step = boxes * grid.h * grid.w
    return (
        f"contrastive {grid.w:4d} x{grid.h:4d} x{boxes:4d} x emb_size {grid.size // step:4d} x batch: {1:4d}  "
        f"classes = {classes:4d}, step = {step:4d} \ndetection "
    )


_LINES: dict[type[Layer], Callable[..., str]] = {
    AvgPool: lambda network, layer, section: f"avg{'':26}{_shape(layer.input)} ->   {layer.input.c:4d}",
    Contrastive: _contrastive,
    ConvCrnn: _recurrent,
    ConvLstm: _recurrent,
    Convolutional: _convolutional,
    Dropout: _dropout,
    Empty: lambda network, layer, section: "empty ",
    GaussianYolo: _gaussian,
    History: lambda network, layer, section: (
        f"HISTORY b = 1, s = {layer.steps:2d}, steps =  1   {_shape(layer.input)} -> {_shape(layer.out)} "
    ),
    Implicit: lambda network, layer, section: (
        f"implicit Layer: {layer.out.c} x {layer.out.h} \t mean={layer.mean:.2f}, std={layer.std:.2f} "
    ),
    LocalAvgPool: _pool,
    MaxPool: _pool,
    MultiShortcut: _shortcut,
    Reorg: lambda network, layer, section: (
        f"reorg_old              /{layer.stride:2d}  {_shape(layer.input)}   ->  {_shape(layer.out)}"
    ),
    Reorg3d: lambda network, layer, section: (
        f"reorg                    /{layer.stride:2d} {_shape(layer.input)} -> {_shape(layer.out)}"
    ),
    Route: _route,
    Sam: lambda network, layer, section: f"scale Layer: {layer.source}",
    ScaleChannels: lambda network, layer, section: f"scale Layer: {layer.source}",
    Upsample: _upsample,
    Yolo: _yolo,
}
"""Who describes a layer otherwise than pjreddie's Darknet."""
