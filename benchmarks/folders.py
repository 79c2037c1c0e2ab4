"""Folders of photos: how much of what decoding and the network leave to be had the whole command gets.

    python benchmarks/folders.py [--model yolov3-tiny | --cfg CFG] [--photos 16] [--kind baseline] [--json FILE]

Makes photos of 12 megapixels (noise at all scales and shapes, 3 to 4 MB each) and measures in turn: decoding alone on
all cores, Pillow's decoding on all cores, the network alone, and the whole of `detect FOLDER --no-picture`, `detect
FOLDER`, `evaluate` and `detect_batch`, without the start of the program. Best of some rounds.

Two bounds. Where decoding and the network need different things, the slower of them is the bound. Here both need the
same cores: no order of work takes less time than the processor time of both together, divided by the cores. "Of what
is possible" is that bound by the time of the whole.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import darknet_py  # noqa: E402
from darknet_py.bench.machine import describe_machine  # noqa: E402
from darknet_py.cli.detect_files import Show, detect_files  # noqa: E402
from darknet_py.detector import Detector  # noqa: E402
from darknet_py.evaluate.found import Setting  # noqa: E402
from darknet_py.evaluate.run import Task  # noqa: E402
from darknet_py.image.load import load_image  # noqa: E402
from darknet_py.output.writers import writers_of  # noqa: E402
from darknet_py.plan.runner import in_groups  # noqa: E402
from darknet_py.synth import write_synth  # noqa: E402

WIDTH, HEIGHT = 4000, 3000

LIMITS = {"thresh": 0.5, "hier_thresh": 0.5, "nms": 0.45}


def make_photo(seed: int, width: int = WIDTH, height: int = HEIGHT) -> Image.Image:
    """Colours at all scales, a sensor's noise, and shapes with edges."""
    rng = np.random.default_rng(seed)
    values = np.full((height, width, 3), 128, np.float32)
    for octave in range(2, 10):
        side = 1 << octave
        grey, colour = rng.normal(0, 1, (side, side, 1)), rng.normal(0, 0.4, (side, side, 3))
        for channel, small in enumerate(np.moveaxis((grey + colour).astype(np.float32), 2, 0)):
            large = Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)
            values[:, :, channel] += np.asarray(large) * (40 / octave)
    values += rng.normal(0, 9, (height, width, 1)).astype(np.float32)
    picture = Image.fromarray(values.clip(0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    for _ in range(60):
        x, y, size = int(rng.integers(width)), int(rng.integers(height)), int(rng.integers(30, 600))
        shape = draw.ellipse if rng.random() < 0.5 else draw.rectangle
        shape((x, y, x + size, y + size * 2 // 3), fill=tuple(rng.integers(0, 256, 3).tolist()))
    return picture


def make_folder(folder: Path, photos: int, progressive: bool) -> list[Path]:
    """Files of four pictures, each as often as it is needed."""
    contents = []
    for seed in range(min(4, photos)):
        content = BytesIO()
        make_photo(seed).save(content, "JPEG", quality=90, progressive=progressive)
        contents.append(content.getvalue())
    paths = [folder / f"{number:03}.jpg" for number in range(photos)]
    for number, path in enumerate(paths):
        path.write_bytes(contents[number % len(contents)])
    return paths


@dataclass
class Times:
    """Best seconds of a piece of work, and its processor time then."""

    seconds: float = float("inf")
    processor: float = 0.0

    def measure(self, work: Callable[[], object]) -> None:
        processor, start = time.process_time(), time.perf_counter()
        work()
        seconds = time.perf_counter() - start
        if seconds < self.seconds:
            self.seconds, self.processor = seconds, time.process_time() - processor


def works(detector: Detector, paths: Sequence[Path], folder: Path) -> dict[str, Callable[[], object]]:
    """What is measured, by name."""
    view = detector.view_of(**LIMITS)
    threads = detector.threads
    ready = detector.make_ready(load_image(paths[0]), view)
    detector.look([ready], view)
    drawn = [folder / f"drawn-{path.name}" for path in paths]

    def on_all_cores(decode: Callable[[Path], object]) -> None:
        with ThreadPoolExecutor(threads) as pool:
            for _ in pool.map(decode, paths):
                pass

    def decode(path: Path) -> None:
        detector.make_ready(load_image(path), view)

    def decode_with_pillow(path: Path) -> None:
        with Image.open(path) as picture:
            picture.convert("RGB").load()

    def network() -> None:
        for group in in_groups([ready] * len(paths)):
            detector.look(group, view)

    def detect(pictures: Sequence[Path | None]) -> None:
        show = Show(
            writers_of(detector.network.dialect), True, True, False, False, lambda *_, **__: None, lambda _: None
        )
        detect_files(detector, paths, pictures, LIMITS, show, False)  # type: ignore[arg-type]
        assert not show.failed

    names = [str(path) for path in paths]
    return {
        "decoding": lambda: on_all_cores(decode),
        "network": network,
        "detect --no-picture": lambda: detect([None] * len(paths)),
        "Pillow's decoding": lambda: on_all_cores(decode_with_pillow),
        "detect": lambda: detect(drawn),
        "evaluate": lambda: evaluate(detector, names, folder),
        "detect_batch": lambda: detector.detect_batch(names),
    }


def evaluate(detector: Detector, names: list[str], folder: Path) -> None:
    """A whole evaluation; a list of another name each time, so that none goes on with one before."""
    Task(detector, names, folder / "list.txt", Setting()).run()


def table(times: dict[str, Times], photos: int, cores: int) -> list[str]:
    """Lines of Markdown."""
    lines = [
        "| | ms a photo | processor's ms | of what the slower allows | of what is possible |",
        "|---|---:|---:|---:|---:|",
    ]
    parts = times["decoding"], times["network"]
    slower = max(part.seconds for part in parts)
    possible = max(slower, sum(part.processor for part in parts) / cores)
    for name, found in times.items():
        whole = name not in ("decoding", "network", "Pillow's decoding", "detect")
        shares = (f"{slower / found.seconds:.0%}", f"{possible / found.seconds:.0%}") if whole else ("", "")
        if name == "detect":  # draws and writes pictures, too
            shares = ("", f"{found.processor / cores / found.seconds:.0%} of the cores")
        cells = f"{1e3 * found.seconds / photos:.1f}", f"{1e3 * found.processor / photos:.1f}"
        lines.append(f"| {name} | {' | '.join((*cells, *shares))} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="yolov3-tiny")
    parser.add_argument("--cfg", help="a network of your own, with stand-in weights")
    parser.add_argument("--photos", type=int, default=16)
    parser.add_argument("--kind", choices=("baseline", "progressive"), default="baseline")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--only", help="of the names in the table, with commas")
    parser.add_argument("--json")
    parser.add_argument("--keep", type=Path, help="a folder for the photos; those that are there are used")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        kept = options.keep / options.kind if options.keep else folder
        kept.mkdir(parents=True, exist_ok=True)
        paths = sorted(kept.glob("[0-9]*.jpg"))[: options.photos]
        if len(paths) < options.photos:
            paths = make_folder(kept, options.photos, options.kind == "progressive")
        if options.cfg:
            write_synth(Path(options.cfg), folder / "net.weights")
            detector = darknet_py.load(options.cfg, folder / "net.weights", threads=options.threads)
        else:
            detector = darknet_py.load(options.model, threads=options.threads)
        every = works(detector, paths, folder)
        chosen = {name: work for name, work in every.items() if not options.only or name in options.only.split(",")}
        times = {name: Times() for name in chosen}
        for _ in range(options.rounds):
            for name, work in chosen.items():
                times[name].measure(work)
        size = sum(path.stat().st_size for path in paths) / len(paths) / 1e6
        machine = describe_machine()
        print(f"{machine['processor']}, {detector.threads} threads; {Path(detector.network.path).stem}; ", end="")
        print(f"{len(paths)} {options.kind} photos of {WIDTH} x {HEIGHT}, {size:.1f} MB each\n")
        if {"decoding", "network"} <= times.keys():
            print("\n".join(table(times, len(paths), detector.threads)))
        if options.json:
            document = {
                "machine": machine, "network": Path(detector.network.path).stem, "threads": detector.threads,
                "photos": len(paths), "kind": options.kind, "megabytes": size,
                "times": {name: asdict(found) for name, found in times.items()},
            }  # fmt: skip
            Path(options.json).write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
