"""Fetching, against a real web server on this machine that misbehaves on demand."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from darknet_py.errors import ModelError
from darknet_py.models import Progress, RemoteFile, UrlSource, download, fetch_file, fetching, lock
from darknet_py.models.download import DownloadError, _SaferRedirects

from .web import Page, Web, serve

BODY = b"\0" * 16 + random.Random(7).randbytes(1_000_003)
NAME = "thing.weights"


@pytest.fixture
def web() -> Iterator[Web]:
    with serve() as running:
        yield running


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where fetched files go. Nothing of the user's is touched, and no proxy is asked."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DARKNET_PY_WEIGHTS", str(tmp_path / "fetched"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.delenv("DARKNET_PY_MIRROR", raising=False)
    return tmp_path / "fetched"


def remote(*urls: str | tuple[str, ...], body: bytes = BODY, known: bool = True) -> RemoteFile:
    """What a registry would say of ``body``."""
    sources = tuple(UrlSource((url,) if isinstance(url, str) else url) for url in urls)
    hashes = {"sha256": hashlib.sha256(body).hexdigest()} if known else {}
    return RemoteFile(NAME, (len(body),), hashes, sources)


def put_part(folder: Path, content: bytes) -> Path:
    folder.mkdir(exist_ok=True)
    part = folder / f"{NAME}.part"
    part.write_bytes(content)
    return part


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


class Recorder(Progress):
    def __init__(self) -> None:
        self.positions: list[int] = []
        self.origins: list[str] = []
        self.waited = threading.Event()

    def start(self, name: str, total: int, origin: str) -> None:
        self.origins.append(origin)

    def at(self, position: int) -> None:
        self.positions.append(position)

    def waiting(self, name: str) -> None:
        self.waited.set()


def test_a_file_comes_whole_and_leaves_nothing_beside_it(web: Web, folder: Path) -> None:
    web.pages["a"] = Page(BODY)
    progress = Recorder()
    path = fetch_file(remote(web.url("a")), progress)
    assert path == folder / NAME
    assert path.read_bytes() == BODY
    assert files(folder) == [NAME]
    assert progress.positions[0] == 0 and progress.positions[-1] == len(BODY)
    assert progress.positions == sorted(progress.positions)
    assert progress.origins == [web.address.removeprefix("http://")]
    assert all(agent and agent.startswith("darknet-py/") for agent in web.agents)


def test_what_is_there_already_is_not_fetched_again(web: Web, folder: Path) -> None:
    web.pages["a"] = Page(BODY)
    fetch_file(remote(web.url("a")))
    fetch_file(remote(web.url("a")))
    assert len(web.requests) == 1


def test_an_interrupted_download_goes_on_where_it_stopped(web: Web, folder: Path) -> None:
    web.pages["a"] = Page(BODY)
    put_part(folder, BODY[:400_000])
    progress = Recorder()
    assert fetch_file(remote(web.url("a")), progress).read_bytes() == BODY
    assert web.requests == [("a", "bytes=400000-")]
    assert progress.positions[0] == 400_000


def test_a_server_that_ignores_the_range_gives_all_again(web: Web, folder: Path) -> None:
    web.pages["a"] = Page(BODY, ranges=False)
    put_part(folder, BODY[:400_000])
    assert fetch_file(remote(web.url("a"))).read_bytes() == BODY
    assert web.requests == [("a", "bytes=400000-")]


def test_a_part_that_is_complete_needs_no_server(folder: Path) -> None:
    put_part(folder, BODY)
    assert fetch_file(remote("http://127.0.0.1:1/a")).read_bytes() == BODY
    assert files(folder) == [NAME]


@pytest.mark.parametrize("part", [BODY + b"more", b"x" * len(BODY)], ids=["too long", "as long but other"])
def test_a_part_that_cannot_be_right_is_thrown_away(web: Web, folder: Path, part: bytes) -> None:
    web.pages["a"] = Page(BODY)
    put_part(folder, part)
    assert fetch_file(remote(web.url("a"))).read_bytes() == BODY
    assert web.requests == [("a", None)]


def test_a_part_of_another_file_is_found_out_at_the_end_and_begun_anew(web: Web, folder: Path) -> None:
    web.pages["a"] = Page(BODY)
    put_part(folder, b"x" * 400_000)
    assert fetch_file(remote(web.url("a"))).read_bytes() == BODY
    assert web.requests == [("a", "bytes=400000-"), ("a", None)]


def test_a_connection_that_breaks_is_taken_up_again_while_that_brings_something(web: Web, folder: Path) -> None:
    web.pages["a"] = Page(BODY, cuts=[300_000, 300_000])
    assert fetch_file(remote(web.url("a"))).read_bytes() == BODY
    assert web.requests == [("a", None), ("a", "bytes=300000-"), ("a", "bytes=600000-")]


def test_a_connection_that_always_breaks_keeps_what_came_and_the_next_source_goes_on(web: Web, folder: Path) -> None:
    web.pages["a"] = Page(BODY, cuts=[300_000, 10, 10])
    web.pages["b"] = Page(BODY)
    assert fetch_file(remote(web.url("a"), web.url("b"))).read_bytes() == BODY
    assert web.requests == [("a", None), ("a", "bytes=300000-"), ("b", "bytes=300010-")]


def test_when_all_sources_break_the_part_stays(web: Web, folder: Path) -> None:
    web.pages["a"] = Page(BODY, cuts=[300_000, 0])
    with pytest.raises(ModelError, match="broke off after 300000 of 1000019 bytes"):
        fetch_file(remote(web.url("a")))
    assert files(folder) == [f"{NAME}.part"]
    assert (folder / f"{NAME}.part").read_bytes() == BODY[:300_000]


def test_a_server_that_falls_silent_is_given_up(web: Web, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "TIMEOUT", 0.3)
    web.pages["a"] = Page(BODY, hold=threading.Event(), hold_after=1000)
    web.pages["b"] = Page(BODY)
    start = time.monotonic()
    assert fetch_file(remote(web.url("a"), web.url("b"))).read_bytes() == BODY
    assert time.monotonic() - start < 10
    assert ("b", "bytes=1000-") in web.requests


def test_a_server_that_never_answers_is_given_up(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "TIMEOUT", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(ModelError, match="timed out"):
        fetch_file(remote(f"http://127.0.0.1:{silent.getsockname()[1]}/a"))
    assert files(folder) == []


def test_every_reason_is_told_with_its_source_and_where_to_put_the_file(web: Web, folder: Path) -> None:
    web.pages["small"] = Page(BODY[:-1])
    web.pages["large"] = Page(BODY + b"x")
    web.pages["other"] = Page(bytes(len(BODY)))
    web.pages["page"] = Page(b"<!DOCTYPE html><title>Sorry", kind="text/html; charset=utf-8")
    web.pages["disguised"] = Page(b"\n <html>" + bytes(len(BODY) - 8))
    web.pages["squeezed"] = Page(BODY, headers={"Content-Encoding": "gzip"})
    web.pages["no"] = Page(b"", status=403)
    web.pages["late"] = Page(b"", status=503)
    web.pages["elsewhere"] = Page(BODY, status=206, headers={"Content-Range": f"bytes 5-9/{len(BODY)}"})
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nobody = f"http://127.0.0.1:{closed.getsockname()[1]}/a"
    names = ["small", "large", "other", "page", "disguised", "squeezed", "no", "late", "elsewhere", "missing"]
    file = remote(*map(web.url, names), nobody, "file:///etc/passwd", "http://no host/")
    with pytest.raises(ModelError) as caught:
        fetch_file(file)
    first, *lines, last = str(caught.value).split("\n")
    assert first == "thing.weights could not be fetched:"
    reasons = [
        "offers 1000018 bytes, not 1000019",
        "offers 1000020 bytes, not 1000019",
        f"gave another file: its sha256 is {hashlib.sha256(bytes(len(BODY))).hexdigest()}, "
        f"not {hashlib.sha256(BODY).hexdigest()}",
        "answered with a web page instead of the file",
        "answered with a web page instead of the file",
        "sent the file in an encoding that was not asked for (gzip)",
        "answered 403 Forbidden",
        "answered 503 Service Unavailable",
        "answered 206 with other bytes than were asked for",
        "answered 404 Not Found",
        "cannot be reached: Connection refused",
        "is no http or https address",
    ]
    assert lines[:-1] == [f"  {source}: {reason}" for source, reason in zip(file.sources[:-1], reasons, strict=True)]
    assert lines[-1].startswith("  http://no host/: ")
    assert last == (
        f"Try again later, or put the file by hand at {folder / NAME} or weights/{NAME} "
        f"(1000019 bytes, sha256 {hashlib.sha256(BODY).hexdigest()})"
    )
    assert files(folder) == []


def test_a_wrong_size_is_refused_before_a_part_is_touched(web: Web, folder: Path) -> None:
    web.pages["a"] = Page(bytes(500_000))
    part = put_part(folder, BODY[:400_000])
    with pytest.raises(ModelError, match="offers 500000 bytes"):
        fetch_file(remote(web.url("a")))
    assert part.read_bytes() == BODY[:400_000]


@pytest.mark.parametrize("body", [BODY[:-1], BODY + b"x"], ids=["short", "long"])
def test_an_answer_of_untold_length_is_checked_by_what_came(web: Web, folder: Path, body: bytes) -> None:
    web.pages["a"] = Page(body, length=False)
    with pytest.raises(ModelError, match="it has 1000018 bytes" if len(body) < len(BODY) else "more than 1000019"):
        fetch_file(remote(web.url("a")))
    assert files(folder) == []
    web.pages["a"] = Page(BODY, length=False)
    assert fetch_file(remote(web.url("a"))).read_bytes() == BODY


def test_without_a_known_hash_the_size_is_checked(web: Web, folder: Path) -> None:
    other = random.Random(8).randbytes(len(BODY))
    web.pages["a"], web.pages["b"] = Page(other[:-1]), Page(other)
    file = remote(web.url("a"), web.url("b"), known=False)
    assert fetch_file(file).read_bytes() == other
    assert file.facts == "1000019 bytes, no hash is known"


def test_redirects_are_followed_and_keep_the_range(web: Web, folder: Path) -> None:
    web.pages["old"] = Page(b"", status=302, headers={"Location": web.url("new")})
    web.pages["new"] = Page(BODY)
    put_part(folder, BODY[:400_000])
    assert fetch_file(remote(web.url("old"))).read_bytes() == BODY
    assert web.requests == [("old", "bytes=400000-"), ("new", "bytes=400000-")]


def test_a_redirect_circle_and_one_to_a_file_are_refused(web: Web, folder: Path) -> None:
    web.pages["round"] = Page(b"", status=302, headers={"Location": web.url("round")})
    web.pages["local"] = Page(b"", status=302, headers={"Location": "file:///etc/hostname"})
    reason = "redirects without end, or to what is no web address"
    with pytest.raises(ModelError, match=rf"{reason} \(http.*/round\)\n.*{reason} \(file:///etc/hostname\)\n"):
        fetch_file(remote(web.url("round"), web.url("local")))


def test_a_redirect_from_https_to_http_is_refused() -> None:
    request = download.urllib.request.Request("https://example.org/a")
    with pytest.raises(DownloadError, match="not encrypted"):
        _SaferRedirects().redirect_request(request, None, 302, "Found", {}, "http://example.org/a")
    assert _SaferRedirects().redirect_request(request, None, 302, "Found", {}, "https://example.net/a") is not None


@pytest.mark.parametrize("have", [0, 300_000, 600_000, 900_000])
def test_a_file_in_parts_is_joined_and_resumed_in_any_of_them(web: Web, folder: Path, have: int) -> None:
    web.pages["xaa"], web.pages["xab"] = Page(BODY[:600_000]), Page(BODY[600_000:])
    if have:
        put_part(folder, BODY[:have])
    assert fetch_file(remote((web.url("xaa"), web.url("xab")))).read_bytes() == BODY
    assert web.requests[-1] == ("xab", f"bytes={have - 600_000}-" if have > 600_000 else None)


def test_a_file_in_parts_of_which_one_is_wrong_is_refused(web: Web, folder: Path) -> None:
    web.pages["xaa"], web.pages["xab"] = Page(BODY[:600_000]), Page(BODY[:600_000])
    with pytest.raises(ModelError, match="offers 1200000 bytes, more than 1000019"):
        fetch_file(remote((web.url("xaa"), web.url("xab"))))


def test_the_mirror_is_tried_first(web: Web, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    web.pages["a"], web.pages[f"mirror/{NAME}"] = Page(BODY), Page(BODY)
    monkeypatch.setenv("DARKNET_PY_MIRROR", web.url("mirror/"))
    fetch_file(remote(web.url("a")))
    assert web.requests == [(f"mirror/{NAME}", None)]


def test_two_sizes_may_be_right(web: Web, folder: Path) -> None:
    web.pages["a"] = Page(BODY)
    file = RemoteFile(NAME, (len(BODY) - 4, len(BODY)), {}, (UrlSource((web.url("a"),)),))
    put_part(folder, BODY[:400_000])
    assert fetch_file(file).read_bytes() == BODY


def test_two_at_once_download_the_file_once(web: Web, folder: Path) -> None:
    gate = threading.Event()
    web.pages["a"] = Page(BODY, hold=gate, hold_after=1000)
    file = remote(web.url("a"))
    first, second = Recorder(), Recorder()
    threads = [threading.Thread(target=fetch_file, args=(file, progress)) for progress in (first, second)]
    threads[0].start()
    while not web.requests:
        time.sleep(0.01)
    threads[1].start()
    assert second.waited.wait(10)
    gate.set()
    for thread in threads:
        thread.join(10)
    assert (folder / NAME).read_bytes() == BODY
    assert len(web.requests) == 1
    assert files(folder) == [NAME]


def test_many_processes_at_once_do_not_get_in_each_others_way(web: Web, folder: Path) -> None:
    web.pages["a"] = Page(BODY)
    code = (
        "import sys; from darknet_py.models import *\n"
        f"file = RemoteFile({NAME!r}, ({len(BODY)},), {{}}, (UrlSource(({web.url('a')!r},)),))\n"
        "sys.stdout.write(str(fetch_file(file)))"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment())
        for _ in range(5)
    ]
    assert {process.communicate(timeout=60)[0] for process in running} == {str(folder / NAME)}
    assert (folder / NAME).read_bytes() == BODY
    assert len(web.requests) == 1
    assert files(folder) == [NAME]


def test_without_locks_each_process_has_its_own_part(web: Web, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(lock: int, wait: bool) -> bool:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(lock, "_take", refuse)
    web.pages["a"] = Page(BODY, cuts=[300_000, 0])
    put_part(folder, BODY[:5])
    with pytest.raises(ModelError, match="broke off"):
        fetch_file(remote(web.url("a")))
    assert web.requests[0] == ("a", None)
    assert (folder / f"{NAME}.part").read_bytes() == BODY[:5]
    assert fetch_file(remote(web.url("a"))).read_bytes() == BODY


def test_a_folder_that_cannot_be_written_is_one_line(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("DARKNET_PY_WEIGHTS", str(tmp_path / "file" / "inside"))
    with pytest.raises(ModelError) as caught:
        fetch_file(remote("http://127.0.0.1:1/a"))
    assert str(caught.value) == (
        f"cannot write {tmp_path}/file/inside/{NAME}: Not a directory; let DARKNET_PY_WEIGHTS name another folder, "
        f"or put the file by hand at weights/{NAME} (1000019 bytes, sha256 {hashlib.sha256(BODY).hexdigest()})"
    )


def test_a_disk_without_room_is_told_before_the_download(
    web: Web, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = fetching.shutil.disk_usage(".")
    monkeypatch.setattr(fetching.shutil, "disk_usage", lambda path: usage._replace(free=700_000))
    web.pages["a"] = Page(BODY)
    with pytest.raises(ModelError, match=r"1\.0 MB are needed, but 0\.7 MB are free"):
        fetch_file(remote(web.url("a")))
    assert not web.requests
    put_part(folder, BODY[:400_000])
    fetch_file(remote(web.url("a")))  # the rest does fit


def test_a_disk_that_fills_up_is_one_line_and_the_part_stays(web: Web, folder: Path) -> None:
    resource = pytest.importorskip("resource", reason="limits of file sizes are Unix's")
    web.pages["a"] = Page(BODY)

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))

    code = (
        "from darknet_py.models import *\nfrom darknet_py.errors import ModelError\n"
        f"file = RemoteFile({NAME!r}, ({len(BODY)},), {{}}, (UrlSource(({web.url('a')!r},)),))\n"
        "try:\n fetch_file(file)\nexcept ModelError as error:\n print(error)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], preexec_fn=limit, capture_output=True, text=True, env=environment(), timeout=60
    )
    assert result.stderr == ""
    assert result.stdout.startswith(f"cannot write {folder / NAME}: File too large; let DARKNET_PY_WEIGHTS")
    assert result.stdout.count("\n") == 1
    assert (folder / f"{NAME}.part").read_bytes() == BODY[:500_000]
    assert fetch_file(remote(web.url("a"))).read_bytes() == BODY


def environment() -> dict[str, str]:
    """For a process that must find this checkout's darknet_py."""
    return {**os.environ, "PYTHONPATH": str(Path(download.__file__).parents[2])}


