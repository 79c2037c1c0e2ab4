"""Trains the coloured shapes of examples/training and puts the curves beside Darknet's.

    python benchmarks/training.py [--seeds 1,2,3] [--iterations 900] [--cfgs yolo,region] [--keep]

--keep goes on with the runs that are there. Writes benchmarks/results/training.json, prints the table of
docs/training.md, and draws docs/images/training.svg.
Darknet's figures (its own random order, one core) are of two runs each: [yolo] of the program as it stands, [region] of
one whose backward pass was mended, since the one on the CPU is empty.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "examples" / "training")]

import shapes  # noqa: E402

from darknet_py.chart import COLORS, GREY, Axes, Item, end_labels, write_chart  # noqa: E402
from darknet_py.evaluate.run import read_list  # noqa: E402
from darknet_py.train.data import read_training_files  # noqa: E402
from darknet_py.train.opening import Asked, plan_training  # noqa: E402
from darknet_py.train.score import Scorer  # noqa: E402
from darknet_py.train.training import Habits  # noqa: E402

AT = (1, 50, 100, 200, 300, 600, 900)

DARKNET: dict[str, dict[str, Any]] = {
    "yolo": {
        "average": [[91.5, 12.1, 3.9, 2.5, 1.6, 0.85, 0.58], [68.7, 11.8, 3.9, 2.6, 1.6, 0.76, 0.55]],
        "map": [0.960, 0.967], "seconds": 0.11,
    },
    "region": {
        "average": [[117.6, 26.3, 17.1, 12.7, 9.7, 5.5, 4.9], [89.5, 22.8, 13.4, 10.8, 8.6, 5.1, 4.2]],
        "map": [0.793, 0.903], "seconds": 0.12,
    },
}  # fmt: skip
"""Average loss at `AT`, mAP@.5 on the 60 validation pictures, CPU seconds for an iteration (-Ofast)."""


def run(name: str, seed: int, iterations: int, folder: Path) -> dict[str, Any]:
    """One training: curve, mAP, seconds."""

    def wrong(error: Exception) -> None:
        raise error

    cfg = ROOT / "examples" / "training" / f"shapes-{name}.cfg"
    plan = plan_training(cfg, read_training_files(folder / "shapes.data"), Asked(seed=seed), wrong)
    with plan.open(None, Habits(), report=lambda text: None) as training:
        steps = training.run(iterations)
        next(steps)  # kernels are compiled
        cpu, wall = time.process_time(), time.perf_counter()
        count = 1 + sum(1 for _ in steps)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        scorer = Scorer(plan.network, read_list(folder / "valid.txt"), plan.computing.threads, plan.asked.math)
        curve = {int(row[0]): row[2] for row in training.history}
        return {
            "cfg": name, "seed": seed, "iterations": count, "average": [curve[n] for n in AT if n in curve],
            "curve": [round(curve[n], 5) for n in sorted(curve)], "map": scorer.score(training.session.trainer.arrays),
            "cpu_seconds": cpu / (count - 1), "seconds": wall / (count - 1),
        }  # fmt: skip


def table(runs: list[dict[str, Any]]) -> Iterator[str]:
    """Rows of Markdown."""
    yield "| | average loss at " + ", ".join(map(str, AT)) + " | mAP@.5 | seconds per iteration: CPU, wall clock |"
    yield "|---|---|---|---|"
    for name, darknet in DARKNET.items():
        for number, averages in enumerate(darknet["average"]):
            yield _row(
                f"Darknet, [{name}], run {number + 1}", averages, darknet["map"][number], f"{darknet['seconds']}"
            )
        for own in runs:
            if own["cfg"] == name:
                seconds = f"{own['cpu_seconds']:.2f}, {own['seconds']:.2f}"
                yield _row(f"darknet-py, [{name}], seed {own['seed']}", own["average"], own["map"], seconds)


def _row(name: str, averages: list[float], score: float, seconds: str) -> str:
    return f"| {name} | {', '.join(f'{value:.3g}' for value in averages)} | {score:.1%} | {seconds} |"


def draw(runs: list[dict[str, Any]], path: Path) -> None:
    """Average loss against the iteration, both logarithmic: ours as curves, Darknet's as points."""
    items = [Item(16, 28, text="Coloured shapes: the average loss, and Darknet's (squares)", size=16)]
    for column, (name, darknet) in enumerate(DARKNET.items()):
        axes = Axes(70 + column * 440, 90, 330, 280, (0, math.log10(1000)), (math.log10(0.3), math.log10(200)))
        items.append(Item(axes.x, 60, text=f"[{name}]", color=GREY))
        items.append(Item(axes.x + axes.width / 2, axes.y + axes.height + 40, text="updates", anchor="middle"))
        for value in (0.5, 1, 2, 5, 10, 20, 50, 100):
            left, right = axes.at(0, math.log10(value)), axes.at(3, math.log10(value))
            items += [Item(points=(left, right), color="#e5e7eb", stroke=1)]
            items.append(Item(left[0] - 8, left[1] + 4, text=f"{value:g}", size=12, color=GREY, anchor="end"))
        for value in (1, 10, 100, 1000):
            x, y = axes.at(math.log10(value), axes.y_range[0])
            items.append(Item(x, y + 18, text=f"{value}", size=12, color=GREY, anchor="middle"))
        ends = []
        for own in (own for own in runs if own["cfg"] == name):
            color = COLORS[own["seed"] % 4]
            curve = [axes.at(math.log10(n), math.log10(value)) for n, value in enumerate(own["curve"], start=1)]
            items.append(Item(points=tuple(curve), color=color, stroke=1.5))
            ends.append((f"seed {own['seed']}", color, curve[-1]))
        items += end_labels(ends, axes.x + axes.width + 12, axes.y, axes.y + axes.height)
        for averages in darknet["average"]:
            for n, value in zip(AT, averages, strict=True):
                x, y = axes.at(math.log10(n), math.log10(value))
                items.append(Item(x - 3, y - 3, 6, 6, color="#111827", stroke=1))
    write_chart(items, 920, 430, path)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--iterations", type=int, default=900)
    parser.add_argument("--cfgs", default="yolo,region")
    parser.add_argument("--keep", action="store_true")
    asked = parser.parse_args()
    results = ROOT / "benchmarks/results/training.json"
    runs: list[dict[str, Any]] = json.loads(results.read_text())["runs"] if asked.keep else []
    with tempfile.TemporaryDirectory() as temporary:
        shapes.write(Path(temporary))
        for name in asked.cfgs.split(","):
            for seed in map(int, asked.seeds.split(",")):
                if any((own["cfg"], own["seed"]) == (name, seed) for own in runs):
                    continue
                runs.append(run(name, seed, asked.iterations, Path(temporary)))
                document = json.dumps({"runs": runs, "darknet": DARKNET}, indent=1)
                results.write_text(document + "\n")
                draw(runs, ROOT / "docs/images/training.svg")
    print("\n".join(table(runs)))


if __name__ == "__main__":
    main()
