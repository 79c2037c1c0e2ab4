"""``detector test``, ``detect`` and ``yolo test``: images in, lines and pictures out."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ..formats.atomic import check_writable, refuse_input
from ..formats.data import read_names
from ..image.draw import draw_detections, save_image
from ..output.alexeyab import json_text
from ..output.text import darknet_lines, predicted_line
from ..zoo.folders import find_cfg
from . import alexeyab
from .image_view import ImageView, check_detects
from .open_network import data_names, open_network
from .prompt import for_each_image

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..detect.detections import Detections
    from ..detector import Detector
    from .flags import Flags

PICTURE = "predictions"

SUFFIX = "DARKNET_PY_PICTURES"
"""Environment variable: ``png`` for ``predictions.png``, which Darknets before 2018 wrote; ``jpg`` is today's."""


def test_detector(data: Path, cfg: str, weights: str | None, files: Sequence[str], flags: Flags) -> int:
    """Detect and print (``test_detector``), as pjreddie's Darknet or as AlexeyAB's; gives the exit code."""
    names = data_names(data, "names", default="data/names.list")
    if flags.alexeyab and flags.out is not None:
        refuse_input(flags.out, data, cfg, *([weights] if weights else []))
        check_writable(flags.out)
    detector = open_network(cfg, weights, names, **flags.engine)
    nms = 0.45 if flags.nms is None else flags.nms
    if flags.alexeyab:
        thresh = 0.25 if flags.thresh is None else flags.thresh
        letter_box = flags.letter_box or detector.network.letter_box
        look = ImageView(thresh, flags.hier, nms, stretch=not letter_box, grey=True)
        return _test_as_alexeyab(detector, files, look, flags)
    look = ImageView(0.5 if flags.thresh is None else flags.thresh, flags.hier, nms)
    return _test_as_pjreddie(detector, files, look, flags.out or PICTURE)


def test_yolo(cfg: str, weights: str | None, files: Sequence[str], flags: Flags) -> int:
    """YOLOv1 with the classes of VOC (``test_yolo``): stretched images, and boxes in an image of 1 x 1."""
    names = read_names(find_cfg("voc.names"))
    detector = open_network(cfg, weights, names, **flags.engine)
    thresh, nms = 0.2 if flags.thresh is None else flags.thresh, 0.4 if flags.nms is None else flags.nms
    return _test_as_pjreddie(detector, files, ImageView(thresh, 0, nms, stretch=True, unit=True), PICTURE)


def _test_as_pjreddie(detector: Detector, files: Sequence[str], look: ImageView, picture: str) -> int:
    file = f"{picture}.{os.environ.get(SUFFIX, 'jpg')}"
    check_detects(detector)

    def work(path: str) -> None:
        refuse_input(file, path)  # Darknet would draw over it
        pixels, found, seconds = look(detector, path)
        print(predicted_line(path, seconds))
        for line in darknet_lines(found):
            print(line)
        save_image(file, draw_detections(pixels, found))

    return for_each_image(files, work)


def _test_as_alexeyab(detector: Detector, files: Sequence[str], look: ImageView, flags: Flags) -> int:
    picture = f"{PICTURE}.jpg"
    check_detects(detector)
    with _json_file(flags.out) as add:

        def work(path: str) -> None:
            for file in (picture, alexeyab.label_file(path) if flags.save_labels else None, flags.out):
                if file is not None:
                    refuse_input(file, path)  # AlexeyAB's would write over it
            pixels, found, seconds = look(detector, path)
            for line in alexeyab.layer_lines(detector.network):
                print(line)
            print(alexeyab.predicted_line(path, seconds))
            for line in alexeyab.object_lines(found, flags.ext_output):
                print(line)
            add(found, path)
            if flags.save_labels:
                alexeyab.write_labels(found, path)
            save_image(picture, draw_detections(pixels, found))

        return for_each_image(files, work)


@contextmanager
def _json_file(path: str | None) -> Iterator[Callable[[Detections, str], None]]:
    """Yields what takes the images one by one; what they come to is written at the end, whole, or as far as it came."""
    texts: list[str] = []

    def add(found: Detections, image: str) -> None:
        texts.append(json_text(found, len(texts) + 1, image))

    try:
        yield add
    finally:
        if path is not None:
            alexeyab.write_json(path, texts)
