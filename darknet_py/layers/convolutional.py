"""``[convolutional]``: Darknet's ``make_convolutional_layer``."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..formats.cfg import to_float32
from .alexeyab_rows import blur_row, dimensions
from .base import Layer, Place, Shape, Stored, checked_output, need_image, not_negative, positive, within_reach
from .opencv import OpenCvLayer
from .strides import blur_window, read_strides, window_output
from .weighted import HOMOGENEOUS, Weighted, acts_alone, read_activation, read_load_rules

if TYPE_CHECKING:
    from ..formats.cfg import Section
    from ..network import Network


NOBODY = -1000000000
"""``share_index`` of a layer that shares nothing."""


MOST_PRODUCTS = 2**31 // (255 * 127)
"""Products of two 8-bit integers whose sum is certain to be a 32-bit one."""


@dataclass(frozen=True, kw_only=True)
class Convolutional(Weighted):
    """2-D convolution over ``groups`` groups of channels, then batch normalisation or biases, then activation.

    ``pad`` is the padding in pixels (the cfg's ``pad=1`` means ``size/2``). A 1x1 convolution reads its input as it
    lies in memory: ``stride`` then shortens the output but skips nothing (Darknet's ``forward_convolutional_layer``).
    With ``xnor`` it multiplies signs (XNOR-Net, Rastegari et al. 2016): an input's, and a weight's times the mean of
    its filter.

    In AlexeyAB's dialect also:

    Attributes:
        stride_x, stride_y: strides across and down.
        dilation: distance of two taps; the first is at ``-pad * dilation``.
        skips: a 1x1 convolution skips pixels as its strides say.
        blur: 1 or 2: it runs with strides 1, and a depthwise blur with the strides follows the activation
            (``antialiasing``); ``out`` is the blurred map.
        shares: number of the layer whose stored arrays it uses (``share_index``).
    """

    kind = "convolutional"
    takes_batches = True
    folds = True
    resets = True

    n: int
    size: int
    stride_x: int
    stride_y: int
    pad: int
    groups: int
    flipped: bool = False
    xnor: bool = False
    dilation: int = 1
    skips: bool = False
    blur: int = 0

    @classmethod
    def parse(cls, section: Section, place: Place) -> Convolutional:
        """Read a section; `CfgError` for what Darknet could not run or would read beyond its memory for."""
        shape = need_image(section, place)
        n = positive(section, "filters", 1)
        size = positive(section, "size", 1)
        dilation = positive(section, "dilation", 1) if size > 1 else 1
        padding = not_negative(section, "padding", 0)
        if section.find_int("pad", 0):
            padding = size // 2
        extent = max(shape.h, shape.w) + 2 * padding
        within_reach(section, "padding", padding, size)
        within_reach(section, "dilation", dilation, extent)
        stride_x, stride_y = read_strides(section, extent)
        xnor = bool(section.find_int("xnor", 0))
        groups = 1 if xnor and section.dialect.key == "alexeyab" else positive(section, "groups", 1)
        if shape.c % groups or n % groups:
            raise section.error(f"groups={groups} must divide both {shape.c} channels and {n} filters", "groups")
        flipped = bool(section.find_int("flipped", 0))
        if flipped and groups > 1:
            raise section.error("flipped=1 does not go with groups (Darknet would write beyond its weights)", "flipped")
        skips = section.dialect.strided_1x1 and stride_x > 1
        if size == 1 and padding and not skips:
            raise section.error("a 1x1 convolution takes no padding (Darknet reads beyond its input there)", "padding")
        if dilation > 1 and (padding != size // 2 or size % 2 == 0):
            raise section.error(
                f"dilation={dilation} needs an odd size and padding={size // 2} (pad=1): with padding={padding} the "
                "output has another size than AlexeyAB's Darknet reckons with", "dilation",
            )  # fmt: skip
        blur = section.find_int("antialiasing", 0)
        strides = (1, 1) if blur else (stride_x, stride_y)
        out = window_output(n, shape, size, 2 * padding, *strides)
        if blur:
            checked_output(section, out, shape)
            out = window_output(n, out, *blur_window(blur), stride_x, stride_y)
        normalize = bool(section.find_int("batch_normalize", 0)) or bool(section.find_int("cbn", 0))
        layer = cls(
            index=place.index, line=section.line, input=shape, out=checked_output(section, out, shape), n=n, size=size,
            stride_x=stride_x, stride_y=stride_y, pad=padding, groups=groups, flipped=flipped, xnor=xnor,
            batch_normalize=normalize, activation=read_activation(section, "logistic"),
            dontloadscales=not _shares(section) and read_load_rules(section), dilation=dilation, skips=skips, blur=blur,
        )  # fmt: skip
        return dataclasses.replace(layer, shares=_shared(section, place, layer))

    @property
    def stride(self) -> int:
        """Stride across; in pjreddie's dialect also down."""
        return self.stride_x

    @property
    def sharp(self) -> Shape:
        """Shape of the map before the blur."""
        return window_output(self.n, self.input, self.size, 2 * self.pad, 1, 1) if self.blur else self.out

    @property
    def c(self) -> int:
        """Input channels."""
        return self.input.c

    @property
    def h(self) -> int:
        """Input height."""
        return self.input.h

    @property
    def w(self) -> int:
        """Input width."""
        return self.input.w

    @property
    def out_h(self) -> int:
        """Output height."""
        return self.out.h

    @property
    def out_w(self) -> int:
        """Output width."""
        return self.out.w

    @property
    def multiply_adds(self) -> int:
        sharp = self.sharp
        return self.n * self.size * self.size * (self.c // self.groups) * sharp.h * sharp.w

    @property
    def depthwise(self) -> bool:
        """Whether each channel has one filter of its own."""
        return self.c == self.groups == self.n and self.groups > 1

    @property
    def takes_factors(self) -> bool:
        return not self.xnor and self.shares is None

    @property
    def balances(self) -> bool:
        return self.takes_factors and self.activation in HOMOGENEOUS and not (self.blur or self.flipped)

    @property
    def quantizes(self) -> bool:
        """In one group, depthwise, or in groups of whole words (4 channels) each.

        (A 1x1 convolution with a stride reads its input as if its channels were shorter.)
        """
        plain = not (self.xnor or self.blur) and self.dilation == 1 and self.stride_x == self.stride_y
        channels, filters = self.c // self.groups, self.n // self.groups
        reads_words = self.size > 1 or (self.stride_x == 1 and not self.depthwise)
        whole = self.groups == 1 or self.depthwise or (channels % 4 == 0 and filters % 4 == 0)
        products = channels * self.size**2
        return plain and reads_words and whole and products <= MOST_PRODUCTS and acts_alone(self.activation)

    @property
    def halves(self) -> bool:
        return self.quantizes and self.groups == 1

    @property
    def quantizes_since(self) -> int:
        return 2 if self.groups > 1 else 1

    def beginning(self, place: int) -> int | None:
        as_it_lies = self.size == 1 and not (self.skips or self.pad) and self.groups == 1
        return self.c * self.sharp.h * self.sharp.w if as_it_lies else None

    @property
    def brief(self) -> str:
        groups = f" in {self.groups} groups" if self.groups > 1 else ""
        return f"conv {self.n} {self.size}x{self.size}/{self.stride}{groups}"

    def as_saved(self) -> tuple[Layer, list[str]]:
        plain, ignored = super().as_saved()
        if not self.flipped:
            return plain, ignored
        return dataclasses.replace(plain, flipped=False), ["flipped", *ignored]  # type: ignore[call-arg]

    def arrays(self) -> list[Stored]:
        if self.shares is not None:
            return []
        fan_in = self.c // self.groups * self.size**2
        weights = Stored(
            "weights", (self.n, self.c // self.groups, self.size, self.size), self.spread(fan_in),
            transposed="always" if self.flipped else "never",
        )  # fmt: skip
        return [Stored("biases", (self.n,)), *self.normalization(self.n), weights]

    @property
    def opencv(self) -> OpenCvLayer:
        options = f"kernel_size : {self.size}", f"stride : {self.stride}", f"pad : {self.pad}", f"group: {self.groups}"
        return OpenCvLayer(
            f"conv_{self.index}", "Convolution", self.activation, self.batch_normalize,
            work=2 * self.size**2 * self.c + 1, options=options,
        )  # fmt: skip

    def describe(self) -> str:
        flops = 2.0 * self.n * self.size * self.size * self.c / self.groups * self.out_h * self.out_w
        return (
            f"conv  {self.n:5d} {self.size:2d} x{self.size:2d} /{self.stride:2d}  {self.w:4d} x{self.h:4d} x{self.c:4d}"
            f"   ->  {self.out_w:4d} x{self.out_h:4d} x{self.n:4d}  {flops / 1e9:5.3f} BFLOPs"
        )

    @property
    def alexeyab_billions(self) -> float:
        weights = self.c // self.groups * self.n * self.size * self.size
        return to_float32(2.0 * weights * self.sharp.h * self.sharp.w / 1e9) / (32 if self.xnor else 1)

    def alexeyab_row(self, network: Network) -> str:
        assisted = bool(network.sections[self.index].find_float("assisted_excitation", 0))
        return self.alexeyab_line("convS " if self.shares is not None else "convAE" if assisted else "conv  ")

    def alexeyab_line(self, name: str) -> str:
        """The row of a convolution that is called ``name``."""
        filters = f"{self.n:5d}/{self.groups:4d} " if self.groups > 1 else f"{self.n:5d}      "
        x, y = (1, 1) if self.blur else (self.stride_x, self.stride_y)
        if x != y:
            window = f"{self.size:2d}x{self.size:2d}/{x:2d}x{y:2d} "
        elif self.dilation > 1:
            window = f"{self.size:2d} x{self.size:2d}/{x:2d}({self.dilation:1d})"
        else:
            window = f"{self.size:2d} x{self.size:2d}/{x:2d}   "
        sizes = f"{dimensions(self.input)} -> {dimensions(self.sharp)} {self.alexeyab_billions:5.3f} BF"
        line = f"{'convX ' if self.xnor else name}{filters}{window}{sizes}"
        return f"{line}\n{blur_row(self, blur_window(self.blur)[0])}" if self.blur else line


def _shares(section: Section) -> bool:
    """Whether it uses another layer's arrays; it has none that could be left out of a file then."""
    return section.find_int("share_index", NOBODY) != NOBODY


def _shared(section: Section, place: Place, layer: Convolutional) -> int | None:
    """The layer whose arrays ``layer`` uses, if it has ``share_index``."""
    if not _shares(section):
        return None
    reference = section.find_int("share_index", NOBODY)
    number = place.resolve(reference)
    other = None if number is None else place.layers[number]
    if not isinstance(other, Convolutional):
        raise section.error(
            f"share_index={reference} names no [convolutional] before this one (layer {place.index})", "share_index"
        )
    own, theirs = (
        (layer.n, layer.c, layer.size, layer.groups, layer.batch_normalize, layer.flipped, layer.xnor)
        for layer in (layer, other)
    )
    if own != theirs:
        raise section.error(
            f"share_index={reference}: filters, channels, size, groups or batch_normalize differ from layer {number}'s",
            "share_index",
        )
    return number if other.shares is None else other.shares
