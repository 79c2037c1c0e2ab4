"""``valid``, ``valid2``, ``recall`` and ``map``: the evaluation, with Darknet's words about it."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..detect.tree import MAP_ENTRIES
from ..dialect import ALEXEYAB, AUTO
from ..errors import DataError
from ..evaluate.average_precision import Evaluation, evaluate
from ..evaluate.found import Setting, unit_of
from ..evaluate.recall import recall_lines
from ..evaluate.run import Results, Task, read_list
from ..evaluate.truth import Truth, find_labels, read_truths
from ..evaluate.valid import ALEXEYABS_KINDS, KINDS, check_kind, check_results, write_results
from ..formats.cfg import read_cfg
from ..formats.data import folder_of, read_data, read_map, read_names
from ..formats.labels import SkippedLines
from ..formats.text import is_file
from ..loading import LoadOptions, find_data_file
from ..output.alexeyab import label_file, layer_lines
from ..output.text import c_float
from ..terminal import control, visible
from ..view import Asked
from ..zoo.folders import find_cfg
from .open_network import data_names, open_network
from .progress import counted
from .prompt import print_stderr

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ..network import Network

RECALL_LIST = "data/coco_val_5k.list"
YOLO_LIST = "data/voc.2007.test"
"""The lists of commands that take no data file."""

NO_LABELS = "Can't open label file. (This can be normal only if you use MSCOCO): {} "
"""What AlexeyAB's Darknet prints of an image without labels, before it goes on."""

GROUP = 4
"""Darknet prints its progress every so many images."""


def valid(
    data: Path, cfg: str, weights: str, *, outfile: str | None = None, flip: bool = False, **engine: Unpack[LoadOptions]
) -> int:
    """Write result files for the images of ``valid=`` (``validate_detector``, ``validate_detector_flip``).

    The data file's ``eval=`` says which: ``results/comp4_det_test_CLASS.txt`` (voc), ``results/coco_results.json``
    (coco), ``results/imagenet-detection.txt`` (imagenet); ``results=`` names another folder, ``outfile`` another name.
    In AlexeyAB's dialect also ``bdd`` and ``kitti``, with his fit, thresholds and numbers of images.
    A run that was stopped goes on; the files appear at its end.

    Returns:
        The exit code: 1 if an image could not be read.

    Raises:
        DarknetError: a file cannot be used, or cannot be written.
    """
    options = read_data(data)
    names = data_names(data, "names", default="data/names.list")
    listed = find_data_file(options.get("valid", "data/train.list"), data)
    images = read_list(listed)
    detector = open_network(cfg, weights, names, **engine)
    his = detector.network.dialect is ALEXEYAB
    kinds = ALEXEYABS_KINDS if his else KINDS
    kind = options.get("eval", "voc") if options.get("eval") in kinds else "voc"
    class_map = None
    if options.get("map") and detector.trees:  # Darknet reads the map, but only a tree's head looks into it
        class_map = read_map(find_data_file(options["map"], data))
    all_classes = detector.network.classes
    check_kind(kind, all_classes if class_map is None else len(class_map), data)
    _print_training(detector.network)
    classes = MAP_ENTRIES if kind == "imagenet" else all_classes
    folder, base = folder_of(options.get("results", "results")), outfile or kinds[kind]
    check_results(kind, folder, base, names[:all_classes])
    setting = Setting(pixels=True, mirrored=flip, classes=classes)
    if his:
        setting = _alexeyabs(setting, detector.network)
        for line in (*layer_lines(detector.network), *([base] if kind == "kitti" else [])):
            print(line)
    task = Task(detector, images, listed, setting, class_map)
    results = _run(task, GROUP)
    write_results(kind, folder, base, names[:all_classes], images, results, alexeyabs=his)
    return exit_code(results)


def _alexeyabs(setting: Setting, network: Network) -> Setting:
    """How AlexeyAB's ``detector valid`` looks at images: of those that are stretched nothing is undone."""
    stretch = not network.letter_box
    asked = Asked.INPUT if stretch and unit_of(network) is None else None
    return replace(setting, thresh=0.001, nms=0.6, stretch=stretch, asked=asked)


