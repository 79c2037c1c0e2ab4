"""How good a network is in each arithmetic on labelled pictures: `darknet-py evaluate`, one run for each.

    python benchmarks/labelled_accuracy.py my.data my.cfg my.weights [--math ieee,fast,bf16,int8] [--out FILE]

For ``int8`` it is calibrated with the pictures of the data file's train list. All are evaluated with those of its valid
list. Prints the table of docs/int8.md; writes the figures, without curves, as JSON.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from darknet_py.bench.machine import describe_machine  # noqa: E402
from darknet_py.formats.data import read_data  # noqa: E402


def darknet_py(*words: str | Path) -> None:
    """A command; ends the program with its own error if it fails."""
    done = subprocess.run([sys.executable, "-m", "darknet_py", *map(str, words)], capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr.strip())


def evaluated(asked: argparse.Namespace, math: str, folder: Path) -> dict[str, Any]:
    """The figures of one arithmetic."""
    words: list[str | Path] = []
    if math == "int8":
        calibration = folder / "calibration.json"
        train = read_data(asked.data)["train"]
        darknet_py("calibrate", asked.cfg, asked.weights, train, "-o", calibration)
        words = ["--calibration", calibration]
    found = folder / "found.json"
    names = "--data", asked.data, "--cfg", asked.cfg, "--weights", asked.weights
    darknet_py("evaluate", *names, "--math", math, *words, "--json", found)
    document = json.loads(found.read_text())
    return {"math": math, **{key: value for key, value in document.items() if key != "classes"}}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("data", "cfg", "weights"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--math", default="ieee,fast,bf16,int8")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "labelled_accuracy.json")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        results = [evaluated(asked, math, Path(folder)) for math in asked.math.split(",")]
    document = {"machine": describe_machine(), "network": asked.cfg.name, "results": results}
    asked.out.write_text(json.dumps(document, indent=1) + "\n")
    print("| `--math` | mAP@.5 | precision | recall |\n|---|---:|---:|---:|")
    for each in results:
        share = [f"{each[key]:.2%}" for key in ("mean_average_precision", "precision", "recall")]
        print(f"| {each['math']} | {' | '.join(share)} |")


if __name__ == "__main__":
    main()
