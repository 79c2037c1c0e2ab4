"""Whose bits are computed, or that speed comes first: one object for each arithmetic.

What is computed differently under another arithmetic is an attribute or method here.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from ..dialect import ALEXEYAB, PJREDDIE, Dialect
from ..errors import DarknetError
from ..typing import Doubles, Floats
from .batchnorm import folded, fused_in_double, root_of_opencv, root_plus_epsilon, root_with_epsilon
from .boxes import ALEXEYABS, MAKEFILE, MAKEFILE_HERE, SOURCE, BoxArithmetic
from .number_format import BF16, FLOAT32, INT8, NumberFormat
from .quantization import narrowable, placeholder

if TYPE_CHECKING:
    from ..kernels.vector.tile import Tile
    from ..layers import Layer
    from ..network import Network
    from .quantization import Quantization

Arrays = Mapping[str, Floats]


class Arithmetic:
    """What Darknet's source says under IEEE 754 (``math="ieee"``); the others change parts of it.

    Attributes:
        name: what the user calls it.
        exact: whether it gives some Darknet's bits.
        flush_denormals: denormal numbers count as zero while a network runs.
        boxes: the arithmetic of boxes.
        numbers: what activations and weights consist of.
        narrow: the format of the layers that are `narrowed`, if there are any.
        quantization: what narrow numbers stand for, if that differs from layer to layer.
        calibrated: it needs a quantization, which `darknet-py calibrate` finds.
    """

    exact = True
    flush_denormals = False
    numbers: NumberFormat = FLOAT32
    narrow: NumberFormat | None = None
    quantization: Quantization | None = None
    calibrated = False

    def __init__(self, name: str, boxes: BoxArithmetic) -> None:
        self.name, self.boxes = name, boxes

    def activation_code(self, activation: str, fused: bool = False) -> int:
        """The number by which kernels know an activation; ``fused``: of a convolution or shortcut, within its step."""
        from ..kernels.layers.activations import CODES

        return CODES[activation]

    def deviations(self, variance: Floats) -> Doubles:
        """What batch normalisation divides by, by channel."""
        return root_plus_epsilon(variance)

    def variance(self, deviations: Doubles) -> Floats:
        """The variance of which `deviations` gives these."""
        return ((deviations - root_plus_epsilon(np.zeros(1, np.float32))) ** 2).astype(np.float32)

    def folds_normalization(self, part: bool) -> bool:
        """Whether batch normalisation becomes part of the weights; ``part``: of a convolution in a recurrent layer."""
        return False

    def fold(self, arrays: Arrays) -> Arrays:
        """Weights and biases with batch normalisation folded in, if it is."""
        raise NotImplementedError

    def multiplied_pixels(self, spatial: int) -> int | None:
        """How many pixels of a plane batch normalisation multiplies by a reciprocal; None: it divides all of them."""
        return None

    @property
    def mean_by_four(self) -> bool:
        """Whether the mean of a binary filter is taken of four sums side by side, and its division is a product."""
        return False

    @property
    def transforms(self) -> bool:
        """Whether a convolution may be computed by Winograd's minimal filtering."""
        return False

    def tile(self, tile: Tile) -> Tile:
        """The micro-kernels' shape with this arithmetic."""
        return tile

    @property
    def softmax(self) -> Any:
        """The kernel that computes softmax."""
        from ..kernels.layers.softmax import softmax

        return softmax

    def quantized(self, quantization: Quantization | None) -> Arithmetic:
        """The same arithmetic with what its narrow numbers stand for. Raises `DarknetError` if it has none."""
        if quantization is None:
            return self
        raise DarknetError(f"math={self.name} computes in float32: it takes no calibration; use math=int8")

    def filled_in(self, network: Network) -> Arithmetic:
        """The same with a stand-in for a calibration that it lacks: for plans whose results are not used."""
        return self

    def narrowed(self, network: Network) -> frozenset[int]:
        """The layers that are computed in narrow numbers."""
        return frozenset()

    @property
    def covers_all(self) -> bool:
        """Whether it computes every kind of layer."""
        return True

    @property
    def why_no_training(self) -> str | None:
        """Why networks cannot learn with it; None: they can."""
        return None

    def why_not_here(self) -> str | None:
        """Why this machine cannot compute it; None: it can."""
        return None

    def uncovered(self, network: Network) -> Layer | None:
        """The first layer whose bits it does not promise, if there is one."""
        return None

    def check_here(self) -> None:
        """Raise `DarknetError` if this machine cannot compute it."""
        why = self.why_not_here()
        if why is not None:
            raise DarknetError(why)

    def check_covers(self, network: Network) -> None:
        """Raise `DarknetError` if this machine cannot compute it, or does not promise the bits of some layer."""
        self.check_here()
        layer = self.uncovered(network)
        if layer is not None:
            raise network.error(
                layer,
                f"math={self.name} does not cover [{layer.kind}]: the Makefile's build regroups its sums; "
                "use math=ieee",
            )


