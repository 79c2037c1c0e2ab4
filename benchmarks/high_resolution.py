"""A claim of the paper on coloured shapes: a classifier that is tuned at a higher resolution (section 2).

    python benchmarks/high_resolution.py [--seeds 1,2,3]

A small classifier learns the nine kinds of coloured shapes at 32 x 32, then for a tenth of the updates at 64 x 64, with
a tenth of the rate. Tested on pictures that it has not seen: before at both sizes, and after. Prints the table of
docs/training.md.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from statistics import mean

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "examples" / "training")]

import shapes  # noqa: E402

from darknet_py import load  # noqa: E402
from darknet_py.train import open_training  # noqa: E402

LOW, HIGH = 32, 64
UPDATES, TUNING = 600, 60
PICTURES, TESTS = 450, 180

NAMES = [f"{hue}-{kind}" for kind in shapes.NAMES for hue in shapes.HUES]

NET = """[net]
batch=32
subdivisions=2
width={size}
height={size}
channels=3
momentum=0.9
decay=0.0005
angle=7
hue=.05
saturation=1.25
exposure=1.25
aspect=.9
learning_rate={rate}
policy=poly
power=4
max_batches={updates}
"""

LAYERS = "".join(
    f"\n[convolutional]\nbatch_normalize=1\nfilters={filters}\nsize=3\nstride=1\npad=1\nactivation=leaky\n"
    + "\n[maxpool]\nsize=2\nstride=2\n" * pooled
    for filters, pooled in ((8, True), (16, True), (32, True), (64, False))
)

HEAD = f"""
[convolutional]
filters={len(NAMES)}
size=1
stride=1
pad=1
activation=linear

[avgpool]

[softmax]
"""


def write_pictures(folder: Path) -> list[tuple[str, str]]:
    """Pictures with one shape each, their lists and a data file; those to test with, and what they show."""
    rng = np.random.RandomState(3)
    (folder / "images").mkdir()
    found = []
    for number in range(PICTURES + TESTS):
        pixels, ((kind, *_, hue),) = shapes.picture(rng, True, 1)
        name = NAMES[3 * kind + hue]
        path = folder / "images" / f"{name}_{number:04d}.png"
        Image.fromarray(pixels).save(path)
        found.append((str(path), name))
    (folder / "train.txt").write_text("".join(f"{path}\n" for path, _ in found[:PICTURES]))
    (folder / "names.txt").write_text("".join(f"{name}\n" for name in NAMES))
    (folder / "c.data").write_text(
        f"classes={len(NAMES)}\ntrain={folder}/train.txt\nvalid={folder}/train.txt\nlabels={folder}/names.txt\n"
        f"names={folder}/names.txt\nbackup={folder}/backup\n"
    )
    return found[PICTURES:]


def train(folder: Path, cfg: Path, weights: Path | None, seed: int) -> Path:
    """Train to the end of the cfg; the file with the weights."""
    with open_training(
        folder / "c.data", cfg, weights, seed=seed, clear=weights is not None, report=lambda text: None
    ) as training:
        for _ in training.run():
            pass
    return folder / "backup" / f"{cfg.stem}.weights"


def accuracy(cfg: Path, weights: Path, tests: list[tuple[str, str]], size: int) -> float:
    """Share of the pictures whose most probable class is right."""
    network = load(cfg, weights, names=NAMES, size=(size, size))
    return mean(network.classify(path, top=1)[0].name == name for path, name in tests)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="1,2,3")
    asked = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        tests = write_pictures(folder)
        low, high = folder / "low.cfg", folder / "high.cfg"
        low.write_text(NET.format(size=LOW, rate=0.1, updates=UPDATES) + LAYERS + HEAD)
        high.write_text(NET.format(size=HIGH, rate=0.01, updates=TUNING) + LAYERS + HEAD)
        for seed in map(int, asked.seeds.split(",")):
            before = train(folder, low, None, seed)
            after = train(folder, high, before, seed)
            rows.append(
                (
                    accuracy(low, before, tests, LOW),
                    accuracy(low, before, tests, HIGH),
                    accuracy(high, after, tests, HIGH),
                )
            )
    print(f"| seed | {LOW} x {LOW} | the same weights at {HIGH} x {HIGH} | tuned at {HIGH} x {HIGH} |")
    print("|---|---:|---:|---:|")
    for name, row in [*zip(asked.seeds.split(","), rows, strict=True), ("mean", [*map(mean, zip(*rows, strict=True))])]:
        print(f"| {name} | " + " | ".join(f"{value:.1%}" for value in row) + " |")


if __name__ == "__main__":
    main()
