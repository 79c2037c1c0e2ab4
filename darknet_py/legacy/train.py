"""``detector train``, ``classifier train``, ``yolo train``: Darknet's loops, with its lines."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..dialect import AUTO
from ..errors import DarknetError
from ..layers import Detection
from ..output.layer_table import printed_table
from ..train.data import TrainingFiles, read_training_files
from ..train.opening import Asked, Plan, plan_training
from ..train.samples import Classified
from ..train.schedule import CLASSIFIER_FILES, DETECTOR_FILES, YOLO_FILES, Saving
from ..train.training import Habits, base_name
from ..video.stop import stopping
from ..warmup import announce_compiling
from .prompt import print_stderr

if TYPE_CHECKING:
    from ..loading import LoadOptions
    from ..train.session import Iteration

TRAIN_LIST = "data/train.list"
BACKUP = "/backup/"
"""What counts where a data file names nothing."""

YOLO_LIST = "/data/voc/train.txt"
YOLO_BACKUP = "/home/pjreddie/backup/"
"""What ``yolo train`` reads and writes; there is no word of its command line for it."""


@dataclass(frozen=True)
class Words:
    """What stands behind ``train``.

    Attributes:
        cfg, weights: the network.
        clear: ``-clear``.
        seed: ``-seed``, our own; the time without it, as in Darknet.
        engine: ``math``, ``threads``, ``dialect``.
    """

    cfg: str
    weights: str | None
    clear: bool
    seed: int | None
    engine: LoadOptions

    @property
    def asked(self) -> Asked:
        """The same as `Asked`."""
        seed = int(time.time()) if self.seed is None else self.seed
        engine = self.engine
        return Asked(
            seed=seed % 2**32, clear=self.clear, math=engine.get("math", "ieee"), threads=engine.get("threads"),
            dialect=engine.get("dialect", AUTO),
        )  # fmt: skip


def train_detector(data: Path, words: Words) -> int:
    """``detector train DATA CFG [WEIGHTS]`` (``train_detector``). Gives the exit code."""
    files = read_training_files(data, TRAIN_LIST, BACKUP)
    plan = _plan(files, words)
    if not plan.network.heads or isinstance(plan.network.heads[-1], Detection):
        kind = "classifier" if not plan.network.heads else "yolo"
        raise DarknetError(f"{words.cfg}: is no network of [region] or [yolo]: it is trained by {kind} train")
    return _run(plan, words, DETECTOR_FILES)


def train_yolo(words: Words) -> int:
    """``yolo train CFG [WEIGHTS]`` (``train_yolo``): YOLOv1, with paths that are Darknet's own."""
    files = TrainingFiles(Path("yolo train"), {}, Path(YOLO_LIST), Path(YOLO_BACKUP))
    plan = _plan(files, words)
    if not plan.network.heads or not isinstance(plan.network.heads[-1], Detection):
        raise DarknetError(f"{words.cfg}: is no network of [detection]: it is trained by detector train")
    return _run(plan, words, YOLO_FILES)


def train_classifier(data: Path, words: Words) -> int:
    """``classifier train DATA CFG [WEIGHTS]`` (``train_classifier``)."""
    files = read_training_files(data, TRAIN_LIST, BACKUP)
    plan = _plan(files, words)
    if not isinstance(plan.samples, Classified):
        raise DarknetError(f"{words.cfg}: is a detector: it is trained by detector train")
    return _run(plan, words, CLASSIFIER_FILES)


def _plan(files: TrainingFiles, words: Words) -> Plan:
    announce_compiling(print_stderr, sys.stderr)
    print(base_name(Path(words.cfg)), flush=True)
    return plan_training(Path(words.cfg), files, words.asked, lambda error: print_stderr(f"Error: {error}"))


def _run(plan: Plan, words: Words, saving: Saving) -> int:
    for line in printed_table(plan.network, verbose=True):
        print_stderr(line)
    options = plan.options
    weights = None if words.weights is None else Path(words.weights)
    if weights is not None:
        print_stderr(f"Loading weights from {weights}...", end="")
    classifies = isinstance(plan.samples, Classified)
    with plan.open(weights, Habits(saving), report=print_stderr) as training:
        if weights is not None:
            print_stderr("Done!")
        if classifies:
            print(1)
        print(f"Learning Rate: {options.rate.rate:g}, Momentum: {options.momentum:g}, Decay: {options.decay:g}")
        if isinstance(plan.samples, Classified):
            print(len(plan.samples.paths))
            print(plan.samples.how.low, plan.samples.how.high, flush=True)
        session = training.session
        nothing = not options.max_batches and not classifies  # Darknet writes its last file then
        if nothing or session.is_done():
            number = session.trainer.batch_number
            print_stderr(f"batch {number} is not before max_batches={options.max_batches}: -clear starts at 0")
        with stopping(training.stop):
            for done in training.run(0 if nothing else None):
                for line in iteration_lines(done, plan, len(plan.samples.paths)):
                    print(line)
                sys.stdout.flush()
    return 0


def iteration_lines(done: Iteration, plan: Plan, pictures: int) -> list[str]:
    """What Darknet prints of an iteration, from the resizing before it to its loss."""
    lines = []
    if done.resized:
        lines += ["Resizing", f"{done.size[0]}"]
        if isinstance(plan.samples, Classified):
            how = plan.samples.resized(*done.size).how
            lines.append(f"{how.low} {how.high}")
    lines += [f"Loaded: {done.loading:f} seconds", *done.lines]
    about = f"{done.loss:f}, {done.average:f} avg, {done.rate:f} rate, {done.seconds:f} seconds"
    if isinstance(plan.samples, Classified):
        return [*lines, f"{done.number}, {done.images / pictures:.3f}: {about}, {done.images} images"]
    return [*lines, f"{done.number}: {about}, {done.number * done.pictures} images"]
