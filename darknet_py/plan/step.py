"""A step: one kernel and what it works on. A plan is a list of steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass
class Step:
    """One kernel call of a plan.

    ``kernel(queue, *args)`` runs on several threads at once; each takes tasks with ``claim(queue, 0)`` until none is
    left (see `kernels.atomic`). ``tasks`` is how many there are.
    ``temporary``: which arguments are memory that only the steps of one layer use, and a name for each kind of it.
    """

    kernel: Callable[..., None]
    args: tuple[Any, ...]
    tasks: int
    layer: int = -1
    temporary: Mapping[int, str] = field(default_factory=dict)


def share_temporary(steps: Sequence[Step]) -> None:
    """Give all steps of a plan the same temporary memory, of each kind: they run one after the other."""
    largest: dict[str, NDArray[np.float32]] = {}
    for step in steps:
        for number, kind in step.temporary.items():
            if kind not in largest or step.args[number].size > largest[kind].size:
                largest[kind] = step.args[number]
    for step in steps:
        args = list(step.args)
        for number, kind in step.temporary.items():
            args[number] = largest[kind][: args[number].size]
        step.args = tuple(args)
