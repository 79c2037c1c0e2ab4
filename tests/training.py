"""Tiny networks for tests of training: for single steps, with inputs and truth; for whole runs, with pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from darknet_py.synth import write_synth
from darknet_py.train import Trainer

from .naive_train import f32
from .nets import write_cfg

NET = "[net]\nbatch=2\nwidth=12\nheight=8\nchannels=3\nmomentum=0.8\ndecay=0.002\nlearning_rate=0.01\npolicy=constant\n"

GROUPS = "[convolutional]\nbatch_normalize=1\nfilters=6\nsize=3\nstride=1\npad=1\ngroups=3\nactivation=leaky\n"
STRIDE = "[convolutional]\nfilters=4\nsize=3\nstride=2\npad=1\nactivation=leaky\n"
POOL = "[maxpool]\nsize=2\nstride=2\n"
POINT = "[convolutional]\nbatch_normalize=1\nfilters=6\nsize=1\nactivation=leaky\n"
COST = "[cost]\ntype=sse\n"

HEAD = "anchors=1,1.2,2.5,2\nclasses=3\ncoords=4\nnum=2\nsoftmax=1\nrescore=1\nbias_match=1\nthresh=.4\n"
REGION = (
    "[convolutional]\nfilters=16\nsize=1\nactivation=linear\n"
    f"[region]\n{HEAD}object_scale=5\nnoobject_scale=.7\nclass_scale=2\ncoord_scale=.6\n"
)
YOLO = (
    "[convolutional]\nfilters=16\nsize=1\nactivation=linear\n"
    "[yolo]\nmask=1,2\nanchors=2,2,4,3,8,7\nclasses=3\nnum=3\nignore_thresh=.3\ntruth_thresh=1\n"
)


def make(folder: Path, text: str, **options: Any) -> Trainer:
    cfg = write_cfg(folder, text)
    write_synth(cfg, folder / "net.weights", 7)
    return Trainer.open(cfg, folder / "net.weights", **options)


def images(trainer: Trainer, seed: int = 1) -> Any:
    shape = trainer.network.input
    size = (trainer.options.batch, shape.c, shape.h, shape.w)
    return np.random.RandomState(seed).uniform(0, 1, size).astype(f32)


def values(trainer: Trainer, seed: int = 2) -> Any:
    size = trainer.options.batch, trainer.truth.length
    return np.random.RandomState(seed).uniform(-1, 1, size).astype(f32)


def boxes(trainer: Trainer, *rows: list[tuple[float, ...]]) -> Any:
    y = np.zeros((trainer.options.batch, trainer.truth.length), f32)
    for image, found in enumerate(rows):
        flat = np.array(found, f32).reshape(-1)
        y[image, : flat.size] = flat
    return y


BOXES = (
    [(0.31, 0.42, 0.2, 0.35, 1.0), (0.33, 0.4, 0.3, 0.3, 2.0), (0.9, 0.1, 0.1, 0.15, 0.0)],
    [(0.5, 0.5, 0.6, 0.8, 2.0)],
)

PICTURES = """[net]
batch=4
subdivisions=2
width=32
height=32
channels=3
momentum=0.9
decay=0.0005
hue=.1
saturation=1.5
exposure=1.5
learning_rate=0.01
burn_in=3
max_batches=8
policy=steps
steps=6
scales=.1
"""

CONVOLUTION = "[convolutional]\nbatch_normalize=1\nfilters={}\nsize=3\nstride={}\npad=1\nactivation=leaky\n"
LAST = "[convolutional]\nsize=1\nstride=1\npad=1\nfilters={}\nactivation=linear\n"

DETECTOR = (
    PICTURES + CONVOLUTION.format(4, 2) + "[maxpool]\nsize=2\nstride=2\n" + CONVOLUTION.format(8, 1) + LAST.format(14)
    + "[yolo]\nmask=0,1\nanchors=8,8, 16,16\nclasses=2\nnum=2\njitter=.3\nignore_thresh=.7\n"
)  # fmt: skip

CLASSIFIER = (
    PICTURES.replace("max_batches=8", "max_batches=8\nmax_crop=48\nangle=7\naspect=.75") + CONVOLUTION.format(4, 2)
    + "[dropout]\nprobability=.3\n" + LAST.format(2) + "[avgpool]\n[softmax]\n"
)  # fmt: skip


def write_set(folder: Path, cfg: str, count: int = 6) -> tuple[Path, Path]:
    """Pictures with a bright or a dark square each, labels and lists; gives the data file and the cfg."""
    rng = np.random.RandomState(1)
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    listed = []
    for number in range(count):
        kind = number % 2
        pixels = rng.randint(90, 130, (40, 44, 3)).astype(np.uint8)
        x, y = rng.randint(4, 24, 2)
        pixels[y : y + 12, x : x + 14] = 240 if kind else 10
        name = f"{('dark', 'bright')[kind]}{number}"
        Image.fromarray(pixels).save(folder / "images" / f"{name}.png")
        box = (x + 7) / 44, (y + 6) / 40, 14 / 44, 12 / 40
        (folder / "labels" / f"{name}.txt").write_text(" ".join([str(kind), *(f"{value:.6f}" for value in box)]) + "\n")
        listed.append(str(folder / "images" / f"{name}.png"))
    (folder / "train.txt").write_text("\n".join(listed) + "\n")
    (folder / "names").write_text("dark\nbright\n")
    data = folder / "set.data"
    data.write_text(
        f"classes=2\ntrain={folder}/train.txt\nvalid={folder}/train.txt\nbackup={folder}/backup\n"
        f"names={folder}/names\nlabels={folder}/names\n"
    )
    (folder / "net.cfg").write_text(cfg)
    return data, folder / "net.cfg"
