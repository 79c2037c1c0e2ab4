"""One call that checks a plan before it runs: types, sizes, counts, who overlaps whom, and the order of steps.

Numba checks no bounds: what is wrong here would be silent garbage, or a thread that waits for ever.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from ..kernels.runtime.work import WORKERS
from .contract import Argument, blocks, evaluate, read_contract
from .joins import read_by
from .memory import INPUT
from .regions import Regions, Tag, address_of

if TYPE_CHECKING:
    from ..layers import Layer
    from .build import Plan
    from .step import Step

Spans = list[tuple[int, int]]
"""First and end address of stretches of memory."""


def verify(plan: Plan) -> list[str]:
    """What is wrong with a plan, one line each; nothing if it can run."""
    problems = [*_check_formats(plan)]
    order = _Order(plan)
    for number, step in enumerate(plan.steps):
        found = [*check_step(step)]
        if not found:
            spans = step_spans(step)
            found = [*_overlaps(step, spans), *order.run(step, spans)]
        problems += [f"step {number} (layer {step.layer}, {step.name}): {problem}" for problem in found]
    return [*problems, *([] if problems else order.check_sources()), *order.check_kept()]


def _check_formats(plan: Plan) -> Iterator[str]:
    """What lies in the memory of another layer must be read as the numbers that this one writes."""
    for layer in plan.network.layers:
        if layer.hands_on and plan.formats.of(layer.index) is not plan.formats.of(layer.sources[0]):
            yield f"layer {layer.index} would read numbers in another format than layer {layer.sources[0]} writes"


def check_step(step: Step) -> Iterator[str]:
    """What is wrong with one step, for itself: types, sizes, counts."""
    kernel, arguments = step.kernel, step.arguments
    contract, work = read_contract(kernel.py_func), kernel.work
    if tuple(arguments) != work.names:
        yield f"its arguments are {', '.join(arguments)}, not {', '.join(work.names)}"
        return
    wrong = [problem for name in work.names for problem in _check_type(contract.arguments[name], arguments[name])]
    yield from wrong
    if wrong:
        return
    given = {**arguments, WORKERS: step.workers}
    for name, count in work.temporary.items():
        if arguments[name].size != count(given):
            yield f"{name} has {arguments[name].size} values, not {count(given)}"
    try:
        if step.tasks != work.tasks(given):
            yield f"{step.tasks} tasks, not {work.tasks(given)}"
        for name in work.names:
            yield from _check_size(contract.arguments[name], step)
        for condition in contract.requires:
            if not evaluate(condition, kernel, arguments, step.workers):
                yield f"not true: {condition}"
    except (ArithmeticError, ValueError, IndexError) as error:
        yield f"its sizes do not go together: {error}"


def _check_type(argument: Argument, value: object) -> Iterator[str]:
    name, wanted = argument.name, argument.type
    if argument.shape is not None:
        if not isinstance(value, np.ndarray) or value.dtype != wanted:
            yield f"{name} is {_type_of(value)}, no array of {wanted}"
        elif value.ndim != 1 or not value.flags.c_contiguous or not value.flags.aligned:
            yield f"{name} is no flat array without gaps"
        elif argument.role != "read" and not value.flags.writeable:
            yield f"{name} cannot be written"
    elif _type_of(value) != wanted:
        yield f"{name} is {_type_of(value)}, not {wanted}"
    elif isinstance(value, tuple) and {type(field) for field in value} != {int}:
        yield f"{name} has fields that are no int"


def _type_of(value: object) -> str:
    return f"array of {value.dtype}" if isinstance(value, np.ndarray) else type(value).__name__


def _check_size(argument: Argument, step: Step) -> Iterator[str]:
    if argument.shape is None:
        return
    wanted, _ = blocks(argument, step.kernel, step.arguments, step.workers)
    size = step.arguments[argument.name].size
    if size < wanted or (size > wanted and not argument.at_least):
        yield f"{argument.name} has {size} values, not {wanted}{' or more' if argument.at_least else ''}"


def step_spans(step: Step) -> dict[str, Spans]:
    """Which memory a step touches, by argument."""
    result = {}
    for argument in read_contract(step.kernel.py_func).arguments.values():
        if argument.shape is not None:
            array = step.arguments[argument.name]
            start = address_of(array)
            _, parts = blocks(argument, step.kernel, step.arguments, step.workers)
            result[argument.name] = [(start + a * array.itemsize, start + b * array.itemsize) for a, b in parts]
    return result


def _overlaps(step: Step, spans: dict[str, Spans]) -> Iterator[str]:
    """What is written must overlap nothing else, unless the kernel says that two arguments may be one."""
    contract = read_contract(step.kernel.py_func)
    for name, mine in spans.items():
        argument = contract.arguments[name]
        if argument.role == "read":
            continue
        for other, theirs in spans.items():
            if other == name or (argument.may_be == other and mine == theirs):
                continue
            if contract.arguments[other].role != "read" and other < name:
                continue  # reported once
            if contract.arguments[other].may_be == name and mine == theirs:
                continue
            if any(a < d and c < b for a, b in mine for c, d in theirs):
                yield f"{name} and {other} overlap"


class _Order:
    """Goes through the steps and knows whose values every stretch of memory holds."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.regions = Regions()
        self.first = address_of(plan.arena)
        self.read: dict[tuple[int, int | None], set[Tag]] = {}  # by reading layer and image: whose values
        self.written = Regions()  # all that is written at any time: the rest are weights
        for step in plan.steps:
            for name, argument in read_contract(step.kernel.py_func).arguments.items():
                value = step.arguments.get(name)
                if argument.role != "read" and isinstance(value, np.ndarray):
                    self.written.write(address_of(value), address_of(value) + value.nbytes, ("written", 0))
        for image in range(plan.images):
            start = address_of(plan.input(image))
            self.regions.write(start, start + plan.input(image).nbytes, (INPUT, image))
        for layer in plan.network.layers:
            for state in plan.states.of_layer(layer.index):
                self.regions.write(address_of(state), address_of(state) + state.nbytes, (layer.index, None))

    def run(self, step: Step, spans: dict[str, Spans]) -> Iterator[str]:
        """Check what a step reads, then note what it writes."""
        number = step.layer
        wanted = {number, *(self._sources(self.plan.network.layers[number]) if number != INPUT else ())}
        contract = read_contract(step.kernel.py_func)
        for name, parts in spans.items():
            if contract.arguments[name].role in ("read", "updated"):
                for start, end in parts:
                    yield from self._check_read(name, start, end, number, wanted)
        for name, parts in spans.items():
            role = contract.arguments[name].role
            for start, end in parts if role != "read" else []:
                tag: Tag = ("temporary", None) if role == "temporary" else (number, self._image(start))
                self.regions.write(start, end, tag)

    def _sources(self, layer: Layer) -> set[int]:
        """The layers that write a layer's inputs."""
        layers, layout = self.plan.network.layers, self.plan.layout
        sources = layout.chains.get(layer.index, layer).sources
        found = {writer for source in sources for writer in layout.writers(layers, source)}
        return found | (set(sources) & layout.copies.keys())

    def _image(self, address: int) -> int | None:
        """The image whose part of the arena an address is in."""
        place = address - self.first
        return place // self.plan.layout.size if 0 <= place < self.plan.arena.nbytes else None

    def _check_read(self, name: str, start: int, end: int, reader: int, wanted: set[int]) -> Iterator[str]:
        image = self._image(start)
        if image is None and not self.written.holders(start, end) - {None}:
            return  # weights, tables
        for holder in self.regions.holders(start, end):
            if holder is None:
                yield f"{name} is read before it is written"
            elif holder[0] not in wanted or holder[1] != image:
                yield f"{name} holds what {_whose(holder)} wrote, not layers {sorted(wanted)} of image {image}"
            else:
                self.read.setdefault((reader, image), set()).add(holder)

    def check_sources(self) -> Iterator[str]:
        """Each layer that has steps must have read all of its inputs, of each image (losses read none)."""
        layers = self.plan.network.layers
        losses = {layer.index for layer in layers if layer.loss}
        for number in sorted({step.layer for step in self.plan.steps} - losses - {INPUT}):
            needed = self._needed(number)
            for image in range(self.plan.images):
                found = {holder for holder, _ in self.read.get((number, image), set())}
                for source in sorted(needed - found):
                    yield f"layer {number} of image {image} does not read what layer {source} wrote"

    def _needed(self, number: int) -> set[int]:
        """The layers whose values a layer's own steps must have read."""
        layers, layout = self.plan.network.layers, self.plan.layout
        if number in layout.chains:
            return self._sources(layers[number])
        if layout.head_of(number) is not None:
            return layout.writers(layers, number)  # its step only copies what the chain's made
        return read_by(layers[number], layers, layout.joins, layout.owners, layout.formats)

    def check_kept(self) -> Iterator[str]:
        """The outputs that can be asked for must be there at the end."""
        plan = self.plan
        for number in sorted(plan.kept):
            holders = plan.layout.writers(plan.network.layers, number)
            for image in range(plan.images):
                output = plan.stored(number, image)
                start = address_of(output)
                found = self.regions.holders(start, start + output.nbytes)
                if found != {(holder, image) for holder in holders}:
                    yield f"the output of layer {number}, image {image}, is not there at the end"


def _whose(tag: Tag) -> str:
    number, image = tag
    return str(number) if isinstance(number, str) else f"layer {number}, image {image}"
