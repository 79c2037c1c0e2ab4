"""A step: one kernel and what it works on. A plan is a list of steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..kernels.runtime.work import WORKERS, PlanKernel
from .memory import aligned_floats

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


Arguments = dict[str, Any]
"""A kernel's arguments by name: flat arrays, numbers, named tuples of numbers."""


@dataclass
class Step:
    """One kernel call of a plan; `Step.of` makes one.

    ``kernel(queue, *args)`` runs on several threads at once; each takes tasks until none is left (see
    `kernels.runtime.atomic`).

    Attributes:
        kernel: made by `kernels.runtime.work.plan_kernel`.
        arguments: by name, in the kernel's order.
        tasks: how many there are.
        workers: for how many threads there is temporary memory.
        layer: number of the layer that the step is of.
    """

    kernel: PlanKernel
    arguments: Arguments
    tasks: int
    workers: int = 1
    layer: int = -1

    @classmethod
    def of(cls, kernel: PlanKernel, /, workers: int = 1, **arguments: Any) -> Step:
        """A step, its arguments bound by name; its tasks and temporary memory are as many as the kernel says.

        Temporary memory need not be given; steps that hand it on to each other give the same.

        Raises:
            TypeError: an argument is missing, or the kernel has none of that name.
        """
        work = kernel.work
        given = {**arguments, WORKERS: workers}
        if arguments.keys() | work.temporary.keys() != set(work.names):
            wrong = sorted(arguments.keys() - set(work.names))
            missing = sorted(set(work.names) - arguments.keys() - work.temporary.keys())
            raise TypeError(f"{_name(kernel)}: no arguments named {wrong}; missing: {missing}")
        for name, count in work.temporary.items():
            if name not in given:
                given[name] = aligned_floats(count(given))
        return cls(kernel, {name: given[name] for name in work.names}, work.tasks(given), workers)

    @property
    def args(self) -> tuple[object, ...]:
        """The arguments in the kernel's order."""
        return tuple(self.arguments.values())

    @property
    def name(self) -> str:
        """The kernel's name."""
        return _name(self.kernel)


def _name(kernel: PlanKernel) -> str:
    return str(kernel.__name__)


def share_temporary(steps: Sequence[Step]) -> None:
    """Give all steps of a plan the same temporary memory, under each name: they run one after the other."""
    largest: dict[str, NDArray[np.float32]] = {}
    for step in steps:
        for name in step.kernel.work.temporary:
            if name not in largest or step.arguments[name].size > largest[name].size:
                largest[name] = step.arguments[name]
    for step in steps:
        for name in step.kernel.work.temporary:
            step.arguments[name] = largest[name][: step.arguments[name].size]
