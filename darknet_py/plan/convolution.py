"""A convolutional layer -> a step: packed weights, scratch memory, and how the work is cut for this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..kernels.activations import CODES
from ..kernels.conv_pack import pack_weights
from ..kernels.convolution import ConvShape, Cut, convolution
from ..kernels.epilogue import Finish
from ..kernels.tile import Tile, host_tile
from .conv_cut import ONE, Images, cut_work, offsets
from .memory import aligned_floats, frozen
from .pool import get_pool
from .step import Step
from .winograd import choose_transform, pack_tiles, winograd_steps

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from ..kernels.winograd_code import Winograd
    from ..layers import Convolutional, MaxPool
    from .profile import Profile

    Floats = NDArray[np.float32]
    Doubles = NDArray[np.float64]
    Chooser = Callable[[ConvShape, int, Tile], Winograd | None]


def convolution_steps(
    layer: Convolutional, arrays: Mapping[str, Floats], source: Floats, out: Floats, threads: int, profile: Profile,
    tile: Tile | None = None, pool: MaxPool | None = None, images: Images = ONE,
    store: dict[Any, Floats] | None = None, choose: Chooser = choose_transform,
) -> list[Step]:  # fmt: skip
    """The steps that compute ``layer`` for some images; packs its weights, which are not needed afterwards.

    Args:
        layer: the layer.
        arrays: its stored arrays by Darknet's name.
        source: its input, (c, h, w) flat, of each image.
        out: its output, (n, out_h, out_w) flat, of each image; or that of ``pool``.
        threads: most threads that will run the step.
        profile: the arithmetic.
        tile: the micro-kernels' shape; the one for this processor by default.
        pool: a pooling of the output to be done by the same step, if `plan.fusion.pools_within` allows it.
        images: how many, and how far apart in ``source`` and ``out``.
        store: keeps the layer's packed weights, for steps made with other sizes, images or threads.
        choose: says with which transform the profile ``fast`` computes it, if with any.
    """
    tile = tile or host_tile()
    shape = conv_shape(layer)
    normalize = layer.batch_normalize
    if profile.fast:
        tile, normalize, arrays = tile.contracted, False, folded(arrays) if normalize else arrays
    wanted = pool.out.size if pool else layer.n * layer.out_h * layer.out_w
    last = images.count - 1
    if (source.size, out.size) != (
        last * images.next_in + layer.c * layer.h * layer.w,
        last * images.next_out + wanted,
    ):
        raise ValueError(f"{source.size} inputs and {out.size} outputs are not those of {layer}")
    pooled = (pool.out.h, pool.out.w) if pool else (0, 0)
    code = CODES["relu+0" if profile.make and layer.activation == "relu" else layer.activation]
    divided = (layer.out_h * layer.out_w & ~3) + 1 if profile.make and normalize else 0
    singles, doubles = coefficients(arrays, normalize, tile)
    finish = Finish(int(normalize), code, divided, singles.shape[1])
    transform = choose(shape, threads, tile) if profile.fast else None
    if transform:
        weights = stored(store, transform, lambda: pack_tiles(arrays["weights"], transform, shape, threads, tile))
        return winograd_steps(
            transform, shape, weights, (singles, doubles), source, out, finish, threads, tile, pooled, images
        )  # fmt: skip
    cut, tasks, pieces = cut_work(shape, tile, threads, pooled, images)
    weights = stored(store, (cut.block, cut.channels), lambda: packed(arrays["weights"], shape, cut, threads))
    args = (
        out, source, weights, singles.reshape(-1), doubles.reshape(-1),
        aligned_floats(threads * cut.scratch), tasks.reshape(-1), pieces, offsets(shape, cut), shape, cut, finish, tile,
    )  # fmt: skip
    return [Step(convolution, args, tasks=len(tasks), temporary={5: "scratch"})]


def conv_shape(layer: Convolutional) -> ConvShape:
    """The kernel's view of a layer.

    A 1x1 convolution without padding reads its input as if it had the output's shape (Darknet takes the input itself
    for the unrolled matrix): its channels are then ``out_h * out_w`` apart, and ``stride`` skips nothing. Its rows are
    one long row.
    """
    c, n = layer.c // layer.groups, layer.n // layer.groups
    group = c * layer.h * layer.w
    if layer.size == 1:
        plane = layer.out_h * layer.out_w
        return ConvShape(c, 1, plane, n, layer.groups, 1, 1, 0, 1, plane, plane, group)
    return ConvShape(
        c, layer.h, layer.w, n, layer.groups, layer.size, layer.stride, layer.pad, layer.out_h, layer.out_w,
        layer.h * layer.w, group,
    )  # fmt: skip


def packed(weights: Floats, shape: ConvShape, cut: Cut, threads: int) -> Floats:
    """The weights in the kernel's order."""
    taps = shape.size**2
    blocks = -(-shape.n // cut.block)
    out = aligned_floats(shape.groups * blocks * cut.block * shape.c * taps)
    flat = frozen(weights)
    if flat.size != shape.groups * shape.n * shape.c * taps:
        raise ValueError(f"{flat.size} weights are not those of {shape}")
    args = (out, flat, shape.n, shape.c * taps, cut.channels * taps, cut.block)
    with get_pool(threads) as pool:
        pool.run_step(Step(pack_weights, args, tasks=shape.groups * blocks))
    return out


def stored(store: dict[Any, Floats] | None, key: Any, make: Callable[[], Floats]) -> Floats:
    """What a store has under a key; made, and put there, if it is not."""
    if store is None:
        return make()
    if key not in store:
        store[key] = make()
    return store[key]


@np.errstate(all="ignore")
def folded(arrays: Mapping[str, Floats]) -> dict[str, Floats]:
    """Weights and biases that give what batch normalisation would have made of the sums."""
    factor = arrays["scales"] / deviations(arrays["rolling_variance"])
    weights = arrays["weights"] * factor.reshape(-1, *[1] * (arrays["weights"].ndim - 1)).astype(np.float32)
    return {"weights": weights, "biases": (arrays["biases"] - arrays["rolling_mean"] * factor).astype(np.float32)}


def deviations(variance: Floats) -> Doubles:
    """``sqrt(variance) + .000001f`` in double, as ``normalize_cpu`` computes it."""
    with np.errstate(invalid="ignore"):
        result: Doubles = np.sqrt(variance.astype(np.float64)) + np.float64(np.float32(0.000001))
    return result


def coefficients(arrays: Mapping[str, Floats], normalize: bool, tile: Tile) -> tuple[Floats, Doubles]:
    """What `kernels.epilogue.Finish` lists, by filter, with room for reading whole vectors."""
    n = arrays["biases"].size
    singles = np.zeros((6, n + tile.filters), np.float32)
    doubles = np.ones((2, n + tile.filters), np.float64)
    singles[2, :n] = arrays["biases"]
    if normalize:
        singles[0, :n] = arrays["rolling_mean"]
        singles[1, :n] = arrays["scales"]
        divisor = deviations(arrays["rolling_variance"])
        doubles[0, :n] = divisor
        doubles[1, :n] = 1.0 / divisor
        singles[3:, :n] = enclose(divisor, arrays["rolling_mean"])
    return singles, doubles


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
