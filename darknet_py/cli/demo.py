"""``darknet-py demo``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from .command import command
from .filters import filters
from .inputs import network, note_missing_names, open_detector, pictures
from .options import UNIT, Size, class_map, engine, hier_thresh, stretch, thresh

PORT = click.IntRange(0, 65535)


@command(
    examples=(
        "darknet-py demo street.mp4 --output found.mp4",
        "darknet-py demo 0 --show                                camera 0, in a window",
        "darknet-py demo rtsp://ADDRESS --model yolov3 --mjpeg-port 8090 --json found.json",
    )
)
@click.argument("source", metavar="SOURCE")
@network
@class_map
@stretch
@thresh
@hier_thresh
@click.option(
    "--nms",
    type=UNIT,
    default=0.4,
    show_default=True,
    help="Greatest overlap (IoU) of two boxes, of whatever classes; 0 keeps all boxes.",
)
@click.option(
    "--avg",
    type=click.IntRange(1, 100),
    default=3,
    show_default=True,
    help="Average the network's outputs over so many frames; 1: each frame for itself.",
)
@filters
@click.option("--track", is_flag=True, help="Number the objects over the frames.")
@click.option(
    "--count-line",
    "lines",
    multiple=True,
    metavar="X,Y,X,Y",
    help="Count the objects that cross this line, on either way; fractions of the picture, or pixels if any number is "
    "above 1. Several: each for itself. Numbers the objects, too.",
)
@engine
@pictures
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Video with the boxes: .mp4, .mkv, .avi, .mov, .webm.",
)
@click.option("--prefix", metavar="NAME", help="Write each frame with its boxes as NAME_00000001.jpg and so on.")
@click.option(
    "--json", "json_file", metavar="FILE", help="Write a line of JSON for each frame to FILE (- for standard output)."
)
@click.option("--mjpeg-port", type=PORT, help="Show the video to browsers at this port (0: any free one).")
@click.option("--json-port", type=PORT, help="Stream the detections as JSON at this port, as AlexeyAB's Darknet.")
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address that the ports are opened on; 0.0.0.0: for everybody in the network.",
)
@click.option("--show", is_flag=True, help="Show a window; Escape ends it, the arrow keys change the thresholds.")
@click.option("--skip", type=click.IntRange(0), default=0, help="Leave out so many frames after each one.")
@click.option("--frames", type=click.IntRange(1), help="Stop after so many frames.")
@click.option("--camera-size", type=Size(), metavar="WxH", help="Ask the camera for this size.")
@click.option("--fps", type=click.FloatRange(1, 480), help="Ask the camera for this rate; the rate of pictures.")
def demo(
    source: str, model: str | None, cfg: Path | None, weights: Path | None, names: Path | None, data: Path | None,
    class_map: Path | None, stretch: bool | None, thresh: float, hier_thresh: float, nms: float, avg: int,
    size: tuple[int, int] | None, math: str, calibration: Path | None, threads: int | None, dialect: str,
    output: Path | None, prefix: str | None, json_file: str | None, mjpeg_port: int | None, json_port: int | None,
    host: str, show: bool, track: bool, lines: tuple[str, ...], skip: int, frames: int | None,
    camera_size: tuple[int, int] | None, fps: float | None,
) -> None:  # fmt: skip
    """Detect the objects in a video.

    SOURCE is a video file, a camera's number, an address (rtsp://, http://), a directory of images or a pattern such as
    'frames/*.png'. Prints FPS and the objects of each frame, as Darknet's demo does. Ctrl-C ends it; what is being
    written is finished first.
    """
    from ..video.average import demo_view
    from ..video.demo import Outputs, print_status, run_demo
    from ..video.source import CaptureSettings, find_source
    from ..video.track import Follower

    width, height = camera_size or (0, 0)
    settings = CaptureSettings(width, height, fps or 0.0, skip, frames or 0)
    found = find_source(source, settings, print_status)
    text = sys.stderr if json_file == "-" else sys.stdout
    outputs = Outputs(
        video=output, prefix=prefix, json=json_file, mjpeg_port=mjpeg_port, json_port=json_port, host=host,
        window=show, clear=text.isatty(), follow=Follower(lines) if track or lines else None,
    )  # fmt: skip
    detector = open_detector(
        model, cfg, weights, names, data, map=class_map, size=size, math=math, calibration=calibration,
        threads=threads, stretch=stretch, dialect=dialect,
    )  # fmt: skip
    note_missing_names(detector)
    run_demo(detector, found, outputs, demo_view(detector, thresh, hier_thresh, nms), avg)
