"""Write a small data set of coloured shapes in Darknet's layout: the same pixels and labels on every machine.

    python shapes.py FOLDER [--train 200] [--valid 60] [--seed 3] [--joint COUNT]

FOLDER then has images/*.png, labels/*.txt, train.txt and valid.txt (absolute paths), shapes.names (circle, square,
triangle) and shapes.data. Pictures are 112 to 160 pixels wide and high, with one to four shapes that hardly overlap, on
a tinted gradient with noise.

With --joint it is a joint set as YOLO9000 is trained on: every shape is reddish, greenish or bluish; the pictures with
boxes know only circle, square, triangle (by shapes.map nodes 1, 2, 3 of the WordTree shapes.tree); COUNT more have one
shape each, a leaf of the tree ("red-circle") and no box (label "LEAF 0 0 0 0"). leaves/*.txt tells what the validation
pictures really show.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

NAMES = ("circle", "square", "triangle")
HUES = ("red", "green", "blue")
TREE = [
    ("shape", -1), *((name, 0) for name in NAMES),
    *((f"{hue}-{name}", 1 + kind) for kind, name in enumerate(NAMES) for hue in HUES),
]  # fmt: skip
"""Names of the WordTree's nodes and their parents."""

Numbers = NDArray[np.float64]
Shape = tuple[int, float, float, float, int]
"""Kind, centre, half of the side, hue."""


def mask(kind: int, w: int, h: int, cx: float, cy: float, r: float) -> NDArray[np.bool_]:
    """Which pixels a shape covers."""
    y, x = np.mgrid[0:h, 0:w] + 0.5
    x, y = (x - cx) / r, (y - cy) / r
    if kind == 0:
        return np.asarray(x * x + y * y <= 1)
    if kind == 1:
        return np.asarray((abs(x) <= 1) & (abs(y) <= 1))
    return np.asarray((y <= 1) & (y >= -1) & (abs(x) <= (y + 1) / 2))


def picture(rng: np.random.RandomState, hues: bool = False, most: int = 4) -> tuple[NDArray[np.uint8], list[Shape]]:
    """A picture and what is in it; ``hues``: shapes have one of three hues, not any colour."""
    w, h = (int(value) for value in rng.randint(112, 161, 2))
    y, x = np.mgrid[0:h, 0:w]
    base, slope = rng.uniform(60, 200, 3), rng.uniform(-50, 50, (2, 3))
    pixels: Numbers = base + (x / w)[..., None] * slope[0] + (y / h)[..., None] * slope[1]
    pixels = pixels + rng.uniform(-12, 12, (h, w, 3))
    shapes: list[Shape] = []
    for _ in range(rng.randint(1, most + 1)):
        kind, r = int(rng.randint(3)), float(rng.uniform(11, 26))
        cx, cy = float(rng.uniform(r, w - r)), float(rng.uniform(r, h - r))
        colour, hue = rng.uniform(0, 255, 3), 0
        if any(abs(cx - other[1]) < r + other[3] and abs(cy - other[2]) < r + other[3] for other in shapes):
            continue
        if hues:
            hue = int(rng.randint(3))
            colour = np.where(np.arange(3) == hue, rng.uniform(190, 255), rng.uniform(0, 70, 3))
        elif abs(colour - base).max() < 60:
            colour = 255 - base
        inside = mask(kind, w, h, cx, cy, r)
        pixels[inside] = colour + rng.uniform(-8, 8, (h, w, 3))[inside]
        shapes.append((kind, cx, cy, r, hue))
    return np.clip(pixels, 0, 255).astype(np.uint8), shapes


def label(shapes: list[Shape], size: tuple[int, int], leaves: bool) -> str:
    """The text of a label file: kinds, or leaves of the tree."""
    w, h = size
    return "".join(
        f"{4 + 3 * kind + hue if leaves else kind} {cx / w:.6f} {cy / h:.6f} {2 * r / w:.6f} {2 * r / h:.6f}\n"
        for kind, cx, cy, r, hue in shapes
    )


def write(folder: Path, train: int = 200, valid: int = 60, seed: int = 3, joint: int = 0) -> None:
    """Write a data set."""
    folder = folder.resolve()
    for name in ("images", "labels", "backup", *(("leaves",) if joint else ())):
        (folder / name).mkdir(parents=True, exist_ok=True)
    rng = np.random.RandomState(seed)
    lists: dict[str, list[str]] = {"train": [], "valid": []}
    for part, count in (("train", train), ("class", joint), ("valid", valid)):
        for number in range(count):
            pixels, shapes = picture(rng, joint > 0, 1 if part == "class" else 4)
            name, size = f"{part}_{number:04d}", (pixels.shape[1], pixels.shape[0])
            leaves = label(shapes, size, leaves=True)
            text = f"{leaves.split()[0]} 0 0 0 0\n" if part == "class" else label(shapes, size, leaves=False)
            Image.fromarray(pixels).save(folder / "images" / f"{name}.png")
            (folder / "labels" / f"{name}.txt").write_text(text)
            if joint and part == "valid":
                (folder / "leaves" / f"{name}.txt").write_text(leaves)
            lists["valid" if part == "valid" else "train"].append(str(folder / "images" / f"{name}.png"))
    for name, paths in lists.items():
        (folder / f"{name}.txt").write_text("\n".join(paths) + "\n")
    names = [name for name, _ in TREE] if joint else list(NAMES)
    (folder / "shapes.names").write_text("\n".join(names) + "\n")
    if joint:
        (folder / "shapes.tree").write_text("".join(f"{name} {parent}\n" for name, parent in TREE))
        (folder / "shapes.map").write_text("1\n2\n3\n")
    (folder / "shapes.data").write_text(
        f"classes={len(names)}\ntrain={folder}/train.txt\nvalid={folder}/valid.txt\nnames={folder}/shapes.names\n"
        f"backup={folder}/backup\n"
    )


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--train", type=int, default=200)
    parser.add_argument("--valid", type=int, default=60)
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--joint", type=int, default=0, metavar="COUNT")
    asked = parser.parse_args(arguments)
    write(asked.folder, asked.train, asked.valid, asked.seed, asked.joint)


if __name__ == "__main__":
    main()
