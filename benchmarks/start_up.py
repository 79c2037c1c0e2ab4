"""How long a command takes from its start to its end: the first one ever, later ones, and Python importing Numba.

    python benchmarks/start_up.py

In turn, again and again; the least of each. The table names the processor. Files are in the system's cache, kernels in
a folder of their own.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from darknet_py.bench.machine import processor_name

RUNS = 7

PHOTO = Path(__file__).resolve().parent.parent / "tests" / "data" / "photos" / "astronaut.jpg"

PROGRAMS = {
    "`import numpy`": ["-c", "import numpy"],
    "`import numba`": ["-c", "import numba"],
    "`darknet-py detect`": ["-m", "darknet_py", "detect", str(PHOTO), "-o", "predictions.jpg"],
}
"""With the network yolov3-tiny, which must have been fetched."""


def seconds(arguments: list[str], folder: Path) -> float:
    """Of one process of this Python. Raises `subprocess.CalledProcessError` if it fails."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(folder / "kernels")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], env=environment, cwd=folder, check=True, capture_output=True)
    return time.perf_counter() - start


def main() -> None:
    """Measure, and print the table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for arguments in list(PROGRAMS.values())[:2]:
            seconds(arguments, folder)
        first = seconds(PROGRAMS["`darknet-py detect`"], folder)
        least = dict.fromkeys(PROGRAMS, float("inf"))
        for _ in range(RUNS):
            for title, arguments in PROGRAMS.items():
                least[title] = min(least[title], seconds(arguments, folder))
    print(f"{processor_name()}, {os.cpu_count()} cores\n")
    print("| | seconds | of `import numba` |\n|---|---:|---:|")
    for title, best in least.items():
        print(f"| {title} | {best:.2f} | {best / least['`import numba`']:.1f} |")
    print(f"| `darknet-py detect`, the first ever | {first:.1f} | |")


if __name__ == "__main__":
    main()
