"""Darknet's own ``detector demo DATA CFG [WEIGHTS] [FILE]``, with AlexeyAB's flags beside pjreddie's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TextIO

from ..formats.atomic import check_writable, refuse_input
from ..formats.text import as_found
from ..video.alexeyab import AlexeyText, HttpPost, JsonArray, TimeLimit
from ..video.average import FRAMES, NMS, demo_view
from ..video.demo import Outputs, print_status, run_demo
from ..video.outputs import Output
from ..video.source import CaptureSettings, find_source
from .open_network import data_names, open_network

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ..detector import Detector
    from ..loading import LoadOptions
    from ..view import View
    from .flags import DemoFlags

ALEXEYAB_NMS = 0.45
"""``nms`` of AlexeyAB's demo."""

EVERYWHERE = "0.0.0.0"
"""AlexeyAB's servers listen on all networks; programs elsewhere rely on it."""


def demo(
    data: Path, cfg: str, weights: str | None, filename: str | None, flags: DemoFlags, alexeyab: bool,
    **engine: Unpack[LoadOptions],
) -> None:  # fmt: skip
    """Run the demo as Darknet's command line asks for it.

    Standard output is Darknet's: ``Demo``, the file, then for each frame the sequence that clears a terminal, the rate
    and the objects. A window is shown where there can be one, unless there is a ``prefix`` or ``dont_show``.

    Args:
        data: the ``.data`` file, which names the names.
        cfg: the network.
        weights: its weights.
        filename: a video, an address, pictures; None: the camera.
        flags: what stands behind the flags, without the dash; a missing key is a flag not given.
            ``thresh hier nms c avg prefix fullscreen w h fps``, and AlexeyAB's. ``s`` changes nothing, as in Darknet.
            With ``avg`` one chooses the number of frames, which Darknet reads and forgets.
        alexeyab: AlexeyAB's lines, and his way: frames are stretched unless there is ``letter_box``, each counts for
            itself, and boxes are suppressed class by class.
        engine: for `darknet_py.load`.

    Raises:
        DarknetError: a file or the camera cannot be used.
        KeyboardInterrupt: it was interrupted; everything is finished.
    """
    names = data_names(data, "names", default="data/names.list")
    settings = CaptureSettings(flags.get("w", 0), flags.get("h", 0), flags.get("fps", 0.0))
    source = find_source(str(flags.get("c", 0)) if filename is None else as_found(filename), settings, print_status)
    outputs = _outputs(flags, source.name, alexeyab)
    for out in (flags.get("out_filename"), flags.get("json_file_output")):
        if out is not None:
            check_writable(out)
            refuse_input(out, data, cfg, *filter(None, (weights, filename)))
    print("Demo", flush=True)
    detector = open_network(cfg, weights, names, **engine)
    if filename is not None:
        print(f"video file: {filename}", flush=True)
    elif alexeyab:
        print(f"Webcam index: {flags.get('c', 0)}", flush=True)
    view = _view(detector, flags, alexeyab)
    run_demo(detector, source, outputs, view, 1 if alexeyab else flags.get("avg", FRAMES))


def _view(detector: Detector, flags: DemoFlags, alexeyab: bool) -> View:
    """How frames are fitted. AlexeyAB's demo stretches them, and suppresses class by class."""
    stretch = not (flags.get("letter_box") or detector.network.letter_box) if alexeyab else None
    return replace(  # any threshold, as Darknet
        demo_view(detector, stretch=stretch), thresh=flags.get("thresh", 0.25 if alexeyab else 0.5),
        hier_thresh=flags.get("hier", 0.5), nms=flags.get("nms", ALEXEYAB_NMS if alexeyab else NMS),
    )  # fmt: skip


def _outputs(flags: DemoFlags, source: str, alexeyab: bool) -> Outputs:
    prefix, video = flags.get("prefix"), flags.get("out_filename")
    return Outputs(
        video=None if video is None else Path(str(video)),
        prefix=None if prefix is None else str(prefix),
        raw_first=True,
        mjpeg_port=_port(flags, "mjpeg_port"),
        json_port=_port(flags, "json_port"),
        host=EVERYWHERE,
        window=prefix is None and not flags.get("dont_show"),
        fullscreen=bool(flags.get("fullscreen")),
        window_needed=False,
        clear=True,
        text=_text(flags) if alexeyab else None,
        boxes=not flags.get("dontdraw_bbox"),
        more=_more(flags, source),
    )


def _text(flags: DemoFlags) -> Callable[[TextIO], Output]:
    """AlexeyAB's lines, with those about a frame that was sent or written."""
    video = flags.get("out_filename") is not None
    sent = (
        *([" JSON-stream sent. "] if _port(flags, "json_port") else []),
        *([" MJPEG-stream sent. "] if _port(flags, "mjpeg_port") else []),
        *(["\n cvWriteFrame "] if video else []),
    )
    return lambda stream: AlexeyText(stream, bool(flags.get("ext_output")), sent, video)


def _more(flags: DemoFlags, source: str) -> list[Callable[[Callable[[], None]], Output]]:
    """AlexeyAB's other outputs."""
    file, address, limit = flags.get("json_file_output"), flags.get("http_post_host"), flags.get("time_limit_sec")
    more: list[Callable[[Callable[[], None]], Output]] = []
    if file is not None:
        more.append(lambda stop: JsonArray(str(file)))
    if address is not None:
        more.append(lambda stop: HttpPost(str(address), source, print_status, once=bool(limit and limit > 0)))
    if limit and limit > 0:
        more.append(lambda stop: TimeLimit(float(limit), stop))
    return more


def _port(flags: DemoFlags, name: Literal["mjpeg_port", "json_port"]) -> int | None:
    """A port; none if the flag is missing or, as AlexeyAB's default, not above 0."""
    port = flags.get(name, -1)
    return port if port > 0 else None
