"""Darknet's ``main``: the first word says which of its programs is meant."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from ..errors import DarknetError
from ..image.reading import chosen_decoder, reading
from ..output.streams import prepare_streams
from .arguments import Arguments
from .prompt import print_stderr

HINTS = {
    "speed": "darknet-py bench CFG",
    "statistics": "darknet-py weights info WEIGHTS --cfg CFG",
    "print": "darknet-py weights convert WEIGHTS OUT.npz --cfg CFG",
    "coco": "darknet detector test|valid with a YOLOv1 cfg",
    **dict.fromkeys(
        (
            "art", "attention", "average", "captcha", "cifar", "compare", "3d", "dice", "go", "imtest", "isegmenter",
            "lsd", "mkimg", "nightmare", "normalize", "oneoff", "oneoff2", "regressor", "rescale", "rgbgr", "rnn",
            "segmenter", "super", "swag", "tag", "test", "vid", "visualize", "voxel", "writing",
        ),
        "",
    ),
}  # fmt: skip
"""Darknet's commands that are not here, and what does the same."""

HELP = """Darknet's command line, answered by darknet-py:

  detect CFG WEIGHTS [IMAGE]
  detector test|train|valid|valid2|recall|demo|map|calc_anchors DATA CFG [WEIGHTS] [IMAGE]
  yolo test|train|valid|recall|demo CFG [WEIGHTS] [IMAGE]
  classifier predict|train|valid DATA CFG [WEIGHTS] [IMAGE]
  classify CFG WEIGHTS [IMAGE]
  ops CFG
  partial CFG WEIGHTS OUT LAYERS
  denormalize CFG WEIGHTS OUT.weights
  reset CFG WEIGHTS OUT.weights

Without IMAGE, paths are read from standard input. Flags: -thresh -hier -nms -out -t -c -s -avg -prefix -ext_output
-dont_show -save_labels -letter_box -iou_thresh -points -out_filename -mjpeg_port -json_port ..., -clear, and our
own -math ieee|make|make-own|fast|bf16|int8, -threads N, -seed N (of train), -decoder stb|pillow (WebP, TIFF, AVIF),
-exif (pictures turned as their cameras noted). All other commands: darknet-py --help
"""


def run(argv: Sequence[str]) -> int:
    """Run a command line of Darknet's.

    Args:
        argv: as ``sys.argv``.

    Returns:
        The exit code: 0, or 1 where words are missing.

    Raises:
        DarknetError: what is wrong, in one line.
    """
    prepare_streams(utf8=True, line_buffering=True)  # bytes of paths and names as they are; a parent reads by line
    arguments = Arguments(argv[1:])
    arguments.integer("-i", 0)  # a GPU's number
    arguments.flag("-nogpu")
    arguments.flag("-cuda_debug_sync")
    if not arguments.words:
        print_stderr(f"usage: {Path(argv[0]).name} <function>")
        return 0
    command = arguments.words[0]
    if command in {"-h", "-help", "help"} or "--help" in arguments.words:
        print(HELP, end="")
        return 0
    if command in COMMANDS:
        decoder, exif = arguments.text("-decoder"), arguments.flag("-exif")
        words = {"decoder_words": "-decoder pillow", "exif_words": "-exif"}
        with reading(decoder=decoder, exif=exif, report=print_stderr, reported=set(), **words):
            chosen_decoder(decoder)  # an unknown one is an error before a network is loaded
            return COMMANDS[command](arguments)
    if command in HINTS:
        hint = HINTS[command] and f"; the same: {HINTS[command]}"
        raise DarknetError(f"darknet-py does not have Darknet's command {command}{hint}")
    raise DarknetError(f"Not an option: {command} (--help lists what there is)")


def _detector(arguments: Arguments) -> int:
    from .detector import run_detector

    return run_detector(arguments)


def _detect(arguments: Arguments) -> int:
    from .detector import run_detect

    return run_detect(arguments)


def _yolo(arguments: Arguments) -> int:
    from .detector import run_yolo

    return run_yolo(arguments)


def _classifier(arguments: Arguments) -> int:
    from .classifier import run_classifier

    return run_classifier(arguments)


def _classify(arguments: Arguments) -> int:
    from .classifier import run_classify

    return run_classify(arguments)


def _tool(arguments: Arguments) -> int:
    """``ops``, ``partial``, ``denormalize``, ``reset``."""
    from . import weights
    from .detector import print_unread, usage

    command, *words = arguments.positions()
    wanted = TOOLS[command]
    if len(words) < len(wanted):
        return usage(command, " ".join(f"[{word}]" for word in wanted))
    print_unread(words[len(wanted) :])
    words = words[: len(wanted)]
    if command == "partial":
        if not words[3].isascii() or not words[3].isdigit():
            raise DarknetError(f"partial: {words[3]} is not a number of layers")
        weights.partial(words[0], words[1], words[2], int(words[3]))
    else:
        getattr(weights, command)(*words)
    return 0


TOOLS = {
    "ops": ("cfg",),
    "partial": ("cfg", "weights", "out", "layers"),
    "denormalize": ("cfg", "weights", "out"),
    "reset": ("cfg", "weights", "out"),
}
"""What must follow each of them."""

COMMANDS: dict[str, Callable[[Arguments], int]] = {
    "detector": _detector,
    "detect": _detect,
    "yolo": _yolo,
    "classifier": _classifier,
    "classify": _classify,
    **dict.fromkeys(TOOLS, _tool),
}
"""Darknet's commands that are here."""
