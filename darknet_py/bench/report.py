"""What a benchmark found out: as text, and as a document for JSON."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..typing import JsonObject
    from .ceiling import Ceiling
    from .machine import Machine
    from .session import EngineTime, LayerTime, Result

G = 1e9

Document = dict[str, Any]
"""A benchmark as JSON has it (`document`)."""


def machine_lines(machine: Machine, ceiling: Ceiling) -> Iterator[str]:
    """The machine, and its ceiling."""
    caches = ", ".join(f"{name} {size}" for name, size in machine["caches"].items())
    yield (
        f"machine     {machine['processor']}, {machine['usable_cores']} of {machine['cores']} cores"
        + (f"; {caches}" if caches else "")
    )
    yield f"system      {machine['system']}"
    yield "versions    " + ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    yield f"kernels     compiled for {machine['compiled_for']}, vectors of {machine['vector']}"
    yield (
        f"ceiling     {ceiling.single / G:.1f} GMAC/s x {ceiling.threads} threads = {ceiling.limit / G:.1f}: "
        f"{ceiling.work} in registers (all threads at once: {ceiling.together / G:.1f})"
    )
    share = percent(ceiling.micro_kernel, ceiling.single)
    yield (
        f"inner loop  {ceiling.micro_kernel / G:.1f} GMAC/s on one thread, {share} of the ceiling: "
        f"{ceiling.inner} alone, in the first cache"
    )


def result_lines(result: Result, ceiling: Ceiling, layers: bool = True) -> Iterator[str]:
    """A network's table of layers, its sum, and the engines."""
    shape, threads = result.network.input, result.threads
    yield (
        f"{result.network.path}: {shape.w}x{shape.h}, math {result.math}, {threads} thread{'s' * (threads > 1)}, "
        f"weights: {result.weights}" + ("; processor time" if result.clock == "processor" else "")
    )
    if layers:
        yield ""
        yield from _table(result, ceiling)
    yield ""
    least, middle = min(result.seconds), median(result.seconds)
    work = result.network.multiply_adds
    yield (
        f"{ms(middle)} ms median, {ms(least)} ms least of {len(result.seconds)} runs; {work / G:.3f} G multiply-adds; "
        f"{result.arena_bytes / 1e6:.1f} MB for activations"
    )
    yield (
        f"{work / middle / G:.1f} GMAC/s, {percent(work / middle, ceiling.limit)} of the ceiling "
        f"({percent(work / least, ceiling.limit)} in the quickest run)"
    )
    if result.engines or result.failures:
        yield ""
        yield from _engines(result)


def ms(seconds: float) -> str:
    """``12.34``: milliseconds, with three to five digits."""
    value = seconds * 1e3
    return f"{value:.3f}" if value < 1 else f"{value:.2f}" if value < 100 else f"{value:.1f}"


def percent(part: float, whole: float) -> str:
    """``87.5%``."""
    return f"{100 * part / whole:.1f}%"


def _table(result: Result, ceiling: Ceiling) -> Iterator[str]:
    total = sum(time.seconds for time in result.layers)
    yield f"{'':>4}  {'layer':30} {'output':>18} {'ms':>9} {'of time':>8} {'GMAC/s':>8} {'of ceiling':>10}"
    for time in result.layers:
        layer = time.layer
        speed = [f"{time.speed / G:8.1f}", f"{percent(time.speed, ceiling.limit):>10}"] if time.multiply_adds else []
        cells = [f"{ms(time.seconds):>9}", f"{percent(time.seconds, total):>8}", *speed]
        yield f"{layer.index:4}  {what(time):30} {time.shown.out!s:>18} {' '.join(cells)}"


def what(time: LayerTime) -> str:
    """A layer in few words: ``conv 32 3x3/1 + maxpool``, ``conv 96 1x1/1 to layer 42``."""
    if time.pooled:
        return f"{time.layer.brief} + maxpool"
    return time.layer.brief + (f" to layer {time.shown.index}" if time.others else "")


def _engines(result: Result) -> Iterator[str]:
    yield f"{'engine':34} {'threads':>7} {'ms median':>10} {'ms least':>10} {'times ours':>10}"
    own = f"{ms(median(result.seconds)):>10} {ms(min(result.seconds)):>10}"
    yield f"{'darknet-py, math ' + result.math:34} {result.threads:>7} {own}"
    for engine in result.engines:
        times = f"{ms(median(engine.seconds)):>10} {ms(min(engine.seconds)):>10}"
        yield f"{engine.engine:34} {engine.threads:>7} {times} {median(engine.ratios):>9.2f}x  {_proof(engine)}"
    for failure in result.failures:
        yield f"not measured: {failure}"


def _proof(engine: EngineTime) -> str:
    """Whether an engine computed the same network."""
    if engine.difference is None:
        return "(outputs not compared)"
    found = f"outputs differ by {engine.difference:.1e} where ours reach {engine.scale:.3g}"
    return f"({found})" if engine.same else f"(COMPUTES SOMETHING ELSE: {found})"


def document(machine: Machine, ceiling: Ceiling, results: list[Result]) -> Document:
    """Everything, for JSON: times in seconds, speeds in multiply-adds per second."""
    return {
        "machine": machine,
        "ceiling": {
            "threads": ceiling.threads,
            "single": ceiling.single,
            "together": ceiling.together,
            "limit": ceiling.limit,
            "micro_kernel": ceiling.micro_kernel,
        },
        "networks": [_result(result, ceiling) for result in results],
    }


def _result(result: Result, ceiling: Ceiling) -> JsonObject:
    shape = result.network.input
    return {
        "cfg": result.network.path,
        "input": [shape.w, shape.h, shape.c],
        "math": result.math,
        "threads": result.threads,
        "clock": result.clock,
        "weights": result.weights,
        "multiply_adds": result.network.multiply_adds,
        "activation_bytes": result.arena_bytes,
        **_times(result.seconds),
        "of_ceiling": result.speed / ceiling.limit,
        "layers": [_layer(time, ceiling) for time in result.layers],
        "engines": [_engine(engine) for engine in result.engines],
        "failures": result.failures,
    }


def _times(seconds: list[float]) -> JsonObject:
    return {"median": median(seconds), "least": min(seconds), "seconds": seconds}


def _layer(time: LayerTime, ceiling: Ceiling) -> JsonObject:
    out = time.shown.out
    return {
        "index": time.layer.index,
        "layer": what(time),
        "output": [out.w, out.h, out.c],
        "seconds": time.seconds,
        "multiply_adds": time.multiply_adds,
        "of_ceiling": time.speed / ceiling.limit,
    }


def _engine(engine: EngineTime) -> JsonObject:
    return {
        "name": engine.name,
        "engine": engine.engine,
        "threads": engine.threads,
        **_times(engine.seconds),
        "ratio": median(engine.ratios),
        "ratios": engine.ratios,
        "difference": engine.difference,
        "scale": engine.scale,
        "same": engine.same,
    }
