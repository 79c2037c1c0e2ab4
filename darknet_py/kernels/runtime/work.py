"""What a plan asks a kernel before it runs it: its arguments' names, how many tasks it has, and its temporary memory.

Both counts are functions beside the kernel, of its own arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np

from .jit import kernel

WORKERS = "workers"
"""The name under which counts of temporary memory get the number of threads."""


class Formula:
    """A count, from some of a kernel's arguments."""

    def __init__(self, function: Callable[..., int]) -> None:
        self._function = function
        self.names = argument_names(function)

    def __call__(self, arguments: Mapping[str, Any]) -> int:
        return int(self._function(*[arguments[name] for name in self.names]))


@dataclass(frozen=True)
class Work:
    """A kernel's work.

    Attributes:
        names: its arguments, the queue left out.
        tasks: how many tasks it has.
        temporary: of each argument that is memory for one step (or layer) only: how many float32 values.
    """

    names: tuple[str, ...]
    tasks: Formula
    temporary: Mapping[str, Formula]


def windows(extent: int, size: int, stride: int) -> int:
    """How many windows of ``size``, ``stride`` apart, an extent has, as C divides (for docstrings)."""
    rest = extent - size
    return (rest // stride if rest >= 0 else -(-rest // stride)) + 1


def each_part_once(first: Any, end: Any, extents: Sequence[int]) -> bool:
    """Whether boxes of a grid fill it and do not overlap: first, end: (boxes, dimensions), the end not included.

    (Boxes that start at different places inside, and are as large as the grid together, may still overlap if they are
    no parts of one division of each side; those of a plan always are.)
    """
    inside = bool((first >= 0).all() and (first < end).all() and (end <= np.asarray(extents)).all())
    distinct = len(np.unique(first, axis=0)) == len(first)
    return inside and distinct and int((end - first).prod(axis=1).sum()) == int(np.prod(extents))


def argument_names(function: Any) -> tuple[str, ...]:
    """The names of a plain function's arguments (`inspect.signature` takes a hundred times as long)."""
    code = function.__code__
    return tuple(code.co_varnames[: code.co_argcount])


class PlanKernel(Protocol):
    """A kernel as `plan_kernel` makes it: compiled, and with what a plan asks about its work."""

    __name__: str
    py_func: Callable[..., None]
    work: Work

    def __call__(self, queue: object, *arguments: object) -> None: ...


def plan_kernel(
    *, tasks: Callable[..., int], temporary: Mapping[str, Callable[..., int]] = MappingProxyType({})
) -> Callable[[Callable[..., None]], PlanKernel]:
    """Decorator of a kernel that a plan's threads run together, by tasks (see `kernels.runtime.atomic`).

    Args:
        tasks: the number of tasks, as a function of some of the kernel's arguments, by their names.
        temporary: for each argument that is temporary memory, the number of its float32 values, likewise; ``workers``
            stands for the number of threads.
    """

    def decorate(function: Callable[..., None]) -> PlanKernel:
        queue, *names = argument_names(function)
        work = Work(tuple(names), Formula(tasks), {name: Formula(count) for name, count in temporary.items()})
        for formula in (work.tasks, *work.temporary.values()):
            unknown = set(formula.names) - {*names, WORKERS}
            if queue != "queue" or unknown or not set(work.temporary) <= set(names):
                raise TypeError(f"{function.__name__}: its counts ask for arguments that it does not have: {unknown}")
        dispatcher: PlanKernel = kernel(function)
        dispatcher.work = work
        return dispatcher

    return decorate
