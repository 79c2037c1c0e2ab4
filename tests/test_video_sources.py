"""Sources of frames: video files, pictures, cameras, what is broken or not there."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from darknet_py.errors import DarknetError
from darknet_py.image.load import load_image
from darknet_py.video.frames import Frame
from darknet_py.video.source import CaptureSettings, Source, Video, find_source

from .videos import PHOTO, cv2, make_video, read_video


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
