"""Video, in this process: averaging, channels and stages, sources, files, Darknet's command line."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from darknet_py.detect.decode import decode
from darknet_py.detect.detections import Detections
from darknet_py.detect.nms import nms_obj
from darknet_py.detector import Detector
from darknet_py.errors import DarknetError
from darknet_py.image.load import load_image
from darknet_py.loading import load
from darknet_py.synth import write_synth
from darknet_py.video.average import Adjustable, Averager, demo_view
from darknet_py.video.channel import Channel
from darknet_py.video.frames import Frame, Result
from darknet_py.video.outputs import Window
from darknet_py.video.pipeline import Pipeline
from darknet_py.video.source import CaptureSettings, Source, Video, find_source
from darknet_py.video.writer import VideoFile
from darknet_py.view import View

from .nets import build, net, write_cfg
from .waiting import wait_until

cv2 = pytest.importorskip("cv2", reason="OpenCV is not installed")

DATA = Path(__file__).parent / "data"
PHOTO = DATA / "photos" / "chelsea.jpg"
GOLDEN = json.loads((DATA / "demo.json").read_text(encoding="utf-8"))
NET = "\n".join(GOLDEN["cfg"])


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Detector:
    return build(tmp_path_factory.mktemp("net"), NET)


@pytest.fixture(scope="module")
def crops() -> list[np.ndarray]:
    photo = load_image(PHOTO)
    return [photo[10 * k : 10 * k + 90, 25 * k : 25 * k + 140] for k in range(7)]


def make_video(path: Path, count: int, codec: str = "mp4v", size: tuple[int, int] = (96, 64), fps: float = 10) -> Path:
    """A video of crops that move over the photograph."""
    photo = cv2.imread(str(PHOTO))
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*codec), fps, size)
    assert writer.isOpened()
    for k in range(count):
        x, y = 3 * k % 200, 2 * k % 150
        writer.write(cv2.resize(photo[y : y + 130, x : x + 200], size))
    writer.release()
    return path


def read_video(path: Path) -> tuple[list[np.ndarray], float]:
    """All frames, and how many there are in a second."""
    capture = cv2.VideoCapture(str(path))
    frames = []
    while (read := capture.read())[0]:
        frames.append(read[1])
    return frames, capture.get(cv2.CAP_PROP_FPS)


# Averaging


def rows(found: Detections) -> list[str]:
    return [
        " ".join([str(class_id), *(float(value).hex() for value in [*box, probability])])
        for class_id, box, probability in zip(found.class_id, found.box, found.confidence, strict=True)
    ]


def test_darknets_own_demo(detector: Detector, crops: list[np.ndarray]) -> None:
    averager = Averager(detector)
    view = demo_view(detector, GOLDEN["thresh"])
    assert sum(map(len, GOLDEN["frames"])) > 100
    for pixels, expected in zip(crops, GOLDEN["frames"], strict=True):
        found = averager.detect(detector.prepare(pixels), (140, 90), view)
        same = [" ".join([row.split()[0], *(float.fromhex(v).hex() for v in row.split()[1:])]) for row in expected]
        assert rows(found) == same


def naive_mean(ring: list[np.ndarray]) -> np.ndarray:
    """0 + p0/3 + p1/3 + p2/3 in float32, value by value, in the ring's order."""
    share = np.float32(1.0 / len(ring))
    mean = np.zeros(ring[0].size, np.float32)
    for i in range(mean.size):
        total = np.float32(0)
        for kept in ring:
            total = np.float32(total + np.float32(share * kept[i]))
        mean[i] = total
    return mean


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_averaging_against_its_naive_twin(detector: Detector, crops: list[np.ndarray], count: int) -> None:
    averager = Averager(detector, count)
    heads = detector.network.heads
    rings = [[np.zeros(head.out.size, np.float32) for _ in range(count)] for head in heads]
    order_matters = False
    for number, pixels in enumerate(crops):
        x = detector.prepare(pixels)
        for ring, output in zip(rings, detector.predict(x), strict=True):
            ring[number % count] = output.reshape(-1)
        means = [naive_mean(ring) for ring in rings]
        candidates = decode(
            detector.network, {head.index: mean for head, mean in zip(heads, means, strict=True)}, 140, 90, 0.3
        )
        expected = Detections.from_boxes(nms_obj(candidates, 0.4), 0.3, (), (140, 90))
        found = averager.detect(x, (140, 90), demo_view(detector, 0.3))
        assert rows(found) == rows(expected)
        turned = [ring[number % count :] + ring[: number % count] for ring in rings]
        order_matters |= any((naive_mean(a) != m).any() for a, m in zip(turned, means, strict=True))
    assert order_matters == (count > 2), "the test says nothing about the order of the additions"


