"""The boxes of a data set, wherever their labels are: their sizes, and what was left out."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import DarknetError, DataError, ImageError
from ..formats.annotations import read_coco, read_voc
from ..formats.data import read_data
from ..formats.labels import Wrong, label_paths, read_labels, refuse_wrong
from ..formats.text import exists, is_file, read_paths, spellings

if TYPE_CHECKING:
    from ..formats.labels import Box
    from ..typing import Doubles


TINY = 0.001
"""Darknet's training ignores boxes that are narrower or lower (``fill_truth_detection``)."""

NOT_LABELS = {"classes.txt", "train.txt", "valid.txt", "test.txt"}
"""Files that labelling programs put beside label files."""

Report = Callable[[str], None]


@dataclass(frozen=True)
class Boxes:
    """What the labels of a data set say.

    Attributes:
        sizes: float64[n, 2], widths and heights in fractions of the image.
        images: how many images (or label files) they are of.
        pictures: float64[n, 2], width and height of each box's image in pixels; None if that is not known.
        notes: what was left out or missing, a sentence each.
        files: the lists, images and labels that belong to them.
    """

    sizes: Doubles
    images: int
    pictures: Doubles | None
    notes: tuple[str, ...]
    files: tuple[Path, ...]

    def letterboxed(self, width: int, height: int) -> Doubles:
        """The sizes in fractions of a network's input of ``width`` x ``height``, images fit into it as Darknet does.

        Raises:
            DarknetError: the sizes of the images are not known.
        """
        if self.pictures is None:
            raise DarknetError(
                "to fit images into the network's input their sizes must be known: VOC XML and COCO JSON files tell "
                "them, and the images of a data file do, but not label files alone"
            )
        scale = (np.array([width, height]) / self.pictures).min(axis=1, keepdims=True)
        fitted: Doubles = self.sizes * self.pictures * scale / np.array([width, height])
        return fitted


class _Collector:
    """Takes boxes file by file."""

    def __init__(self, report: Report, wrong: Wrong | None) -> None:
        self.errors: list[DataError] = []
        self.wrong = wrong or self.errors.append
        self.sizes = array("d")
        self.pictures = array("d")
        self.images = 0
        self.left_out: dict[str, int] = {}
        self.notes: list[str] = []
        self.files: list[Path] = []
        self.report = report

    def take(self, boxes: Sequence[Box], pictures: Sequence[tuple[float, float]], images: int = 1) -> None:
        for _, _, w, h in boxes:
            self.sizes.extend((w, h))
        for picture in pictures:
            self.pictures.extend(picture)
        before, self.images = self.images, self.images + images
        if before // 1000 != self.images // 1000:
            self.report(f"labels of {self.images:,} images")

    def file(self, path: Path) -> None:
        """A file of any of the kinds."""
        self.files.append(path)
        suffix = path.suffix.lower()
        if suffix not in {".json", ".xml"}:
            self.take(read_labels(path, self.wrong), [])
            return
        try:
            found = read_coco(path) if suffix == ".json" else read_voc(path)
        except DataError as error:
            self.wrong(error)
            return
        self.take(found.boxes, found.images, found.image_count)
        for reason, count in found.left_out.items():
            self.left_out[reason] = self.left_out.get(reason, 0) + count

    def boxes(self, where: str | Path) -> Boxes:
        refuse_wrong(self.errors)
        sizes = np.array(self.sizes).reshape(-1, 2)
        pictures = np.array(self.pictures).reshape(-1, 2)
        kept = (sizes >= TINY).all(axis=1)
        left_out = dict(self.left_out)
        if not kept.all():
            left_out[f"narrower or lower than {TINY} of the image (Darknet's training ignores them)"] = int(
                (~kept).sum()
            )
        notes = [f"{reason}: {count} box{'es' * (count > 1)} left out" for reason, count in left_out.items()]
        if not kept.any():
            raise DataError("has no boxes" + "".join(f"; {note}" for note in notes), where)
        known = len(pictures) == len(sizes)
        return Boxes(
            sizes[kept], self.images, pictures[kept] if known else None, (*self.notes, *notes), tuple(self.files)
        )


