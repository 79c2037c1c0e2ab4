"""How far a run over many images is, on standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from ..terminal import control, visible

Step = Callable[[], None]


@contextmanager
def counted(length: int, label: str, plain: Callable[[int], None] | None = None) -> Iterator[Step]:
    """Yields what is called for each image: it moves a bar with images per second and the time left.

    Args:
        length: how many images there are.
        label: what is being done.
        plain: called with the count that is done, where standard error is no terminal.
    """
    count = 0
    begin = time.perf_counter()
    if sys.stderr is None or not sys.stderr.isatty():

        def print_count() -> None:
            nonlocal count
            count += 1
            if plain is not None:
                plain(count)

        yield print_count
        return

    def speed(done: int | None) -> str:
        return f"{(done or 0) / max(time.perf_counter() - begin, 1e-9):.1f} images/s"

    stream, label = control(sys.stderr), visible(label)
    with click.progressbar(length=length, file=stream, label=label, item_show_func=speed, show_pos=True) as bar:

        def move() -> None:
            nonlocal count
            count += 1
            bar.update(1, count)

        yield move
