"""``[maxpool]``: Darknet's ``make_maxpool_layer``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .alexeyab_rows import blur_row, pool_billions, pool_row
from .base import Layer, Place, Shape, checked_output, need_image, not_negative, positive, within_reach
from .opencv import OpenCvLayer
from .strides import blur_window, read_pool_strides, window_output

if TYPE_CHECKING:
    from ..formats.cfg import Section
    from ..network import Network


@dataclass(frozen=True, kw_only=True)
class MaxPool(Layer):
    """Largest value of each window; the window starts at ``-pad/2``, and what is outside counts as -FLT_MAX.

    ``pad`` is the padding of both sides together, ``size - 1`` unless the cfg says otherwise.

    In AlexeyAB's dialect also:

    Attributes:
        stride_x, stride_y: strides across and down.
        depth: channels of the output if it pools over channels instead: channel g is the largest of g, g + depth, ...
        blur: as in `Convolutional`.
    """

    kind = "maxpool"

    size: int
    stride_x: int
    stride_y: int
    pad: int
    depth: int = 0
    blur: int = 0

    @classmethod
    def parse(cls, section: Section, place: Place) -> MaxPool:
        """Read a section."""
        shape = need_image(section, place)
        size = positive(section, "size", positive(section, "stride", 1))
        extent = max(shape.h, shape.w)
        within_reach(section, "size", size, extent)
        pad = not_negative(section, "padding", size - 1)
        stride_x, stride_y = read_pool_strides(section, extent + pad)
        depth, blur = 0, 0
        if section.find_int("maxpool_depth", 0):
            depth = positive(section, "out_channels", 1)
            if depth > shape.c:
                raise section.error(f"out_channels={depth} is more than {shape.c} channels", "out_channels")
            if section.find_int("antialiasing", 0):
                raise section.error(
                    "antialiasing does not go with maxpool_depth: AlexeyAB's Darknet leaves it out, but not its size",
                    "antialiasing",
                )
            out = Shape(depth, shape.h, shape.w)
        else:
            blur = section.find_int("antialiasing", 0)
            out = window_output(shape.c, shape, size, pad, *((1, 1) if blur else (stride_x, stride_y)))
            if blur:
                checked_output(section, out, shape)
                out = window_output(shape.c, out, *blur_window(blur), stride_x, stride_y)
        return cls(
            index=place.index, line=section.line, input=shape, out=checked_output(section, out, shape), size=size,
            stride_x=stride_x, stride_y=stride_y, pad=pad, depth=depth, blur=blur,
        )  # fmt: skip

    @property
    def stride(self) -> int:
        """Stride across; in pjreddie's dialect also down."""
        return self.stride_x

    @property
    def sharp(self) -> Shape:
        """Shape of the map before the blur."""
        return window_output(self.input.c, self.input, self.size, self.pad, 1, 1) if self.blur else self.out

    @property
    def passes_values(self) -> bool:
        """Not if windows may lie outside of the image: those have the smallest float32."""
        within = self.pad // 2 < self.size and all(
            (windows - 1) * stride - self.pad // 2 < extent
            for windows, stride, extent in (
                (self.out.h, self.stride_y, self.input.h), (self.out.w, self.stride_x, self.input.w)
            )
        )  # fmt: skip
        return within and not (self.depth or self.blur)

    @property
    def opencv(self) -> OpenCvLayer:
        options = (f"kernel_size : {self.size}", f"stride : {self.stride}")
        return OpenCvLayer(f"pool_{self.index}", "Pooling", work=self.size**2, options=options)

    def describe(self) -> str:
        return (
            f"max          {self.size} x {self.size} / {self.stride}  "
            f"{self.input.w:4d} x{self.input.h:4d} x{self.input.c:4d}   ->  "
            f"{self.out.w:4d} x{self.out.h:4d} x{self.out.c:4d}"
        )

    @property
    def alexeyab_billions(self) -> float:
        return pool_billions(self)

    def alexeyab_row(self, network: Network) -> str:
        if self.depth:  # one stride is all that he prints
            return pool_row(self, "max-depth", (self.stride_x, self.stride_x))
        if not self.blur:
            return pool_row(self, "max", (self.stride_x, self.stride_y))
        size, _ = blur_window(self.blur)
        return f"{pool_row(self, 'max', (1, 1))}\n{blur_row(self, size)}"
