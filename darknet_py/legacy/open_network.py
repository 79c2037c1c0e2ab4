"""Opens a network as Darknet's program does: with its table, and words about its weights, on standard error."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..dialect import AUTO
from ..errors import DarknetError, DataError
from ..formats.data import first_names, read_data, read_names, to_int
from ..loading import LoadOptions, find_data_file, load
from ..network import read_network
from ..output.layer_table import printed_table
from ..warmup import announce_compiling
from ..zoo.folders import find_cfg
from .prompt import print_stderr

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ..detector import Detector


def find_data(path: str) -> Path:
    """The data file that a command without one uses; where it is missing, the one that comes with darknet-py."""
    return Path(path) if Path(path).exists() else find_cfg(Path(path).name)


def data_names(data: Path, *keys: str, default: str) -> list[str]:
    """The class names that a data file names by the first of ``keys`` that it has.

    Raises:
        DataError, DarknetError: a file is missing or cannot be used.
    """
    entries = read_data(data)
    entry = next((entries[key] for key in keys if entries.get(key)), None)
    if entry is None and not Path(default).exists():
        raise DataError(f"has no {keys[0]}= entry (and there is no {default}, which Darknet would take)", data)
    return read_names(find_data_file(entry or default, data))


def read_classes(options: dict[str, str], data: Path, default: int) -> int:
    """How many classes a data file says that there are. Raises `DataError` if that is no number."""
    text = options.get("classes", str(default))
    number = to_int(text)
    if number is None:
        raise DataError(f"classes = {text} is not a number of classes", data)
    return number


def open_network(cfg: str, weights: str | None, names: Sequence[str], **engine: Unpack[LoadOptions]) -> Detector:
    """Load a network (``load_network``).

    Args:
        cfg, weights: its files.
        names: class names; more than there are classes will do, and none at all.
        engine: for `darknet_py.load`.

    Raises:
        CfgError, WeightsError, DarknetError: there are no weights (Darknet runs on random ones), or a file cannot be
            used.
    """
    announce_compiling(print_stderr, sys.stderr)
    network = read_network(cfg, dialect=engine.get("dialect", AUTO))
    for line in printed_table(network, verbose=True):
        print_stderr(line)
    if weights is None:
        raise DarknetError(f"{cfg}: needs its weights file, too: ... {cfg} FILE.weights")
    print_stderr(f"Loading weights from {weights}...", end="")
    try:
        detector = load(cfg, weights, names=first_names(names, network.classes), **engine)
    except DarknetError:
        print_stderr("")
        raise
    print_stderr("Done!")
    return detector
