"""A folder of images -> a CSV table with a row for each object: ``python folder_to_csv.py photos/ found.csv``."""

from __future__ import annotations

import argparse
import csv
import sys
from pathlib import Path

import darknet_py
from darknet_py.image.load import load_image

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp")
TOGETHER = 4
"""Images that go through the network at a time: each gets the same bits as alone."""

COLUMNS = ["file", "name", "confidence", "left", "top", "right", "bottom"]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("table", type=Path)
    parser.add_argument("--model", default="yolov3-tiny", help="a released model, or a .cfg file")
    parser.add_argument("--weights", help="the weights that belong to the .cfg file")
    parser.add_argument("--names", help="a file with a class name on each line")
    parser.add_argument("--thresh", type=float, default=0.5)
    options = parser.parse_args(arguments)

    net = darknet_py.load(options.model, options.weights, names=options.names)
    paths = sorted(path for path in options.folder.iterdir() if path.suffix.lower() in SUFFIXES)
    with open(options.table, "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        for first in range(0, len(paths), TOGETHER):
            names, images = [], []
            for path in paths[first : first + TOGETHER]:
                try:
                    images.append(load_image(path))
                except darknet_py.ImageError as error:  # one broken image does not end the batch
                    print(error, file=sys.stderr)
                    continue
                names.append(path.name)
            for name, found in zip(names, net.detect_batch(images, thresh=options.thresh), strict=True):
                for thing in found:
                    corners = [f"{value:.1f}" for value in thing.xyxy]
                    table.writerow([name, thing.name, f"{thing.confidence:.4f}", *corners])


if __name__ == "__main__":
    main()