class MakefileArithmetic(Arithmetic):
    """What the program computes that pjreddie's stock Makefile builds (gcc -Ofast)."""

    flush_denormals = True

    COVERED = frozenset({
        "activation", "batchnorm", "convolutional", "cost", "crnn", "crop", "dropout", "iseg", "logistic", "maxpool",
        "region", "reorg", "route", "shortcut", "upsample", "yolo",
    })  # fmt: skip
    """Layers of which is known what gcc makes. In the others it regroups sums as the processor's vectors suggest."""

    def activation_code(self, activation: str, fused: bool = False) -> int:
        return super().activation_code("relu+0" if activation == "relu" else activation, fused)

    def multiplied_pixels(self, spatial: int) -> int | None:
        return spatial & ~3  # whole vectors of four; the rest is divided

    @property
    def mean_by_four(self) -> bool:
        return True

    @property
    def softmax(self) -> Any:
        from ..kernels.layers.softmax_make import softmax_make  # needs libmvec, see `why_not_here`

        return softmax_make

    @property
    def covers_all(self) -> bool:
        return False

    @property
    def why_no_training(self) -> str | None:
        return "what gcc -Ofast regroups differs from one compiler to the next"

    def why_not_here(self) -> str | None:
        from ..kernels.runtime.libmvec import AVAILABLE

        if AVAILABLE:
            return None
        return f"math={self.name} needs the vector functions of glibc on x86-64 (libmvec.so.1); use math=ieee"

    def uncovered(self, network: Network) -> Layer | None:
        return next((layer for layer in network.layers if layer.kind not in self.COVERED), None)


class FastArithmetic(Arithmetic):
    """Speed before bits: fused multiply-add, batch normalisation folded into the weights, Winograd's filtering."""

    exact = False
    flush_denormals = True

    def folds_normalization(self, part: bool) -> bool:
        return True

    def fold(self, arrays: Arrays) -> Arrays:
        return folded(arrays, self.deviations(arrays["rolling_variance"]))

    @property
    def transforms(self) -> bool:
        return True

    def tile(self, tile: Tile) -> Tile:
        return tile.contracted


class OpencvArithmetic(FastArithmetic):
    """What OpenCV 4 computes of Darknet's files: for what is to give its results, not to run a network by."""

    def deviations(self, variance: Floats) -> Doubles:
        return root_of_opencv(variance)


class AlexeyabArithmetic(Arithmetic):
    """What AlexeyAB's source says under IEEE 754: float functions, batch normalisation fused in double."""

    manner = "/alone"
    """How costly activations are computed where the vectors with the C library's bits will not do."""

    def activation_code(self, activation: str, fused: bool = False) -> int:
        from ..kernels.layers.activations import CODES

        if activation == "leaky" and fused:
            return CODES["leaky"]
        if f"{activation}{self.manner}" in CODES and (not self.exact or not _vectors_match()):
            return CODES[f"{activation}{self.manner}"]
        return CODES.get(f"{activation}/single", CODES.get(activation, CODES["linear"]))

    def deviations(self, variance: Floats) -> Doubles:
        return root_with_epsilon(variance)

    def variance(self, deviations: Doubles) -> Floats:
        return (deviations**2 - root_with_epsilon(np.zeros(1, np.float32)) ** 2).astype(np.float32)

    def folds_normalization(self, part: bool) -> bool:
        return not part

    def fold(self, arrays: Arrays) -> Arrays:
        return fused_in_double(arrays)


class AlexeyabFastArithmetic(AlexeyabArithmetic):
    """AlexeyAB's networks with speed before bits: fused multiply-add, Winograd's filtering."""

    exact = False
    flush_denormals = True
    manner = "/fast"

    @property
    def transforms(self) -> bool:
        return True

    def tile(self, tile: Tile) -> Tile:
        return tile.contracted