def test_probabilities_rise_over_the_first_frames(detector: Detector, crops: list[np.ndarray]) -> None:
    averager = Averager(detector)
    x = detector.prepare(crops[0])
    counts = [len(averager.detect(x, (140, 90), demo_view(detector, 0.3))) for _ in range(4)]
    assert counts[0] == 0 < counts[2] == counts[3]
    assert len(Averager(detector, 1).detect(x, (140, 90), demo_view(detector, 0.3))) > 0


@pytest.mark.parametrize("wrong", [{"thresh": 1.5}, {"hier_thresh": -0.1}, {"nms": float("nan")}])
def test_a_demos_thresholds_are_refused_as_others_are(detector: Detector, wrong: dict[str, float]) -> None:
    with pytest.raises(DarknetError, match=f"{next(iter(wrong))}=.* must be a number from 0 to 1"):
        demo_view(detector, **wrong)


def test_a_map_counts_in_videos_as_in_images(tmp_path: Path) -> None:
    (tmp_path / "pets.tree").write_text("animal -1\ndog 0\ncat 0\n", encoding="utf-8")
    (tmp_path / "pets.map").write_text("2\n1\n", encoding="utf-8")
    head = "region num=1 classes=3 softmax=1 anchors=1,1 tree=pets.tree"
    cfg = write_cfg(tmp_path, net(3, 32, 64, "conv filters=8 size=3 pad=1 stride=32 activation=linear", head))
    write_synth(cfg, tmp_path / "w")
    detector = load(cfg, tmp_path / "w", map=tmp_path / "pets.map", names=["cat", "dog"])
    pixels = np.random.RandomState(3).randint(0, 256, (40, 70, 3), np.uint8)
    view = demo_view(detector, thresh=0.0, nms=0)
    found = Averager(detector, 1).detect(detector.prepare(pixels, view), (70, 40), view)
    assert rows(found) == rows(detector.detect(pixels, thresh=0.0, nms=0)) and len(found) > 0
    assert found.classes == 2 and set(found.names) == {"cat", "dog"}


def test_a_stretched_video_gives_the_boxes_of_stretched_images(detector: Detector, crops: list[np.ndarray]) -> None:
    view = demo_view(detector, thresh=0.3, nms=0, stretch=True)
    found = Averager(detector, 1).detect(detector.prepare(crops[0], view), (140, 90), view)
    assert rows(found) == rows(detector.detect(crops[0], thresh=0.3, nms=0, stretch=True)) and len(found) > 0


def test_what_cannot_be_averaged(tmp_path: Path, detector: Detector) -> None:
    classifier = build(tmp_path, net(3, 16, 16, "conv filters=7 activation=linear", "avgpool", "softmax"))
    with pytest.raises(DarknetError, match="gives no boxes"):
        Averager(classifier)
    with pytest.raises(DarknetError, match="avg=0"):
        Averager(detector, 0)


# Channels and stages


def test_a_channel_keeps_order_and_holds_up_the_giver() -> None:
    channel: Channel[int] = Channel(2)
    given = []

    def give() -> None:
        for number in range(50):
            given.append(number)
            channel.put(number)
        channel.close()

    thread = threading.Thread(target=give)
    thread.start()
    taken: list[int] = []
    while True:
        wait_until(lambda: len(given) >= min(50, len(taken) + 3))
        assert len(given) <= len(taken) + 3, "two wait in the channel, one in the giver's hand"
        number = channel.get()
        if number is None:
            break
        taken.append(number)
    thread.join()
    assert taken == list(range(50)) and channel.dropped == 0
    assert not channel.put(1) and channel.get() is None


def test_a_channel_of_the_newest() -> None:
    channel: Channel[int] = Channel(5)
    channel.put(1)
    channel.put(2)
    channel.drop_oldest(1)
    channel.put(3)
    assert (channel.get(), channel.dropped) == (3, 2)


class Numbers(Source):
    """Small frames, each at a time of its own."""

    def __init__(self, count: int, seconds: float = 0.0, live: bool = False, fails: bool = False) -> None:
        self.name, self.live = "numbers", live
        self.count, self.seconds, self.fails = count, seconds, fails
        self.closed = False

    def frames(self) -> Generator[Frame, None, None]:
        try:
            for number in range(1, self.count + 1):
                time.sleep(self.seconds)
                yield Frame(number, number / 25, np.zeros((4, 6, 3), np.uint8))
            if self.fails:
                raise DarknetError("the source fails")
        finally:
            self.closed = True


