"""How long a command takes from its start to its end: the first one ever, later ones, and Python importing Numba.

    python benchmarks/start_up.py [--tree FOLDER]

In turn, again and again; the least of each. The table names the processor. Files are in the system's cache, kernels in
a folder of their own. ``--tree``: another checkout's darknet_py, for a comparison (by the Numba of this Python).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from darknet_py.bench.machine import processor_name
from darknet_py.synth import write_synth
from darknet_py.zoo import find_model

RUNS = 7

ROOT = Path(__file__).resolve().parent.parent
PHOTO = ROOT / "tests" / "data" / "photos" / "astronaut.jpg"

STAND_INS = ("yolo-fastest-1.1", "yolov3")
"""Networks that are measured, too, with stand-in weights: many small layers, and many weights."""

DETECT = "`darknet-py detect`, yolov3-tiny"


def programs(folder: Path) -> dict[str, list[str]]:
    """Arguments of Python, by what they are. The network yolov3-tiny must have been fetched."""
    tiny = find_model("yolov3-tiny")
    drawn = ["-o", "predictions.jpg"]
    rows = {
        "`import numpy`": ["-c", "import numpy"],
        "`import numba`": ["-c", "import numba"],
        "`darknet-py --version`": ["-m", "darknet_py", "--version"],
        DETECT: ["-m", "darknet_py", "detect", str(PHOTO), *drawn],
        "`darknet detect`, yolov3-tiny": ["-m", "darknet_py", "detect", str(tiny.cfg), str(tiny.weights), str(PHOTO)],
    }
    for name in STAND_INS:
        cfg, weights = ROOT / "cfg" / f"{name}.cfg", folder / f"{name}.weights"
        write_synth(cfg, weights)
        files = ["--cfg", str(cfg), "--weights", str(weights), "--thresh", "1", "--quiet", *drawn]
        rows[f"`darknet-py detect`, {name}"] = ["-m", "darknet_py", "detect", str(PHOTO), *files]
    return rows


def seconds(arguments: list[str], folder: Path, tree: Path) -> float:
    """Of one process of this Python. Raises `subprocess.CalledProcessError` if it fails."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(folder / "kernels"), "PYTHONPATH": str(tree)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], env=environment, cwd=folder, check=True, capture_output=True)
    return time.perf_counter() - start


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tree", type=Path, default=ROOT)
    tree = parser.parse_args().tree.absolute()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = programs(folder)
        for title in ("`import numpy`", "`import numba`"):
            seconds(rows[title], folder, tree)
        first = seconds(rows[DETECT], folder, tree)
        for arguments in rows.values():
            seconds(arguments, folder, tree)
        least = dict.fromkeys(rows, float("inf"))
        for _ in range(RUNS):
            for title, arguments in rows.items():
                least[title] = min(least[title], seconds(arguments, folder, tree))
    print(f"{processor_name()}, {os.cpu_count()} cores\n")
    print("| | seconds | of `import numba` |\n|---|---:|---:|")
    for title, best in least.items():
        print(f"| {title} | {best:.2f} | {best / least['`import numba`']:.1f} |")
    print(f"| {DETECT}, the first ever | {first:.1f} | |")


if __name__ == "__main__":
    main()
