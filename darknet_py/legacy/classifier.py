"""``classifier ...`` and ``classify``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..dialect import ALEXEYAB
from ..errors import DarknetError, ImageError
from ..formats.data import read_data, read_names, read_top
from ..image.load import load_image
from ..loading import LoadOptions, find_data_file
from ..output.writers import writers_of
from .detector import print_unread, train_words, usage
from .flags import take_flags
from .images import Work, for_each_image
from .open_network import data_names, find_data, open_network, read_classes
from .prompt import print_stderr

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ..detector import Detector
    from ..inference import Ready
    from ..looking import Named
    from .arguments import Arguments


def run_classifier(arguments: Arguments) -> int:
    """``classifier COMMAND DATA CFG [WEIGHTS] [IMAGE]`` (``run_classifier``)."""
    top = arguments.integer("-t", 0)
    flags = take_flags(arguments)
    words = arguments.positions()
    if len(words) < 4:
        return usage("classifier", "[train/predict/valid] [data] [cfg] [weights] [image]")
    command, data, cfg = words[1], Path(words[2]), words[3]
    weights, files = (words[4] if len(words) > 4 else None), words[5:]
    if command in {"predict", "valid", "train"}:
        flags.settle(cfg)
    if command == "predict":
        return predict_classifier(data, cfg, weights, files, top, **flags.engine)
    elif command == "valid":
        print_unread(files)
        return validate_classifier(data, cfg, weights, **flags.engine)
    elif command == "train":
        from .train import train_classifier

        print_unread(files)
        return train_classifier(data, train_words(cfg, weights, flags))
    raise DarknetError(f"classifier {command}: darknet-py has classifier train, predict and valid")


def run_classify(arguments: Arguments) -> int:
    """``classify CFG WEIGHTS [IMAGE]``: five classes, with cfg/imagenet1k.data, in Darknet's folder or ours."""
    flags = take_flags(arguments)
    words = arguments.positions()
    if len(words) < 3:
        return usage("classify", "[cfg] [weights] [image]")
    flags.settle(words[1])
    data = find_data("cfg/imagenet1k.data")
    return predict_classifier(data, words[1], words[2], words[3:], 5, **flags.engine)


def validate_classifier(data: Path, cfg: str, weights: str | None, **engine: Unpack[LoadOptions]) -> int:
    """Top-1 and top-k accuracy over the images of ``valid=`` (``validate_classifier_single``).

    Returns:
        The exit code: 1 if an image could not be read; it does not count.
    """
    from ..evaluate.classifier import accuracy_lines
    from ..evaluate.run import read_list

    options = read_data(data)
    labels = data_names(data, "labels", default="data/labels.list")
    images = read_list(find_data_file(options.get("valid", "data/train.list"), data))
    classes = read_classes(options, data, default=2)
    detector = open_network(cfg, weights, (), **engine)
    if options.get("leaves"):
        _change_leaves(detector, read_names(find_data_file(options["leaves"], data)))
    wrong: list[ImageError] = []

    def report(error: ImageError) -> None:
        wrong.append(error)
        print_stderr(f"Error: {error}")

    for line in accuracy_lines(detector, images, labels, classes, read_top(data), report):
        print(line)
    return int(bool(wrong))


def _change_leaves(detector: Detector, names: Sequence[str]) -> None:
    """Let the nodes of these names be the WordTree's leaves, which alone count (``change_leaves``)."""
    wanted = set(names)
    for number, tree in detector.trees.items():
        leaf = np.array([name in wanted for name in tree.names])
        detector.trees[number] = replace(tree, leaf=leaf)
        print_stderr(f"Found {int(leaf.sum())} leaves.")


def predict_classifier(
    data: Path, cfg: str, weights: str | None, files: Sequence[str], top: int, **engine: Unpack[LoadOptions]
) -> int:  # fmt: skip
    """Name the most probable classes (``predict_classifier``): a line each.

    The time is on standard error, in AlexeyAB's dialect on standard output, behind the size of the input.

    Args:
        data: names the class names, and how many are wanted.
        cfg, weights: the network.
        files: images; none for the prompt.
        top: how many classes; 0 for what the data file says.
        engine: for `darknet_py.load`.

    Returns:
        The exit code.
    """
    if top < 0:
        raise DarknetError(f"-t {top}: how many classes are to be named? At least 1")
    count = top or read_top(data)
    names = data_names(data, "names", "labels", default="data/labels.list")
    detector = open_network(cfg, weights, names, **engine)
    detector.check_classifies()

    network = detector.network
    writers = writers_of(network.dialect)

    def load(path: str) -> Ready:
        return detector.make_ready(load_image(path), detector.class_view)

    def show(path: str, named: Named, _: object) -> None:
        about = writers.predicted(path, named.seconds)
        if network.dialect is ALEXEYAB:
            print(f"{network.input.w} {network.input.h}\n{about}")
        else:
            print_stderr(about)
        for line in writers.classes(named.classes, detector.class_tree, names):
            print(line)

    return for_each_image(files, Work(detector.threads, load, partial(detector.name_classes, top=count), show))
