"""``detector test``, ``detect`` and ``yolo test``: images in, lines and pictures out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ..formats.atomic import refuse_input
from ..formats.cfg import read_cfg
from ..image.draw import draw_detections, save_image
from ..models.places import find_cfg
from ..output.text import darknet_lines, predicted_line
from . import alexeyab
from .looking import Look
from .opening import data_names, open_network
from .prompt import for_each_image

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..detect.detections import Detections
    from ..detector import Detector
    from .flags import Flags

PICTURE = "predictions"

SUFFIX = "DARKNET_PY_PICTURES"
"""Environment variable: ``png`` for ``predictions.png``, which Darknets before 2018 wrote; ``jpg`` is today's."""


def test_detector(data: Path, cfg: str, weights: str | None, filename: str | None, flags: Flags) -> int:
    """Detect and print (``test_detector``), as pjreddie's Darknet or as AlexeyAB's; gives the exit code."""
    names = data_names(data, "names", default="data/names.list")
    detector = open_network(cfg, weights, names, **flags.engine)
    nms = 0.45 if flags.nms is None else flags.nms
    if flags.alexeyab:
        thresh = 0.25 if flags.thresh is None else flags.thresh
        letter_box = flags.letter_box or bool(read_cfg(cfg).net.find_int("letter_box", 0))
        look = Look(thresh, flags.hier, nms, stretch=not letter_box, grey=True)
        return _test_as_alexeyab(detector, filename, look, flags)
    look = Look(0.5 if flags.thresh is None else flags.thresh, flags.hier, nms)
    return _test_as_pjreddie(detector, filename, look, flags.out or PICTURE)


def test_yolo(cfg: str, weights: str | None, filename: str | None, flags: Flags) -> int:
    """YOLOv1 with the classes of VOC (``test_yolo``): stretched images, and boxes in an image of 1 x 1."""
    names = find_cfg("voc.names").read_text(encoding="utf-8").split()
    detector = open_network(cfg, weights, names, **flags.engine)
    thresh, nms = 0.2 if flags.thresh is None else flags.thresh, 0.4 if flags.nms is None else flags.nms
    return _test_as_pjreddie(detector, filename, Look(thresh, 0, nms, stretch=True, unit=True), PICTURE)


def _test_as_pjreddie(detector: Detector, filename: str | None, look: Look, picture: str) -> int:
    file = f"{picture}.{os.environ.get(SUFFIX, 'jpg')}"

    def work(path: str) -> None:
        refuse_input(file, path)  # Darknet would draw over it
        pixels, found, seconds = look(detector, path)
        print(predicted_line(path, seconds))
        for line in darknet_lines(found):
            print(line)
        save_image(file, draw_detections(pixels, found))

    return for_each_image(filename, work)


def _test_as_alexeyab(detector: Detector, filename: str | None, look: Look, flags: Flags) -> int:
    with _json_file(flags.out) as add:

        def work(path: str) -> None:
            pixels, found, seconds = look(detector, path)
            for line in alexeyab.layer_lines(detector.network):
                print(line)
            print(alexeyab.predicted_line(path, seconds))
            for line in alexeyab.object_lines(found, flags.ext_output):
                print(line)
            save_image(f"{PICTURE}.jpg", draw_detections(pixels, found))
            add(found, path)
            if flags.save_labels:
                alexeyab.write_labels(found, path)

        return for_each_image(filename, work)


@contextmanager
def _json_file(path: str | None) -> Iterator[Callable[[Detections, str], None]]:
    """Yields what takes the images one by one; what they come to is written at the end, whole, or as far as it came."""
    texts: list[str] = []

    def add(found: Detections, image: str) -> None:
        texts.append(alexeyab.json_text(found, len(texts) + 1, image))

    try:
        yield add
    finally:
        if path is not None:
            alexeyab.write_json(path, texts)
