"""Writes the table of docs/zoo.md from the files in cfg/, and its picture.

    python benchmarks/zoo.py             # the table
    python benchmarks/zoo.py --check     # exit code 1 if the page has another one
    python benchmarks/zoo.py --picture   # docs/images/zoo.jpg; needs the released yolov3-tiny (else fetched)

Needs nothing but an installed darknet-py and this source tree.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from darknet_py.dialect import ALEXEYAB
from darknet_py.layers import Convolutional
from darknet_py.network import Network, read_network
from darknet_py.numeric.arithmetic import PROFILES

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "zoo.md"
PICTURE = ROOT / "docs" / "images" / "zoo.jpg"
PHOTOS = ROOT / "tests" / "data" / "photos"
GOLDENS = ROOT / "tests" / "data" / "golden" / "zoo.json"
BEGIN, END = "<!-- table: benchmarks/zoo.py -->\n", "<!-- end of the table -->\n"
HEAD = (
    "| network | what it is | whose | input | layers | parameters, millions | BFLOPs | multiply-adds, billions "
    "| golden | `ieee` | `make` |\n|---|---|---|---|---:|---:|---:|---:|---|---|---|\n"
)

COLUMN = 300
"""Width of the picture's columns, in pixels."""

Pixels = NDArray[np.uint8]


def table() -> str:
    """The table, a row for each cfg file."""
    goldens = json.loads(GOLDENS.read_text(encoding="utf-8"))["networks"]
    paths = sorted((ROOT / "cfg").glob("*.cfg"))
    return HEAD + "".join(row(path, read_network(path), goldens.get(path.stem)) for path in paths)


def row(path: Path, network: Network, golden: dict[str, Any] | None) -> str:
    """A network's row. BFLOPs are those that Darknet prints, of its convolutions only."""
    convolutions = sum(layer.multiply_adds for layer in network.layers if isinstance(layer, Convolutional))
    his = network.dialect is ALEXEYAB
    uncovered = None if his else PROFILES["make"].uncovered(network)
    shape = network.input
    cells = (
        f"[{path.stem}](../cfg/{path.name})",
        subject(path),
        "AlexeyAB" if his else "pjreddie",
        f"{shape.w} x {shape.h}" + ("" if shape.c == 3 else f" x {shape.c}") if shape.image else f"{shape.size} values",
        str(len(network.layers)),
        f"{network.parameters / 1e6:.2f}",
        f"{2 * convolutions / 1e9:.3f}",
        f"{network.multiply_adds / 1e9:.3f}",
        "yes" if golden else "no",
        "exact" if golden else "not compared",
        "refused" if his else f"refused: `[{uncovered.kind}]`" if uncovered else "exact" if golden else "not compared",
    )
    return f"| {' | '.join(cells)} |\n"


def subject(path: Path) -> str:
    """What the first comment of a cfg file says, up to the first full stop or bracket."""
    comment = " ".join(line[1:].strip() for line in path.read_text(encoding="utf-8").split("\n\n")[0].splitlines())
    return re.split(r"\.(?: |$)| \(", comment)[0]


def with_table(page: str, new: str) -> str:
    """The page with its table replaced."""
    before, rest = page.split(BEGIN)
    return before + BEGIN + new + END + rest.split(END)[1]


def picture() -> None:
    """A row for each photograph: yolov3-tiny's detections at four sizes, and where its heads see something at one."""
    from PIL import Image

    from darknet_py import load
    from darknet_py.image.draw import draw_detections
    from darknet_py.image.load import load_image

    photos = [load_image(path) for path in sorted(PHOTOS.glob("*.jpg"))]
    columns = []
    for side in (160, 224, 320, 416):
        net = load("yolov3-tiny", size=(side, side))
        drawn = [draw_detections(narrow(pixels), net.detect(pixels, thresh=0.25)) for pixels in photos]
        columns.append((f"{side} x {side}", drawn))
        if side == 224:
            glow = [lit(narrow(pixels), net.predict(net.prepare(pixels))) for pixels in photos]
    columns.append(("objectness at 224 x 224", glow))
    Image.fromarray(grid(columns)).save(PICTURE, quality=88)


def narrow(pixels: Pixels) -> Pixels:
    """A picture as wide as a column."""
    from PIL import Image

    size = COLUMN, round(COLUMN * pixels.shape[0] / pixels.shape[1])
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS))


def lit(pixels: Pixels, heads: list[NDArray[np.float32]], anchors: int = 3) -> Pixels:
    """A photograph, bright where a head has objectness: the greatest of all anchors."""
    height, width = pixels.shape[:2]
    longer = max(height, width)
    rows, columns = (
        (np.arange(height) + (longer - height) / 2) / longer,
        (np.arange(width) + (longer - width) / 2) / longer,
    )
    brightness = np.zeros((height, width))
    for head in heads:
        cells = head.reshape(anchors, -1, *head.shape[1:])[:, 4].max(axis=0)
        y, x = (rows * cells.shape[0]).astype(int), (columns * cells.shape[1]).astype(int)
        brightness = np.maximum(brightness, cells[y][:, x])
    return (pixels * (0.15 + 0.85 * np.sqrt(brightness))[..., None]).astype(np.uint8)


def grid(columns: list[tuple[str, list[Pixels]]], gap: int = 8, title: int = 28) -> Pixels:
    """Columns of pictures under their titles, on white; the pictures of a row have one height."""
    from PIL import Image, ImageDraw, ImageFont

    heights = [len(pixels) for pixels in columns[0][1]]
    size = len(columns) * (COLUMN + gap) - gap, title + sum(heights) + gap * (len(heights) - 1)
    sheet = Image.new("RGB", size, "white")
    for column, (text, pictures) in enumerate(columns):
        left, top = column * (COLUMN + gap), title
        ImageDraw.Draw(sheet).text((left, 4), text, "black", ImageFont.load_default(16))
        for pixels in pictures:
            sheet.paste(Image.fromarray(pixels), (left, top))
            top += len(pixels) + gap
    return np.asarray(sheet)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="only compare")
    parser.add_argument("--picture", action="store_true", help="draw the picture instead")
    arguments = parser.parse_args()
    if arguments.picture:
        picture()
        return 0
    page = PAGE.read_text(encoding="utf-8")
    new = with_table(page, table())
    if arguments.check and new != page:
        print("docs/zoo.md is not up to date: run benchmarks/zoo.py", file=sys.stderr)
        return 1
    if not arguments.check:
        PAGE.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
