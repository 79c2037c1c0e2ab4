"""From a data file, a cfg and weights to a training that can be run; everything is checked on the way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..dialect import AUTO
from ..errors import DarknetError, DataError
from ..formats.hashes import file_sha256
from ..loading import load_trees
from ..numeric.arithmetic import get_arithmetic
from ..plan.cores import usable_cores
from .data import TrainingFiles, check_pictures, list_pictures, make_samples, read_training_files
from .initial import initial_parameters, load_into, read_training_network
from .loader import Loader
from .memory import Need, check_fits, free_memory, need_of
from .options import NetOptions
from .plan import Computing
from .preview import sheet
from .random import GlibcRandom
from .session import Session, streams
from .trainer import Trainer, check_can_train
from .training import Habits, Training, base_name, contents, resizing_of, saving_of
from .truth import Truth, truth_of

if TYPE_CHECKING:
    from ..network import Network
    from ..typing import Pixels
    from .initial import LoadRule
    from .samples import Samples
    from .schedule import Resizing

WORKERS = 4
"""Threads that make pictures, at most, where nobody asks for another number."""


@dataclass(frozen=True)
class Asked:
    """How a training is to be run.

    Attributes:
        seed: of all random numbers.
        darknets_rand: one stream of random numbers for the weights, the pictures and the network, as Darknet has it.
        clear: ``seen`` of the weights file counts as 0.
        threads: of the network; all cores by default.
        workers: threads that make pictures.
        math: the arithmetic.
        darknet_deltas: 1x1 convolutions overwrite the delta of their input.
        class_objectness: of a [region] with a tree: see `Computing`.
        sizes: smallest and largest input size of ``random=1``.
        decode: all pictures are decoded once before the start.
        dialect: whose Darknet the cfg is for.
    """

    seed: int = 0
    darknets_rand: bool = False
    clear: bool = False
    threads: int | None = None
    workers: int | None = None
    math: str = "ieee"
    darknet_deltas: bool = False
    class_objectness: float = 0.0
    sizes: tuple[int, int] | None = None
    decode: bool = True
    dialect: str = AUTO


class WrongLines(DarknetError):
    """Lines of lists or labels, or pictures, cannot be used.

    Attributes:
        errors: one for each.
    """

    def __init__(self, message: str, errors: Sequence[DarknetError]) -> None:
        super().__init__(message)
        self.errors = tuple(errors)


@dataclass
class Plan:
    """A training as far as it can be checked without memory for it.

    Attributes:
        network: the graph.
        rules: what of each layer a weights file has.
        truth: what its labels look like.
        samples: the pictures.
        resizing: how sizes are drawn.
        need: memory that it takes.
        options: what ``[net]`` says.
        asked: how it is to be run.
        files: the data file.
    """

    network: Network
    rules: Sequence[LoadRule]
    truth: Truth
    samples: Samples
    resizing: Resizing | None
    need: Need
    options: NetOptions
    asked: Asked
    files: TrainingFiles

    @property
    def computing(self) -> Computing:
        """How the network is computed."""
        asked = self.asked
        profile = get_arithmetic(asked.math, self.network.dialect)
        return Computing(profile, asked.threads or usable_cores(), asked.darknet_deltas)

    def open(
        self, weights: Path | None, habits: Habits, resume: bool = False, report: Callable[[str], None] = print
    ) -> Training:
        """Make the network and whatever else it takes.

        Args:
            weights: a weights file to start from, whole or partial; None for random weights.
            habits: what is written, and when.
            resume: go on from the last checkpoint.
            report: takes lines for people.

        Raises:
            DarknetError: the weights do not fit, there is not enough memory, or nothing to go on from.
        """
        asked = self.asked
        check_fits(self.network, self.need, self.options.images, self.computing, free_memory())
        # Before the network is made: that takes the checkpoint's place in memory.
        arrays = initial_parameters(self.network, GlibcRandom(asked.seed))
        seen = 0
        if weights is not None and not resume:
            header = load_into(self.network, arrays, weights, self.rules)
            seen = 0 if asked.clear else header.seen
        pictures, network = streams(asked.seed, asked.darknets_rand)
        trainer = Trainer(
            self.network, arrays, seen=seen, threads=asked.threads, math=asked.math, random=network,
            darknet_deltas=asked.darknet_deltas, class_objectness=asked.class_objectness,
        )  # fmt: skip
        loader = Loader(self.samples, trainer.options.images, pictures, asked.workers or min(WORKERS, usable_cores()))
        session = Session(trainer, loader, self.options.max_batches, self.resizing)
        name = base_name(Path(self.network.path))
        training = Training(name, session, self.files.backup, habits, made_of=self.made_of(), report=report)
        try:
            training.prepare()
            if resume:
                if weights is not None:
                    report(f"Note: {weights} is not read: the training goes on from {training.backup}")
                for changed in training.resume():
                    report(f"Note: {changed} is not as it was: the result will not be that of an unbroken run")
        except DarknetError:
            loader.close()
            raise
        return training

    def preview(self, names: Sequence[str] = ()) -> Pixels:
        """The first batch of a training that starts at batch 0, drawn with its boxes. Raises `ImageError`."""
        random, _ = streams(self.asked.seed, self.asked.darknets_rand)
        with Loader(self.samples, self.options.images, random) as loader:
            if self.resizing is not None:
                size = self.resizing.draw(random, 0, self.options.max_batches)
                loader.resize(size, size)
            loader.start()
            batch = loader.take()
        return sheet(batch.x, batch.y, self.truth, names)

    def made_of(self) -> dict[str, object]:
        """What the result depends on, besides the program and the weights that it starts from."""
        asked = self.asked
        return {
            "the cfg": file_sha256(self.network.path), "the set of pictures": contents(self.samples),
            "--seed": asked.seed, "--math": asked.math, "--rand": asked.darknets_rand,
            "--sizes": list(asked.sizes or ()),
            "--darknet-deltas": asked.darknet_deltas, "--paper-class-objectness": asked.class_objectness,
        }  # fmt: skip


def open_training(
    data: str | Path, cfg: str | Path, weights: str | Path | None = None, *, resume: bool = False,
    habits: Habits | None = None, report: Callable[[str], None] = print, **asked: Any,
) -> Training:  # fmt: skip
    """A training of a data file, a cfg and weights, as ``darknet-py train`` runs it.

    Use it as a context manager, and iterate over its `Training.run`.

    Args:
        data: names the list of pictures (``train``) and the folder for weights files (``backup``).
        cfg: the network.
        weights: what it starts from, whole or partial; random weights without.
        resume: go on from the last checkpoint in the folder.
        habits: which files are written, and when; Darknet's by default, and no chart.
        report: takes lines for people.
        asked: fields of `Asked`.

    Raises:
        WrongLines: pictures or labels cannot be used; ``errors`` has all of them.
        DarknetError: the files do not go together, or the network cannot be trained.
    """
    plan = plan_training(Path(cfg), read_training_files(Path(data)), Asked(**asked), lambda error: None)
    usual = Habits(saving_of(plan.network)) if habits is None else habits
    return plan.open(None if weights is None else Path(weights), usual, resume, report)


def plan_training(
    cfg: Path, files: TrainingFiles, asked: Asked, wrong: Callable[[DarknetError], None], *, skip: bool = False,
    step: Callable[[int], Callable[[], None]] = lambda count: lambda: None,
) -> Plan:  # fmt: skip
    """Read and check everything.

    Args:
        cfg: the network.
        files: the data file.
        asked: how the training is to be run.
        wrong: called with each error in lists, labels and pictures.
        skip: what is wrong is left out.
        step: called with the number of pictures that are to be decoded; gives what is called for each.

    Raises:
        WrongLines: something was wrong, and ``skip`` was not asked for.
        DarknetError: the files do not go together, or the network cannot be trained.
    """
    network, rules = read_training_network(cfg, asked.dialect)
    check_can_train(network, asked.math)
    assert network.cfg is not None
    options = NetOptions.read(network.cfg.net)
    truth, trees, resizing = truth_of(network), load_trees(network), resizing_of(network, asked.sizes)
    errors: list[DarknetError] = []

    def note(error: DarknetError) -> None:
        errors.append(error)
        wrong(error)

    paths = list_pictures(files.train, note)
    samples = make_samples(network, files, paths, truth, trees, note)
    if asked.decode:
        whole = check_pictures(samples.paths, note, step(len(set(samples.paths))))
        if skip and len(whole) < len(samples.paths):
            samples = make_samples(network, files, whole, truth, trees, lambda error: None)
    if errors and not skip:
        raise WrongLines(
            f"{files.train}: {len(errors)} {'things are' if len(errors) > 1 else 'thing is'} wrong with its pictures "
            f"and labels, the first: {errors[0]}; nothing was trained; --skip-bad leaves them out", errors,
        )  # fmt: skip
    if not samples.paths:
        raise DataError("no picture of this list can be used", files.train)
    largest = network if resizing is None else network.resized(resizing.high, resizing.high)
    computing = Computing(get_arithmetic(asked.math, network.dialect), asked.threads or usable_cores())
    need = need_of(largest, options.batch, options.images, truth.length, computing)
    return Plan(network, rules, truth, samples, resizing, need, options, asked, files)
