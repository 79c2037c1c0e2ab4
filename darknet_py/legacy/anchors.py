"""``detector calc_anchors``, a command of AlexeyAB's Darknet."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import numpy as np

from ..anchors.clusters import assign, cluster
from ..errors import DarknetError, DataError
from ..evaluate.run import read_list
from ..formats.atomic import write_text
from ..formats.data import read_data
from ..formats.labels import SkippedLines, read_labelled
from ..formats.text import is_file
from ..loading import find_data_file
from ..output.alexeyab import label_file
from ..terminal import control
from .open_network import read_classes
from .prompt import print_stderr

CELLS = 32
"""Up to this width the input is counted in cells of the output, and anchors have four decimals."""


def calc_anchors(data: Path, num: int, width: int, height: int) -> None:
    """Find anchors for the images that ``train=`` lists, and print and write them as AlexeyAB's ``calc_anchors`` does.

    The clusters are `darknet_py.anchors`'s, which start with a seed: the same labels always give the same anchors.
    Writes ``anchors.txt`` and ``counters_per_class.txt`` into the working directory.

    Args:
        data: the data file.
        num: how many anchors (``-num_of_clusters``).
        width, height: the network's input, in pixels (for ``[region]`` in cells: 13).

    Raises:
        DataError, DarknetError: a file or label cannot be used, or there are too few boxes.
    """
    print(f"\n num_of_clusters = {num}, width = {width}, height = {height} ")
    if width < 1 or height < 1:
        raise DarknetError(
            "set width and height: detector calc_anchors data/voc.data -num_of_clusters 9 -width 416 -height 416"
        )
    if num < 1:
        raise DarknetError(f"-num_of_clusters {num}: at least one anchor is needed")
    options = read_data(data)
    images = read_list(find_data_file(options.get("train", "data/train.list"), data))
    print(f" read labels from {len(images)} images ")
    sizes, counts = _read_boxes(images)
    if not len(sizes):
        raise DataError("the labels of its train images have no boxes", data)
    print("\n all loaded. \n\n calculating k-means++ ...\n")
    found = cluster(sizes, num)
    _, overlap = assign(sizes, found.sizes)
    classes = max(read_classes(options, data, default=1), max(counts) + 1)
    counters = "counters_per_class = " + ", ".join(str(counts[number]) for number in range(classes))
    print(f"\n{counters}")
    print(f"\n avg IoU = {100 * float(overlap.mean()):2.2f} % ")
    anchors = found.sizes * [width, height]
    pattern = "{:3.0f},{:3.0f}" if width > CELLS else "{:2.4f},{:2.4f}"
    line = ", ".join(pattern.format(*anchor) for anchor in anchors[np.argsort(anchors.prod(axis=1), kind="stable")])
    print("\nSaving anchors to the file: anchors.txt ")
    print(f"anchors = {line}")
    for name, text in (("counters_per_class.txt", counters), ("anchors.txt", line)):
        write_text(name, text)


def _read_boxes(images: list[str]) -> tuple[np.ndarray[tuple[int, int], np.dtype[np.float64]], Counter[int]]:
    """Widths and heights in fractions of the image (n x 2), and how many boxes each class has."""
    sizes: list[tuple[float, float]] = []
    counts: Counter[int] = Counter()
    skipped = SkippedLines(print_stderr)
    for number, image in enumerate(images, start=1):
        labels = label_file(image)
        if not is_file(labels):
            print(f" (no labels: {labels})")
            continue
        for label in read_labelled(labels, skipped):
            _, _, w, h = label.box
            if w > 0 and h > 0:
                sizes.append((w, h))
                counts[label.class_id] += 1
        print(f"\r loaded \t image: {number} \t box: {len(sizes)}", end="", file=control(sys.stdout))
    skipped.close()
    return np.array(sizes, np.float64).reshape(-1, 2), counts
