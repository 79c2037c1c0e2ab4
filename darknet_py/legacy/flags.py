"""The flags of ``detector``, ``detect`` and ``yolo``: pjreddie's, AlexeyAB's, and a few of our own."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TypedDict, cast

from ..dialect import ALEXEYAB, PJREDDIE, Dialect
from ..errors import DarknetError
from ..formats.cfg import read_cfg
from ..loading import LoadOptions
from .arguments import Arguments
from .prompt import print_stderr

DIALECT = "DARKNET_PY_DIALECT"
"""Environment variable: ``pjreddie`` or ``alexeyab``, whatever the flags are."""

ALEXEYABS = (
    "-ext_output", "-dont_show", "-save_labels", "-letter_box", "-benchmark", "-benchmark_layers", "-map", "-show",
    "-show_imgs", "-dontdraw_bbox", "-iou_thresh", "-points", "-mjpeg_port", "-json_port", "-out_filename",
    "-json_file_output", "-avgframes", "-http_post_host", "-time_limit_sec", "-num_of_clusters", "-width", "-height",
    "-chart", "-mAP_epochs", "-topk", "-dontuse_opencv", "-cuda_debug_sync",
)  # fmt: skip
"""Flags that only AlexeyAB's Darknet has."""

WITHOUT_EFFECT = ("-map", "-show", "-show_imgs", "-topk", "-dontuse_opencv", "-cuda_debug_sync")
"""Flags without a value that are for training, a window or a GPU."""

ELSEWHERE = {
    "-benchmark": "frames are read and shown as without it; `darknet-py bench CFG` measures the network",
    "-benchmark_layers": "no times of layers are printed; `darknet-py bench CFG` measures them",
}
"""Flags whose work is done by a command of our own, which a line on standard error names."""


class DemoFlags(TypedDict, total=False):
    """Flags of ``demo``, by name without the dash; a missing key is a flag not given."""

    thresh: float
    hier: float
    nms: float
    c: int
    s: int
    avg: int
    w: int
    h: int
    fps: int
    mjpeg_port: int
    json_port: int
    time_limit_sec: int
    prefix: str
    out_filename: str
    json_file_output: str
    http_post_host: str
    fullscreen: bool
    dont_show: bool
    ext_output: bool
    letter_box: bool
    dontdraw_bbox: bool


@dataclass
class Flags:
    """What the flags say; None where one was not given.

    Attributes:
        thresh, hier, nms: thresholds.
        out: ``-out``.
        letter_box, ext_output, save_labels: AlexeyAB's.
        iou_thresh, points: of ``map``.
        clusters, width, height: of ``calc_anchors``.
        clear, seed: of ``train``; the latter is our own.
        alexeyab: whether AlexeyAB's Darknet is meant.
        demo: flags of ``demo``, by name without the dash.
        engine: ``math``, ``threads`` and ``dialect``, for `darknet_py.load`.
    """

    thresh: float | None = None
    hier: float = 0.5
    nms: float | None = None
    out: str | None = None
    letter_box: bool = False
    ext_output: bool = False
    save_labels: bool = False
    iou_thresh: float = 0.5
    points: int = 0
    clusters: int = 5
    width: int = -1
    height: int = -1
    clear: bool = False
    seed: int | None = None
    alexeyab: bool = False
    demo: DemoFlags = field(default_factory=DemoFlags)
    engine: LoadOptions = field(default_factory=LoadOptions)

    def settle(self, cfg: str, alexeyabs: bool = False) -> None:
        """Decide whose Darknet is meant, once the cfg is known: where nothing else decides, by its contents.

        Args:
            cfg: the network.
            alexeyabs: the command is one that only AlexeyAB's Darknet has.

        Raises:
            CfgError: the file cannot be read.
        """
        if self.engine.get("dialect") == PJREDDIE.key:
            return
        self.alexeyab = self.alexeyab or alexeyabs or read_cfg(cfg).dialect is ALEXEYAB
        if self.alexeyab:
            self.engine["dialect"] = ALEXEYAB.key


