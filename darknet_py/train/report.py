"""A training in words: what a dry run says, and the line of an iteration."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .data import ambiguous
from .random import GlibcRandom
from .samples import Labelled
from .schedule import LAST
from .training import base_name, saving_of

if TYPE_CHECKING:
    from .opening import Plan
    from .options import NetOptions
    from .session import Iteration

MOST_CLASSES = 30
"""Classes whose boxes are counted in lines of their own."""


def plan_lines(plan: Plan, weights: Path | None, iterations: int | None, names: Sequence[str]) -> Iterator[str]:
    """What a training would do.

    Args:
        plan: the training.
        weights: what it starts from.
        iterations: updates that are asked for; None for all.
        names: of the classes, or nothing.
    """
    options, shape = plan.options, plan.network.input
    yield f"network: {plan.network.path}, {plan.network.parameters:,} parameters, from {weights or 'random weights'}"
    yield from _pictures(plan, names)
    images = options.images
    yield (
        f"an update: {images} pictures in {options.subdivisions} calls of {options.batch}; an epoch: "
        f"{len(plan.samples.paths) / images:.1f} updates"
    )
    end = options.max_batches if iterations is None else min(iterations, options.max_batches or iterations)
    yield f"updates: {end or 'no end'}" + (f", {end * images / len(plan.samples.paths):.1f} epochs" if end else "")
    yield f"momentum {options.momentum:g}, decay {options.decay:g}" + (", Adam" if options.adam else "")
    yield "learning rate:"
    for batch, text in rate_table(options):
        yield f"  from batch {batch:>8,}: {text}"
    resizing = plan.resizing
    if resizing is None:
        yield f"input: {shape.w} x {shape.h}"
    else:
        last = f", {resizing.high} in the last {LAST} batches" if resizing.ends_large else ""
        yield (
            f"input: {resizing.low} to {resizing.high}, square, in steps of 32, a new size every {resizing.every} "
            f"updates{last}"
        )
    name, saving = base_name(Path(plan.network.path)), saving_of(plan.network)
    yield (
        f"files: {plan.files.backup / name}.backup every {saving.backup_every} updates, at the end "
        f"{name}{saving.last}.weights"
    )
    yield f"{plan.need}"


def _pictures(plan: Plan, names: Sequence[str]) -> Iterator[str]:
    samples = plan.samples
    if not isinstance(samples, Labelled):
        yield f"pictures: {len(samples.paths):,}, {samples.truths} classes"
        several = ambiguous(samples)
        if several:
            yield (
                f"  {len(several)} paths have the names of several classes, {several[0]} first: all of them are "
                "trained, as in Darknet"
            )
        return
    only = [labels.class_only for labels in samples.labels]
    numbers = np.concatenate([labels.class_id[~own] for labels, own in zip(samples.labels, only, strict=True)])
    empty = sum(len(labels) == 0 for labels in samples.labels)
    joint = sum(int(own.sum()) for own in only)
    yield (
        f"pictures: {len(samples.paths):,} with {len(numbers):,} boxes"
        + (f", {empty} of them without any" if empty else "")
        + (f"; {joint} labels of a class without a box" if joint else "")
    )
    counts = np.bincount(numbers, minlength=0)
    for number in np.argsort(-counts, kind="stable")[:MOST_CLASSES]:
        if counts[number]:
            name = names[number] if number < len(names) and not joint else f"class {number}"
            yield f"  {name}: {counts[number]:,} boxes"
    if np.count_nonzero(counts) > MOST_CLASSES:
        yield f"  and {np.count_nonzero(counts) - MOST_CLASSES} classes with fewer"


def rate_table(options: NetOptions) -> list[tuple[int, str]]:
    """Batches from which on the learning rate goes in another way, and how, in words."""
    rate = options.rate

    def at(batch: int) -> str:
        return f"{float(rate.at(batch, GlibcRandom(1))):.3g}"

    rows: list[tuple[int, str]] = []
    if rate.burn_in > 1:
        rows.append((1, f"rises from {at(1)} (burn-in, power {rate.power:g})"))
    first = max(rate.burn_in, 1)
    if rate.policy == "steps":
        rows.append((first, at(first)))
        for step in rate.steps:
            if step < 0:
                break
            if step > first:
                rows.append((step, at(step)))
    elif rate.policy in ("constant", "random"):
        how = f"random, up to {rate.rate:g}" if rate.policy == "random" else at(first)
        rows.append((first, how))
    else:
        last = options.max_batches or first + 1000
        places = sorted({first, *(int(first + (last - first) * part / 4) for part in (1, 2, 3)), last - 1})
        rows += [(batch, f"{at(batch)} ({rate.policy})") for batch in places]
    return rows


def iteration_line(done: Iteration, end: int, speed: float, score: float) -> str:
    """An iteration for people.

    Args:
        done: the iteration.
        end: the last batch; 0 for none.
        speed: pictures per second.
        score: mAP, or NaN.
    """
    left = f", {duration((end - done.number) * done.pictures / speed)} left" if end and speed else ""
    number = f"batch {done.number}" + (f" of {end}" if end else "")
    mean = "" if np.isnan(score) else f", mAP {score:.1%}"
    return (
        f"{number}: loss {done.loss:.4g}, average {done.average:.4g}{mean}, rate {done.rate:.3g}, "
        f"{done.size[0]} x {done.size[1]}, {speed:.1f} pictures/s{left}"
    )


def duration(seconds: float) -> str:
    """``3:07``, ``2:05:10``, ``4 days 2:05:10``."""
    whole = int(seconds + 0.5)
    days, rest = divmod(whole, 86400)
    hours, rest = divmod(rest, 3600)
    minutes, rest = divmod(rest, 60)
    clock = f"{hours}:{minutes:02d}:{rest:02d}" if hours or days else f"{minutes}:{rest:02d}"
    return f"{days} day{'s' * (days > 1)} {clock}" if days else clock
