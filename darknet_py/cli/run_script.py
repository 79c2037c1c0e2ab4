"""``darknet-py run-script``."""

from __future__ import annotations

import click

from ..compat.scripts import FLAVOURS
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
@click.argument("script", type=click.Path(exists=True, dir_okay=False))
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[ARGS]...")
def run_script(flavour: str, script: str, arguments: tuple[str, ...]) -> None:
    """Run a Python SCRIPT that uses Darknet, unchanged, with this engine.

    `alexeyab` and `pjreddie` answer its `import darknet`; `opencv` answers cv2.dnn.readNetFromDarknet (and readNet),
    which OpenCV 5 no longer has. The script's exit code is that of the command.
    """
    from ..compat import scripts

    scripts.run_script(script, arguments, flavour)
