"""Arithmetic profiles: whose bits a plan computes, or that speed comes first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import DarknetError
from ..numeric.boxes import MAKEFILE, MAKEFILE_HERE, SOURCE, BoxArithmetic
from .number_format import FLOAT32, NumberFormat

if TYPE_CHECKING:
    from ..kernels.vector.tile import Tile
    from ..layers import Layer
    from ..network import Network


@dataclass(frozen=True)
class Profile:
    """A choice of arithmetic.

    Attributes:
        name: what the user calls it.
        make: compute as the program that Darknet's stock Makefile builds (gcc -Ofast) instead of as its source says.
        fast: speed before bits: fused multiply-add, batch normalisation folded into the weights, Winograd's filtering.
        flush_denormals: denormal numbers count as zero while a network runs.
        boxes: the arithmetic of boxes. That of ``make`` divides with a processor's reciprocal estimate, whose last bits
            are the maker's choice: Intel's, or with ``make-own`` those of the processor here.
        numbers: what activations and weights consist of.

    Whoever computes something in another way under another profile asks for that way here, not for the profile.
    """

    name: str
    make: bool = False
    fast: bool = False
    flush_denormals: bool = False
    boxes: BoxArithmetic = SOURCE
    numbers: NumberFormat = FLOAT32

    @property
    def exact(self) -> bool:
        """Whether it gives some Darknet's bits."""
        return not self.fast

    def activation_code(self, activation: str) -> int:
        """The number by which kernels know an activation."""
        from ..kernels.layers.activations import CODES

        return CODES["relu+0" if self.make and activation == "relu" else activation]

    def multiplied_pixels(self, spatial: int) -> int | None:
        """How many pixels of a plane batch normalisation multiplies by a reciprocal; None: it divides all of them.

        gcc's -Ofast does so with whole vectors of four, and divides the rest.
        """
        return spatial & ~3 if self.make else None

    @property
    def mean_by_four(self) -> bool:
        """Whether the mean of a binary filter is taken of four sums side by side, and its division is a product."""
        return self.make

    @property
    def folds_normalization(self) -> bool:
        """Whether batch normalisation becomes part of a convolution's weights."""
        return self.fast

    @property
    def transforms(self) -> bool:
        """Whether a convolution may be computed by Winograd's minimal filtering."""
        return self.fast

    def tile(self, tile: Tile) -> Tile:
        """The micro-kernels' shape with the arithmetic of this profile."""
        return tile.contracted if self.fast else tile

    @property
    def softmax(self) -> Any:
        """The kernel that computes softmax."""
        if not self.make:
            from ..kernels.layers.softmax import softmax

            return softmax
        from ..kernels.layers.softmax_make import softmax_make  # needs libmvec, see `check_covers`

        return softmax_make


PROFILES = {
    "ieee": Profile("ieee"),
    "make": Profile("make", make=True, flush_denormals=True, boxes=MAKEFILE),
    "fast": Profile("fast", fast=True, flush_denormals=True),
    "make-own": Profile("make-own", make=True, flush_denormals=True, boxes=MAKEFILE_HERE),
}
"""Profiles by name."""

_MAKE_COVERS = {
    "activation", "batchnorm", "convolutional", "cost", "crnn", "crop", "dropout", "iseg", "logistic", "maxpool",
    "region", "reorg", "route", "shortcut", "upsample", "yolo",
}  # fmt: skip
"""Layers of which is known what gcc -Ofast makes. In the others it regroups sums as the processor's vectors suggest."""


def get_profile(name: str) -> Profile:
    """The profile of that name; `DarknetError` if there is none."""
    if name not in PROFILES:
        raise DarknetError(f"unknown arithmetic profile '{name}'; choose from {', '.join(PROFILES)}")
    return PROFILES[name]


def check_covers(profile: Profile, network: Network) -> None:
    """Raise `CfgError` at the first layer whose bits a profile does not promise."""
    if not profile.make:
        return
    from ..kernels.runtime.libmvec import AVAILABLE

    if not AVAILABLE:
        raise DarknetError("math=make needs the vector functions of glibc on x86-64 (libmvec.so.1); use math=ieee")
    layer = first_uncovered(network)
    if layer is not None:
        raise network.error(
            layer, f"math=make does not cover [{layer.kind}]: the Makefile's build regroups its sums; use math=ieee"
        )


def first_uncovered(network: Network) -> Layer | None:
    """The first layer whose bits ``make`` does not promise, if there is one."""
    return next((layer for layer in network.layers if layer.kind not in _MAKE_COVERS), None)
