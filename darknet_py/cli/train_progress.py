"""What ``train`` shows while it runs: a bar on a terminal, a line for each iteration elsewhere."""

from __future__ import annotations

import sys
import time
from collections import deque
from typing import TYPE_CHECKING, Any

import click

from ..terminal import control, visible
from ..train.report import iteration_line

if TYPE_CHECKING:
    from ..train.session import Iteration
    from ..train.training import Training

WINDOW = 20
"""Iterations over which the speed is averaged; the first one, which may compile kernels, does not count."""


class Progress:
    """Shows iterations. Use as a context manager around them."""

    def __init__(self, training: Training, iterations: int | None, lines: bool) -> None:
        """
        Args:
            training: what is run.
            iterations: how many at most.
            lines: also print what Darknet's heads print.
        """
        session = training.session
        begin, end = session.trainer.batch_number, session.max_batches
        self._end = end if iterations is None else min(end or begin + iterations, begin + iterations)
        self._training, self._lines = training, lines
        self._times: deque[tuple[int, float]] = deque([(0, time.perf_counter())], WINDOW)
        self._seen = 0
        self._bar: Any = None
        if sys.stderr is not None and sys.stderr.isatty():
            self._bar = click.progressbar(
                length=max(self._end - begin, 0) or None, file=control(sys.stderr), label=visible(training.name),
                show_pos=True, item_show_func=lambda text: text, show_eta=False,
            )  # fmt: skip

    def __enter__(self) -> Progress:
        if self._bar is not None:
            self._bar.__enter__()
            self._training.report = lambda text: None  # the bar is in the way; the names are known
        return self

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.__exit__(*error)

    def show(self, done: Iteration) -> None:
        """Show that an iteration is done."""
        now = time.perf_counter()
        self._seen += done.pictures
        before, then = self._times[0]
        speed = (self._seen - before) / max(now - then, 1e-9)
        if len(self._times) == 1 and not before:
            self._times.clear()
        self._times.append((self._seen, now))
        score = self._training.history[-1][5]
        text = iteration_line(done, self._end, speed, score)
        if self._bar is not None:
            self._bar.update(1, text.partition(": ")[2])
            return
        for line in done.lines if self._lines else ():
            click.echo(line)
        click.echo(text)
