"""A plan as lines of text: which kernel computes which layer, how, and where its output lies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from ..kernels.conv.bottleneck import bottleneck
from ..kernels.conv.bottleneck_pixels import bottleneck_pixels
from ..kernels.conv.cut import FEW, FILTERS, PIXELS, Cut
from ..kernels.conv.winograd_cut import WinogradCut
from ..kernels.int8.bottleneck import bottleneck_int8
from ..numeric.number_format import FLOAT32
from .contract import read_contract
from .memory import INPUT
from .regions import address_of
from .verify import verify

if TYPE_CHECKING:
    from ..layers import Layer
    from .build import Plan
    from .step import Step

MB = 1e6

BOTTLENECKS = (bottleneck, bottleneck_int8, bottleneck_pixels)

WAYS = {PIXELS: "pixels in the lanes", FILTERS: "filters in the lanes", FEW: "filter by filter"}
"""The three ways of a convolution (docs/glossary.md)."""


def plan_lines(plan: Plan) -> Iterator[str]:
    """The plan, line by line: its memory, its steps in order, and what `plan.verify` finds."""
    profile, narrow = plan.profile, plan.formats.narrow
    numbers = narrow.name if narrow is FLOAT32 else f"{narrow.name} in {len(plan.formats.computed)} layers"
    yield (
        f"plan of {plan.network.path}: input {plan.network.input}, math {profile.name}, numbers {numbers}, "
        f"{plan.threads} thread{'s' * (plan.threads != 1)}, {plan.images} image{'s' * (plan.images != 1)} at a time"
    )
    for name, size, what in _memory(plan):
        yield f"{name:10} {size / MB:9.2f} MB  {what}"
    yield ""
    yield f"{'step':>4} {'layer':20} {'kernel':18} {'output':>16} {'at byte':>11} {'tasks':>6}  how"
    for number, step in enumerate(plan.steps):
        if step.layer == INPUT:
            place = f"{_place(plan, step) or 0:>11,}"
            yield f"{number:>4} {'  -1 input':20} {step.name:18} {plan.network.input!s:>16} {place} {step.tasks:>6}"
    for layer in plan.network.layers:
        steps = [(number, step) for number, step in enumerate(plan.steps) if step.layer == layer.index]
        if not steps:
            yield _line("", layer, "-", "", "", _why_none(plan, layer))
        for number, step in steps:
            place = f"{_place(plan, step):,}" if _place(plan, step) is not None else ""
            yield _line(str(number), layer, step.name, place, str(step.tasks), _how(plan, step))
    yield ""
    problems = verify(plan)
    yield f"{len(plan.steps)} step{'s' * (len(plan.steps) != 1)}; " + (
        "verified" if not problems else f"{len(problems)} problems:"
    )
    yield from problems


def _line(number: str, layer: Layer, kernel: str, place: str, tasks: str, how: str) -> str:
    name = f"{layer.index:4} {layer.kind}"
    return f"{number:>4} {name:20} {kernel:18} {layer.out!s:>16} {place:>11} {tasks:>6}  {how}".rstrip()


def _memory(plan: Plan) -> Iterator[tuple[str, int, str]]:
    """What the plan keeps: name, bytes, description."""
    yield (
        "arena",
        plan.arena_bytes,
        f"{len(set(plan.layout.owners.values()) - set(plan.layout.joins))} buffers for each image",
    )
    temporary: dict[str, int] = {}
    packed: dict[int, int] = {}
    for step in plan.steps:
        for name in step.kernel.work.temporary:
            temporary[name] = max(temporary.get(name, 0), step.arguments[name].nbytes)
        if _is_convolution(step) or step.kernel in BOTTLENECKS:
            weights = step.arguments["weights"]
            packed[address_of(weights)] = weights.nbytes
    for name, size in temporary.items():
        yield name, size, "temporary, shared by all steps"
    yield "weights", sum(packed.values()), "packed for the convolutions; others are read where they lie"


def _is_convolution(step: Step) -> bool:
    """Whether it multiplies by packed weights."""
    return "weights" in step.arguments and isinstance(step.arguments.get("cut"), Cut | WinogradCut)


def _place(plan: Plan, step: Step) -> int | None:
    """The byte of the arena from which on a step writes its first output; None: it writes elsewhere."""
    for argument in read_contract(step.kernel.py_func).arguments.values():
        value = step.arguments[argument.name]
        if argument.role in ("written", "updated") and isinstance(value, np.ndarray):
            place = address_of(value) - address_of(plan.arena)
            return place if 0 <= place < plan.arena.nbytes else None
    return None


def _why_none(plan: Plan, layer: Layer) -> str:
    """Why a layer has no step."""
    head = plan.layout.head_of(layer.index)
    if head is not None:
        return f"done by the step of layer {head}"
    number = plan.layout.owners[layer.index]
    if number == layer.index:
        return f"its sources lie side by side, from byte {plan.layout.buffers[number].offset:,} on"
    whole = plan.layout.buffers[layer.index] == plan.layout.buffers[number]
    return f"{'a view' if whole else 'a part'} of {f'layer {number}' if number >= 0 else 'the input'}"


def _how(plan: Plan, step: Step) -> str:
    """What was chosen for a step, as far as there was a choice."""
    if step.kernel in BOTTLENECKS:
        return _how_bottleneck(plan, step)
    if not _is_convolution(step):
        return ""
    cut, shape, tile = (step.arguments[name] for name in ("cut", "shape", "tile"))
    if isinstance(cut, WinogradCut):
        transform = step.arguments["transform"]
        words = [
            f"Winograd F({transform.outputs}x{transform.outputs}, 3x3)"
            + (" of stride 2" if transform.stride == 2 else ""),
            "tiles made by a step before" if cut.shared else "each task makes its own tiles",
        ]
    else:
        parts = -(-shape.c // cut.channels)
        words = [WAYS[cut.way], f"blocks of {cut.block} filters", f"k in {parts} part{'s' * (parts > 1)}"]
        if cut.row == 0:
            words.append("reads its input where it lies")
    if tile.contract:
        words.append("fused multiply-add")
    if cut.pool_h:
        words.append(f"with the pooling of layer {plan.layout.pools[step.layer]}")
    return ", ".join(words)


def _how_bottleneck(plan: Plan, step: Step) -> str:
    """What a step does that computes a chain of layers, and how."""
    shape, band, tile = (step.arguments[name] for name in ("shape", "band", "tile"))
    last = step.arguments.get("last", tile)
    lanes = f"vectors of {tile.lanes}" + (f", then {last.lanes}" if last.lanes != tile.lanes else "")
    lanes += " pixels" * (step.kernel is bottleneck_pixels)
    words = [f"to layer {plan.layout.chains[step.layer].members[-1]}", f"{shape.e} channels between", lanes]
    words.append(f"{band.rows} row{'s' * (band.rows > 1)} a task")
    return ", ".join([*words, *(["fused multiply-add"] if tile.contract else [])])
