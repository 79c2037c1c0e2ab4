"""``darknet-py serve``."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from ..errors import DarknetError
from .command import command
from .filters import asked, filters
from .inputs import pictures
from .options import UNIT, CfgName, engine, stretch

SIZE = click.IntRange(1)


class ModelUnit(click.ParamType):
    """A number from 0 to 1 for all models, or ``NAME=NUMBER`` for one."""

    name = "[NAME=]float"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str | None, float]:
        if isinstance(value, tuple):
            return value
        name, equals, number = str(value).rpartition("=")
        return (name if equals else None), UNIT.convert(number, param, ctx)


@command(
    examples=(
        "darknet-py serve                                               yolov3-tiny, http://127.0.0.1:8080/",
        "darknet-py serve -m yolov4-tiny -m plates=my.cfg,my.weights,my.names --thresh plates=.6",
        "darknet-py serve -m yolov4 --host 0.0.0.0 --api-key SECRET      for other machines",
    )
)
@click.option(
    "--model",
    "-m",
    "models",
    multiple=True,
    metavar="NAME|NAME=CFG,WEIGHTS[,NAMES]",
    help="A model to keep loaded, several times for several: a released one (`darknet-py fetch --list`; NAME=RELEASED "
    "gives it another name), or files of your own. The first is the default. [default: yolov3-tiny]",
)
@click.option("--cfg", type=CfgName(), help="Network of your own: its .cfg file; the model has the file's name.")
@click.option("--weights", type=click.Path(path_type=Path), help="Its .weights file.")
@click.option("--names", type=click.Path(path_type=Path), help="Its class names, one per line.")
@click.option("--data", type=click.Path(path_type=Path), help="Darknet .data file that names its names file.")
@click.option(
    "--thresh",
    type=ModelUnit(),
    multiple=True,
    metavar="[NAME=]N",
    help="Least probability where a client names none [default: the protocol's, or 0.5].",
)
@click.option(
    "--hier-thresh",
    type=ModelUnit(),
    multiple=True,
    metavar="[NAME=]N",
    help="The same for going down to the children of a WordTree node [default: 0.5].",
)
@click.option("--nms", type=ModelUnit(), multiple=True, metavar="[NAME=]N",
              help="The same for the greatest overlap (IoU) of two boxes of a class [default: 0.45].")  # fmt: skip
@filters
@stretch
@engine
@pictures
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on; 0.0.0.0: for everybody in the network.",
)
@click.option("--port", "-p", type=click.IntRange(0, 65535), default=8080, show_default=True, help="0: any free one.")
@click.option(
    "--api-key",
    envvar="DARKNET_PY_API_KEY",
    metavar="KEY",
    help="What clients must know. [default: none; or the environment's DARKNET_PY_API_KEY]",
)
@click.option(
    "--allow-url",
    "allow_urls",
    multiple=True,
    metavar="PREFIX",
    help="Fetch pictures for clients from addresses that begin so. [default: none]",
)
@click.option(
    "--queue",
    type=SIZE,
    default=64,
    show_default=True,
    help="Pictures that may wait or be worked on; more are answered with 503.",
)
@click.option(
    "--batch",
    type=click.Choice(["1", "2", "4"]),
    default="4",
    show_default=True,
    help="Waiting pictures that run together at most.",
)
@click.option("--max-body", type=SIZE, default=32, show_default=True, metavar="MB", help="Largest request.")
@click.option("--max-pixels", type=SIZE, default=25_000_000, show_default=True, help="Largest picture.")
@click.option("--max-connections", type=SIZE, default=1000, show_default=True, help="Connections at a time.")
@click.option(
    "--timeout",
    type=click.FloatRange(0.1, 3600),
    default=20,
    show_default=True,
    metavar="SECONDS",
    help="Within which a request must have arrived.",
)
@click.option("--quiet", "-q", is_flag=True, help="No access log (on standard error).")
def serve(
    models: tuple[str, ...], cfg: Path | None, weights: Path | None, names: Path | None, data: Path | None,
    thresh: Any, hier_thresh: Any, nms: Any, stretch: bool | None, size: tuple[int, int] | None, math: str,
    calibration: Path | None, threads: int | None, dialect: str, **options: Any,
) -> None:  # fmt: skip
    """Answer the clients of DeepStack, CodeProject.AI, DOODS, pyzm (ZoneMinder) and KServe/Triton over HTTP.

    The port opens when all models are loaded and every kernel is compiled. A browser finds a page to try pictures on at
    the address; /openapi.json describes the rest, /metrics counts for Prometheus. Ctrl-C or a termination signal ends
    it: requests that were accepted are answered first.
    """
    _need_packages()
    from ..serve.app import make_service
    from ..serve.limits import Limits
    from ..serve.models import by_name, load_models
    from ..serve.server import address_of, bind, run_server, warm
    from ..warmup import announce_compiling
    from .download_bar import TerminalProgress

    filter, tiles = asked()
    choices = _choices(models, cfg, weights, names, data)
    if calibration is not None and len(choices) > 1:
        raise click.UsageError("--calibration goes with one model: it is of one weights file")
    thresholds = by_name(thresh=thresh, hier_thresh=hier_thresh, nms=nms)
    limits = Limits(
        body=options["max_body"] << 20, bodies=max(256, 2 * options["max_body"]) << 20, pixels=options["max_pixels"],
        queue=options["queue"], connections=options["max_connections"], seconds=options["timeout"],
    )  # fmt: skip
    with bind(options["host"], options["port"]) as listening:
        announce_compiling(lambda text: click.echo(text, err=True), sys.stderr)
        loaded = load_models(
            choices, thresholds, int(options["batch"]), filter, tiles, size=size, math=math,
            calibration=calibration, threads=threads, stretch=stretch, dialect=dialect, progress=TerminalProgress(),
        )  # fmt: skip
        service = make_service(loaded, limits, options["api_key"], options["allow_urls"])
        warm(service)
        if not options["api_key"] and listening.getsockname()[0] not in ("127.0.0.1", "::1"):
            click.echo("Note: whoever reaches this machine can use the server; --api-key KEY asks for a key", err=True)
        where = f"Serving {', '.join(loaded)} at {address_of(listening)}"
        run_server(service, listening, options["quiet"], lambda: click.echo(where, err=True))
    click.echo("Stopped: every accepted request was answered.", err=True)


def _need_packages() -> None:
    """Raises `DarknetError`: before models are loaded, not after it."""
    packages = ("starlette", "uvicorn", "python_multipart", "prometheus_client")
    missing = [package.replace("_", "-") for package in packages if find_spec(package) is None]
    if missing:
        raise DarknetError(f"serve needs packages that are not installed: pip install {' '.join(missing)}")


def _choices(
    models: tuple[str, ...], cfg: Path | None, weights: Path | None, names: Path | None, data: Path | None
) -> list[Any]:
    from ..serve.models import Choice

    if (cfg is None) != (weights is None):
        raise click.UsageError("--cfg and --weights go together")
    if cfg is None and (names or data):
        raise click.UsageError("--names and --data go with --cfg; for --model: NAME=CFG,WEIGHTS,NAMES")
    own = [] if cfg is None else [Choice.of_files(cfg, weights, names, data)]
    return own + [Choice.parse(text) for text in models or (() if own else ("yolov3-tiny",))]
