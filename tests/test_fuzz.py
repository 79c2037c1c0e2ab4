"""Files that were valid once: whatever they have become, they are read, or refused by a `DarknetError`.

Some of each kind in every run, the same each time; many more, new ones each time, with ``-m slow``.
DARKNET_PY_FUZZ says how many of each kind those are. Bounds of arrays: `test_fuzz_bounds.py`.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from darknet_py import DarknetError, load
from darknet_py.detector import Detector
from darknet_py.evaluate.journal import Journal, line_digest
from darknet_py.formats.annotations import read_coco, read_voc
from darknet_py.formats.data import read_data, read_map, read_names
from darknet_py.formats.labels import read_labels
from darknet_py.formats.tree import read_tree
from darknet_py.image.load import load_image
from darknet_py.kernels.runtime.libmvec import AVAILABLE
from darknet_py.network import read_network
from darknet_py.output.layer_table import printed_table
from darknet_py.synth import write_synth
from darknet_py.validate.references import read_references
from darknet_py.validate.run import Thresholds, match_images
from darknet_py.warmup_samples import DETECTORS, ONLY_IEEE, TREE, pictures
from darknet_py.weights import convert
from darknet_py.weights.archive import read_npz, read_safetensors
from darknet_py.weights.info import inspect_weights

from .mutations import Check, mutated_bytes, mutated_texts
from .packages import HAS_SAFETENSORS
from .test_format_labels import COCO, VOC
from .test_validate import BOX, FRAME, PLACE, TRACE

MANY = int(os.environ.get("DARKNET_PY_FUZZ", "400"))
SECONDS = 20
"""Of processor time that no small file needs."""

MOST_VALUES, MOST_WORK = 1 << 20, 1 << 24
"""Networks beyond are only built."""

SMALL = """[net]
channels=3
height=9
width=8
[convolutional]
batch_normalize=1
filters=4
size=3
pad=1
activation=leaky
[convolutional]
filters=18
size=1
activation=linear
[yolo]
mask=0,1,2
anchors=1,2,3,4,5,6
num=3
classes=1
"""


def run_cfg(folder: Path, math: str, data: bytes) -> None:
    """Build a network, and run it on stand-in weights if it is small."""
    cfg, weights = folder / "net.cfg", folder / "net.weights"
    cfg.write_bytes(data)
    (folder / "warmup.tree").write_text(TREE)
    network = read_network(cfg)
    printed_table(network, verbose=True)
    values = network.input.size + sum(layer.out.size for layer in network.layers)
    if max(values, network.parameters) > MOST_VALUES or network.multiply_adds > MOST_WORK:
        return
    write_synth(cfg, weights)
    use(load(cfg, weights, math=math, threads=2))


def use(detector: Detector) -> None:
    """Run a network once."""
    shape = detector.network.input
    if detector.network.heads:
        list(detector.detect(np.random.RandomState(1).randint(0, 256, (9, 14, 3), np.uint8), thresh=0.01))
    else:
        detector.predict(np.random.RandomState(1).rand(shape.c, shape.h, shape.w).astype(np.float32))


def run_weights(folder: Path, data: bytes) -> None:
    """Read weights for a small network, and run it."""
    cfg, weights = folder / "net.cfg", folder / "net.weights"
    cfg.write_text(SMALL)
    weights.write_bytes(data)
    with suppress(DarknetError):
        inspect_weights(weights, None)
    use(load(cfg, weights, threads=2))


def run_archive(read: Callable[..., object], suffix: str, folder: Path, data: bytes) -> None:
    (folder / "net.cfg").write_text(SMALL)
    path = folder / f"net{suffix}"
    path.write_bytes(data)
    read(path, read_network(folder / "net.cfg"))


def run_text(folder: Path, data: bytes) -> None:
    """Every reader of texts."""
    path = folder / "text"
    path.write_bytes(data)
    for read in (read_data, read_names, read_map, read_tree, read_labels, read_voc, read_coco):
        with suppress(DarknetError):
            read(path)


def run_reference(folder: Path, data: bytes) -> None:
    path = folder / "reference"
    path.write_bytes(data)
    references = read_references(path, ["ant", "bee"])
    for reference in references:
        Thresholds().against(reference)
    match_images(references, [Path("a_07.png")])
    match_images(references, [])


def run_journal(folder: Path, data: bytes) -> None:
    """A line of a run that was stopped; with the right hash, so that it is looked at."""
    journal = Journal({}, folder)
    text = data.replace(b"\n", b" ")
    journal.path.write_bytes(line_digest(text) + b" " + text)
    with journal:
        for number in journal.done:
            journal.get(number, "no such image")


def stored(folder: Path, suffix: str) -> bytes:
    """The weights of `SMALL` as a file of that kind."""
    folder.mkdir(exist_ok=True)
    cfg = folder / "seed.cfg"
    cfg.write_text(SMALL)
    write_synth(cfg, folder / "seed.weights")
    if suffix != ".weights":
        convert(folder / "seed.weights", folder / f"seed{suffix}", cfg)
    return (folder / f"seed{suffix}").read_bytes()


@cache
def seeds_of_pictures() -> list[bytes]:
    return list(pictures())


@dataclass(frozen=True)
class Target:
    """What is fuzzed: files, what is done with one, and how many of them in every run."""

    files: Callable[[Path], st.SearchStrategy[bytes]]
    check: Callable[[Path, bytes], object]
    few: int = 60


REFERENCES = (
    f"[{FRAME % (0.5, PLACE % 0.5)}]", TRACE % ('{"first": ["0x1p+0"]}', BOX % ('"0x1p+0"', 1), '"nms": 0.45'),
    '[{"image_id": 7, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5}]',
    "a_07.png: Predicted in 0.1 seconds.\nant: 51%\nbee: 9%\n",
)  # fmt: skip
TEXTS = (
    "classes = 2\nnames = a.names\ntrain = list.txt\n", "ant\nbee\n", "1\n2\n3\n", TREE, "0 .5 .5 .25 .25\n", VOC,
    json.dumps(COCO),
)  # fmt: skip
JOURNAL = (
    '{"image": 1, "stamp": [1, 2], "size": [4, 3], "box": [[1, 2, 3, 4]], "row": [0], "class": [1], "score": [0.5]}'
)

TARGETS: dict[str, Target] = {
    "pictures": Target(
        lambda folder: mutated_bytes(seeds_of_pictures()), lambda folder, data: load_image(data), 100
    ),
    "cfgs": Target(
        lambda folder: mutated_texts([SMALL, *DETECTORS, *ONLY_IEEE]),
        lambda folder, data: run_cfg(folder, "ieee", data),
        25,
    ),
    "weights": Target(lambda folder: mutated_bytes([stored(folder, ".weights")]), run_weights),
    "npz": Target(
        lambda folder: mutated_bytes([stored(folder, ".npz")]),
        lambda folder, data: run_archive(read_npz, ".npz", folder, data),
    ),
    "texts": Target(lambda folder: mutated_texts(TEXTS), run_text),
    "references": Target(lambda folder: mutated_texts(REFERENCES), run_reference),
    "journals": Target(lambda folder: mutated_texts([JOURNAL]), run_journal),
}  # fmt: skip
if HAS_SAFETENSORS:
    TARGETS["safetensors"] = Target(
        lambda folder: mutated_bytes([stored(folder, ".safetensors")]),
        lambda folder, data: run_archive(read_safetensors, ".safetensors", folder, data),
    )
OTHER_ARITHMETIC = ["fast", *(["make"] if AVAILABLE else [])]


def hammer(files: st.SearchStrategy[bytes], check: Check, count: int, same: bool) -> None:
    """Check so many files. Anything raised but `DarknetError` is a failure, and so is a message of several lines."""

    @settings(
        max_examples=count, deadline=None, database=None, derandomize=same, suppress_health_check=list(HealthCheck)
    )
    @given(files)
    def one(data: bytes) -> None:
        begun = time.process_time()
        try:
            check(data)
        except DarknetError as error:
            assert "\n" not in str(error)
        assert time.process_time() - begun < SECONDS

    one()


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Numbers that overflow are what a mutated weight is."""
    with np.errstate(all="ignore"):
        yield


@pytest.mark.parametrize("name", TARGETS)
def test_some(name: str, tmp_path: Path) -> None:
    target = TARGETS[name]
    hammer(target.files(tmp_path), lambda data: target.check(tmp_path, data), target.few, same=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
def test_many(name: str, tmp_path: Path) -> None:
    target = TARGETS[name]
    hammer(target.files(tmp_path), lambda data: target.check(tmp_path, data), MANY, same=False)


@pytest.mark.slow
@pytest.mark.parametrize("math", OTHER_ARITHMETIC)
def test_many_cfgs_in_other_arithmetic(math: str, tmp_path: Path) -> None:
    hammer(TARGETS["cfgs"].files(tmp_path), lambda data: run_cfg(tmp_path, math, data), MANY, same=False)
