"""Options that several commands share."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypedDict, TypeVar

import click
from click.shell_completion import CompletionItem

from ..dialect import AUTO, DIALECTS
from ..errors import DarknetError
from ..formats.atomic import check_writable, write_text
from ..formats.text import as_unicode
from ..numeric.names import PROFILE_NAMES
from .verbose import verbose


class Unit(click.ParamType):
    """A number from 0 to 1."""

    name = "float"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            number = float(str(value))
        except ValueError:
            number = math.nan
        if not 0 <= number <= 1:  # NaN is not, either
            self.fail(f"{value!r} must be a number from 0 to 1", param, ctx)
        return number


UNIT = Unit()

MATH = click.Choice(PROFILE_NAMES)
"""Names of the arithmetic profiles, written out: to ask for them would import the compiler for a `--help`."""


class ModelName(click.ParamType):
    """The name of a released model; shells complete it."""

    name = "model"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return str(value)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from ..zoo import registry

        return [
            CompletionItem(name, help=model.what) for name, model in registry().items() if _begins(name, incomplete)
        ]


class CfgFile(click.ParamType):
    """A cfg file's path, or the name of a network whose cfg comes with darknet-py."""

    name = "cfg"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        if isinstance(value, Path) or (ctx is not None and ctx.resilient_parsing):
            return Path(str(value))
        from ..zoo import find_network

        return find_network(str(value))

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from ..zoo import network_names

        names = [CompletionItem(name) for name in network_names() if _begins(name, incomplete)]
        return names or [CompletionItem(incomplete, type="file")]


class CfgName(CfgFile):
    """What `CfgFile` takes, as it was typed: for who looks it up later, after other checks."""

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        return Path(str(value))


def _begins(name: str, incomplete: str) -> bool:
    return name.startswith(incomplete.casefold())


F = TypeVar("F", bound=Callable[..., object])


class Decorator(Protocol):
    """What declares options of a command."""

    def __call__(self, command: F, /) -> F: ...


