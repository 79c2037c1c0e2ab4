"""The demo: a source, a detector, outputs, wired together."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from ..errors import DarknetError
from ..output.writers import writers_of
from .average import FRAMES, Adjustable, Averager
from .frames import Result
from .http import LOCAL, Watch
from .json_stream import JsonStream
from .outputs import FrameFiles, JsonLines, Output, Text, Window
from .pipeline import STAGES, Pipeline
from .source import Source
from .stop import stopping
from .writer import VideoFile

if TYPE_CHECKING:
    from ..detector import Detector
    from ..view import View


@dataclass
class Outputs:
    """Where the results go.

    Attributes:
        video: a video file (`writer.CODECS`).
        prefix: of picture files, one for each frame.
        raw_first: the first frame without boxes, too, as number 0 (Darknet's way).
        json: a file of JSON lines, or ``-`` for standard output.
        mjpeg_port, json_port: ports of servers, 0 for any free one.
        host: the address that they listen on.
        window: show a window.
        fullscreen: a large one.
        window_needed: that there can be no window is an error; otherwise a line is printed.
        clear: clear the terminal before each frame's lines.
        follow: what numbers the objects of each result (`track.Follower`).
        text: what the text goes through instead of the lines of the network's Darknet.
        boxes: whether they are drawn into pictures.
        more: further outputs, made with the function that ends the run.
    """

    video: Path | None = None
    prefix: str | None = None
    raw_first: bool = False
    json: str | None = None
    mjpeg_port: int | None = None
    json_port: int | None = None
    host: str = LOCAL
    window: bool = False
    fullscreen: bool = False
    window_needed: bool = True
    clear: bool = False
    follow: Callable[[Result], Result] | None = None
    text: Callable[[TextIO], Output] | None = None
    boxes: bool = True
    more: Sequence[Callable[[Callable[[], None]], Output]] = ()


def print_status(line: str) -> None:
    """A line on standard error."""
    print(line, file=sys.stderr, flush=True)


def run_demo(detector: Detector, source: Source, outputs: Outputs, view: View, average: int = FRAMES) -> Pipeline:
    """Detect in a video until it ends; Ctrl-C ends it, too, and all files are finished first.

    Args:
        detector: the network.
        source: the frames.
        outputs: where the results go.
        view: fit and thresholds (`average.demo_view`).
        average: over how many frames the network's outputs are averaged.

    Returns:
        The pipeline, with its figures.

    Raises:
        DarknetError: the source cannot be read, an output cannot be written.
        KeyboardInterrupt: it was interrupted; everything is finished.
    """
    averager = Averager(detector, average)
    adjustable = Adjustable(view)
    sinks: list[Output] = []
    pipeline = Pipeline(
        source,
        lambda frame: averager.prepare(frame.pixels, view),
        lambda frame, x: averager.detect(x, (frame.pixels.shape[1], frame.pixels.shape[0]), adjustable.view),
        lambda result: _put(sinks, result, outputs),
    )
    with stopping(pipeline.stop), ExitStack() as stack:
        lines = writers_of(detector.network.dialect).frame
        text = outputs.text or (lambda stream: Text(stream, outputs.clear, lines))
        sinks += _open(outputs, text, source, pipeline, adjustable, stack)
        windows = [sink for sink in sinks if isinstance(sink, Window)]
        try:
            pipeline.run(windows[0].update if windows else None)
        finally:
            if pipeline.frames:
                print_status(summary(pipeline))
    return pipeline


def _put(sinks: Sequence[Output], result: Result, outputs: Outputs) -> None:
    result = result if outputs.follow is None else outputs.follow(result)
    result = result if outputs.boxes else replace(result, boxes=False)
    for sink in sinks:
        sink.put(result)


def _open(
    outputs: Outputs, text: Callable[[TextIO], Output], source: Source, pipeline: Pipeline, adjustable: Adjustable,
    stack: ExitStack,
) -> list[Output]:  # fmt: skip
    """The outputs that are asked for, with what the text goes through; ``stack`` closes them."""
    sinks: list[Output] = []

    def add(sink: Output) -> None:
        stack.callback(sink.close)
        sinks.append(sink)

    if outputs.video is not None:
        add(VideoFile(outputs.video, source))
    if outputs.prefix is not None:
        add(FrameFiles(outputs.prefix, outputs.raw_first))
    stream = sys.stderr if outputs.json == "-" else sys.stdout
    add(text(stream))
    for make in outputs.more:
        add(make(pipeline.stop))
    if outputs.json is not None:
        add(JsonLines(outputs.json, source.name))
    if outputs.mjpeg_port is not None:
        watch = Watch(source.name, outputs.host, outputs.mjpeg_port, lambda: pipeline.dropped)
        add(watch)
        print_status(f"Watch at {watch.address}")
    if outputs.json_port is not None:
        stream = JsonStream(outputs.host, outputs.json_port)
        add(stream)
        print_status(f"JSON at {stream.address}")
    if outputs.window:
        try:
            add(Window(adjustable, pipeline.stop, outputs.fullscreen))
        except DarknetError as error:
            if outputs.window_needed:
                raise
            print_status(f"No window: {error}")
    return sinks


def summary(pipeline: Pipeline) -> str:
    """How fast it went, and how long each stage worked on a frame."""
    frames = max(pipeline.frames, 1)
    stages = ", ".join(f"{stage} {1000 * pipeline.busy[stage] / frames:.1f}" for stage in STAGES)
    left_out = f", {pipeline.dropped} left out" if pipeline.dropped else ""
    rate = pipeline.frames / pipeline.seconds if pipeline.seconds else 0.0
    return (
        f"{pipeline.frames} frames in {pipeline.seconds:.1f} s{left_out}: {rate:.1f} FPS "
        f"(ms a frame, side by side: {stages})"
    )
