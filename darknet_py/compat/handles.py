"""What stands behind libdarknet's ``network *``: a detector, and the outputs of its last run."""

from __future__ import annotations

import ctypes as ct
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..detect.tree import MAP_ENTRIES
from ..dialect import AUTO
from ..errors import DarknetError, DataError
from ..formats.data import read_data, read_names
from ..loading import find_data_file, load
from ..numeric.arithmetic import get_arithmetic
from ..numeric.names import PROFILE_NAMES
from ..view import Asked, View
from .structs import METADATA, floats_at, text, to_pointer

if TYPE_CHECKING:
    from ..detect.candidates import Candidates
    from ..typing import Floats
    from .structs import Pointer


MATH = "DARKNET_PY_MATH"
"""Environment variable: the arithmetic of all networks that scripts load; ``ieee`` if it is not set."""

CALIBRATION = "DARKNET_PY_CALIBRATION"
"""Environment variable: the calibration for ``int8`` of the network that a script loads, if not beside the weights."""


def environment_math() -> str:
    """The arithmetic that the environment says. Raises `DarknetError` for a word that is none."""
    word = os.environ.get(MATH, "").lower() or "ieee"
    if word not in PROFILE_NAMES:
        raise DarknetError(f"{MATH}={word} is not {', '.join(PROFILE_NAMES[:-1])} or {PROFILE_NAMES[-1]}")
    return word


def environment_calibration() -> str | None:
    """The calibration that the environment names. Raises `DarknetError` if its arithmetic takes none."""
    path, math = os.environ.get(CALIBRATION) or None, environment_math()
    if path is not None and not get_arithmetic(math).calibrated:
        raise DarknetError(f"{CALIBRATION}={path}: {MATH} is {math}, which takes no calibration; int8 does")
    return path


class Handle:
    """A network, as a script passes it around.

    Attributes:
        detector: the engine.
        batch: how many images the script wants to run together.
        skipped: numbers of classes that are not to be reported.
    """

    def __init__(self, cfg: object, weights: object, batch: int = 1, dialect: str = AUTO) -> None:
        """Read the files. Raises `DarknetError`; weights must be given (Darknet runs on random ones)."""
        if not weights:
            raise DarknetError(f"{text(cfg)}: needs its weights file, too")
        self.detector = load(
            text(cfg), text(weights), names=(), math=environment_math(), calibration=environment_calibration(),
            dialect=dialect,
        )  # fmt: skip
        self.batch = batch
        self.skipped: set[int] = set()
        self._outputs: list[Floats] = []

    @property
    def width(self) -> int:
        """Width of the input."""
        return self.detector.network.input.w

    @property
    def height(self) -> int:
        """Height of the input."""
        return self.detector.network.input.h

    def run(self, x: Floats) -> Floats:
        """Run on n inputs of the network's size (channels x h x w each, or flat); gives the last output, n x values."""
        shape = self.detector.network.input
        size = (shape.c, shape.h, shape.w) if shape.image else (shape.size,)
        self._outputs = self.detector.predict(np.ascontiguousarray(x, np.float32).reshape(-1, *size))
        return self._outputs[-1].reshape(len(self._outputs[-1]), -1)

    def run_flat(self, values: Pointer) -> Pointer:
        """``network_predict``: values in, a pointer to the output back."""
        return to_pointer(self.run(floats_at(values, self.detector.network.input.size))[0])

    def check_channels(self, channels: int) -> None:
        """Raise `DarknetError` for an image that the network cannot take."""
        wanted = self.detector.network.input.c
        if channels != wanted:
            raise DarknetError(f"the network takes images of {wanted} channels, not {channels}")

    def boxes(
        self, w: int, h: int, thresh: float, hier: float, classes_map: Any, relative: bool, letter: bool, image: int = 0
    ) -> Candidates:
        """``get_network_boxes`` of one image of the last run.

        Args:
            w, h: size of the picture.
            thresh, hier: least probabilities.
            classes_map: with a WordTree, an array of nodes to report, or None.
            relative: boxes as fractions of the picture instead of its pixels (YOLOv1: pixels always).
            letter: the picture was letterboxed into the input, not stretched.
        """
        detector = self.detector
        if not self._outputs:
            raise DarknetError("get_network_boxes: no image has run yet")
        asks_unit = any(head.asks_unit for head in detector.network.heads)
        view = View(
            asked=Asked.IMAGE if letter or asks_unit else Asked.INPUT,
            thresh=thresh,
            hier_thresh=hier,
            class_map=_map_entries(classes_map),
            relative=relative,
        )
        found = detector.candidates([values[image] for values in self._outputs], (w, h), view)
        found.prob[:, sorted(number for number in self.skipped if number < found.prob.shape[1])] = 0
        return found


def handle(net: object) -> Handle:
    """The network that a script passes. Raises `DarknetError` if it is something else."""
    if not isinstance(net, Handle):
        raise DarknetError(f"a network is what load_net or load_network gives, not {type(net).__name__}")
    return net


def _map_entries(classes_map: Any) -> tuple[int, ...] | None:
    if classes_map is None:
        return None
    if not isinstance(classes_map, (ct.Array, np.ndarray, list, tuple)):
        raise DarknetError("a map must be an array whose length is known: (c_int * n)(...)")
    return tuple(np.asarray(classes_map, np.int32)[:MAP_ENTRIES].tolist())


def read_class_names(f: str | bytes | Path) -> list[str]:
    """All names that a data file names, blanks around them cut off. Raises `DataError`: it names none."""
    return [name.strip() for name in _read_names(Path(text(f)))[1]]


def load_meta(f: str | bytes | Path) -> METADATA:
    """Read a data file (``get_metadata``): how many classes, and their names.

    Raises:
        DataError: it names no names, or too few.
    """
    path = Path(text(f))
    entries, names = _read_names(path)
    try:
        classes = int(entries.get("classes", "2"))
    except ValueError:
        raise DataError(f"classes={entries['classes']} is not a number", path) from None
    if not 0 < classes <= len(names):
        entry = entries.get("names") or entries.get("labels")
        raise DataError(f"classes={classes}, but {entry} has {len(names)} names", path)
    array = (ct.c_char_p * len(names))(*(name.encode("utf-8", "surrogateescape") for name in names))
    return METADATA(classes, ct.cast(array, ct.POINTER(ct.c_char_p)))


def _read_names(path: Path) -> tuple[dict[str, str], list[str]]:
    """A data file's entries, and the names in the file that it names."""
    entries = read_data(path)
    entry = entries.get("names") or entries.get("labels")
    if entry is None:
        raise DataError("has no names= entry", path)
    return entries, read_names(find_data_file(entry, path))