def together(*options: Decorator) -> Decorator:
    """Options as if they stood below each other at the command."""

    def decorate(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


thresh = click.option("--thresh", type=UNIT, default=0.5, show_default=True, help="Least probability of a detection.")
"""``--thresh``."""

hier_thresh = click.option(
    "--hier-thresh", type=UNIT, default=0.5, show_default=True,
    help="Least probability for going down to the children of a WordTree node.",
)  # fmt: skip
"""``--hier-thresh``."""

thresholds = together(
    thresh, hier_thresh,
    click.option("--nms", type=UNIT, default=0.45, show_default=True,
                 help="Greatest overlap (IoU) of two boxes of a class; 0 keeps all boxes."),
)  # fmt: skip
"""``--thresh --hier-thresh --nms``, with the defaults of Darknet's head."""


class_map = click.option(
    "--map", "class_map", type=click.Path(path_type=Path), help="WordTree nodes that count as classes."
)
"""``--map``."""

stretch = click.option(
    "--stretch/--letterbox", "stretch", default=None,
    help="Stretch images to the network's size, or letterbox them [default: as the network's Darknet does: pjreddie's "
         "letterboxes, AlexeyAB's stretches unless the cfg has letter_box=1].",
)  # fmt: skip
"""``--stretch`` and ``--letterbox``: True and False, None for neither."""


dialect = together(
    click.option("--dialect", type=click.Choice([AUTO, *DIALECTS]), default=AUTO, show_default=True,
                 help="Whose Darknet the cfg is computed as: darknet, pjreddie's; alexeyab; auto: AlexeyAB's if an "
                      "option or a section in it is his alone."),
    verbose("Also report whose Darknet the cfg is for, and what decided that."),
)  # fmt: skip
"""``--dialect --verbose``."""


class Size(click.ParamType):
    """``416`` or ``608x416``: width and height."""

    name = "size"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        if isinstance(value, tuple):
            return value
        match = re.fullmatch(r"(\d{1,5})(?:x(\d{1,5}))?", str(value))
        if not match or 0 in (w := int(match[1]), h := int(match[2] or match[1])):
            self.fail(f"'{value}' is not a size; write 416 or 608x416", param, ctx)
        return w, h


class Sizes(click.ParamType):
    """Several sizes: ``288,416,608x352``."""

    name = "sizes"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[tuple[int, int], ...]:
        if isinstance(value, tuple):
            return value
        return tuple(Size().convert(piece.strip(), param, ctx) for piece in str(value).split(","))


class PlainOptions(TypedDict):
    """What `plain_engine` gives a command."""

    threads: int | None
    math: str
    size: tuple[int, int] | None
    dialect: str


class EngineOptions(PlainOptions):
    """What `engine` gives a command."""

    calibration: Path | None


_arithmetic = together(
    click.option("--threads", type=click.IntRange(1, 1024), help="Worker threads [default: all usable cores]."),
    click.option("--math", "math", type=MATH, default="ieee", show_default=True,
                 help="Arithmetic: ieee, as Darknet's source says; make, as the program that its Makefile builds; "
                      "make-own, the same with this processor's own reciprocals; fast, for speed: nearly the same "
                      "numbers, not the same bits; bf16, for more, on processors with AVX512_BF16; "
                      "int8, 8-bit integers, after `darknet-py calibrate`."),
)  # fmt: skip
_network = together(
    click.option("--size", type=Size(), metavar="N|WxH", help="Input size of the network instead of the cfg's."),
    dialect,
)  # fmt: skip
calibration = click.option(
    "--calibration", type=click.Path(path_type=Path), metavar="FILE",
    help="For --math int8: the file that `darknet-py calibrate` wrote [default: WEIGHTS.int8.json].",
)  # fmt: skip
"""``--calibration``."""

plain_engine = together(_arithmetic, _network)
"""``--threads --math --size --dialect --verbose``: for commands that take no calibration."""

engine = together(_arithmetic, calibration, _network)
"""``--threads --math --calibration --size --dialect --verbose``."""


def write_json(target: str, document: object) -> None:
    """Write JSON to a file, at once and whole, or to standard output for ``-``.

    What is no finite number is null; strings that are bytes and not UTF-8 (names, paths) stand as Latin-1.
    """
    text = json.dumps(finite_json(document), indent=1, allow_nan=False)
    if target == "-":
        click.echo(text)
        return
    write_text(target, text + "\n")


def check_targets(*targets: str | Path | None, plot: Path | None = None) -> None:
    """Raise `DarknetError` if a file that options name could not be written: before the work, not after it.

    Args:
        targets: files of any kind; ``-`` is standard output.
        plot: one in a format of plots.
    """
    if plot is not None:
        from ..chart import writer

        writer(plot)
    for target in (plot, *targets):
        if target is not None and str(target) != "-":
            check_writable(target)


def write_results(
    plot: Path | None, draw: Callable[[Path], object], json_file: str | None, document: Callable[[], object]
) -> None:
    """Write what a long run has found: the JSON is not lost with a plot that cannot be written.

    Args:
        plot: where ``draw`` is to draw, if anywhere.
        draw: makes the plot.
        json_file: where the JSON belongs, if anywhere; ``-`` is standard output.
        document: makes what is in it.

    Raises:
        DarknetError: what failed last; a line on standard error names the other.
    """
    failed: list[DarknetError] = []
    try:
        if plot is not None:
            draw(plot)
    except DarknetError as error:
        failed.append(error)
    try:
        if json_file:
            write_json(json_file, document())
    except DarknetError as error:
        failed.append(error)
    for other in failed[:-1]:
        click.echo(f"Error: {other}", err=True)
    if failed:
        raise failed[-1]


def finite_json(value: object) -> object:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str):
        return as_unicode(value)
    if isinstance(value, dict):
        return {key: finite_json(entry) for key, entry in value.items()}
    return [finite_json(entry) for entry in value] if isinstance(value, (list, tuple)) else value
