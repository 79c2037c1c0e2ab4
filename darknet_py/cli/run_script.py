"""``darknet-py run-script``."""

from __future__ import annotations

import atexit
import gc
import os

import click

from ..compat.flavours import FLAVOURS
from .command import Command

EXAMPLES = (
    "darknet-py run-script --as alexeyab darknet_images.py --input dog.jpg",
    "darknet-py run-script --as opencv yolo_opencv.py dog.jpg",
)


@click.command(
    "run-script", cls=Command, examples=EXAMPLES,
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)  # fmt: skip
@click.option("--as", "flavour", required=True, type=click.Choice(FLAVOURS), help="What the script was written for.")
@click.argument("words", nargs=-1, required=True, type=click.UNPROCESSED, metavar="{SCRIPT|-m MODULE} [ARGS]...")
def run_script(flavour: str, words: tuple[str, ...]) -> None:
    """Run a Python SCRIPT (or, as python -m does, a MODULE) that uses Darknet, unchanged, with this engine.

    `alexeyab`, `pjreddie` and `hank-ai` answer its `import darknet`; `opencv` answers cv2.dnn.readNetFromDarknet (and
    readNet), which OpenCV 5 no longer has; `opencv4` also calls an OpenCV 5 4.14, for scripts that check its version.
    Python processes that the script starts get the same. The script's exit code is that of the command.
    """
    from ..compat import scripts

    atexit.unregister(gc.freeze)  # the script's own objects may have something to do at the end
    script, *arguments = words
    if script == "-m":
        if not arguments:
            raise click.UsageError("-m needs the name of a module")
        scripts.run_module(arguments[0], arguments[1:], flavour)
        return
    if not os.path.isfile(script):
        what = "is a folder" if os.path.isdir(script) else "does not exist"
        raise click.BadParameter(f"File {script!r} {what}.", param_hint="'SCRIPT'")
    scripts.run_script(script, arguments, flavour)
