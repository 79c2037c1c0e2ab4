"""What balanced channels and moved biases are worth in `int8`: the same calibration with and without them.

    python benchmarks/int8_parts.py --images FOLDER --net CFG WEIGHTS [--net ...] [--out FILE]

As `int8_accuracy.py` (the same pictures, the same truth), with as many layers in integers as can be. Prints the figures
as a table; writes them as JSON.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from int8_accuracy import ROOT, Measurement, divided, picture_identity, rows, told

from darknet_py.bench.machine import describe_machine
from darknet_py.calibrate.agreement import agreement, look
from darknet_py.calibrate.run import Asked, Calibrator, Pictures, integer_detector
from darknet_py.image.load import load_image

WAYS = (
    ("as it is", True, True),
    ("channels not balanced", False, True),
    ("biases not moved", True, False),
    ("neither", False, False),
)
"""Name, whether channels are balanced, whether biases are moved."""


def measure(measurement: Measurement) -> Iterator[dict[str, Any]]:
    """Each way on one network."""
    detector, parameters = measurement.detector, measurement.parameters
    for name, balance, moves in WAYS:
        calibrator = Calibrator(detector, parameters, Asked(wanted=0, balance=balance), told)
        calibrator.run(Pictures.divide(measurement.calibrating, 0), load_image)
        made = calibrator.unchosen if moves else replace(calibrator.unchosen, shifts={})
        seen = look(integer_detector(detector, parameters, made), measurement.pictures)
        found = agreement(measurement.exact, seen, measurement.network.classes)
        yield {"name": name, "agreement": found.as_json(), "floats": sorted(made.quantization.floats)}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", required=True, type=Path)
    parser.add_argument("--net", nargs=2, action="append", required=True, metavar=("CFG", "WEIGHTS"))
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "int8_parts.json")
    asked = parser.parse_args()
    parts = divided(asked.images, 120, 0)
    results = []
    for cfg, weights in asked.net:
        with tempfile.TemporaryDirectory() as folder:
            engines = list(measure(Measurement(cfg, weights, *parts, Path(folder))))
        results.append({"network": Path(weights).stem, "engines": engines})
    document = {"machine": describe_machine(), **picture_identity(parts), "results": results}
    asked.out.write_text(json.dumps(document, indent=1) + "\n")
    print("\n".join(rows(results)))


if __name__ == "__main__":
    main()
