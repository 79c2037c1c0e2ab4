"""What a network found in the images of a list, from an archive (`batch`) instead of the network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..batch.archive import RUN, read_archive
from ..batch.facts import difference
from ..batch.worker import Worker
from ..errors import FileError
from ..formats.json_file import read_json
from ..formats.text import as_unicode
from ..view import Fit
from .found import Found

if TYPE_CHECKING:
    from ..detector import Detector
    from .found import Setting
    from .run import Results


def archived(folder: Path, images: Sequence[str], detector: Detector, setting: Setting) -> Results:
    """What an archive has of each image, as a run of the network would find it.

    Args:
        folder: the archive.
        images: the files, by the names that the archive has them under.
        detector: the network that made it.
        setting: how it is to have looked: boxes in fractions, class by class.

    Raises:
        DarknetError: the archive is of something else, or has no row of an image.
    """
    view = replace(
        detector.view, fit=Fit.STRETCH if setting.stretch else Fit.LETTERBOX, filter=setting.filter, tiles=setting.tiles
    )
    before, detector.view = detector.view, view
    try:
        facts = Worker(detector, setting.thresh, setting.hier, setting.nms).facts
    finally:
        detector.view = before
    run = read_json(folder / RUN)
    what = difference(run if isinstance(run, dict) else {}, facts)
    if what:
        raise FileError(f"its rows are no detections for this: {what}", folder)
    names = [as_unicode(image) for image in images]
    rows = _rows(folder, set(names))
    missing = [image for image, name in zip(images, names, strict=True) if name not in rows]
    if missing:
        raise FileError(f"has no row of {len(missing)} of {len(images)} images, {missing[0]} first", folder)
    return [_found(rows[name]) for name in names]


def _rows(folder: Path, names: set[str]) -> dict[str, Mapping[str, Any]]:
    """The rows of these paths, by path."""
    table = read_archive(folder)
    wanted = np.array([number for number, path in enumerate(table["path"].to_pylist()) if path in names], np.int64)
    return {row["path"]: row for row in table.take(wanted).to_pylist()}


def _found(row: Mapping[str, Any]) -> Found | None:
    """A row's detections; None of an image that could not be read. Boxes of several classes are one box again."""
    if not row["ok"]:
        return None
    box_id = np.array(row["box_id"], np.int64)
    box = np.array(row["box"], np.float32).reshape(-1, 4)
    first = np.flatnonzero(np.diff(box_id, prepend=-1))  # classes of one box stand side by side
    place = np.cumsum(np.diff(box_id, prepend=-1) != 0) - 1
    return Found(
        (row["width"], row["height"]), box[first], place.astype(np.int64), np.array(row["class_id"], np.int64),
        np.array(row["confidence"], np.float32),
    )  # fmt: skip
