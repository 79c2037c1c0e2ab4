"""``detector test``, ``detect`` and ``yolo test``: images in, lines and pictures out."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ..dialect import PJREDDIE
from ..formats.atomic import check_writable, refuse_input, write_text
from ..formats.data import read_names
from ..image.draw import draw_detections, encode_image, write_image
from ..output.writers import writers_of
from ..zoo.folders import find_cfg
from .image_view import ImageView, check_detects
from .images import Work, for_each_image
from .open_network import data_names, open_network

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..detect.detections import Detections
    from ..detector import Detector
    from ..dialect import Dialect
    from ..inference import Ready
    from ..looking import Looked
    from ..output.writers import FileWriters
    from .flags import Flags

PICTURE = "predictions"

SUFFIX = "DARKNET_PY_PICTURES"
"""Environment variable: ``png`` for ``predictions.png``, which Darknets before 2018 wrote; ``jpg`` is today's."""


def test_detector(data: Path, cfg: str, weights: str | None, files: Sequence[str], flags: Flags) -> int:
    """Detect and print (``test_detector``), as the Darknet of the network's dialect; gives the exit code."""
    names = data_names(data, "names", default="data/names.list")
    if flags.alexeyab and flags.out is not None:
        refuse_input(flags.out, data, cfg, *([weights] if weights else []))
        check_writable(flags.out)
    detector = open_network(cfg, weights, names, **flags.engine)
    nms = 0.45 if flags.nms is None else flags.nms
    if not flags.alexeyab:
        look = ImageView(0.5 if flags.thresh is None else flags.thresh, flags.hier, nms)
        return _test(detector, files, look, _picture(flags.out or PICTURE))
    thresh = 0.25 if flags.thresh is None else flags.thresh
    letter_box = flags.letter_box or detector.network.letter_box
    look = ImageView(thresh, flags.hier, nms, stretch=not letter_box, grey=True)
    return _test(detector, files, look, f"{PICTURE}.jpg", flags)


def test_yolo(cfg: str, weights: str | None, files: Sequence[str], flags: Flags) -> int:
    """YOLOv1 with the classes of VOC (``test_yolo``): stretched images, and boxes in an image of 1 x 1."""
    names = read_names(find_cfg("voc.names"))
    detector = open_network(cfg, weights, names, **flags.engine)
    thresh, nms = 0.2 if flags.thresh is None else flags.thresh, 0.4 if flags.nms is None else flags.nms
    look = ImageView(thresh, 0, nms, stretch=True, unit=True)
    return _test(detector, files, look, _picture(PICTURE), dialect=PJREDDIE)


def _picture(name: str) -> str:
    return f"{name}.{os.environ.get(SUFFIX, 'jpg')}"


def _test(
    detector: Detector, files: Sequence[str], look: ImageView, picture: str, flags: Flags | None = None,
    dialect: Dialect | None = None,
) -> int:  # fmt: skip
    """Detect in each image.

    Args:
        detector: the network.
        files: the images.
        look: how they are fitted.
        picture: the file that is drawn.
        flags: what files are to be written besides, and how, if the dialect has such files.
        dialect: whose lines are printed; None: the network's.
    """
    check_detects(detector)
    writers = writers_of(dialect or detector.network.dialect)
    out = flags.out if flags and writers.files else None
    labelled = writers.files if flags and flags.save_labels else None
    with _json_file(out, writers.files) as add:

        def load(path: str) -> Ready:
            for file in (picture, labelled.label_file(path) if labelled else None, out):
                if file is not None:
                    refuse_input(file, path)  # Darknet would write over it
            return look.load(detector, path)

        def draw(ready: Ready, looked: Looked) -> bytes:
            assert ready.pixels is not None
            return encode_image(picture, draw_detections(ready.pixels, looked.found, copy=False))

        def show(path: str, looked: Looked, drawn: Callable[[], bytes]) -> None:
            found = looked.found
            lines = writers.lines(found, bool(flags and flags.ext_output))
            for line in (*writers.before_image(detector.network), writers.predicted(path, looked.seconds), *lines):
                print(line)
            add(found, path)
            if labelled and (labels := labelled.label_file(path)):
                write_text(labels, labelled.labels(found))
            write_image(picture, drawn())

        work = Work(detector.threads, load, partial(detector.look, view=look.view), show, draw)
        return for_each_image(files, work)


@contextmanager
def _json_file(path: str | None, writers: FileWriters | None) -> Iterator[Callable[[Detections, str], None]]:
    """Yields what takes the images one by one; what they come to is written at the end, whole, or as far as it came."""
    texts: list[str] = []

    def add(found: Detections, image: str) -> None:
        if path is not None and writers:
            texts.append(writers.json(found, len(texts) + 1, image))

    try:
        yield add
    finally:
        if path is not None and writers:
            write_text(path, writers.json_array(texts))
