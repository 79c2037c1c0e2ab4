"""How time and memory grow: with the input's size, images that run together, classes, files, threads.

    python benchmarks/growth.py --measure size,together,classes,files,threads
    python benchmarks/growth.py --write

`--measure` adds to `results/growth.json`, under the processor and its vectors; every value is the best of some runs in
a process of its own, whose greatest memory counts. `--write` writes table and plot of docs/benchmarks.md.
NUMBA_CPU_NAME and NUMBA_CPU_FEATURES together force other vectors: znver3 and +sse4.2,+avx,+avx2,+fma are AVX2.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
from llvmlite.binding import get_host_cpu_name

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path[:0] = [str(ROOT), str(HERE)]

import darknet_py  # noqa: E402
from darknet_py.bench.machine import describe_machine  # noqa: E402
from darknet_py.chart import COLORS, GREY, Axes, Item, ticks, write_chart  # noqa: E402
from darknet_py.synth import write_synth  # noqa: E402

RESULTS = HERE / "results" / "growth.json"
PAGE, CHART = ROOT / "docs" / "benchmarks.md", ROOT / "docs" / "images" / "growth.svg"
BEGIN, END = "<!-- tables: benchmarks/growth.py -->\n", "<!-- end of growth -->\n"

SERIES: dict[str, tuple[str, str, list[int]]] = {
    "size": ("side of the input", "yolov3-tiny", [160, 224, 320, 416, 544, 608, 832, 1088]),
    "together": ("images that run together", "yolov3-tiny", [1, 2, 4]),
    "classes": ("classes", "yolov2", [20, 80, 400, 1000, 3000, 9418]),
    "files": ("photos of 12 megapixels", "yolov3-tiny", [1, 4, 8, 16, 32]),
    "threads": ("threads", "yolov3-tiny", [1, 2, 4]),
}
"""What grows, in which network, and its values."""

LEAST_SECONDS, MOST_RUNS = 0.7, 200
"""A value is measured for so long, in at most so many runs."""


def cfg_of(series: str, value: int, folder: Path) -> Path:
    """The network of a measurement."""
    text = (ROOT / "cfg" / f"{SERIES[series][1]}.cfg").read_text()
    side = value if series == "size" else 416
    text = re.sub(r"(?m)^(width|height) *=.*", rf"\1={side}", text)
    if series == "classes":
        text = re.sub(r"(?m)^classes *=.*", f"classes={value}", text)
        last = text.rindex("filters=")
        text = text[:last] + re.sub(r"filters=\d+", f"filters={5 * (5 + value)}", text[last:], count=1)
    path = folder / f"{series}-{value}.cfg"
    path.write_text(text)
    return path


def work_of(series: str, value: int, detector: darknet_py.Detector, folder: Path) -> tuple[Callable[[], object], float]:
    """What is timed, and by how much its time is divided."""
    shape = detector.network.input
    rng = np.random.default_rng(1)
    if series == "files":
        make = "import sys, folders; folders.make_photo(1).save(sys.argv[1], quality=90)"  # in no memory of ours
        subprocess.run([sys.executable, "-c", make, str(folder / "0.jpg")], check=True, cwd=HERE)
        paths = [folder / f"{number}.jpg" for number in range(value)]
        for path in paths[1:]:
            path.write_bytes(paths[0].read_bytes())
        return lambda: detector.detect_batch(paths), 1
    if series == "classes":
        pixels = rng.integers(0, 256, (shape.h, shape.w, 3), np.uint8)
        return lambda: detector.detect(pixels), 1
    together = value if series == "together" else 1
    x = rng.random((together, shape.c, shape.h, shape.w), np.float32)
    return lambda: detector.predict(x), together


def measure(series: str, value: int) -> dict[str, float]:
    """One value, in this process."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cfg = cfg_of(series, value, folder)
        write_synth(cfg, folder / "net.weights")
        detector = darknet_py.load(cfg, folder / "net.weights", threads=value if series == "threads" else None)
        work, divisor = work_of(series, value, detector, folder)
        work()
        best, spent, runs = float("inf"), 0.0, 0
        while runs < 2 or (spent < LEAST_SECONDS and runs < MOST_RUNS):
            start = time.perf_counter()
            work()
            seconds = time.perf_counter() - start
            best, spent, runs = min(best, seconds), spent + seconds, runs + 1
        gmacs = detector.network.multiply_adds / 1e9
        return {"value": value, "seconds": best / divisor, "megabytes": memory(), "gmacs": gmacs}