def valid_yolo(cfg: str, weights: str, **engine: Unpack[LoadOptions]) -> int:
    """``yolo valid`` (``validate_yolo``): YOLOv1, VOC's classes, images of ``data/voc.2007.test``; the exit code.

    Raises:
        DarknetError: a file cannot be used, or cannot be written.
    """
    images = read_list(YOLO_LIST)
    detector = open_network(cfg, weights, _voc_names(), **engine)
    _print_training(detector.network)
    setting = Setting(thresh=0.001, hier=0, nms=0.5, stretch=True, pixels=True)
    folder = Path("results")
    check_results("voc", folder, KINDS["voc"], _voc_names())
    results = _run(Task(detector, images, YOLO_LIST, setting), 2 * GROUP)
    write_results("voc", folder, KINDS["voc"], _voc_names(), images, results, first=0)
    return exit_code(results)


def recall(data: Path, cfg: str, weights: str, **engine: Unpack[LoadOptions]) -> int:
    """``detector recall`` (``validate_detector_recall``): images stretched, suppressed by objectness.

    They are those of ``data/coco_val_5k.list``, in AlexeyAB's dialect those of ``valid=`` of the data file.

    Returns:
        The exit code: 1 if an image could not be read, or one has no label file (which ends pjreddie's Darknet).
    """
    setting = Setting(thresh=0.001, nms=0.4, stretch=True, by_objectness=True)
    if read_cfg(cfg, engine.get("dialect", AUTO)).dialect is not ALEXEYAB:
        return _recall(cfg, weights, RECALL_LIST, setting, **engine)
    listed = find_data_file(read_data(data).get("valid", "data/train.txt"), data)
    return _recall(cfg, weights, str(listed), setting, **engine)


def recall_yolo(cfg: str, weights: str, **engine: Unpack[LoadOptions]) -> int:
    """``yolo recall`` (``validate_yolo_recall``): images of ``data/voc.2007.test``; nothing is suppressed."""
    return _recall(
        cfg, weights, YOLO_LIST, Setting(thresh=0.001, hier=0, nms=0, stretch=True, by_objectness=True), **engine
    )


def _recall(cfg: str, weights: str, listed: str, setting: Setting, **engine: Unpack[LoadOptions]) -> int:
    images = read_list(listed)
    detector = open_network(cfg, weights, (), **engine)
    his = detector.network.dialect is ALEXEYAB
    skipped = SkippedLines(print_stderr)
    truths, without = read_truths(images, sys.maxsize, _find_labels if his else find_labels, skipped)
    for image in without:
        if his:
            print(NO_LABELS.format(label_file(image)))
        else:
            print_stderr(f"{image} has no label file: nothing is expected in it")
    skipped.close()
    if not his:
        _print_training(detector.network)
    results = _run(Task(detector, images, listed, setting), 0, total=False)
    for line in recall_lines(results, truths):
        print_stderr(line)
    return 1 if without and not his else exit_code(results)


def detector_map(
    data: Path, cfg: str, weights: str, *, thresh: float = 0.25, iou_thresh: float = 0.5, points: int = 0,
    letter_box: bool = False, **engine: Unpack[LoadOptions],
) -> int:  # fmt: skip
    """``detector map`` (AlexeyAB's ``validate_detector_map``), with its printout.

    Images are stretched; letterboxed with ``letter_box`` or where the cfg says so. The list that ``difficult=`` of the
    data file names has, image by image, the labels of objects that need not be found. Lines of labels that are wrong
    are named and left out, and images that cannot be read.

    Returns:
        The exit code: 1 if an image could not be read.

    Raises:
        DarknetError: a file cannot be used.
    """
    options = read_data(data)
    names = data_names(data, "names", default="data/names.list")
    listed = find_data_file(options.get("valid", "data/train.txt"), data)
    images = read_list(listed)
    detector = open_network(cfg, weights, names, **engine)
    classes = detector.network.classes
    if len(names) != classes:
        raise DataError(f"its names file has {len(names)} names, but {cfg} has classes={classes}", data)
    print("\n calculation mAP (mean average precision)...")
    for line in layer_lines(detector.network):
        print(line)
    start = time.perf_counter()
    skipped = SkippedLines(print_stderr)
    truths, without = read_truths(images, classes, _find_labels, skipped)
    for image in without:
        print(NO_LABELS.format(label_file(image)))
    difficult = _difficult(options, data, images, classes, skipped)
    skipped.close()
    stretch = not (letter_box or detector.network.letter_box)
    setting = Setting(hier=0, stretch=stretch, asked=unit_of(detector.network) if stretch else None)
    results = _run(Task(detector, images, listed, setting), 0, total=False)
    found = evaluate(
        results, truths, classes, thresh=thresh, iou_thresh=iou_thresh, points=points, difficult=difficult
    )  # fmt: skip
    out = control(sys.stdout)  # a terminal obeys the carriage returns of the progress, but no name
    for line in map_lines(found, names if out is sys.stdout else [visible(name) for name in names]):
        print(line, file=out)
    if found.images < len(images):
        print_stderr(f"This is the mean of {found.images} images; {len(images) - found.images} could not be read")
    print_stderr(f"Total Detection Time: {int(time.perf_counter() - start)} Seconds")
    print("\nSet -points flag:")
    print(" `-points 101` for MS COCO ")
    print(" `-points 11` for PascalVOC 2007 (uncomment `difficult` in voc.data) ")
    print(" `-points 0` (AUC) for ImageNet, PascalVOC 2010-2012, your custom dataset")
    return exit_code(results)


