"""A step: one kernel and what it works on. A plan is a list of steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass
class Step:
    """One kernel call of a plan.

    ``kernel(queue, *args)`` runs on several threads at once; each takes tasks with ``claim(queue, 0)`` until none is
    left. ``tasks`` is how many there are: a step with a single one runs on the calling thread alone.
    """

    kernel: Callable[..., None]
    args: tuple[Any, ...]
    tasks: int
    layer: int = -1
