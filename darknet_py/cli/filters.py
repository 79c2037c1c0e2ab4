"""Options that say what is reported, and that pictures are looked at in tiles: the same in all commands that detect."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from ..detect.filters import Filter
    from ..detect.tiles import Tiles

_KEY = f"{__name__}.words"


def _note(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    """Keep what was said for `asked`, so that commands need not hand it on."""
    if value not in (None, (), False):
        ctx.meta.setdefault(_KEY, {})[param.name] = value


def filters(command: Callable[..., Any]) -> Callable[..., Any]:
    """``--classes --min-size --max-size --zone --zone-by --clip --tiles --tile-overlap``, for `asked`."""
    for names, attributes in (
        (("--tile-overlap",), {"type": float, "metavar": "SHARE",
            "help": "Share of a tile's side that it has in common with the next one, 0 to 0.9 [default: 0.2]."}),
        (("--tiles",), {"metavar": "NxM", "help":
            "Look at N x M overlapping tiles of each picture, too, and join their boxes: for objects that are small in "
            "it. Takes N x M + 1 times as long."}),
        (("--clip",), {"is_flag": True, "help": "Let boxes end at the picture's borders."}),
        (("--zone-by",), {"metavar": "WAY", "help":
            "When a box is in a zone: centre, if its centre is; overlap:SHARE, if at least that share of it is "
            "(overlap: half) [default: centre]."}),
        (("--zone", "zones"), {"multiple": True, "metavar": "X,Y,X,Y,...", "help":
            "Report objects in this zone only: two opposite corners of a rectangle, or a polygon's corners; fractions "
            "of the picture, or pixels if any number is above 1. Several: in any of them."}),
        (("--max-size",), {"metavar": "SIZE", "help": "Report boxes up to this size only; SIZE as for --min-size."}),
        (("--min-size",), {"metavar": "SIZE", "help":
            "Report boxes from this size on only: 1% or .01 of the picture's area; 20px: both sides; 20x40px."}),
        (("--classes",), {"multiple": True, "metavar": "NAME,...", "help":
            "Report these classes only: names or numbers. With a WordTree, a class stands for all below it, too."}),
    ):  # fmt: skip
        command = click.option(*names, expose_value=False, callback=_note, **attributes)(command)
    return command


def asked() -> tuple[Filter, Tiles | None]:
    """What the command's options say: whose classes are not known yet (`Detector.filter_of`).

    Raises:
        DarknetError: an option is wrong.
    """
    from ..detect.filters import make_filter
    from ..detect.tiles import make_tiles

    context = click.get_current_context(silent=True)
    words = dict(context.meta.get(_KEY, {})) if context is not None else {}
    tiles, overlap = words.pop("tiles", None), words.pop("tile_overlap", None)
    if overlap is not None and tiles is None:
        raise click.UsageError("--tile-overlap goes with --tiles")
    return make_filter(**words), None if tiles is None else make_tiles(tiles, overlap)
