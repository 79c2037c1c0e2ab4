"""The command line: a group whose commands are imported when they are called, so that ``--help`` is quick."""

from __future__ import annotations

import errno
import os
import sys
import warnings
from importlib import import_module
from typing import Any, NoReturn

import click
from click.shell_completion import CompletionItem

from ..errors import DarknetError, DarknetWarning, printable
from ..image.reading import DECODER, reading
from ..legacy.recognise import is_darknets
from ..output.streams import prepare_streams
from ..terminal import control
from ..version import __version__
from . import interrupt
from .command import Group
from .guard import keep_inputs

COMMANDS = {
    "detect": "Detect the objects in images: print them, draw them, write JSON.",
    "demo": "Detect the objects in a video, from a file, a camera or an address.",
    "serve": "Answer detection requests of camera systems over HTTP, with a page to try pictures on.",
    "classify": "Name the most probable classes of images.",
    "evaluate": "Measure how good a detector is: average precision over labelled images, with curves.",
    "fetch": "Fetch the files of released models, or list them.",
    "train": "Train a detector or a classifier with labelled pictures, as Darknet does.",
    "calibrate": "Find the 8-bit scales of a network with typical pictures, for --math int8.",
    "anchors": "Find anchors for a data set: k-means over the boxes of its labels.",
    "bench": "Measure how fast networks run, layer by layer, and against other engines.",
    "warmup": "Compile all kernels now, so that no later command has to.",
    "summary": "Print a network's layer table as Darknet does, and its totals.",
    "weights": "Look into weights files, cut them, convert them (npz, safetensors, ONNX).",
    "run-script": "Run a Python script that uses Darknet or cv2.dnn, unchanged, with this engine.",
    "synth": "Write stand-in weights for a network whose weights one does not have.",
    "record": "Record what this engine computes, as a reference for validate.",
    "trace": "Run one image and print a hash of every layer's output.",
    "trace-training": "Run training calls and print a hash of every gradient and parameter.",
    "validate": "Compare this engine with reference detections or another Darknet, bit for bit.",
}
"""Command -> its one-line help, shown by the group without importing the command."""


WINDOWS = os.name == "nt"


class LazyGroup(Group):
    """Imports ``darknet_py.cli.NAME`` only when command NAME is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        name = cmd_name.replace("-", "_")
        command: click.Command = getattr(import_module(f"{__name__}.{name}"), name)
        return keep_inputs(command)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        names = [CompletionItem(name, help=text) for name, text in COMMANDS.items() if name.startswith(incomplete)]
        return names + click.Command.shell_complete(self, ctx, incomplete)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except EOFError as error:  # click would take it for an interrupt
            raise DarknetError(
                f"a file or an input ended before its time: {error or 'nothing is known of it'}"
            ) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "color": True},  # or Click cuts names in pipes
    examples=("darknet-py detect dog.jpg", "darknet-py detect --help        the options of a command, with examples"),
)
@click.version_option(__version__, prog_name="darknet-py")
def cli() -> None:
    """Run Darknet's .cfg and .weights files (YOLOv1 to v4, v7, YOLO9000) on a CPU, bit for bit as Darknet does."""


def _run() -> int | None:
    """Our commands, or Darknet's: ``darknet-py detector test ...``, or by the name ``darknet``."""
    if is_darknets(sys.argv):
        from ..legacy.program import run

        return run(sys.argv)
    words = {"decoder_words": f"{DECODER}=pillow in the environment", "exif_words": "darknet-py detect --exif"}
    with reading(report=_report, reported=set(), **words):
        code: int | None = cli.main(standalone_mode=False)
    return code


def _show_warnings() -> None:
    """Let our own warnings be one line on standard error each; those of other packages stay as Python shows them."""
    show = warnings.showwarning

    def show_line(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
        if isinstance(message, DarknetWarning):
            _report(f"Warning: {message}")
        else:
            show(message, category, *where, **more)

    warnings.showwarning = show_line


def _report(text: str) -> None:
    """A line on standard error; where a terminal shows a progress bar, in its place."""
    if sys.stderr is not None and sys.stderr.isatty():
        click.echo("\r\033[K", control(sys.stderr), nl=False)
    click.echo(text, err=True)


def _leave_reader() -> NoReturn:
    """The reader (head, less) has gone: nothing is left to say, not even at the interpreter's own last flush."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(1)


def main() -> None:
    """Run the command line; whatever is wrong is one line on standard error and exit code 1."""
    prepare_streams()
    interrupt.watch()
    _show_warnings()
    try:
        code = _run()
        if sys.stdout is not None:  # closed by who started this
            sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        interrupt.leave()
    except BrokenPipeError:
        _leave_reader()
    except DarknetError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(1)
    except OSError as error:
        if WINDOWS and error.errno == errno.EINVAL and error.filename is None:  # its broken pipe
            _leave_reader()
        about = f"{error.filename}: " if error.filename else ""
        click.echo(f"Error: {printable(f'{about}{error.strerror or error}')}", err=True)
        sys.exit(1)
    except MemoryError:
        click.echo("Error: not enough memory for this network or image", err=True)
        sys.exit(1)
    except Exception:
        if not interrupt.has_struck():
            raise
        interrupt.leave()
    sys.exit(code if isinstance(code, int) else 0)
