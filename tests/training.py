"""A tiny detector, a tiny classifier and pictures for them, for tests of training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

NET = """[net]
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
    NET + CONVOLUTION.format(4, 2) + "[maxpool]\nsize=2\nstride=2\n" + CONVOLUTION.format(8, 1) + LAST.format(14)
    + "[yolo]\nmask=0,1\nanchors=8,8, 16,16\nclasses=2\nnum=2\njitter=.3\nignore_thresh=.7\n"
)  # fmt: skip

CLASSIFIER = (
    NET.replace("max_batches=8", "max_batches=8\nmax_crop=48\nangle=7\naspect=.75") + CONVOLUTION.format(4, 2)
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
