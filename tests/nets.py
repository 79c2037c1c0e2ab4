"""Small networks for tests: a cfg as text, stored arrays, an input."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from darknet_py.detector import Detector
from darknet_py.network import read_network
from darknet_py.numeric.arithmetic import get_arithmetic
from darknet_py.parameters import load_parameters, save_parameters
from darknet_py.plan.runner import Runner
from darknet_py.synth import write_synth


def write_cfg(folder: Path, text: str, name: str = "net.cfg") -> Path:
    """A cfg file with that text."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def net(c: int, h: int, w: int, *sections: str) -> str:
    """Cfg text: an input shape and sections such as ``"maxpool size=2 stride=2"``."""
    lines = ["[net]", f"channels={c}", f"height={h}", f"width={w}"]
    for section in sections:
        kind, *options = section.split()
        lines += ["", f"[{kind}]", *options]
    return "\n".join(lines) + "\n"


CONV = "conv filters={} size=3 stride={} pad=1 batch_normalize=1 activation=leaky"
TINY = net(
    3, 64, 96, CONV.format(8, 1), "maxpool size=2 stride=2", CONV.format(16, 2), "maxpool size=2 stride=1",
    "conv filters=24 size=1 activation=linear", "yolo classes=3 num=3 mask=0,1,2 anchors=9,9,20,30,50,50",
    "route layers=3", "upsample stride=2", "route layers=-1,1", CONV.format(9, 1),
    "conv filters=16 size=1 activation=linear", "yolo classes=3 num=3 mask=0,1 anchors=9,9,20,30,50,50",
)  # fmt: skip
"""Two heads, the second behind a route and an upsampling."""


def build(folder: Path, text: str, seed: int = 7, **options: Any) -> Detector:
    """A network with stand-in weights."""
    cfg = write_cfg(folder, text)
    weights = folder / "net.weights"
    network = write_synth(cfg, weights, seed)
    return Detector(network, load_parameters(network, weights), keep=range(len(network.layers)), **options)


def build_runner(folder: Path, text: str, threads: int = 1) -> Runner:
    """What runs the plans of a network with stand-in weights."""
    network = write_synth(write_cfg(folder, text), folder / "net.weights")
    arithmetic = get_arithmetic("ieee", network.dialect)
    return Runner(network, load_parameters(network, folder / "net.weights"), arithmetic, threads, {})


def build_with(folder: Path, text: str, *arrays: dict[str, NDArray[np.float32]], **options: Any) -> Detector:
    """A network with given stored arrays, one dict per layer."""
    network = read_network(write_cfg(folder, text))
    save_parameters(network, arrays, folder / "net.weights")
    return Detector(network, load_parameters(network, folder / "net.weights"), **options)


def ramp(c: int, h: int, w: int) -> NDArray[np.float32]:
    """0, 1, 2, ... as an image."""
    return np.arange(c * h * w, dtype=np.float32).reshape(c, h, w)
