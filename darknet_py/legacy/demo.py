"""Darknet's own ``detector demo DATA CFG [WEIGHTS] [FILE]``, with AlexeyAB's flags beside pjreddie's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..output.text import darknet_lines
from ..video.average import FRAMES, demo_view
from ..video.demo import Outputs, run_demo, say
from ..video.source import Wishes, find_source
from .opening import data_names, open_network

if TYPE_CHECKING:
    from ..detect.detections import Detections

EVERYWHERE = "0.0.0.0"
"""AlexeyAB's servers listen on all networks; programs elsewhere rely on it."""


def demo(data: Path, cfg: str, weights: str | None, filename: str | None, flags: dict[str, Any], **engine: Any) -> None:
    """Run the demo as Darknet's command line asks for it.

    Standard output is Darknet's: ``Demo``, the file, then for each frame the sequence that clears a terminal, the rate
    and the objects. A window is shown where there can be one, unless there is a ``prefix`` or ``dont_show``.

    Args:
        data: the ``.data`` file, which names the names.
        cfg: the network.
        weights: its weights.
        filename: a video, an address, pictures; None: the camera.
        flags: what stands behind the flags, without the dash; a missing key is a flag not given.
            ``thresh hier c avg prefix fullscreen w h fps``, and ``dont_show ext_output json_port mjpeg_port
            out_filename``. ``s`` changes nothing, as in Darknet; nor does ``letter_box``: frames always are
            letterboxed. With ``avg`` one chooses the number of frames, which Darknet reads and forgets.
        engine: for `darknet_py.load`.

    Raises:
        DarknetError: a file or the camera cannot be used.
        KeyboardInterrupt: it was interrupted; everything is finished.
    """
    names = data_names(data, "names", default="data/names.list")
    wishes = Wishes(flags.get("w", 0), flags.get("h", 0), flags.get("fps", 0.0))
    source = find_source(str(flags.get("c", 0)) if filename is None else filename, wishes, say)
    outputs = _outputs(flags)
    print("Demo", flush=True)
    detector = open_network(cfg, weights, names, **engine)
    if filename is not None:
        print(f"video file: {filename}", flush=True)
    view = demo_view(detector, flags.get("thresh", 0.5), flags.get("hier", 0.5))
    run_demo(detector, source, outputs, view, flags.get("avg", FRAMES))


def _outputs(flags: dict[str, Any]) -> Outputs:
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
        lines=extended_lines if flags.get("ext_output") else darknet_lines,
    )


def extended_lines(found: Detections) -> list[str]:
    """The lines of AlexeyAB's ``-ext_output``: behind each class its box in pixels, its corner clipped."""
    lines = []
    width, height = found.image_size
    for line, (x, y, w, h) in zip(darknet_lines(found), found.box.tolist(), strict=True):
        left, top = max(0, int((x - w / 2) * width)), max(0, int((y - h / 2) * height))
        place = f"(left_x: {left:4d}   top_y: {top:4d}   width: {w * width:4.0f}   height: {h * height:4.0f})"
        lines.append(f"{line} \t{place}")
    return lines


def _port(flags: dict[str, Any], name: str) -> int | None:
    """A port; none if the flag is missing or, as AlexeyAB's default, not above 0."""
    port: int = flags.get(name, -1)
    return port if port > 0 else None