def nothing(frame: Frame) -> Detections:
    return Detections(np.zeros((0, 4)), np.zeros(0), np.zeros(0), np.zeros(0), (6, 4), 1)  # type: ignore[arg-type]


def pipeline_of(
    source: Source, written: list[int], detect: Callable[[Frame], None] = lambda frame: None,
    write: Callable[[Result], None] = lambda result: None,
) -> Pipeline:  # fmt: skip
    def detect_one(frame: Frame, x: Any) -> Detections:
        assert x == frame.number
        detect(frame)
        return nothing(frame)

    def write_one(result: Result) -> None:
        write(result)
        written.append(result.frame.number)

    return Pipeline(source, lambda frame: frame.number, detect_one, write_one)


def test_stages_overlap_and_keep_the_order() -> None:
    written: list[int] = []
    wait = 0.02
    pipeline = pipeline_of(
        Numbers(25, wait), written, lambda frame: time.sleep(wait), lambda result: time.sleep(wait)
    )  # fmt: skip
    pipeline.run()
    assert written == list(range(1, 26)) and pipeline.frames == 25 and pipeline.dropped == 0
    assert all(busy >= 24 * wait for busy in pipeline.busy.values())
    assert pipeline.seconds < 0.7 * sum(pipeline.busy.values()), "the stages wait for each other"


def fail_at(number: int) -> Callable[[Any], None]:
    def check(item: Any) -> None:
        if getattr(item, "frame", item).number == number:
            raise DarknetError("this stage fails")

    return check


@pytest.mark.parametrize("stage", ["read", "network", "write"])
def test_an_error_in_a_stage_ends_all(stage: str) -> None:
    written: list[int] = []
    source = Numbers(4 if stage == "read" else 10_000, fails=stage == "read")
    detect = fail_at(5) if stage == "network" else lambda item: None
    write = fail_at(5) if stage == "write" else lambda item: None
    pipeline = pipeline_of(source, written, detect, write)
    with pytest.raises(DarknetError, match="fails"):
        pipeline.run()
    assert written == [1, 2, 3, 4][: len(written)] and source.closed
    assert len(written) == 4 or stage == "read", "what was found before is written"
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("demo-")]


def test_a_stop_from_elsewhere() -> None:
    written: list[int] = []
    source = Numbers(10**6, 0.005)
    pipeline = pipeline_of(source, written)
    threading.Timer(0.2, pipeline.stop).start()
    begin = time.monotonic()
    pipeline.run(lambda: None)
    assert time.monotonic() - begin < 2
    assert source.closed and written == list(range(1, len(written) + 1)) and written


def test_a_source_that_hangs_does_not_hold_up_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("darknet_py.video.pipeline.PATIENCE", 0.1)
    pipeline = pipeline_of(Numbers(2, 3.0), [])
    threading.Timer(0.1, pipeline.stop).start()
    begin = time.monotonic()
    pipeline.run()
    assert time.monotonic() - begin < 2


def test_a_live_source_is_never_behind() -> None:
    written: list[int] = []
    pipeline = pipeline_of(Numbers(60, 0.005, live=True), written, lambda frame: time.sleep(0.03))
    pipeline.run()
    assert written == sorted(set(written)) and written[-1] == 60, "in order, up to the last frame"
    assert pipeline.dropped == 60 - len(written) > 20


# Sources


def all_frames(text: str, settings: CaptureSettings | None = None) -> tuple[list[Frame], list[str], Source]:
    said: list[str] = []
    source = find_source(text, settings or CaptureSettings(), said.append)
    return list(source.frames()), said, source


def test_a_video_file(tmp_path: Path) -> None:
    path = make_video(tmp_path / "v.avi", 12, "MJPG")
    frames, said, source = all_frames(str(path))
    expected, _ = read_video(path)
    assert [frame.number for frame in frames] == list(range(1, 13)) and not said and not source.live
    assert [frame.time for frame in frames[:3]] == [0.0, 0.1, 0.2]
    for frame, bgr in zip(frames, expected, strict=True):
        assert np.array_equal(frame.pixels, bgr[:, :, ::-1])
    skipping, _, source = all_frames(str(path), CaptureSettings(skip=2, limit=3))
    assert [frame.number for frame in skipping] == [1, 4, 7] and source.fps == pytest.approx(10 / 3)