def memory() -> float:
    """The most that this process ever had, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def measure_all(series: Sequence[str]) -> None:
    """Each value in a process of its own; the results so far are kept."""
    machine = describe_machine()
    kind = f"{machine['processor']} ({get_host_cpu_name()}), {machine['vector']}"
    if os.environ.get("NUMBA_CPU_NAME"):
        kind += f", kernels forced to {machine['compiled_for']}"
    document = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    entry = document.setdefault(kind, {"machine": machine, "series": {}})
    for name in series:
        rows = []
        for value in SERIES[name][2]:
            answer = subprocess.run(
                [sys.executable, __file__, "--one", name, str(value)], capture_output=True, text=True, check=True
            )
            rows.append(json.loads(answer.stdout.splitlines()[-1]))
            print(name, rows[-1], flush=True)
        entry["series"][name] = rows
        RESULTS.write_text(json.dumps(document, indent=1) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measure", help=", ".join(SERIES))
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.one[0], int(options.one[1]))))
    if options.measure:
        measure_all(options.measure.split(","))
    if options.write:
        document = json.loads(RESULTS.read_text())
        page = PAGE.read_text(encoding="utf-8")
        pattern = re.compile(f"(?<={re.escape(BEGIN)}).*(?={re.escape(END)})", re.DOTALL)
        PAGE.write_text(pattern.sub(lambda match: "\n".join(tables(document)) + "\n", page), encoding="utf-8")
        write_chart(list(items(document)), 1100, 780, CHART)


def tables(document: dict[str, Any]) -> Iterator[str]:
    """Lines of Markdown: what grows, and for each processor time, memory, and time by what it would be if linear."""
    kinds = list(document)
    for number, kind in enumerate(kinds, 1):
        machine = document[kind]["machine"]
        yield f"{number}. {kind}; {machine['usable_cores']} cores"
    yield ""
    head = " | ".join(f"ms ({number}) | MB ({number})" for number in range(1, len(kinds) + 1))
    yield f"| | | multiply-adds | {head} |"
    yield f"|---|---:|---:|{'---:|---:|' * len(kinds)}"
    for name, (what, network, values) in SERIES.items():
        for value in values:
            cells, work = [], ""
            for kind in kinds:
                rows = [row for row in document[kind]["series"].get(name, ()) if row["value"] == value]
                cells += [f"{1e3 * rows[0]['seconds']:.1f} | {rows[0]['megabytes']:.0f}"] if rows else [" | "]
                work = f"{rows[0]['gmacs']:.2f} G" if rows else work
            first = f"{network}: {what}" if value == values[0] else ""
            yield f"| {first} | {value} | {work} | {' | '.join(cells)} |"


def items(document: dict[str, Any]) -> Iterator[Item]:
    """The chart: for each series time above and memory below."""
    yield Item(16, 28, text="How time and memory grow", size=16)
    for number, kind in enumerate(document):
        yield Item(16 + 340 * number, 40, 18, 10, color=COLORS[number])
        yield Item(40 + 340 * number, 50, text=kind, color=GREY)
    for column, (name, (what, _, _)) in enumerate(SERIES.items()):
        for row, (key, unit, factor) in enumerate((("seconds", "ms", 1e3), ("megabytes", "MB", 1.0))):
            curves = [
                [(float(one["value"]), factor * one[key]) for one in entry["series"].get(name, ())]
                for entry in document.values()
            ]
            points = [point for curve in curves for point in curve]
            if not points:
                continue
            xs, ys = ticks(0, max(x for x, _ in points), 4), ticks(0, max(y for _, y in points), 5)
            axes = Axes(64 + 212 * column, 100 + 340 * row, 150, 240, (0, xs[-1]), (0, ys[-1]))
            yield from axes.frame(xs, ys, what, unit)
            for color, curve in zip(cycle(COLORS), curves, strict=False):
                yield from axes.curve(curve, color)


if __name__ == "__main__":
    main()
