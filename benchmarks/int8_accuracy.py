"""How far networks in narrow numbers agree with float32: ours, OpenVINO's and ONNX Runtime's, on the same pictures.

    python benchmarks/int8_accuracy.py --images FOLDER --net CFG WEIGHTS [--net ...] [--peers PYTHON] [--out FILE]
    python benchmarks/int8_accuracy.py --math bf16 ...

The pictures are divided by a seed: some calibrate all engines (ours keeps half of them to choose its layers in
float32 by), the others are measured. The truth is what this engine finds in `ieee` with a probability from .25 on;
PYTHON has openvino, nncf, onnxruntime, onnx and sympy. Prints the table of docs/int8.md or
docs/number-formats.md; writes all figures as JSON. What FILE has of the same pictures stays, but for the rows
that were measured anew: `--engines` says which.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from darknet_py.bench.machine import describe_machine  # noqa: E402
from darknet_py.calibrate.agreement import Agreement, agreement, look, setting_of  # noqa: E402
from darknet_py.calibrate.report import document  # noqa: E402
from darknet_py.calibrate.run import Asked, Calibrator, Pictures, integer_detector  # noqa: E402
from darknet_py.detector import Detector  # noqa: E402
from darknet_py.evaluate.found import Found  # noqa: E402
from darknet_py.export.onnx import to_onnx  # noqa: E402
from darknet_py.image.load import load_image  # noqa: E402
from darknet_py.layers import Convolutional, Yolo  # noqa: E402
from darknet_py.network import read_network  # noqa: E402
from darknet_py.numeric.arithmetic import get_arithmetic  # noqa: E402
from darknet_py.parameters import load_parameters  # noqa: E402
from darknet_py.plan.formats import formats_of  # noqa: E402

PEERS = {
    "int8": (
        ("OpenVINO int8 (NNCF)", "openvino", ""),
        ("OpenVINO int8 (NNCF), rest in float32", "openvino", "f32"),
        ("ONNX Runtime int8 (MinMax)", "onnxruntime", "MinMax"),
        ("ONNX Runtime int8 (Percentile)", "onnxruntime", "Percentile"),
    ),
    "bf16": (("OpenVINO bf16", "openvino", "bf16"),),
}
"""By arithmetic: name, engine and method."""

ENGINES = ("ours", "openvino", "onnxruntime")


@contextmanager
def told(count: int, what: str) -> Iterator[Any]:
    """Says how long a part took."""
    start = time.perf_counter()
    yield lambda: None
    print(f"  {what}: {count}, {time.perf_counter() - start:.1f} s", file=sys.stderr)


def activated(head: Yolo, values: Any) -> Any:
    """What the head makes of what flows into it: (anchors x (5 + classes), h, w)."""
    planes = values.reshape(head.n, 5 + head.classes, head.h, head.w).astype(np.float32)
    if not head.new_coords:
        planes[:, [0, 1, *range(4, 5 + head.classes)]] = 1 / (
            1 + np.exp(-planes[:, [0, 1, *range(4, 5 + head.classes)]])
        )
    planes[:, :2] = planes[:, :2] * head.scale_x_y - (head.scale_x_y - 1) / 2
    return planes.reshape(head.out.c, head.h, head.w)


class Measurement:
    """One network, with its pictures."""

    def __init__(
        self, cfg: str, weights: str, calibrating: Sequence[Path], measured: Sequence[Path], folder: Path
    ) -> None:
        self.network = read_network(cfg)
        self.parameters = load_parameters(self.network, weights)
        self.detector = Detector(self.network, self.parameters, math="ieee")
        self.calibrating, self.measured, self.folder = calibrating, measured, folder
        self.pictures = [load_image(path) for path in measured]
        self.setting = setting_of(self.detector)
        self.exact = look(self.detector, self.pictures)

    def plain(self, math: str) -> Iterator[tuple[str, Agreement, dict[str, Any]]]:
        """Ours, where nothing is calibrated."""
        detector = Detector(self.network, self.parameters, math=math)
        narrow = formats_of(self.network, get_arithmetic(math, self.network.dialect)).computed
        convolutions = [layer.index for layer in self.network.layers if isinstance(layer, Convolutional)]
        more = {"narrow": [len(narrow & set(convolutions)), len(convolutions)]}
        yield f"darknet-py {math}", agreement(self.exact, look(detector, self.pictures), self.network.classes), more

    def own(self, asked: Asked) -> Iterator[tuple[str, Agreement, dict[str, Any]]]:
        """Ours, calibrated here: with the layers in float32 that it chooses, and with as few as can be."""
        halves = Pictures.divide(self.calibrating, asked.seed)
        calibrator = Calibrator(self.detector, self.parameters, asked, told)
        calibration, report = calibrator.run(halves, load_image)
        both = {"darknet-py int8": calibration, "darknet-py int8, --agreement 0": calibrator.unchosen}
        if calibrator.unchosen.quantization.floats == calibration.quantization.floats:
            both.popitem()
        for name, each in both.items():
            integers = integer_detector(self.detector, self.parameters, each)
            found = agreement(self.exact, look(integers, self.pictures), self.network.classes)
            more = {"report": {**document(report), "network": Path(report.network).name}} if each is calibration else {}
            yield name, found, {"floats": sorted(each.quantization.floats), **more}

    def prepare_peers(self) -> None:
        """The model and its inputs, as files."""
        to_onnx(self.network, self.parameters).write(self.folder / "model.onnx")
        view = self.setting.view()
        for name, paths in (("calibration", self.calibrating), ("inputs", self.measured)):
            inputs = np.stack([self.detector.prepare(load_image(path), view) for path in paths])
            np.save(self.folder / f"{name}.npy", inputs)

    def peer(self, python: str, engine: str, method: str) -> tuple[Agreement, dict[str, str]]:
        """Another engine's, and its versions; raises `subprocess.CalledProcessError` with its output if it fails."""
        names = ("model.onnx", "calibration.npy", "inputs.npy", "outputs.npz")
        command = [python, str(ROOT / "benchmarks" / "int8_peers.py"), engine, *(str(self.folder / n) for n in names)]
        printed = subprocess.run([*command, "--method", method], check=True, capture_output=True, text=True).stdout
        view = self.setting.view()
        found = []
        with np.load(self.folder / "outputs.npz") as arrays:
            values = [arrays[f"out{i}"] for i in range(len(self.network.heads))]
        for number, pixels in enumerate(self.pictures):
            outputs = [activated(head, each[number]) for head, each in zip(self.network.heads, values, strict=True)]  # type: ignore[arg-type]
            size = pixels.shape[1], pixels.shape[0]
            found.append(Found.of(self.detector.boxes(outputs, size, view), size, self.setting))
        return agreement(self.exact, found, self.network.classes), json.loads(printed.splitlines()[-1])


