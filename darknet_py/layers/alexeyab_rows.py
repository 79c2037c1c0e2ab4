"""What rows of AlexeyAB's layer table have in common: shapes, windows, work, losses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ..formats.cfg import to_float32

if TYPE_CHECKING:
    from ..formats.cfg import Section
    from .base import Shape

IOU_LOSSES = {"mse": 2, "giou": 1, "diou": 3, "ciou": 4}
"""Numbers of his ``IOU_LOSS``; every other word is the IoU's, 0."""


class Window(Protocol):
    """A layer whose window moves over an image."""

    @property
    def out(self) -> Shape: ...
    @property
    def sharp(self) -> Shape: ...
    @property
    def stride_x(self) -> int: ...
    @property
    def stride_y(self) -> int: ...


class Pool(Window, Protocol):
    """A layer that pools."""

    @property
    def input(self) -> Shape: ...
    @property
    def size(self) -> int: ...
    @property
    def alexeyab_billions(self) -> float: ...


def dimensions(shape: Shape) -> str:
    """``width xheight xchannels``."""
    return f"{shape.w:4d} x{shape.h:4d} x{shape.c:4d}"


def pool_billions(layer: Pool) -> float:
    """Billions of values that a pooling reads."""
    return to_float32(layer.size * layer.size * layer.input.c * layer.sharp.h * layer.sharp.w / 1e9)


def pool_row(layer: Pool, name: str, strides: tuple[int, int]) -> str:
    """The row of a pooling, which is called ``name``; strides that differ take the place of a blank before."""
    x, y = strides
    begin, window = (name.ljust(18), "   ") if x == y else (name.ljust(17), f"x{y:2d} ")
    sizes = f"{dimensions(layer.input)} -> {dimensions(layer.sharp)} {layer.alexeyab_billions:5.3f} BF"
    return f"{begin}{layer.size:2d}x{layer.size:2d}/{x:2d}{window}{sizes}"


def blur_row(layer: Window, size: int) -> str:
    """The row of the depthwise convolution behind a layer with ``antialiasing``, of that size."""
    sharp, x, y = layer.sharp, layer.stride_x, layer.stride_y
    work = to_float32(2.0 * sharp.c * size * size * layer.out.h * layer.out.w / 1e9)
    window = f"{size:2d} x{size:2d}/{x:2d}   " if x == y else f"{size:2d}x{size:2d}/{x:2d}x{y:2d} "
    filters = f"{sharp.c:5d}/{sharp.c:4d} " if sharp.c > 1 else f"{sharp.c:5d}      "
    return f"conv  {filters}{window}{dimensions(sharp)} -> {dimensions(layer.out)} {work:5.3f} BF"


def losses(section: Section) -> str:
    """What a head's section says of its losses."""
    loss = section.find_str("iou_loss", "mse")
    parts = [f"iou loss: {loss} ({IOU_LOSSES.get(loss, 0)})"]
    for name, default in (("iou", 0.75), ("obj", 1.0), ("cls", 1.0), ("delta", 1.0)):
        parts.append(f"{name}_norm: {section.find_float(f'{name}_normalizer', default):2.2f}")
    return ", ".join(parts)
