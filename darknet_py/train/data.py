"""A training set as a data file and a cfg describe it, checked before anything is trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import DarknetError, DataError, ImageError
from ..formats.cfg import Section
from ..formats.data import folder_of, read_data, read_names, to_int
from ..formats.text import as_found, exists, is_file, read_paths
from ..formats.tree import Tree, read_tree
from ..image.load import load_image
from ..layers import Detection
from ..loading import find_data_file
from ..network import Network
from ..typing import Ints
from .augment import Boxes, Cells, Colours, Crops
from .labels import Classes, path_truth, read_all_labels, read_tags
from .samples import Classified, Labelled, Samples, side_range
from .truth import Boxes as LabelRows
from .truth import Truth

Wrong = Callable[[DarknetError], None]
"""Takes what is wrong with a line of a list or of labels, or with a picture, so that all of it can be told."""


@dataclass(frozen=True)
class TrainingFiles:
    """What a data file says.

    Attributes:
        path: the file.
        options: its entries.
        train: list of pictures.
        backup: folder of weights files.
    """

    path: Path
    options: Mapping[str, str]
    train: Path
    backup: Path


def read_training_files(path: Path, train: str | None = None, backup: str | None = None) -> TrainingFiles:
    """Read a data file.

    Args:
        path: the file.
        train, backup: what counts where it says nothing.

    Raises:
        DarknetError: an entry is missing, or the list is.
    """
    options = read_data(path)
    entry, folder = options.get("train", train), options.get("backup", backup)
    if entry is None:
        raise DataError("has no train= entry: the list of the pictures to train with", path)
    if folder is None:
        raise DataError("has no backup= entry: the folder for weights files", path)
    return TrainingFiles(path, options, find_data_file(entry, path), folder_of(folder))


def list_pictures(listed: Path, wrong: Wrong) -> list[str]:
    """The pictures of a list that are there; each of the others is an error with the list's line.

    Raises:
        DataError: the list cannot be read, or is empty.
    """
    lines = read_paths(listed)
    if not lines:
        raise DataError("this list of pictures is empty", listed)
    found = []
    for number, line in enumerate(lines, start=1):
        picture = as_found(line)
        if is_file(picture):
            found.append(picture)
        else:
            what = "is a folder, not a picture" if exists(picture) else "is not there"
            wrong(DataError(f"{picture} {what}", listed, number))
    return found


def check_pictures(
    pictures: Sequence[str], wrong: Wrong, step: Callable[[], None] = lambda: None, workers: int = 2
) -> list[str]:
    """Decode all pictures once; each that cannot be decoded is an error.

    Args:
        pictures: the files.
        wrong: called with each error.
        step: called for each picture.
        workers: threads.

    Returns:
        those that can be decoded.
    """

    def decode(path: str) -> ImageError | None:
        try:
            load_image(path)
        except ImageError as error:
            return error
        return None

    bad = set()
    different = list(dict.fromkeys(pictures))
    with ThreadPoolExecutor(workers, "check") as pool:
        for path, error in zip(different, pool.map(decode, different), strict=True):
            if error is not None:
                wrong(error)
                bad.add(path)
            step()
    return [path for path in pictures if path not in bad]


def make_samples(
    network: Network, files: TrainingFiles, paths: Sequence[str], truth: Truth, trees: Mapping[int, Tree], wrong: Wrong
) -> Labelled | Classified:
    """The training set of a network.

    Args:
        network: the graph.
        files: the data file.
        paths: its pictures; those without a label file are left out.
        truth: what the network's labels look like.
        trees: the network's WordTrees.
        wrong: called with an error for each line of a list or label file, and for each picture, that cannot be used.

    Raises:
        CfgError, DataError: the cfg and the data file do not go together.
    """
    assert network.cfg is not None
    _check_input(network, network.cfg.net)
    colours = read_colours(network.cfg.net)
    if not network.heads:
        return _classified(network, files, paths, colours, trees, wrong)
    head = network.heads[-1]
    section = network.sections[head.index]
    w, h, jitter = network.input.w, network.input.h, section.find_float("jitter", 0.2)
    if isinstance(head, Detection):
        known = Classes(head.classes)
        how: Boxes | Cells = Cells(w, h, head.side, head.classes, jitter, colours)
    elif isinstance(truth, LabelRows):
        known = Classes(truth.labelled, truth.classes if truth.tree else 0)
        how = Boxes(w, h, truth.rows, jitter, colours)
    else:
        raise network.error(head, f"[{head.kind}] cannot be trained from files")
    labels = zip(paths, read_all_labels(paths, known, wrong), strict=True)
    whole = [(path, own) for path, own in labels if own is not None]
    return Labelled([path for path, _ in whole], [own for _, own in whole], how)


def _check_input(network: Network, net: Section) -> None:
    if not network.input.image or network.input.c != 3:
        raise net.error(f"the input ({network.input}) is no picture of three colours: it cannot be trained from files")


def read_colours(net: Section) -> Colours:
    """``hue``, ``saturation``, ``exposure`` of ``[net]``."""
    return Colours(net.find_float("hue", 0), net.find_float("saturation", 1), net.find_float("exposure", 1))


def _classified(
    network: Network, files: TrainingFiles, paths: Sequence[str], colours: Colours, trees: Mapping[int, Tree],
    wrong: Wrong,
) -> Classified:  # fmt: skip
    assert network.cfg is not None
    net, options = network.cfg.net, files.options
    size, classes = network.input.w, network.classes
    if network.input.h != size:
        raise net.error(f"a classifier is trained with square pictures, not {size} x {network.input.h}", "height")
    said = to_int(options.get("classes", "2"))
    if said != classes:
        raise DataError(
            f"classes = {options.get('classes', '2 (by default)')}, but {network.path} has {classes} outputs",
            files.path,
        )
    low, high = _ratios(net, size)
    angle, aspect = net.find_float("angle", 0), net.find_float("aspect", 1)
    how = Crops(size, *side_range(low, high, size), angle, aspect, colours)
    _check_range(net, how)
    tags: list[Ints] | None = None
    names: tuple[str, ...] = ()
    if to_int(options.get("tag", "0")):
        tags = [read_tags(path, classes, wrong) for path in paths]
    else:
        names = _class_names(files, classes)
    tree = _tree_of(files, trees, classes)
    samples = Classified(paths, names, how, low, high, classes, tree, tags)
    if tags is None:
        for path in paths:
            if not path_truth(path, names).any():
                wrong(DataError("the path has none of the names of the labels: its class is not known", path))
    return samples


def _ratios(net: Section, size: int) -> tuple[float, float]:
    """``min_ratio`` and ``max_ratio``; ``min_crop`` and ``max_crop`` where they are not given."""
    high = net.find_float("max_ratio", net.find_int("max_crop", size * 2) / size)
    return net.find_float("min_ratio", net.find_int("min_crop", size) / size), high


def _check_range(net: Section, how: Crops) -> None:
    if min(how.low, how.high) < 1:
        raise net.error(f"pictures would be scaled to a side of {how.low} to {how.high} pixels: min_crop, max_crop, "
                        "min_ratio or max_ratio is wrong")  # fmt: skip


def _class_names(files: TrainingFiles, classes: int) -> tuple[str, ...]:
    names = read_names(find_data_file(files.options.get("labels", "data/labels.list"), files.path))
    if len(names) < classes:
        raise DataError(f"has {len(names)} names, but classes = {classes}", names.path)
    wanted = tuple(names[:classes])
    for number, name in enumerate(wanted, start=1):
        if not name:
            raise DataError("an empty name is in every path", names.path, number)
    return wanted


def _tree_of(files: TrainingFiles, trees: Mapping[int, Tree], classes: int) -> Tree | None:
    """``tree`` of the data file, or that of the network's [softmax]."""
    entry = files.options.get("tree")
    if entry is None:
        return list(trees.values())[-1] if trees else None
    path = find_data_file(entry, files.path)
    tree = read_tree(path)
    if tree.n != classes:
        raise DataError(f"the tree has {tree.n} nodes, but there are {classes} classes", path)
    return tree


def ambiguous(samples: Samples) -> list[str]:
    """Pictures whose paths have the names of several classes: all of them are trained, as in Darknet."""
    if not isinstance(samples, Classified) or samples.tags is not None:
        return []
    return [path for path in samples.paths if np.count_nonzero(path_truth(path, samples.names)) > 1]