def rows(results: Sequence[dict[str, Any]]) -> Iterator[str]:
    """The table in Markdown."""
    last = "convolutions in it" if any("narrow" in e for r in results for e in r["engines"]) else "layers in float32"
    yield f"| network | engine | mAP@.5 | mAP@.5:.95 | objects | lost | found besides | {last} |"
    yield "|---|---|---:|---:|---:|---:|---:|---:|"
    for result in results:
        for engine in result["engines"]:
            own = engine.get("agreement")
            figures = (
                f"{own['map_50']:.3f} | {own['map_50_95']:.3f} | {own['objects']} | {own['lost']} | {own['found']}"
                if own
                else f"{engine['error']} | | | | "
            )
            count = len(engine.get("floats", [])) or " of ".join(map(str, engine.get("narrow", [])))
            yield f"| {result['network']} | {engine['name']} | {figures} | {count} |"


def measure(cfg: str, weights: str, files: Parts, asked: argparse.Namespace) -> dict[str, Any]:
    """All engines on one network."""
    print(Path(weights).name, file=sys.stderr)
    with tempfile.TemporaryDirectory() as temporary:
        measurement = Measurement(cfg, weights, *files, Path(temporary))
        engines: list[dict[str, Any]] = []
        how = Asked(seed=asked.seed, wanted=asked.agreement)
        own = measurement.own(how) if get_arithmetic(asked.math).calibrated else measurement.plain(asked.math)
        for name, found, more in own if "ours" in asked.engines else ():
            engines.append({"name": name, "agreement": found.as_json(), **more})
            print(name, found, file=sys.stderr)
        peers = [peer for peer in PEERS[asked.math] if asked.peers and peer[1] in asked.engines]
        if peers:
            measurement.prepare_peers()
        for name, engine, method in peers:
            try:
                with told(len(files[0]), name):
                    found, versions = measurement.peer(asked.peers, engine, method)
                engines.append({"name": name, "agreement": found.as_json(), "versions": versions})
                print(name, found, file=sys.stderr)
            except subprocess.CalledProcessError as error:
                last = error.stderr.strip().splitlines()[-1:] or ["failed"]
                engines.append({"name": name, "error": last[0][:200]})
                print(name, last, file=sys.stderr)
    return {"network": Path(weights).stem, "engines": engines}