def take_engine(arguments: Arguments) -> LoadOptions:
    """Our own flags ``-math`` and ``-threads``."""
    engine: LoadOptions = {}
    math, threads = arguments.text("-math"), arguments.integer("-threads", 0)
    if math is not None:
        engine["math"] = math
    if "-threads" in arguments.given:
        engine["threads"] = threads
    return engine


def take_ignored(arguments: Arguments) -> None:
    """Take out the flags that mean nothing here, so that they are not taken for files."""
    for name in WITHOUT_EFFECT:
        arguments.flag(name)
    arguments.integer("-mAP_epochs", 0)
    for name, instead in ELSEWHERE.items():
        if arguments.flag(name):
            print_stderr(f"{name}: {instead}")
    for name in ("-chart", "-gpus"):
        arguments.text(name)


def take_flags(arguments: Arguments) -> Flags:
    """Take all flags out of the arguments (``run_detector`` of both Darknets).

    A flag that only AlexeyAB's Darknet has means that it is the one to be; so does ``-out FILE.json``.

    Raises:
        DarknetError: a flag with a wrong value, or an unknown dialect in the environment.
    """
    flags = Flags(engine=take_engine(arguments))
    demo = _take_demo(arguments)
    flags.hier = demo["hier"] = arguments.number("-hier", 0.5)
    thresh, nms = arguments.number("-thresh", -1), arguments.number("-nms", -1)
    if "-thresh" in arguments.given:
        flags.thresh = demo["thresh"] = thresh
    if "-nms" in arguments.given:
        flags.nms = demo["nms"] = nms
    flags.out = arguments.text("-out")
    flags.iou_thresh = arguments.number("-iou_thresh", 0.5)
    flags.points = arguments.integer("-points", 0)
    flags.clusters = arguments.integer("-num_of_clusters", 5)
    flags.width, flags.height = arguments.integer("-width", -1), arguments.integer("-height", -1)
    flags.clear = arguments.flag("-clear")
    seed = arguments.integer("-seed", 0)
    flags.seed = seed if "-seed" in arguments.given else None
    flags.save_labels = arguments.flag("-save_labels")
    flags.letter_box = bool(demo.get("letter_box"))
    flags.ext_output = bool(demo.get("ext_output"))
    take_ignored(arguments)
    flags.demo = demo
    dialect = _chosen_dialect(arguments, flags)
    flags.alexeyab = dialect is ALEXEYAB
    if dialect is not None:
        flags.engine["dialect"] = dialect.key
    return flags


def _take_demo(arguments: Arguments) -> DemoFlags:
    """What `demo` wants to know; only what was given."""
    demo: dict[str, object] = {}
    for name in ("c", "s", "avg", "w", "h", "fps", "mjpeg_port", "json_port", "avgframes", "time_limit_sec"):
        value = arguments.integer(f"-{name}", 0)
        if f"-{name}" in arguments.given:
            demo["avg" if name == "avgframes" else name] = value
    for name in ("prefix", "out_filename", "json_file_output", "http_post_host"):
        text = arguments.text(f"-{name}")
        if text is not None:
            demo[name] = text
    for name in ("fullscreen", "dont_show", "ext_output", "letter_box", "dontdraw_bbox"):
        if arguments.flag(f"-{name}"):
            demo[name] = True
    if "-benchmark" in arguments.words:
        demo["dont_show"] = True
    return cast("DemoFlags", demo)


def environment_dialect() -> Dialect | None:
    """The dialect that the environment says. Raises `DarknetError` for a word that is none."""
    word = os.environ.get(DIALECT, "").lower()
    if word not in {"", "pjreddie", "alexeyab"}:
        raise DarknetError(f"{DIALECT}={word}: it may be pjreddie or alexeyab")
    return {"pjreddie": PJREDDIE, "alexeyab": ALEXEYAB}.get(word)


def _chosen_dialect(arguments: Arguments, flags: Flags) -> Dialect | None:
    """The dialect that the environment or the flags say; None: neither does."""
    dialect = environment_dialect()
    if dialect is not None:
        return dialect
    his = bool(arguments.given & set(ALEXEYABS)) or str(flags.out).lower().endswith(".json")
    return ALEXEYAB if his else None
