"""Darknet itself: its shared library, pjreddie's or AlexeyAB's, as its user built it."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...layers import Region

if TYPE_CHECKING:
    from ...network import Network
    from ...typing import Floats
    from .serve import Job

_FLOATS = ctypes.POINTER(ctypes.c_float)


class Darknet:
    """A network in a ``libdarknet.so``, run by ``network_predict``."""

    def __init__(self, job: Job) -> None:
        path = Path(job.library).resolve()
        path = path / "libdarknet.so" if path.is_dir() else path
        if not path.is_file():
            raise RuntimeError(f"{path}: there is no such library (build Darknet, then name its libdarknet.so)")
        os.environ["OMP_NUM_THREADS"] = str(job.threads)  # read when the library brings in OpenMP
        library = ctypes.CDLL(str(path))
        self.theirs = theirs = hasattr(library, "network_predict_ptr")
        load = library.load_network_custom if theirs else library.load_network
        load.restype = ctypes.c_void_p
        cfg, weights = job.cfg.encode(), job.weights.encode()
        if theirs:
            load.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_int]
            self.net = load(cfg, weights, 0, 1)
        else:
            load.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_int]
            self.net = load(cfg, weights, 0)
            library.set_batch_network.argtypes = [ctypes.c_void_p, ctypes.c_int]
            library.set_batch_network(self.net, 1)
        self._predict = library.network_predict_ptr if theirs else library.network_predict
        self._predict.argtypes = [ctypes.c_void_p, _FLOATS]
        self._predict.restype = _FLOATS
        self.engine = f"Darknet ({'AlexeyAB' if theirs else 'pjreddie'}'s)"
        self.threads = job.threads if _uses_openmp(path) else 1

    def run(self, x: Floats) -> None:
        """One pass."""
        self._predict(self.net, x.ctypes.data_as(_FLOATS))

    def outputs(self, x: Floats, network: Network) -> dict[int, Floats]:
        """The network's output: that of its last layer."""
        layer = network.output_layer
        pointer = self._predict(self.net, x.ctypes.data_as(_FLOATS))
        values: Floats = np.ctypeslib.as_array(pointer, (layer.out.size,)).copy()
        if self.theirs and isinstance(layer, Region):
            return {layer.index: _as_pjreddie(values, layer)} if layer.softmax else {}
        return {layer.index: values}


def _as_pjreddie(values: Floats, layer: Region) -> Floats:
    """AlexeyAB's region output goes cell by cell, and what x and y come from waits for the logistic function."""
    entries = layer.coords + 1 + layer.classes
    maps: Floats = values.reshape(layer.w * layer.h, layer.n, entries).transpose(1, 2, 0).copy()
    maps[:, :2] = 1 / (1 + np.exp(-maps[:, :2]))
    return maps.reshape(-1)


def _uses_openmp(path: Path) -> bool:
    """Whether a library was linked with an OpenMP runtime."""
    content = path.read_bytes()
    return any(name in content for name in (b"libgomp", b"libomp", b"libiomp"))


def load(job: Job) -> Darknet:
    """The engine with a network."""
    return Darknet(job)
