"""What follows the sums of a layer, as numbers for each filter: biases, and batch normalisation in two forms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..kernels.conv.epilogue import DOUBLES, ORDER, SINGLES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..kernels.vector.tile import Tile
    from ..typing import Doubles, Floats


def coefficients(arrays: Mapping[str, Floats], deviations: Doubles | None, tile: Tile) -> tuple[Floats, Doubles]:
    """What `kernels.conv.epilogue.Finish` lists, by filter, with room for reading whole vectors.

    ``deviations``: what batch normalisation divides by; None: there are biases only.
    """
    n = arrays["biases"].size
    singles, doubles = neutral(n + tile.filters)
    singles[2, :n] = arrays["biases"]
    if deviations is not None:
        singles[0, :n] = arrays["rolling_mean"]
        singles[1, :n] = arrays["scales"]
        doubles[0, :n] = deviations
        doubles[1, :n] = 1.0 / deviations
        singles[3:6, :n] = enclose(deviations, arrays["rolling_mean"])
    singles[ORDER, :n] = order(singles[:, :n], deviations)
    return singles, doubles


def neutral(pitch: int) -> tuple[Floats, Doubles]:
    """Coefficients that change no sum: it becomes the quotient by 1, times 1, plus 0."""
    singles, doubles = np.zeros((SINGLES, pitch), np.float32), np.ones((DOUBLES, pitch), np.float64)
    singles[[1, 3, ORDER]] = 1
    return singles, doubles


def order(singles: Floats, deviations: Doubles | None) -> Floats:
    """By filter: 1: the larger a sum, the larger its value, or the same; -1: the smaller; 0: neither is certain.

    Each step rounds the results of a function that never falls, or never rises, and rounding keeps order. A scale of 0,
    to which denormal ones may be rounded, makes NaN of infinity, and so do numbers that are not finite.
    """
    mean, scale, bias = singles[:3]
    certain, signs = np.isfinite(bias), np.ones_like(scale)
    if deviations is not None:
        certain &= np.isfinite(mean) & np.isfinite(scale) & (np.abs(scale) >= np.finfo(np.float32).tiny)
        certain &= np.isfinite(deviations) & (deviations > 0)
        signs = np.sign(scale)
    result: Floats = np.where(certain, signs, np.float32(0))
    return result


def enclose(divisor: Doubles, mean: Floats) -> Floats:
    """Rows ``near``, ``below``, ``above``: near + below < 1/divisor < near + above, for quotients without a division.

    With R = 1/divisor, near is R rounded to float32, and the other two are R - near -+ 2**-46 R. For a float32 x >= 0
    the product x * below is rounded by no more than 2**-24 |x * below| <= 2**-47.9 x R (if it is no denormal), so that
    x * near + x * below stays under x R (1 - 2**-47), hence under x / divisor rounded to double; x * above mirrors it,
    and so does x < 0.

    A product may be denormal only where x R < 2**-75. But x is a difference float32(sum - mean), which is 0 or not less
    than 2**-25 |mean|. So filters with |mean| R >= 2**-50 are safe, as long as R is neither huge nor tiny. The others
    get nans, on which the kernel divides.
    """
    with np.errstate(all="ignore"):
        reciprocal = 1.0 / divisor
        near = reciprocal.astype(np.float32)
        rest = reciprocal - near
        below = (rest - reciprocal * 2.0**-46).astype(np.float32)
        above = (rest + reciprocal * 2.0**-46).astype(np.float32)
        safe = (np.abs(mean) * reciprocal >= 2.0**-50) & (reciprocal < 2.0**60) & (reciprocal > 2.0**-60)
    nan = np.float32(np.nan)
    return np.stack([near, np.where(safe, below, nan), np.where(safe, above, nan)])