def map_lines(found: Evaluation, names: Sequence[str]) -> list[str]:
    """What ``detector map`` prints about an evaluation."""
    ranks = range(0, found.detections, 100)
    progress = "".join(f" rank = {rank} of ranks = {found.detections} \r" for rank in ranks)
    lines = [f"\n detections_count = {found.detections}, unique_truth_count = {found.truths}  "]
    for number, (name, curve) in enumerate(zip(names, found.curves, strict=True)):
        counts = f"(TP = {curve.tp}, FP = {curve.fp}) "
        lines.append(f"class_id = {number}, name = {name}, ap = {100 * curve.average:2.2f}%   \t {counts}")
    lines[1] = progress + lines[1]
    precision, recall, f1 = (c_float(value, 2) for value in (found.precision, found.recall, found.f1))
    limit = f"for conf_thresh = {found.thresh:.2f}"
    rule = f"used {found.points} Recall-points " if found.points else "used Area-Under-Curve for each unique Recall "
    return [
        *lines,
        f"\n {limit}, precision = {precision}, recall = {recall}, F1-score = {f1} ",
        f" {limit}, TP = {found.tp}, FP = {found.fp}, FN = {found.truths - found.tp}, "
        f"average IoU = {found.iou * 100:2.2f} % ",
        f"\n IoU threshold = {found.iou_thresh * 100:2.0f} %, {rule}",
        f" mean average precision (mAP@{found.iou_thresh:.2f}) = {found.mean:f}, or {found.mean * 100:2.2f} % ",
    ]


def _find_labels(image: str) -> Path | None:
    """An image's labels where AlexeyAB's Darknet has them (beside it); else, where pjreddie's has them."""
    path = label_file(image)
    return path if is_file(path) else find_labels(image)


def _difficult(
    options: dict[str, str], data: Path, images: Sequence[str], classes: int, skipped: SkippedLines
) -> list[Truth] | None:
    if not options.get("difficult"):
        return None
    listed = find_data_file(options["difficult"], data)
    others = read_list(listed)
    if len(others) != len(images):
        raise DataError(f"has {len(others)} images, but the list of valid= has {len(images)}", listed)
    return read_truths(others, classes, _find_labels, skipped, needed=False)[0]


def exit_code(results: Results) -> int:
    """1 if an image could not be read."""
    return int(None in results)


def _run(task: Task, group: int, total: bool = True) -> Results:
    """Everything that is found, with a bar, or Darknet's numbers where standard error is no terminal."""
    start, count = time.perf_counter(), len(task.images)

    def print_count(done: int) -> None:
        if group and (done % group == 0 or done == count):
            print_stderr(str(-(-done // group) * group))

    with counted(count, "Validating", print_count) as step:
        results = task.run(step, print_stderr)
    if total:
        print_stderr(f"Total Detection Time: {time.perf_counter() - start:f} Seconds")
    return results


def _print_training(network: Network) -> None:
    """The line about training that Darknet's valid commands print."""
    assert network.cfg is not None
    net = network.cfg.net
    defaults = {"learning_rate": 0.001, "momentum": 0.9, "decay": 0.0001}
    rate, momentum, decay = (net.find_float(key, default) for key, default in defaults.items())
    print_stderr(f"Learning Rate: {rate:g}, Momentum: {momentum:g}, Decay: {decay:g}")


def _voc_names() -> list[str]:
    return read_names(find_cfg("voc.names"))