def read_data_boxes(
    data: Path, pictures: bool = False, report: Report = lambda text: None, wrong: Wrong | None = None
) -> Boxes:
    """The boxes of the images that ``train=`` of a data file lists.

    Args:
        data: the data file.
        pictures: read the sizes of the images, too.
        report: called with a line about how far it is.
        wrong: called with the error of each line of a label file that is left out.

    Raises:
        DataError: a file cannot be used, or no image has a label file (those without one have no boxes); lines of
            labels are wrong, and there is no ``wrong``.
        ImageError: an image whose size is needed cannot be read, and there is no ``wrong``.
    """
    from ..loading import find_data_file

    train = read_data(data).get("train")
    if train is None:
        raise DataError("has no train= entry, the list of images", data)
    lists = find_data_file(train, data)
    collector = _Collector(report, wrong)
    collector.files.append(lists)
    missing: list[str] = []
    roots = [Path(), data.parent, data.parent.parent]
    count = 0
    for line in read_paths(lists):
        image = next((one for one in spellings(line) if any(exists(root / one) for root in roots)), line.strip())
        count += 1
        collector.files += _places([image], roots)
        label = next(_places(label_paths(image), roots), None)
        if label is None:
            missing.append(image)
            continue
        collector.files.append(label)
        boxes = read_labels(label, collector.wrong)
        try:
            size = [_picture_size(next(_places([image], roots), None), image)] if pictures and boxes else []
        except ImageError as error:
            if wrong is None:
                raise
            collector.wrong(DataError(error.message, error.path))
            continue
        collector.take(boxes, size * len(boxes))
    if count == len(missing):
        first = f"; the first would be {label_paths(missing[0])[0]}" if missing else ""
        raise DataError(f"none of its {count} images has a label file{first}", lists)
    if missing:
        collector.notes.append(f"without a label file, such as {missing[0]}: {len(missing)} of {count} images")
    return collector.boxes(lists)


def _places(names: Sequence[str], roots: Sequence[Path]) -> Iterator[Path]:
    """Where a file of a list is: as Darknet finds it, from the working directory, or from where the data file is."""
    for name in names:
        for root in roots:
            path = root / name
            if is_file(path):
                yield path


def _picture_size(path: Path | None, image: str) -> tuple[int, int]:
    from PIL import Image

    if path is None:
        raise ImageError("there is no such image (its size is needed)", image)
    try:
        with Image.open(path) as picture:
            width, height = picture.size
            return width, height
    except Exception:  # a decoder that meets nonsense raises anything
        raise ImageError("cannot be read as an image (its size is needed)", path) from None


def read_label_boxes(
    paths: Sequence[Path], report: Report = lambda text: None, wrong: Wrong | None = None
) -> Boxes:  # fmt: skip
    """The boxes of label files (``.txt``), VOC annotations (``.xml``), COCO files (``.json``) and folders.

    With ``wrong``, which is called with the error, lines and files that are wrong are left out.

    Raises:
        DataError: a file cannot be used.
    """
    collector = _Collector(report, wrong)
    for path in paths:
        for file in _label_files(path) if path.is_dir() else [path]:
            collector.file(file)
    return collector.boxes(paths[0] if len(paths) == 1 else "the labels")


def _label_files(folder: Path) -> list[Path]:
    """The label files below a folder, all of one kind, in the order of their names."""
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in {".txt", ".xml"})
    files = [path for path in files if path.name not in NOT_LABELS]
    kinds = {path.suffix.lower() for path in files}
    if not kinds:
        raise DataError("has no label files (.txt or .xml)", folder)
    if len(kinds) > 1:
        raise DataError("has both .txt and .xml files: name the folder of one kind, or the files", folder)
    return files