def test_pictures(tmp_path: Path) -> None:
    for number, size in ((2, (20, 10)), (1, (30, 20)), (3, (10, 10))):
        Image.new("RGB", size, (number, 0, 0)).save(tmp_path / f"{number}.png")
    (tmp_path / "2b.png").write_bytes(b"no picture")
    frames, said, _ = all_frames(str(tmp_path))
    assert [frame.pixels.shape for frame in frames] == [(20, 30, 3), (10, 20, 3), (10, 10, 3)]
    assert [frame.number for frame in frames] == [1, 2, 4]
    assert len(said) == 1 and "2b.png" in said[0]
    frames, _, _ = all_frames(str(tmp_path / "[13].png"))
    assert [frame.pixels[0, 0, 0] for frame in frames] == [1, 3]
    (frame,), _, _ = all_frames(str(PHOTO))
    assert np.array_equal(frame.pixels, load_image(PHOTO)), "decoded as Darknet decodes it"
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "a.png").write_bytes(b"")
    (tmp_path / "bad" / "b.png").write_bytes(b"")
    with pytest.raises(DarknetError, match="none of these"):
        all_frames(str(tmp_path / "bad"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nowhere.mp4", "nowhere.mp4: there is no such file"),
        ("nothing/*.png", "no file matches"),
        ("97", "camera 97: cannot be opened"),
        ("/dev/video96", "camera 96: cannot be opened"),
        ("rtsp://somebody:secret@127.0.0.1:9/stream", r"rtsp://somebody:\*\*\*@127.0.0.1:9/stream: cannot be opened"),
        ("http://127.0.0.1:9/", "http://127.0.0.1:9/: cannot be opened"),
    ],
)
def test_sources_that_are_not_there(text: str, message: str) -> None:
    with pytest.raises(DarknetError, match=message) as caught:
        all_frames(text)
    assert "secret" not in str(caught.value)


@pytest.mark.skipif(not Path("/dev/null").is_char_device(), reason="needs device files")
def test_a_device_is_live() -> None:
    assert find_source("/dev/null", CaptureSettings(), print).live


