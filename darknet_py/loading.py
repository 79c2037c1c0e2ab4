"""Load once: finds and reads all files of a network, and makes a `Detector` of them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from .detector import Detector
from .dialect import AUTO
from .errors import DarknetError, DataError, WeightsError
from .formats.data import as_written, path_spellings, read_data, read_map, read_names
from .formats.text import is_file
from .formats.tree import Tree, read_tree
from .network import Network, read_network
from .numeric.arithmetic import get_arithmetic
from .parameters import load_parameters
from .running import check_size
from .view import View, fit_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .calibration import Calibration
    from .parameters import Parameters
    from .zoo import Progress


class LoadOptions(TypedDict, total=False):
    """What `load` takes besides the files of a network, its names and its ``progress``."""

    map: str | Path | None
    math: str
    calibration: str | Path | None
    threads: int | None
    size: tuple[int, int] | None
    cutoff: int | None
    keep: Iterable[int]
    stretch: bool | None
    dialect: str


def load(
    model: str | Path,
    weights: str | Path | None = None,
    *,
    names: str | Path | Sequence[str] | None = None,
    data: str | Path | None = None,
    map: str | Path | None = None,
    math: str = "ieee",
    calibration: str | Path | None = None,
    threads: int | None = None,
    size: tuple[int, int] | None = None,
    cutoff: int | None = None,
    keep: Iterable[int] = (),
    stretch: bool | None = None,
    dialect: str = AUTO,
    progress: Progress | None = None,
) -> Detector:
    """Load a network.

    Args:
        model: a cfg file (with ``weights``), or the name of a released model such as ``"yolov3-tiny"``, whose files are
            found or fetched (see `darknet_py.zoo`). A file of that name comes first. With ``weights``, a name means
            the cfg of that name that comes with darknet-py.
        weights: the weights file that belongs to the cfg.
        names: class names: a ``.names`` file or a list; an empty one for none. By default those of the released model
            whose weights these are, known by the file's hash; for other weights none.
        data: a Darknet ``.data`` file that names the ``.names`` file.
        map: with a WordTree, a ``.map`` file of nodes that count as classes 0, 1, ... (``coco9k.map``: COCO's classes);
            ``names`` are then theirs.
        math: arithmetic profile.
        calibration: for ``int8``, the file that `darknet-py calibrate` wrote, if it does not lie beside the weights.
        threads: worker threads; all usable cores by default. The result is the same bits for any number.
        size: width and height of the network's input instead of the cfg's; for most networks multiples of 32.
        cutoff: use only the first layers of the cfg, for a partial weights file.
        keep: layers whose outputs will be asked for with `Detector.layer_output`.
        stretch: True: images are stretched to the network's size; False: they are letterboxed; None: as the network's
            Darknet does (AlexeyAB's stretches unless the cfg has ``letter_box=1``; pjreddie's stretches YOLOv1's).
        dialect: whose Darknet the network is computed as: ``darknet`` (pjreddie's), ``alexeyab``, or ``auto``:
            AlexeyAB's if anything in the cfg is his alone.
        progress: notified of downloads.

    Raises:
        CfgError, WeightsError, DataError, ModelError: one line each, with file and place.
    """
    get_arithmetic(math).check_here()  # before anything is fetched or read
    cfg, weights, its_names, dialect = _find_files(model, weights, dialect, progress)
    size = None if size is None else check_size(size)
    network = read_network(cfg, cutoff, size, dialect)
    scales = _find_scales(network, weights, math, calibration)
    if names is None and data is None and cutoff is None:  # a part of a network has other classes, or none
        names = _released_names(weights, network) if its_names is None and map is None else its_names
    class_map = None if map is None else _read_map(network, map)
    parameters = _load_parameters(network, weights, cutoff, size)
    return Detector(
        network,
        parameters if scales is None else scales.balanced(network, parameters),
        names=_read_names(network, names, data, class_map),
        trees=load_trees(network),
        view=View(fit=fit_of(stretch), class_map=None if class_map is None else tuple(class_map.tolist())),
        node_names=[] if class_map is None else _node_names(network),
        math=math,
        threads=threads,
        keep=keep,
        weights=Path(weights),
        quantization=None if scales is None else scales.whole,
    )


def _find_files(
    model: str | Path, weights: str | Path | None, dialect: str, progress: Progress | None
) -> tuple[Path, str | Path, Path | None, str]:
    """The cfg, the weights, the names file of a released model, and whose Darknet it is for."""
    from .zoo import find_model, find_network

    if weights is not None:
        return find_network(model), weights, None, dialect
    found = find_model(str(model), fetch_missing=True, progress=progress)
    return found.cfg, found.weights, found.names, found.dialect if dialect == AUTO else dialect


def _find_scales(
    network: Network, weights: str | Path, math: str, calibration: str | Path | None
) -> Calibration | None:
    """The calibration that a profile needs; None where it needs none."""
    if get_arithmetic(math, network.dialect).calibrated:
        from .calibration import find_calibration

        return find_calibration(network, weights, calibration)
    if calibration is not None:
        raise DarknetError(f"math={math} takes no calibration; use math=int8")
    return None


def _load_parameters(
    network: Network, weights: str | Path, cutoff: int | None, size: tuple[int, int] | None
) -> Parameters:
    """The weights; if they do not fit because of the size, the error says so."""
    try:
        return load_parameters(network, weights, partial=cutoff is not None)
    except WeightsError:
        if size is not None:
            read_network(network.path, cutoff, dialect=network.dialect.key).resized(*size)
        raise


def _read_names(
    network: Network,
    names: str | Path | Sequence[str] | None,
    data: str | Path | None,
    class_map: NDArray[np.int32] | None,
) -> list[str]:
    """The class names, as many as the network has classes; none where none are given."""
    if names is None and data is not None:
        entries = read_data(data)
        entry = entries.get("names") or entries.get("labels")
        if entry is None:
            raise DarknetError(f"{data}: has no names= entry")
        names = find_data_file(entry, Path(data))
    if names is None:
        return []
    found = read_names(names) if isinstance(names, (str, os.PathLike)) else list(names)
    if not found:
        return []
    classes = network.classes if class_map is None else len(class_map)
    # A classifier's list may go on: Darknet's own for ImageNet has all 21842 names, the 1000 of the contest first.
    if len(found) != classes and (network.heads or len(found) < classes):
        given = names if isinstance(names, (str, os.PathLike)) else getattr(names, "path", "names")
        what = network.path if class_map is None else "the map"
        raise DarknetError(f"{given}: has {len(found)} names, but {what} has {classes} classes")
    return found


def _released_names(weights: str | Path, network: Network) -> Path | None:
    """The names file that belongs to a released weights file, if it is one and its names are on this machine."""
    from .zoo.identify import names_of_release

    names = names_of_release(weights)
    try:
        return names if names is not None and len(read_names(names)) == network.classes else None
    except DarknetError:
        return None


def _node_names(network: Network) -> list[str]:
    """The names beside a tree file (``9k.names`` for ``9k.tree``), if they are there."""
    (name,) = set(network.tree_files.values())
    try:
        names = read_names(find_data_file(str(Path(name).with_suffix(".names")), Path(network.path)))
    except DarknetError:
        return []
    return names if len(names) == network.classes else []


def _read_map(network: Network, name: str | Path) -> NDArray[np.int32]:
    """The map that is wanted. It needs a WordTree, and must name nodes of it."""
    class_map = read_map(find_data_file(str(name), Path(network.path)))
    if not any(head.tree for head in network.heads):
        raise DarknetError(f"{name}: a map needs a [region] head with a tree, which {network.path} has not")
    if len(set(network.tree_files.values())) > 1:
        raise DarknetError(f"{name}: a map is of the nodes of one tree, but {network.path} names several")
    wrong = np.flatnonzero(class_map >= network.classes)
    if wrong.size:
        raise DataError(f"{class_map[wrong[0]]} is no class: the tree has {network.classes}", name, int(wrong[0]) + 1)
    return class_map


def load_trees(network: Network) -> dict[int, Tree]:
    """Read the WordTrees that a network names; each must have as many nodes as its layer has classes."""
    trees = {}
    for number, name in network.tree_files.items():
        layer = network.layers[number]
        tree = read_tree(find_data_file(name, Path(network.path)))
        classes = getattr(layer, "classes", layer.out.size)
        if tree.n != classes:
            raise network.error(layer, f"tree={name} has {tree.n} nodes, but [{layer.kind}] has {classes} classes")
        trees[number] = tree
    return trees


def find_data_file(name: str, beside: Path) -> Path:
    """A file that a cfg or data file names.

    Looked for in the working directory, as Darknet does, then in the folder of the file that names it and in that
    folder's parent (Darknet's root when the file is in ``cfg/``), then among fetched files; at each place as Darknet
    reads the path, then as a person may have meant it (`path_spellings`).

    Raises:
        DarknetError: with all places tried.
    """
    from .zoo import find_file

    written = list(path_spellings(name))
    for spelling in written:
        for place in _places(spelling, beside):
            if is_file(place):
                return place
    for spelling in written:
        fetched = None if "\0" in spelling else find_file(Path(spelling).name)
        if fetched is not None:
            return fetched
    shown = as_written(name)
    tried = ", ".join(dict.fromkeys(str(place.absolute()) for place in _places(shown, beside)))
    raise DarknetError(
        f"{beside}: names the file {shown}, which is nowhere: tried {tried}; `darknet-py fetch` may have it"
    )


def _places(name: str, beside: Path) -> list[Path]:
    """Where a file may be that is named in the file ``beside``."""
    if Path(name).is_absolute():
        return [Path(name)]
    return [Path(name), beside.parent / name, beside.parent.parent / name, beside.parent / Path(name).name]
