"""Measures two source trees of darknet-py in turn, to see whether a change has made it slower.

    git worktree add ../before COMMIT
    python benchmarks/compare_commits.py ../before . cfg/yolov3-tiny.cfg cfg/yolov4.cfg

Each round runs ``darknet-py bench`` of both trees on each cfg, a process each, the first tree first in every other
round: what else the machine does, and its temperature, affect both. A ratio is the first tree's time by the second's,
the median over the rounds: 1.05 means that the second is 5% faster. Start-up is the time of ``darknet-py --help``, the
least of all rounds. The exit code is 1 if a ratio is below ``--least``.

Kernels of both trees are compiled before anything is measured. Runs with the Python that runs this, whose packages both
trees use.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

START_UP = "start-up"


@dataclass
class Pair:
    """Seconds of both trees, a number for each round."""

    name: str
    before: list[float] = field(default_factory=list)
    after: list[float] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        """How fast the second tree is, where the first is 1."""
        if self.name == START_UP:
            return min(self.before) / min(self.after)
        return median(a / b for a, b in zip(self.before, self.after, strict=True))


def compare(
    trees: tuple[Path, Path], names: Sequence[str], rounds: int, measure: Callable[[Path, str], float]
) -> list[Pair]:
    """Measure both trees in turn.

    Args:
        trees: before and after.
        names: what to measure: cfg files, or `START_UP`.
        rounds: how often.
        measure: gives the seconds of one tree and one name.
    """
    pairs = [Pair(name) for name in names]
    for number in range(rounds):
        for pair in pairs:
            turns = [(trees[0], pair.before), (trees[1], pair.after)]
            for tree, seconds in turns if number % 2 == 0 else reversed(turns):
                seconds.append(measure(tree, pair.name))
    return pairs


def seconds_of(document: dict[str, object]) -> float:
    """The median time of the one network in what ``darknet-py bench --json`` writes.

    Raises:
        ValueError: it is no such document.
    """
    networks = document.get("networks")
    if not isinstance(networks, list) or len(networks) != 1 or not isinstance(networks[0], dict):
        raise ValueError("no benchmark of one network")
    seconds = networks[0].get("median")
    if not isinstance(seconds, float) or not seconds > 0:
        raise ValueError(f"median is {seconds!r}")
    return seconds


def table(pairs: Sequence[Pair]) -> Iterator[str]:
    """Lines for people: median milliseconds (of the start-up the least) and ratios."""
    yield f"{'':30} {'before, ms':>11} {'after, ms':>11} {'ratio':>7}"
    for pair in pairs:
        shown = min if pair.name == START_UP else median
        times = " ".join(f"{1e3 * shown(seconds):11.2f}" for seconds in (pair.before, pair.after))
        yield f"{Path(pair.name).stem:30} {times} {pair.ratio:7.3f}"


def run(tree: Path, *words: str) -> None:
    """Run the command of a tree, from its folder. Raises `SystemExit` with what it printed if it fails."""
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    command = [sys.executable, "-m", "darknet_py", *words]
    result = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)
    if result.returncode:
        sys.exit(f"{tree}: darknet-py {' '.join(words)}: {result.stderr.strip() or result.returncode}")


def measure_with(options: Sequence[str], folder: Path) -> Callable[[Path, str], float]:
    """What measures a tree: with these options of ``bench``; ``folder`` is for its files."""

    def measure(tree: Path, name: str) -> float:
        begin = time.perf_counter()
        if name == START_UP:
            run(tree, "--help")
            return time.perf_counter() - begin
        file = folder / "times.json"
        run(tree, "bench", name, "--no-layers", "--json", str(file), *options)
        return seconds_of(json.loads(file.read_text(encoding="utf-8")))

    return measure


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("before", type=Path, help="source tree")
    parser.add_argument("after", type=Path, help="source tree")
    parser.add_argument("cfgs", nargs="+", type=Path, metavar="CFG")
    parser.add_argument("--rounds", type=int, default=6, help="default: 6")
    parser.add_argument("--runs", type=int, default=10, help="of bench in each round (default: 10)")
    parser.add_argument("--math", default="ieee")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--least", type=float, default=0.98, help="smallest ratio that is good (default: 0.98)")
    given = parser.parse_args(arguments)
    trees = given.before.resolve(), given.after.resolve()
    for tree in trees:
        if not (tree / "darknet_py" / "__init__.py").is_file():
            parser.error(f"{tree} is no source tree of darknet-py")
    names = [START_UP, *(str(cfg.resolve()) for cfg in given.cfgs)]
    options = ["--runs", str(given.runs), "--math", given.math]
    options += [] if given.threads is None else ["--threads", str(given.threads)]
    with tempfile.TemporaryDirectory(prefix="darknet-py-compare-") as folder:
        compare(trees, names, 1, measure_with([*options, "--runs", "1"], Path(folder)))
        pairs = compare(trees, names, given.rounds, measure_with(options, Path(folder)))
    print("\n".join(table(pairs)))
    slower = [pair for pair in pairs if pair.ratio < given.least]
    return 1 if slower else 0


if __name__ == "__main__":
    sys.exit(main())
