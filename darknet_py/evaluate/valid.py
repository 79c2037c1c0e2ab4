"""Result files of ``detector valid``, ``valid2`` and ``yolo valid``, for the servers of VOC, COCO and ImageNet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..detect.tree import MAP_ENTRIES
from ..errors import DarknetError, FileError
from ..formats.atomic import check_writable, write_text
from ..formats.distinct import refuse_same
from . import files
from .found import Found

KINDS = {"voc": "comp4_det_test_", "coco": "coco_results", "imagenet": "imagenet-detection"}
"""What ``eval=`` of a data file may say, and how the files are called; anything else is voc."""

ALEXEYABS_KINDS = {**KINDS, "bdd": "bdd_results", "kitti": "kitti_results"}
"""The same for AlexeyAB's Darknet."""

COCO_CLASSES = 80


def check_kind(kind: str, classes: int, where: str | Path) -> None:
    """Raise `DarknetError` if a network of so many classes has no result files of that kind."""
    most = {"coco": COCO_CLASSES, "bdd": len(files.BDD_CLASSES), "kitti": len(files.KITTI_CLASSES)}.get(kind)
    if most is not None and classes > most:
        raise DarknetError(f"{where}: eval = {kind} is for {most} classes, this network has {classes}")
    if kind == "imagenet" and classes < MAP_ENTRIES:
        raise DarknetError(f"{where}: eval = imagenet is for {MAP_ENTRIES} classes, this network has {classes}")


def _file_folder(kind: str, folder: Path, base: str) -> Path:
    return folder / base / "data" if kind == "kitti" else folder


def check_results(kind: str, folder: Path, base: str, names: Sequence[str]) -> None:
    """Make the folder, and raise `DarknetError` if the result files cannot be put into it: before the work."""
    for name in names if kind == "voc" else ():
        if "/" in name or "\0" in name:
            raise DarknetError(f"the class name '{name}' cannot be part of a file's name")
    folder = _file_folder(kind, folder, base)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"cannot be written: {error.strerror or error}", folder) from None
    if kind == "voc":
        refuse_same(folder / f"{base}{name}.txt" for name in names)
    first = {"voc": f"{base}{''.join(names[:1])}.txt", "imagenet": f"{base}.txt", "kitti": "000000.txt"}
    check_writable(folder / first.get(kind, f"{base}.json"))


def write_results(
    kind: str, folder: Path, base: str, names: Sequence[str], images: Sequence[str], results: Sequence[Found | None],
    first: int = 1, alexeyabs: bool = False,
) -> list[Path]:  # fmt: skip
    """Write result files, each at once and whole.

    Args:
        kind: one of `ALEXEYABS_KINDS`.
        folder: where to; it is made if it is not there.
        base: the file's name (coco, imagenet, bdd), a folder's (kitti) or what a class's name follows (voc); no suffix.
        names: class names, for voc.
        images, results: the files, and what was found in them in pixels; nothing in those that cannot be read.
        first: the number of an image's first pixel, for voc (``yolo valid`` counts from 0).
        alexeyabs: images are numbered as by AlexeyAB's Darknet, for coco.

    Returns:
        The files.

    Raises:
        DarknetError: a file cannot be written; the others are.
    """
    check_results(kind, folder, base, names)
    all_found = [found or Found.nothing() for found in results]
    if kind == "coco":
        texts = {
            folder / f"{base}.json": files.coco_text(images, all_found, files.base_id if alexeyabs else files.coco_id)
        }
    elif kind == "bdd":
        texts = {folder / f"{base}.json": files.bdd_text(images, all_found)}
    elif kind == "kitti":
        names = list(map(files.image_id, images))
        inner = _file_folder(kind, folder, base)
        texts = {inner / f"{name}.txt": files.kitti_text(found) for name, found in zip(names, all_found, strict=True)}
    elif kind == "imagenet":
        texts = {folder / f"{base}.txt": "".join(files.imagenet_lines(all_found))}
    else:
        lines = files.class_lines(images, all_found, first)
        texts = {folder / f"{base}{name}.txt": "".join(lines.get(number, [])) for number, name in enumerate(names)}
    failed: FileError | None = None
    for path, text in texts.items():
        try:
            write_text(path, text)
        except FileError as error:
            failed = failed or error
    if failed is not None:
        raise failed
    return list(texts)
