"""``cv2.dnn.readNetFromDarknet`` and ``readNet``: a network from files or from their contents."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...errors import DarknetError
from .errors import raises_opencv
from .net import Net

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Source = str | os.PathLike[str] | bytes | bytearray | memoryview | NDArray[np.uint8]


@raises_opencv
def readNetFromDarknet(cfgFile: Source, darknetModel: Source | None = None) -> Net:
    """Read a network from a cfg and a weights file, or from the contents of such files.

    Args:
        cfgFile: a path, or the text as bytes, bytearray or an array of uint8.
        darknetModel: likewise the weights.

    Raises:
        CfgError, WeightsError: a file cannot be used.
        DarknetError: there are no weights (OpenCV then runs on uninitialised memory).
    """
    if darknetModel is None or (isinstance(darknetModel, str) and not darknetModel):
        raise DarknetError("readNetFromDarknet needs the weights file, too: readNetFromDarknet(cfg, weights)")
    folder = None
    if _is_buffer(cfgFile) or _is_buffer(darknetModel):
        folder = tempfile.TemporaryDirectory(prefix="darknet-py-")
    cfg = _as_file(cfgFile, "buffer.cfg", folder)
    return Net(cfg, _as_file(darknetModel, "buffer.weights", folder), folder)


@raises_opencv
def readNet(model: Source, config: Source = "", framework: str | Source = "") -> Net:
    """`readNetFromDarknet` with the two files in either order, or with buffers: ``readNet("darknet", weights, cfg)``.

    Raises:
        DarknetError: these are not the files of a Darknet network.
    """
    if isinstance(model, str) and model.lower() == "darknet":
        return readNetFromDarknet(framework, config)
    if _is_buffer(model) or _is_buffer(config):
        raise DarknetError('readNet reads buffers as readNet("darknet", weights, cfg)')
    files = [str(file) for file in (model, config)]
    if not is_darknet(files[0], files[1], framework):
        raise DarknetError(f"{files[0]}: not a .cfg and a .weights file; here only Darknet's networks can be read")
    if files[0].endswith(".cfg"):
        files.reverse()
    return readNetFromDarknet(files[1], files[0])


def is_darknet(model: object, config: object = "", framework: object = "") -> bool:
    """Whether the arguments of a ``readNet`` mean a Darknet network, by OpenCV's rule."""
    names = [name for name in (model, config, framework) if isinstance(name, (str, os.PathLike))]
    return any(str(name).endswith((".cfg", ".weights")) or str(name).lower() == "darknet" for name in names)


def _is_buffer(source: object) -> bool:
    return isinstance(source, (bytes, bytearray, memoryview, np.ndarray))


def _as_file(source: Source, name: str, folder: tempfile.TemporaryDirectory[str] | None) -> Path:
    if not _is_buffer(source):
        return Path(source)  # type: ignore[arg-type]
    assert folder is not None
    path = Path(folder.name) / name
    data = np.asarray(source).tobytes() if isinstance(source, np.ndarray) else bytes(source)  # type: ignore[arg-type]
    path.write_bytes(data)
    return path