class _Integers(Arithmetic):
    """Convolutions, and what lies between them, in 8-bit integers; the rest as in the profile ``fast``."""

    narrow = INT8
    calibrated = True

    def quantized(self, quantization: Quantization | None) -> Arithmetic:
        result = copy(self)
        result.quantization = quantization
        return result

    def why_not_here(self) -> str | None:
        from ..kernels.vector.dots import why_no_dots

        why = why_no_dots()
        return None if why is None else f"math={self.name} needs {why}; use math=fast"

    @property
    def why_no_training(self) -> str | None:
        return "8-bit integers have no gradients"

    def filled_in(self, network: Network) -> Arithmetic:
        return self if self.quantization is not None else self.quantized(placeholder(network))

    def narrowed(self, network: Network) -> frozenset[int]:
        return self._found(network).integers(network)

    def check_covers(self, network: Network) -> None:
        super().check_covers(network)
        self._found(network).check(network)

    def _found(self, network: Network) -> Quantization:
        if self.quantization is None:
            raise DarknetError(
                f"{network.path}: math={self.name} needs a calibration: run darknet-py calibrate CFG WEIGHTS IMAGES..."
            )
        return self.quantization


class Int8Arithmetic(_Integers, FastArithmetic):
    """8-bit integers in pjreddie's networks."""


class AlexeyabInt8Arithmetic(_Integers, AlexeyabFastArithmetic):
    """8-bit integers in AlexeyAB's networks."""


class _Bfloats(Arithmetic):
    """Convolutions, and what lies between them, in bfloat16; the rest as in the profile ``fast``."""

    narrow = BF16

    def why_not_here(self) -> str | None:
        from ..kernels.vector.pairs import has_bf16_products

        if has_bf16_products():
            return None
        return (
            f"math={self.name} needs a processor with products of bfloat16 (AVX512_BF16, with VL), which this one "
            "lacks; use math=fast"
        )

    @property
    def why_no_training(self) -> str | None:
        return "gradients need more than the 8 bits of bfloat16"

    def narrowed(self, network: Network) -> frozenset[int]:
        """Without what lies beside depthwise convolutions: float32 computes that together with them in less time."""
        floats = {layer.index for layer in network.layers if not layer.halves}
        alone = {layer.index: layer.sources for layer in network.layers if layer.depthwise}
        floats.update(source for sources in alone.values() for source in sources)
        floats.update(layer.index for layer in network.layers if not alone.keys().isdisjoint(layer.sources))
        return narrowable(network, floats)


class Bf16Arithmetic(_Bfloats, FastArithmetic):
    """Bfloat16 in pjreddie's networks."""


class AlexeyabBf16Arithmetic(_Bfloats, AlexeyabFastArithmetic):
    """Bfloat16 in AlexeyAB's networks."""


def _vectors_match() -> bool:
    from ..kernels.vector.library import matches_library

    return matches_library()


_PJREDDIES: tuple[Arithmetic, ...] = (
    Arithmetic("ieee", SOURCE),
    MakefileArithmetic("make", MAKEFILE),
    FastArithmetic("fast", SOURCE),
    MakefileArithmetic("make-own", MAKEFILE_HERE),
    Int8Arithmetic("int8", SOURCE),
    Bf16Arithmetic("bf16", SOURCE),
)
_ALEXEYABS: tuple[Arithmetic, ...] = (
    AlexeyabArithmetic("ieee", ALEXEYABS), AlexeyabFastArithmetic("fast", ALEXEYABS),
    AlexeyabInt8Arithmetic("int8", ALEXEYABS), AlexeyabBf16Arithmetic("bf16", ALEXEYABS),
)  # fmt: skip

OPENCV = OpencvArithmetic("opencv", SOURCE)
"""OpenCV 4's."""

PROFILES: dict[str, Arithmetic] = {arithmetic.name: arithmetic for arithmetic in _PJREDDIES}
"""Every arithmetic by what the user calls it (``math=``), in pjreddie's dialect."""

ARITHMETICS: dict[str, dict[str, Arithmetic]] = {
    PJREDDIE.key: PROFILES,
    ALEXEYAB.key: {arithmetic.name: arithmetic for arithmetic in _ALEXEYABS},
}
"""By dialect."""


def get_arithmetic(name: str, dialect: Dialect = PJREDDIE) -> Arithmetic:
    """The arithmetic of that name in a dialect. Raises `DarknetError` if there is none."""
    if name not in PROFILES:
        raise DarknetError(f"unknown arithmetic profile '{name}'; choose from {', '.join(PROFILES)}")
    known = ARITHMETICS[dialect.key]
    if name not in known:
        raise DarknetError(
            f"math={name} is not there for networks of {dialect.name} (his build calls vector functions that only its "
            f"own loops call alike); choose from {', '.join(known)}"
        )
    return known[name]