def test_broken_files(tmp_path: Path) -> None:
    garbage = tmp_path / "garbage.mp4"
    garbage.write_bytes(b"garbage" * 1000)
    with pytest.raises(DarknetError, match=r"garbage\.mp4: cannot be read as a video"):
        all_frames(str(garbage))
    whole = make_video(tmp_path / "whole.avi", 40, "MJPG").read_bytes()
    (tmp_path / "cut.avi").write_bytes(whole[: len(whole) // 2])
    frames, said, _ = all_frames(str(tmp_path / "cut.avi"))
    assert 10 < len(frames) < 30
    assert len(said) == 1 and f"ends after {len(frames)} of 40 frames" in said[0]
    holed = bytearray(whole)
    holed[len(whole) // 2 : len(whole) // 2 + 3000] = bytes(3000)
    (tmp_path / "holed.avi").write_bytes(holed)
    frames, _, _ = all_frames(str(tmp_path / "holed.avi"))
    assert len(frames) > 30, "a broken frame is got over"


def test_without_opencv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    (tmp_path / "a.mp4").write_bytes(b"x")
    with pytest.raises(DarknetError, match=r"video needs OpenCV \(the extra \[video\]\): pip install opencv"):
        find_source(str(tmp_path / "a.mp4"), CaptureSettings(), print)


# Video files


def result_at(number: int, seconds: float, size: tuple[int, int] = (96, 64)) -> Result:
    found = Detections(np.zeros((0, 4)), np.zeros(0), np.zeros(0), np.zeros(0), size, 1)  # type: ignore[arg-type]
    return Result(Frame(number, seconds, np.full((size[1], size[0], 3), 8 * number, np.uint8)), found, 25.0)


@pytest.mark.parametrize("suffix", [".mp4", ".avi", ".mkv", ".mov", ".webm"])
def test_formats(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"v{suffix}"
    path.write_bytes(b"older")
    file = VideoFile(path, Numbers(1))
    for number in range(1, 11):
        file.put(result_at(number, number / 25))
    assert path.read_bytes() == b"older"
    file.close()
    frames, fps = read_video(path)
    assert len(frames) == 10 and fps == pytest.approx(25)
    assert frames[0].mean() < frames[9].mean()
    assert list(tmp_path.iterdir()) == [path]


def test_pictures_of_another_size_are_fitted(tmp_path: Path) -> None:
    file = VideoFile(tmp_path / "v.avi", Numbers(1))
    for number, size in enumerate([(96, 64), (50, 30), (97, 65)], start=1):
        file.put(result_at(number, 0.0, size))
    file.close()
    assert [frame.shape for frame in read_video(tmp_path / "v.avi")[0]] == [(64, 96, 3)] * 3


def test_a_live_source_runs_at_the_true_speed(tmp_path: Path) -> None:
    file = VideoFile(tmp_path / "v.avi", Numbers(1, live=True))
    for number, seconds in enumerate([0.0, 0.04, 0.05, 0.4, 1.0, 100.0], start=1):
        file.put(result_at(number, seconds))
    file.close()
    frames, _ = read_video(tmp_path / "v.avi")
    assert len(frames) == 26 + 250, "one second, then a gap cut to ten"


def test_places_for_videos(tmp_path: Path) -> None:
    for name, message in (("v.xyz", "suffix '.xyz'"), ("no/v.mp4", "does not exist"), ("d.mp4", "is a directory")):
        (tmp_path / "d.mp4").mkdir(exist_ok=True)
        with pytest.raises(DarknetError, match=message):
            VideoFile(tmp_path / name, Numbers(1))


def test_a_file_that_was_not_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Deaf:
        """As OpenCV's, when the disk is full: it says nothing."""

        def __init__(self, *args: Any) -> None:
            pass

        def isOpened(self) -> bool:
            return True

        def write(self, picture: Any) -> None:
            pass

        def release(self) -> None:
            pass

    monkeypatch.setattr(cv2, "VideoWriter", Deaf)
    file = VideoFile(tmp_path / "v.mp4", Numbers(1))
    file.put(result_at(1, 0.0))
    with pytest.raises(DarknetError, match="could not be written"):
        file.close()
    assert not list(tmp_path.iterdir())


# Windows


def test_a_window(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Any] = []
    keys = iter([82, 84, 84, 83, -1, 27])
    monkeypatch.setenv("DISPLAY", ":0")
    for name in ("namedWindow", "resizeWindow", "destroyAllWindows"):
        monkeypatch.setattr(cv2, name, lambda *args: None, raising=False)
    monkeypatch.setattr(cv2, "imshow", lambda name, picture: shown.append(picture), raising=False)
    monkeypatch.setattr(cv2, "waitKey", lambda wait: next(keys), raising=False)
    limits, stopped = Adjustable(View()), []
    window = Window(limits, lambda: stopped.append(True))
    window.put(result_at(1, 0.0))
    for _ in range(6):
        window.update()
    assert len(shown) == 1 and shown[0].shape == (64, 96, 3)
    assert (limits.view.thresh, limits.view.hier_thresh) == (pytest.approx(0.48), pytest.approx(0.52))
    assert stopped == [True]


def test_no_window_without_a_display() -> None:
    code = "from darknet_py.video.outputs import *; Window(None, print)"
    for display in ({}, {"DISPLAY": ":77"}):
        run = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=60,
            env={"PYTHONPATH": str(DATA.parent.parent), "PATH": "", **display},
        )  # fmt: skip
        assert "DarknetError" in run.stderr or "could not connect to display" in run.stderr, run.stderr


def test_a_camera_is_asked_for_its_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[int, float] = {}

    class Camera:
        def __init__(self, number: int) -> None:
            assert number == 3

        def isOpened(self) -> bool:
            return True

        def set(self, name: int, value: float) -> bool:
            asked[name] = value
            return True

        def get(self, name: int) -> float:
            return -1.0

        def grab(self) -> bool:
            return True

        def retrieve(self) -> tuple[bool, Any]:
            return True, np.zeros((2, 3), np.uint8)

        def release(self) -> None:
            asked[-1] = True

    monkeypatch.setattr(cv2, "VideoCapture", Camera)
    source = find_source("3", CaptureSettings(640, 480, 30.0, limit=2), print)
    frames = list(source.frames())
    assert isinstance(source, Video) and source.live and source.fps == 25.0
    assert [frame.pixels.shape for frame in frames] == [(2, 3, 3)] * 2
    wanted = {cv2.CAP_PROP_FRAME_WIDTH: 640, cv2.CAP_PROP_FRAME_HEIGHT: 480, cv2.CAP_PROP_FPS: 30.0, -1: True}
    assert asked == wanted