Parts = tuple[list[Path], list[Path]]


def divided(folder: Path, calibrating: int, seed: int) -> Parts:
    """The pictures to calibrate with, and the others."""
    files = sorted(path for path in folder.iterdir() if path.suffix in (".jpg", ".png"))
    random.Random(seed).shuffle(files)
    return files[:calibrating], files[calibrating:]


def picture_identity(parts: Parts) -> dict[str, Any]:
    """Counts and hashes of the parts, in their order: figures of other pictures do not belong into one table."""
    hashes = []
    for part in parts:
        total = hashlib.sha256()
        for path in part:
            total.update(hashlib.sha256(path.read_bytes()).digest())
        hashes.append(total.hexdigest())
    return {"pictures": [len(part) for part in parts], "sha256": hashes}


def merged(network: dict[str, Any], older: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The older results with one network's new rows in place of its rows of the same engines."""
    named = [result for result in older if result["network"] == network["network"]]
    new = [engine["name"] for engine in network["engines"]]
    ours = any(name.startswith("darknet-py") for name in new)
    kept = [engine for result in named for engine in result["engines"] if engine["name"] not in new]
    kept = [engine for engine in kept if not (ours and engine["name"].startswith("darknet-py"))]
    order = ["darknet-py", "OpenVINO", "ONNX"]
    engines = sorted([*network["engines"], *kept], key=lambda engine: order.index(engine["name"].split()[0]))
    result = {"network": network["network"], "engines": engines}
    if not named:
        return [*older, result]
    return [result if each in named else each for each in older]


def older_results(out: Path, pictures: dict[str, Any]) -> list[dict[str, Any]]:
    """What the file has, or nothing; ends the program if it is of other pictures."""
    if not out.exists():
        return []
    document = json.loads(out.read_text())
    if any(document.get(key) != value for key, value in pictures.items()):
        sys.exit(f"{out}: is of other pictures: name another file with --out, or remove it")
    return list(document["results"])


def some_engines(words: str) -> list[str]:
    """``ours,openvino`` as a list."""
    chosen = words.split(",")
    if not set(chosen) <= set(ENGINES):
        raise argparse.ArgumentTypeError(f"engines are {', '.join(ENGINES)}")
    return chosen


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", required=True, type=Path)
    parser.add_argument("--net", nargs=2, action="append", required=True, metavar=("CFG", "WEIGHTS"))
    parser.add_argument("--math", choices=PEERS, default="int8")
    parser.add_argument("--peers", metavar="PYTHON", default="")
    parser.add_argument("--engines", type=some_engines, default=list(ENGINES), help=",".join(ENGINES))
    parser.add_argument("--calibrating", type=int, default=120, help="pictures to calibrate with")
    parser.add_argument("--agreement", type=float, default=0.9)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="[default: benchmarks/results/MATH_accuracy.json]")
    asked = parser.parse_args()
    asked.out = asked.out or ROOT / f"benchmarks/results/{asked.math}_accuracy.json"
    parts = divided(asked.images, asked.calibrating, asked.seed)
    pictures = picture_identity(parts)
    results = older_results(asked.out, pictures)
    for cfg, weights in asked.net:
        results = merged(measure(cfg, weights, parts, asked), results)
        document = {"machine": describe_machine(), **pictures, "results": results}
        asked.out.write_text(json.dumps(document, indent=1, default=str) + "\n")
    print("\n".join(rows(results)))


if __name__ == "__main__":
    main()
