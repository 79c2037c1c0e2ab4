"""Whose Darknet a libdarknet.so is, and which of its builds give the source's own bits."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..dialect import ALEXEYAB, AUTO, PJREDDIE, Dialect
from ..errors import DarknetError
from ..layers import MaxPool

if TYPE_CHECKING:
    from ..network import Network

ONLY_HIS = b"network_predict_ptr\0"
"""A function that AlexeyAB's Darknet exports and pjreddie's does not have."""

BLOCK = 7
"""In his AVX build the first columns of a row come out wrong where it is longer than the window by more than this."""


def library_dialect(library: Path) -> Dialect:
    """Whose Darknet a library is. Raises `DarknetError` if it cannot be read."""
    try:
        content = library.read_bytes()
    except OSError as error:
        raise DarknetError(f"{library}: cannot be read: {error.strerror or error}") from None
    return ALEXEYAB if ONLY_HIS in content else PJREDDIE


def check_asked(library: Path, asked: str) -> Dialect:
    """The library's dialect. Raises `DarknetError` if the user asked for another."""
    found = library_dialect(library)
    if asked not in (AUTO, found.key):
        raise DarknetError(f"{library}: is {found.name}, which does not go with --dialect {asked}")
    return found


def advice(network: Network, avx: bool) -> str | None:
    """What to say of a library of AlexeyAB's whose results differ; None for pjreddie's."""
    if network.dialect is not ALEXEYAB:
        return None
    strict = 'only a build without -Ofast, AVX and OpenMP (OPTS="-O2 -ffp-contract=off", AVX=0, OPENMP=0) gives his '
    strict += "source's own bits"
    if not avx:
        return (
            f"{strict}; his stock build has the same layers in networks of leaky convolutions with new_coords, and "
            "boxes whose width and height are 1 ulp off"
        )
    if any(isinstance(layer, MaxPool) and _struck(layer) for layer in network.layers):
        return (
            "it was built with AVX=1, whose max pooling with stride 1 is wrong in the first columns, and this network "
            f"has such layers; {strict}"
        )
    return f"it was built with AVX=1, which computes leaky in float; {strict}"


def _struck(layer: MaxPool) -> bool:
    return layer.stride_x == 1 and layer.size > 1 and not layer.depth and layer.sharp.w > layer.size + BLOCK
