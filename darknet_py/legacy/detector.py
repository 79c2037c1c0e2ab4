"""``detector ...`` and ``yolo ...``: from the words to what they ask for."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import DarknetError
from ..zoo.folders import find_cfg
from .flags import DemoFlags, Flags, take_flags
from .open_network import find_data
from .prompt import print_stderr

if TYPE_CHECKING:
    from .arguments import Arguments
    from .train import Words

KNOWN = {"test", "train", "demo", "valid", "valid2", "recall", "map"}
"""Commands with a network."""

NOT_HERE = {
    "draw": "this is for training",
    "extract": "Darknet itself has it commented out",
    "censor": "Darknet itself has it commented out",
}
"""Commands that are refused by name."""


def run_detector(arguments: Arguments) -> int:
    """``detector COMMAND DATA CFG [WEIGHTS] [IMAGE]`` (``run_detector``)."""
    _print_gpus(arguments)
    flags = take_flags(arguments)
    words = arguments.positions()
    if len(words) < (3 if words[1:2] == ["calc_anchors"] else 4):
        return usage(
            "detector", "[train/test/valid/valid2/recall/demo/map/calc_anchors] [data] [cfg] [weights] [image]"
        )
    command, data, cfg = words[1], Path(words[2]), words[3] if len(words) > 3 else ""
    weights, files = _at(words, 4), words[5:]
    if command in KNOWN and cfg:
        flags.settle(cfg, alexeyabs=command == "map")
    if command == "test":
        from .detect import test_detector

        return test_detector(data, cfg, weights, files, flags)
    elif command == "train":
        from .train import train_detector

        print_unread(files)
        return train_detector(data, train_words(cfg, weights, flags))
    elif command == "demo":
        from .demo import demo

        print_unread(files[1:])
        own: DemoFlags = {"thresh": 0.25 if flags.alexeyab else 0.5, **flags.demo}
        demo(data, cfg, weights, _at(files, 0), own, flags.alexeyab, **flags.engine)
    elif command == "calc_anchors":
        from .anchors import calc_anchors

        print_unread(words[3:])
        calc_anchors(data, flags.clusters, flags.width, flags.height)
    elif command in {"valid", "valid2", "recall", "map"}:
        print_unread(files)
        return _evaluate(command, data, cfg, weights, flags)
    else:
        raise DarknetError(f"detector {command}: {NOT_HERE.get(command, 'there is no such command')}")
    return 0


def _evaluate(command: str, data: Path, cfg: str, weights: str | None, flags: Flags) -> int:
    from . import evaluation

    if command == "recall":
        return evaluation.recall(data, cfg, _needed(weights, command), **flags.engine)
    elif command == "map":
        return evaluation.detector_map(
            data, cfg, _needed(weights, command), thresh=0.25 if flags.thresh is None else flags.thresh,
            iou_thresh=flags.iou_thresh, points=flags.points, letter_box=flags.letter_box, **flags.engine,
        )  # fmt: skip
    else:
        flip = command == "valid2"
        return evaluation.valid(data, cfg, _needed(weights, command), outfile=flags.out, flip=flip, **flags.engine)


def run_yolo(arguments: Arguments) -> int:
    """``yolo COMMAND CFG [WEIGHTS] [IMAGE]`` (``run_yolo``): YOLOv1 with the classes of VOC."""
    flags = take_flags(arguments)
    words = arguments.positions()
    if len(words) < 3:
        return usage("yolo", "[train/test/valid/recall/demo] [cfg] [weights] [image]")
    command, cfg = words[1], words[2]
    if command in KNOWN:
        flags.settle(cfg)
    weights, files = _at(words, 3), words[4:]
    if command == "test":
        from .detect import test_yolo

        return test_yolo(cfg, weights, files, flags)
    elif command == "train":
        from .train import train_yolo

        print_unread(files)
        return train_yolo(train_words(cfg, weights, flags))
    elif command == "demo":
        from .demo import demo

        print_unread(files[1:])
        own: DemoFlags = {
            "thresh": 0.2,
            **flags.demo,
        }  # its -avg is 1, but Darknet averages over three whatever -avg says
        demo(find_cfg("voc.data"), cfg, weights, _at(files, 0), own, flags.alexeyab, **flags.engine)
    elif command in {"valid", "recall"}:
        from . import evaluation

        print_unread(files)
        evaluate = evaluation.valid_yolo if command == "valid" else evaluation.recall_yolo
        return evaluate(cfg, _needed(weights, command), **flags.engine)
    else:
        raise DarknetError(f"yolo {command}: {NOT_HERE.get(command, 'there is no such command')}")
    return 0


def run_detect(arguments: Arguments) -> int:
    """``detect CFG WEIGHTS [IMAGE]``: ``detector test`` with cfg/coco.data, in Darknet's folder or ours."""
    flags = take_flags(arguments)
    words = arguments.positions()
    if len(words) < 3:
        return usage("detect", "[cfg] [weights] [image]")
    flags.settle(words[1])
    if flags.alexeyab and flags.thresh is None:
        flags.thresh = 0.24
    from .detect import test_detector

    return test_detector(find_data("cfg/coco.data"), words[1], words[2], words[3:], flags)


def train_words(cfg: str, weights: str | None, flags: Flags) -> Words:
    """What stands behind ``train``."""
    from .train import Words

    return Words(cfg, weights, flags.clear, flags.seed, flags.engine)


def usage(command: str, rest: str) -> int:
    """Too few words: prints what is missing; returns the exit code."""
    print_stderr(f"usage: {Path(sys.argv[0]).name} {command} {rest}")
    return 1


def print_unread(words: Sequence[str]) -> None:
    """Say which words of a command line nothing is done with (Darknet ignores them)."""
    if words:
        print_stderr(f"not used: {' '.join(words)}")


def _print_gpus(arguments: Arguments) -> None:
    """Darknet prints the GPUs that it is to use; here there are none.

    Its build without any trains with the sum of the rates of several: two updates for each line that it prints.
    """
    gpus = arguments.text("-gpus")
    if gpus is not None:
        print(gpus)
        if "," in gpus and "train" in arguments.words:
            print_stderr(f"-gpus {gpus}: there is no GPU; the learning rate is that of the cfg")


def _at(words: Sequence[str], place: int) -> str | None:
    return words[place] if place < len(words) else None


def _needed(weights: str | None, command: str) -> str:
    if weights is None:
        raise DarknetError(f"{command}: needs the weights file, too")
    return weights
