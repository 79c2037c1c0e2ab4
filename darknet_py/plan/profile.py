"""Arithmetic profiles: whose bits a plan computes, or that speed comes first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import DarknetError
from ..numeric.boxes import MAKEFILE, MAKEFILE_HERE, SOURCE, BoxArithmetic

if TYPE_CHECKING:
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
    """

    name: str
    make: bool = False
    fast: bool = False
    flush_denormals: bool = False
    boxes: BoxArithmetic = SOURCE

    @property
    def exact(self) -> bool:
        """Whether it gives some Darknet's bits."""
        return not self.fast


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
    from ..kernels.libmvec import AVAILABLE

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
