"""Video files as they are written, and windows."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from darknet_py.errors import DarknetError
from darknet_py.video.average import Adjustable
from darknet_py.video.outputs import Window
from darknet_py.video.writer import VideoFile
from darknet_py.view import View

from .videos import DATA, Numbers, cv2, read_video, result_at


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
