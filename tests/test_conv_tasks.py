"""How a convolution's work is shared out: all of it once, threads end together, and they keep to their parts."""

from __future__ import annotations

import pytest

from darknet_py.kernels.conv.cut import ConvShape, covers_all
from darknet_py.kernels.runtime.atomic import SHARES
from darknet_py.kernels.vector.tile import AVX2, AVX512, Tile
from darknet_py.plan.conv_cut import Images, cut_work


def shape_of(c: int, n: int, size: int, out: int) -> ConvShape:
    if size == 1:
        return ConvShape(c, 1, out * out, n, 1, 1, 1, 0, 1, out * out, out * out, c * out * out)
    return ConvShape(c, out, out, n, 1, 3, 1, 1, out, out, out * out, c * out * out)


LAYERS = [
    (3, 16, 3, 96), (32, 32, 3, 104), (64, 64, 3, 52), (128, 256, 3, 76), (128, 128, 3, 26), (256, 512, 3, 13),
    (64, 32, 1, 104), (64, 64, 1, 52), (120, 255, 1, 20), (192, 96, 1, 10), (1024, 512, 1, 13), (256, 128, 1, 26),
]  # fmt: skip


@pytest.mark.parametrize("tile", [AVX512, AVX2], ids=["AVX512", "AVX2"])
@pytest.mark.parametrize("threads", [1, 2, 3, 8, 20])
@pytest.mark.parametrize("layer", LAYERS)
def test_all_is_done_once(layer: tuple[int, int, int, int], threads: int, tile: Tile) -> None:
    shape = shape_of(*layer)
    for images in (1, 3):
        cut, tasks, pieces = cut_work(shape, tile, threads, images=Images(images, 10**6, 10**6))
        assert covers_all(tasks.reshape(-1), pieces, shape, cut)
    if shape.size > 1:
        cut, tasks, pieces = cut_work(shape, tile, threads, (shape.out_h // 2, shape.out_w // 2))
        assert covers_all(tasks.reshape(-1), pieces, shape, cut) and (tasks[:, 4] % 2 == 0).all()


@pytest.mark.parametrize("tile", [AVX512, AVX2], ids=["AVX512", "AVX2"])
@pytest.mark.parametrize("layer", LAYERS)
def test_two_threads_have_as_much_to_do(layer: tuple[int, int, int, int], tile: Tile) -> None:
    """Each begins in its own half of the tasks."""
    shape = shape_of(*layer)
    _, tasks, pieces = cut_work(shape, tile, 2)
    first, end = tasks[:, [2, 4, 6]], tasks[:, [3, 5, 7]]
    work = (end - first)[:, :2].prod(axis=1) * (pieces[end[:, 2]] - pieces[first[:, 2]])
    half = len(tasks) // 2
    assert len(tasks) >= 4
    assert max(work[:half].sum(), work[half:].sum()) < 0.53 * work.sum()


def test_a_thread_has_the_same_rows_of_layers_that_follow_on_each_other() -> None:
    for layer in [(32, 32, 3, 104), (64, 64, 3, 104)]:
        _, tasks, _ = cut_work(shape_of(*layer), AVX512, 2)
        half = len(tasks) // 2
        assert tasks[:half, 5].max() == 52 == tasks[half:, 4].min()


def test_shares_of_more_threads_than_there_are_shares() -> None:
    _, tasks, _ = cut_work(shape_of(64, 64, 3, 52), AVX512, 2 * SHARES)
    assert len(tasks) >= 2 * SHARES


def test_one_thread_copies_its_window_once() -> None:
    shape = shape_of(96, 255, 1, 20)
    cut, tasks, _ = cut_work(shape, AVX512, 1)
    assert cut.channels == shape.c and (tasks[:, 3] - tasks[:, 2] == -(-shape.n // cut.block)).all()
