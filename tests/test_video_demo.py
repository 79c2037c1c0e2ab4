"""`darknet-py demo` as a user has it: a real process, real videos, a camera of a kind that breaks off, a browser."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from darknet_py.synth import write_synth

from .nets import write_cfg
from .program import failure
from .videos import NET, connection, cv2, get, make_video, read_part, read_video
from .waiting import wait_until

REPOSITORY = Path(__file__).parent.parent
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
OWN = ("--cfg", "net.cfg", "--weights", "net.weights", "--names", "net.names", "--thresh", "0.4", "--threads", "1")
FPS_LINES = re.compile(r"\nFPS:(\d+\.\d)\nObjects:\n\n((?:\w+: \d+%\n)*)")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small network, its weights, names and data file, and a video of 20 frames."""
    folder = tmp_path_factory.mktemp("demo")
    write_synth(write_cfg(folder, NET), folder / "net.weights")
    (folder / "net.names").write_text("ant\nbee\ncat\n")
    (folder / "net.data").write_text("classes = 3\nnames = net.names\n")
    make_video(folder / "v.avi", 20, "MJPG")
    return folder


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "darknet_py", *map(str, arguments)]


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(REPOSITORY), **more}


def run(folder: Path, *arguments: object, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run `demo` and check its exit code; a traceback is never an answer."""
    result = subprocess.run(
        command("demo", *arguments), cwd=folder, env=environment(), capture_output=True, text=True, timeout=120,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert result.returncode == code, f"exit code {result.returncode}\n{result.stdout}\n{result.stderr}"
    assert "Traceback" not in result.stderr
    return result


def json_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_all_outputs_of_a_video(files: Path, tmp_path: Path) -> None:
    result = run(files, "v.avi", *OWN, "--output", tmp_path / "out.mp4", "--json", tmp_path / "found.jsonl",
                 "--prefix", tmp_path / "frame")  # fmt: skip
    entries = json_lines(tmp_path / "found.jsonl")
    assert [entry["frame_id"] for entry in entries] == list(range(1, 21))
    assert [entry["time"] for entry in entries[:3]] == [0.0, 0.1, 0.2] and entries[0]["filename"] == "v.avi"
    assert not entries[0]["objects"] and entries[5]["objects"], "the average rises"
    printed = FPS_LINES.findall(result.stdout)
    assert len(printed) == 20 and "\033" not in result.stdout
    for entry, (_, lines) in zip(entries, printed, strict=True):
        assert [line.partition(":")[0] for line in lines.splitlines()] == [found["name"] for found in entry["objects"]]
    frames, fps = read_video(tmp_path / "out.mp4")
    assert len(frames) == 20 and fps == pytest.approx(10) and frames[0].shape == (64, 96, 3)
    pictures = sorted(path.name for path in tmp_path.glob("frame_*"))
    assert pictures == [f"frame_{number:08d}.jpg" for number in range(1, 21)]
    drawn = np.asarray(Image.open(tmp_path / pictures[10])).astype(int)
    plain = read_video(files / "v.avi")[0][10][:, :, ::-1]
    assert (np.abs(drawn - plain).max(axis=2) > 60).sum() > 50, "no boxes are drawn"
    assert sorted({path.suffix for path in tmp_path.iterdir()}) == [".jpg", ".jsonl", ".mp4"], "no parts are left"
    assert re.search(r"^20 frames in [\d.]+ s: [\d.]+ FPS \(", result.stderr, re.MULTILINE)


def test_json_on_standard_output_is_nothing_but_json(files: Path) -> None:
    result = run(files, "v.avi", *OWN, "--json", "-", "--frames", 4, "--skip", 3)
    assert [json.loads(line)["frame_id"] for line in result.stdout.splitlines()] == [1, 5, 9, 13]
    assert len(FPS_LINES.findall(result.stderr)) == 4


def test_one_frame_for_itself_is_what_detect_finds(files: Path, tmp_path: Path) -> None:
    Image.fromarray(read_video(files / "v.avi")[0][7][:, :, ::-1]).save(tmp_path / "frame.png")
    run(files, tmp_path / "frame.png", *OWN, "--avg", 1, "--nms", 0, "--json", tmp_path / "demo.jsonl")
    subprocess.run(
        command("detect", tmp_path / "frame.png", *OWN, "--nms", 0, "--json", tmp_path / "detect.json", "-o",
                tmp_path / "p.png"), cwd=files, env=environment(), check=True, capture_output=True)  # fmt: skip
    (alone,) = json.loads((tmp_path / "detect.json").read_text())
    (first,) = json_lines(tmp_path / "demo.jsonl")
    assert first["objects"] == alone["objects"] and alone["objects"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.mp4"], "nowhere.mp4: there is no such file"),
        (["net.cfg"], "net.cfg: cannot be read as a video"),
        (["93"], "camera 93: cannot be opened"),
        (["rtsp://127.0.0.1:9/x"], "rtsp://127.0.0.1:9/x: cannot be opened"),
        (["v.avi", "--output", "out.xyz"], "out.xyz: cannot write videos with suffix '.xyz'"),
        (["v.avi", "--output", "no/out.mp4"], "the directory no does not exist"),
        (["v.avi", "--prefix", "no/frame"], "the directory no does not exist"),
        (["v.avi", "--json", "no/x.json"], "no/x.json: cannot be written: No such file"),
        (["v.avi", "--host", "203.0.113.1", "--mjpeg-port", "0"], "cannot listen on port 0 of 203.0.113.1"),
    ],
)  # fmt: skip
def test_what_cannot_be(files: Path, arguments: list[str], message: str) -> None:
    said = failure("demo", *arguments, *OWN, cwd=files)
    (line,) = [line for line in said.splitlines() if line.startswith("Error: ")]
    assert message in line
    assert not list(files.glob("*.part*"))


def test_a_port_that_is_taken(files: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = run(files, "v.avi", *OWN, "--mjpeg-port", port, code=1)
    assert f"cannot listen on port {port} of 127.0.0.1: Address already in use" in result.stderr


def test_a_reader_that_goes_away_ends_it_quietly(files: Path, tmp_path: Path) -> None:
    with camera() as address:
        process = subprocess.Popen(
            command("demo", address, *OWN, "--output", tmp_path / "out.mp4"), cwd=files, env=environment(),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # fmt: skip
        assert process.stdout is not None and process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(30) == 1
        assert "Traceback" not in process.stderr.read()
        process.stderr.close()
    assert read_video(tmp_path / "out.mp4")[0]


# Live sources


@contextmanager
def camera(count: int = 10**6, seconds: float = 0.04) -> Iterator[str]:
    """The address of a camera that sends ``count`` frames as MJPEG over HTTP and then breaks off."""
    pictures = []
    for number in range(25):
        picture = np.zeros((64, 96, 3), np.uint8)
        picture[20:44, 2 * number : 2 * number + 30] = (200, 8 * number, 255 - 8 * number)
        pictures.append(cv2.imencode(".jpg", picture)[1].tobytes())

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=picture")
            self.end_headers()
            try:
                for number in range(count):
                    jpeg = pictures[number % 25]
                    head = f"--picture\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                    self.wfile.write(head.encode() + jpeg + b"\r\n")
                    time.sleep(seconds)
            except OSError:
                pass  # the other side has gone

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_camera_that_breaks_off(files: Path, tmp_path: Path) -> None:
    with camera(15) as address:
        result = run(files, address, *OWN, "--output", tmp_path / "out.mp4", "--json", tmp_path / "x.jsonl", code=1)
    assert f"Error: {address}: the stream broke off after " in result.stderr
    entries = json_lines(tmp_path / "x.jsonl")
    assert len(entries) > 5
    assert len(read_video(tmp_path / "out.mp4")[0]) >= len(entries) - 2


@contextmanager
def started(*arguments: object, cwd: Path) -> Iterator[subprocess.Popen[str]]:
    """A demo that runs until the block ends it."""
    process = subprocess.Popen(
        command("demo", *arguments), cwd=cwd, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        text=True, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        assert process.stderr is not None
        process.stderr.close()


def wait_for_lines(path: Path, count: int, seconds: float = 60) -> None:
    wait_until(lambda: path.exists() and path.read_text().count("\n") >= count, seconds)


@pytest.mark.parametrize(
    ("number", "times", "code"),
    [pytest.param(signal.SIGINT, 1, 130, marks=pytest.mark.slow), (signal.SIGINT, 2, 130), (signal.SIGTERM, 1, 143)],
)
def test_stopped_in_the_middle(files: Path, tmp_path: Path, number: int, times: int, code: int) -> None:
    with (
        camera() as address,
        started(
            address,
            *OWN,
            "--output",
            tmp_path / "out.mp4",
            "--json",
            tmp_path / "x.jsonl",
            "--mjpeg-port",
            0,
            cwd=files,
        ) as process,
    ):
        wait_for_lines(tmp_path / "x.jsonl", 8)
        assert not (tmp_path / "out.mp4").exists()
        begin = time.monotonic()
        for _ in range(times):
            process.send_signal(number)
        _, errors = process.communicate(timeout=20)
        assert time.monotonic() - begin < 3 + os.getloadavg()[0]  # a busy machine gives it less
    assert process.returncode == code, errors
    assert "Traceback" not in errors and " frames in " in errors
    assert ("Interrupted." in errors) == (number == signal.SIGINT)
    entries = json_lines(tmp_path / "x.jsonl")
    frames, fps = read_video(tmp_path / "out.mp4")
    assert len(entries) >= 8 and len(frames) >= 4 and fps == pytest.approx(25)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.mp4", "x.jsonl"]


def address_from(process: subprocess.Popen[str], word: str) -> str:
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith(f"{word} at "):
            return line.split()[-1]
    raise AssertionError("no address")


def test_watching_a_running_demo(files: Path, tmp_path: Path) -> None:
    with (
        camera() as source,
        started(source, *OWN, "--mjpeg-port", 0, "--json-port", 0, cwd=files) as process,
    ):
        address, json_address = address_from(process, "Watch"), address_from(process, "JSON")
        client = connection(address)
        client.request("GET", "/stream.mjpg")
        answer = client.getresponse()
        pictures = [read_part(answer) for _ in range(5)]
        assert len(set(pictures)) > 1 and Image.open(io.BytesIO(pictures[0])).size == (96, 64)
        found = connection(json_address)
        found.request("GET", "/")
        array = found.getresponse()
        while b"confidence" not in array.readline():
            pass
        process.terminate()
        assert process.wait(20) == 143
        client.close()
        found.close()


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")
def test_a_browser_shows_it(files: Path, tmp_path: Path) -> None:
    assert BROWSER is not None
    browser = [
        BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--timeout=4000",
        "--disable-background-networking", "--disable-component-update", "--disable-sync", "--window-size=1000,800",
        f"--user-data-dir={tmp_path / 'profile'}",
    ]  # fmt: skip
    with camera() as source, started(source, *OWN, "--mjpeg-port", 0, cwd=files) as process:
        address = address_from(process, "Watch")
        get(address, "/snapshot.jpg")  # frames are coming
        shown = subprocess.run([*browser, "--dump-dom", address], capture_output=True, text=True, timeout=120).stdout
        assert re.search(r'<span id="fps">[\d.]+ FPS</span>', shown) and re.search("96 . 64", shown)
        assert re.search(r"<span>(ant|bee|cat)</span><span>\d+%</span>", shown), "no objects are listed"
        screenshot = tmp_path / "page.png"
        command = [*browser, f"--screenshot={screenshot}", address]
        subprocess.run(command, capture_output=True, timeout=120, check=True)
    pixels = np.asarray(Image.open(screenshot).convert("RGB")).astype(int)
    # the camera's rectangle: blue 200, red and green from 255, 0 to 63, 192
    rectangle = (abs(pixels[:, :, 2] - 200) < 25) & (abs(pixels[:, :, 0] + pixels[:, :, 1] - 255) < 40)
    assert rectangle.sum() > 5000, "the picture of the stream is not there"


# Darknet's command line


def legacy(folder: Path, *words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "darknet_py", "detector", "demo", "net.data", "net.cfg", "net.weights"]
    return subprocess.run([*command, *map(str, words)], cwd=folder, env=environment(DISPLAY="", WAYLAND_DISPLAY=""),
                          capture_output=True, text=True, timeout=120)  # fmt: skip


def test_darknets_lines_and_frames(files: Path, tmp_path: Path) -> None:
    result = legacy(files, "v.avi", "-thresh", 0.4, "-prefix", tmp_path / "f")
    assert result.returncode == 0, result.stderr
    head, *frames = result.stdout.split("\033[2J\033[1;1H")
    assert head == "Demo\nvideo file: v.avi\n" and len(frames) == 20
    assert all(FPS_LINES.fullmatch(frame) for frame in frames)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"f_{number:08d}.jpg" for number in range(21)]
    modern = run(files, "v.avi", *OWN)
    strip = re.compile(r"FPS:[\d.]+")
    assert strip.sub("", "".join(frames)) == strip.sub("", modern.stdout)


def test_alexeyabs_flags(files: Path, tmp_path: Path) -> None:
    result = legacy(
        files, "v.avi", "-thresh", 0.4, "-dont_show", "-ext_output", "-out_filename", tmp_path / "o.avi", "-avg", 1,
        "-s", 3, "-json_file_output", tmp_path / "o.json", "-dontdraw_bbox", "-time_limit_sec", 600,
        "-http_post_host", "127.0.0.1:9/none", "-mAP_epochs", 4, "-benchmark_layers",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    lines = [line for line in result.stdout.splitlines() if "%" in line]
    assert "Video stream: 96 x 64 \n\033[H\033[JObjects:\n\n" in result.stdout
    pattern = (
        r"(ant|bee|cat): \d+% (, (ant|bee|cat): \d+% )*\t\(left_x: +\d+   top_y: +\d+   width: +\d+   height: +\d+\)"
    )
    assert lines and all(re.fullmatch(pattern, line) for line in lines)
    assert len(read_video(tmp_path / "o.avi")[0]) == 20
    assert len(re.findall(r"\nFPS:[\d.]+ \t AVG_FPS:[\d.]+\n\n cvWriteFrame \n", result.stdout)) == 20
    frames = json.loads((tmp_path / "o.json").read_text())
    assert [frame["frame_id"] for frame in frames] == list(range(1, 21)) and any(frame["objects"] for frame in frames)
    assert "http_post_host: cannot post to 127.0.0.1:9/none" in result.stderr and "darknet-py bench" in result.stderr
    assert result.stdout.endswith("input video stream closed. \noutput_video_writer closed. \n")


def test_darknets_demo_without_a_screen_or_a_camera(files: Path) -> None:
    result = legacy(files, "v.avi", "-thresh", 0.4)
    assert result.returncode == 0 and "No window: " in result.stderr, result.stderr
    assert "camera 91: cannot be opened" in legacy(files, "-c", 91, "-dont_show").stderr
    assert "-c two: not a number" in legacy(files, "-c", "two", "-dont_show").stderr


# The released model


@pytest.mark.network
def test_the_released_model_sees_the_person(tmp_path: Path) -> None:
    photo = cv2.imread(str(Path(__file__).parent / "data" / "photos" / "astronaut.jpg"))
    writer = cv2.VideoWriter(str(tmp_path / "v.mp4"), cv2.VideoWriter_fourcc(*"mp4v"), 25, (320, 320))
    for number in range(12):
        writer.write(cv2.resize(photo[number : number + 480, 2 * number : 2 * number + 480], (320, 320)))
    writer.release()
    run(tmp_path, "v.mp4", "--size", 224, "--output", "out.mp4", "--json", "x.jsonl")
    entries = json_lines(tmp_path / "x.jsonl")
    names = [[found["name"] for found in entry["objects"]] for entry in entries]
    assert len(names) == 12 and all(found == ["person"] for found in names[3:])
    assert len(read_video(tmp_path / "out.mp4")[0]) == 12