def test_ctrl_c_leaves_a_part_that_the_same_command_takes_up(web: Web, folder: Path) -> None:
    total = 44_948_600  # yolov2-tiny; only its beginning is ever sent
    web.pages["yolov2-tiny.weights"] = Page(BODY, headers={"Content-Length": str(total)}, hold=threading.Event(),
                                            hold_after=300_000)  # fmt: skip
    command = [sys.executable, "-m", "darknet_py", "fetch", "yolov2-tiny"]
    for begin in (0, 300_000):
        process = subprocess.Popen(
            command, env=environment() | {"DARKNET_PY_MIRROR": web.address}, stderr=subprocess.PIPE, text=True
        )
        part = folder / "yolov2-tiny.weights.part"
        deadline = time.monotonic() + 30
        while not (part.exists() and part.stat().st_size > begin) and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        error = process.communicate(timeout=30)[1]
        assert process.returncode == 130
        assert "Traceback" not in error
        assert [line for line in error.splitlines() if line][-2:] == [
            "What has come is kept: the same command goes on from there.",
            "Interrupted.",
        ]
        assert files(folder) == ["yolov2-tiny.weights.part"]
        web.pages["yolov2-tiny.weights"].headers["Content-Range"] = f"bytes 300000-{total - 1}/{total}"
        web.pages["yolov2-tiny.weights"].headers["Content-Length"] = str(total - 300_000)
    assert web.requests == [("yolov2-tiny.weights", None), ("yolov2-tiny.weights", "bytes=300000-")]
    assert part.read_bytes() == BODY[:600_000]
