"""Compiles what training needs ahead of its use: small networks with every kind of layer make a few updates."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from ..errors import DarknetWarning
from ..network import read_network
from ..warmup_samples import TREE, cfg
from .augment import CLASS_ONLY, Boxes, Cells, Colours, Crops
from .initial import initial_parameters
from .labels import Labels
from .random import GlibcRandom
from .trainer import Trainer
from .truth import Boxes as LabelRows
from .truth import Values

_NORMED = "convolutional batch_normalize=1 filters={} size=3 stride={} pad=1 activation=leaky"
_LAST = "convolutional filters={} size=1 activation=linear"

NETWORKS = (
    cfg(
        3, 32, 32, _NORMED.format(8, 1), "maxpool size=2 stride=2", _NORMED.format(8, 2), "normalization",
        "convolutional filters=8 size=1 activation=relu", "shortcut from=-3 activation=leaky",
        "convolutional filters=8 size=3 pad=1 groups=8 activation=logistic", "upsample stride=2", "route layers=-1,1",
        "reorg stride=2", "dropout probability=.3", "activation activation=elu", _LAST.format(24),
        "yolo classes=3 num=3 anchors=9,9,20,30,50,50",
    ),
    cfg(
        3, 32, 32, _NORMED.format(32, 1), _NORMED.format(32, 1), _LAST.format(24),
        "region classes=3 num=3 softmax=1 anchors=1,1,2,2,3,3",
    ),
    cfg(
        3, 32, 32, _NORMED.format(16, 4), _LAST.format(22),
        "region classes=6 num=2 softmax=1 tree=warmup.tree anchors=1,1,2,2",
    ),
    cfg(
        3, 36, 36, "crop crop_width=32 crop_height=32 flip=1", _NORMED.format(8, 2),
        "local filters=4 size=3 pad=1 activation=leaky", "connected output=20 batch_normalize=1 activation=leaky",
        "connected output=44 activation=linear", "detection classes=1 coords=4 side=2 num=2 softmax=1 sqrt=1 rescore=1",
    ),
    cfg(3, 16, 16, _NORMED.format(8, 1), _LAST.format(6), "avgpool", "softmax tree=warmup.tree"),
    cfg(3, 16, 16, _NORMED.format(8, 1), _LAST.format(6), "avgpool", "softmax", "cost type=sse"),
    cfg(3, 16, 16, _NORMED.format(8, 1), _LAST.format(6), "avgpool", "cost type=L1"),
    cfg(3, 16, 16, _NORMED.format(8, 1), _LAST.format(6), "avgpool", "cost type=smooth"),
    cfg(3, 16, 16, _NORMED.format(8, 1), _LAST.format(6), "avgpool", "cost type=masked"),
    cfg(3, 16, 16, _NORMED.format(8, 1), _LAST.format(6), "avgpool", "logistic"),
)  # fmt: skip
"""Every kind of layer and loss that can be trained."""


def training_steps(math: Sequence[str], threads: int | None = None) -> Iterator[tuple[str, Callable[[], None]]]:
    """Names and work of the steps: pictures for training, then networks for each arithmetic that can train."""
    yield "pictures for training", make_pictures
    for name in math:
        if name in ("ieee", "fast"):
            yield f"training, math {name}", partial(train_all, name, threads)


def make_pictures() -> None:
    """A picture of each kind that the loader makes."""
    pixels = np.zeros((20, 24, 3), np.uint8)
    pixels[5:9, 6:12] = 200, 100, 50
    labels = Labels(np.zeros(1, np.int64), np.array([[0.5, 0.5, 0.4, 0.4]], np.float32))
    random, out, colours = GlibcRandom(1), np.empty((3, 16, 16), np.float32), Colours(0.1, 1.5, 1.5)
    for how in (Boxes(16, 16, 5, 0.2, colours), Cells(16, 16, 2, 1, 0.2, colours)):
        for _ in range(4):  # some are mirrored
            how.make(out, np.empty(how.truths, np.float32), pixels, labels, random)
    Crops(16, 16, 24, 7, 0.75, colours).make(out, pixels, random)
    random.draw(1)
    random.skip(1)


def train_all(math: str, threads: int | None) -> None:
    """An update of each of `NETWORKS`, and one by Adam."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore", DarknetWarning)  # of options that are as little use as they are here
        (Path(folder) / "warmup.tree").write_text(TREE)
        for number, text in enumerate(NETWORKS):
            for adam, policy in ((0, "random"), (1, "sigmoid")):
                path = Path(folder) / f"{number}-{adam}.cfg"
                path.write_text(text.replace("[net]\n", f"[net]\nbatch=2\nadam={adam}\npolicy={policy}\n", 1))
                _train(path, math, threads)


def _train(path: Path, math: str, threads: int | None) -> None:
    network = read_network(path)
    trainer = Trainer(network, initial_parameters(network, GlibcRandom(1)), math=math, threads=threads)
    y = np.zeros((2, trainer.truth.length), np.float32)
    if isinstance(trainer.truth, LabelRows):
        y[:, :5] = 0.5, 0.5, 0.3, 0.3, 0
        if trainer.truth.tree:
            y[1, :5] = CLASS_ONLY, CLASS_ONLY, CLASS_ONLY, CLASS_ONLY, 1
    elif isinstance(trainer.truth, Values):
        y[:, 0] = 1
    else:
        y.reshape(2, trainer.truth.cells, -1)[:, 0] = 1
    shape = network.input
    trainer.step(np.full((2, shape.c, shape.h, shape.w), 0.5, np.float32), y)
