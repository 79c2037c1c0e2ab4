"""Fetching from a real web server on this machine that misbehaves on demand: what is taken, what is refused."""

from __future__ import annotations

import hashlib
import random
import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest

from darknet_py.errors import ModelError
from darknet_py.zoo import RemoteFile, UrlSource, fetch_file, request
from darknet_py.zoo.request import DownloadError, SaferRedirects

from .web import BODY, NAME, Page, Recorder, Web, after, fetch_below, files, put_part, remote, serve


@pytest.fixture
def web() -> Iterator[Web]:
    with serve() as running:
        yield running


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return fetch_below(tmp_path, monkeypatch)


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


def test_a_server_that_falls_silent_is_given_up(web: Web, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request, "TIMEOUT", 0.5)
    web.pages["a"] = Page(BODY, hold=threading.Event(), hold_after=100_000)
    web.pages["b"] = Page(BODY)
    start = time.monotonic()
    assert fetch_file(remote(web.url("a"), web.url("b"))).read_bytes() == BODY
    assert time.monotonic() - start < 10
    assert web.requests == [("a", None), ("b", after(100_000))]


def test_a_server_that_sends_next_to_nothing_is_given_up(
    web: Web, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request, "TIMEOUT", 0.3)
    body = BODY[:100_040]  # too few bytes to be asked for again at once
    web.pages["a"] = Page(body, drip=0.1, hold_after=100_000)
    with pytest.raises(ModelError, match="sends less than 100 bytes per second"):
        fetch_file(remote(web.url("a"), body=body))
    assert 100_000 <= (folder / f"{NAME}.part").stat().st_size < len(body)


def test_a_server_that_does_not_hang_up_is_not_waited_for(
    web: Web, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request, "TIMEOUT", 60)
    web.pages["a"] = Page(BODY, hold=threading.Event(), hold_after=len(BODY))
    start = time.monotonic()
    assert fetch_file(remote(web.url("a"))).read_bytes() == BODY
    assert time.monotonic() - start < 50
    assert len(web.requests) == 1


def test_a_server_that_never_answers_is_given_up(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request, "TIMEOUT", 0.3)
    start = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(ModelError, match="timed out"):
        fetch_file(remote(f"http://127.0.0.1:{silent.getsockname()[1]}/a"))
    assert time.monotonic() - start < 10
    assert files(folder) == []


@pytest.mark.parametrize("answer", [b"", b"hello\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 200 + b"\r\n"])
def test_a_server_that_does_not_speak_http_is_one_line(folder: Path, answer: bytes) -> None:
    def talk() -> None:
        connection = listening.accept()[0]
        with connection:
            connection.recv(4096)
            connection.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=talk, daemon=True)
        thread.start()
        with pytest.raises(ModelError, match="gave no answer: ") as caught:
            fetch_file(remote(f"http://127.0.0.1:{listening.getsockname()[1]}/a"))
        thread.join(10)
    assert "\n" not in str(caught.value)


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
    web.pages["nothing"] = Page(b"", length=False)
    web.pages["never"] = Page(b"", status=416)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nobody = f"http://127.0.0.1:{closed.getsockname()[1]}/a"
    names = ["small", "large", "other", "page", "disguised", "squeezed", "no", "late", "elsewhere", "nothing", "never"]
    file = remote(*map(web.url, names), web.url("missing"), nobody, "file:///etc/passwd", "http://[bad/")
    with pytest.raises(ModelError) as caught:
        fetch_file(file)
    right, wrong = hashlib.sha256(BODY).hexdigest(), hashlib.sha256(bytes(len(BODY))).hexdigest()
    reasons = [
        "offers 1000018 bytes, not 1000019",
        "offers 1000020 bytes, not 1000019",
        f"gave another file: its sha256 is {wrong}, not {right}",
        "answered with a web page instead of the file",
        "answered with a web page instead of the file",
        "sent the file in an encoding that was not asked for (gzip)",
        "answered 403 Forbidden",
        "answered 503 Service Unavailable",
        "answered 206 with other bytes than were asked for",
        "sent nothing",
        f"answered 416 {HTTPStatus(416).phrase}",
        "answered 404 Not Found",
        "cannot be reached: Connection refused",
        "is no http or https address",
        "is no address: Invalid IPv6 URL",
    ]
    told = "".join(f"{source}: {reason}; " for source, reason in zip(file.sources, reasons, strict=True))
    assert str(caught.value) == (
        f"thing.weights could not be fetched: {told}try again later, or put the file by hand at {folder / NAME} "
        f"or weights/{NAME} (1000019 bytes, sha256 {right})"
    )
    assert files(folder) == []
    assert [path for path, _ in web.requests] == [
        *names,
        "missing",
    ]  # each once: what began at byte 0 is not tried anew


def test_what_a_server_says_does_nothing_to_a_terminal(web: Web, folder: Path) -> None:
    web.pages["a"] = Page(b"", status=302, headers={"Location": "\x1b[2J\x9b0m"})
    web.pages["b"] = Page(BODY, headers={"Content-Encoding": "\x1b[2J"})
    with pytest.raises(ModelError) as caught:
        fetch_file(remote(web.url("a"), web.url("b")))
    assert str(caught.value).isprintable()
    assert r"(\x1b[2J)" in str(caught.value)


def test_without_any_source_that_is_said(folder: Path) -> None:
    with pytest.raises(ModelError, match=r"^thing\.weights could not be fetched: there is no source; try again"):
        fetch_file(remote())


@pytest.mark.parametrize("length", ["-5", "\u00b2", "9" * 5000, "x", ""])
def test_a_length_that_is_no_number_is_as_good_as_none(web: Web, folder: Path, length: str) -> None:
    web.pages["a"] = Page(BODY, headers={"Content-Length": length})
    assert fetch_file(remote(web.url("a"))).read_bytes() == BODY


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
    assert web.requests == [("old", after(400_000)), ("new", after(400_000))]


def test_a_redirect_circle_and_those_that_leave_the_web_are_refused(web: Web, folder: Path) -> None:
    web.pages["round"] = Page(b"", status=302, headers={"Location": web.url("round")})
    web.pages["local"] = Page(b"", status=302, headers={"Location": "file:///etc/hostname"})
    web.pages["ftp"] = Page(b"", status=302, headers={"Location": "ftp://127.0.0.1:1/a"})
    with pytest.raises(ModelError) as caught:
        fetch_file(remote(*map(web.url, ("round", "local", "ftp"))))
    assert f"{web.url('round')}: redirects without end, or to nowhere ({web.url('round')}); " in str(caught.value)
    assert "/local: redirects without end, or to nowhere (file:///etc/hostname); " in str(caught.value)
    assert "/ftp: redirects to what is no web address (ftp://127.0.0.1:1/a); " in str(caught.value)


def test_a_redirect_from_https_to_http_is_refused() -> None:
    asked = urllib.request.Request("https://example.org/a")
    with pytest.raises(DownloadError, match="not encrypted"):
        SaferRedirects().redirect_request(asked, None, 302, "Found", {}, "http://example.org/a")
    assert SaferRedirects().redirect_request(asked, None, 302, "Found", {}, "https://example.net/a") is not None


def test_the_mirror_is_tried_first(web: Web, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    web.pages["a"], web.pages[f"mirror/{NAME}"] = Page(BODY), Page(BODY)
    monkeypatch.setenv("DARKNET_PY_MIRROR", web.url("mirror/"))
    fetch_file(remote(web.url("a")))
    assert web.requests == [(f"mirror/{NAME}", None)]


@pytest.mark.parametrize("mirror", ["http://[bad", "nonsense", "http://a b:c/", "http://\udcff/", "http://127.0.0.1:1"])
def test_after_a_mirror_that_is_none_the_other_sources_are_tried(
    web: Web, folder: Path, monkeypatch: pytest.MonkeyPatch, mirror: str
) -> None:
    web.pages["a"] = Page(BODY)
    monkeypatch.setenv("DARKNET_PY_MIRROR", mirror)
    assert fetch_file(remote(web.url("a"))).read_bytes() == BODY


def test_an_address_may_have_spaces_and_letters_beyond_ascii(web: Web, folder: Path) -> None:
    web.pages["modeles%20%C3%A0%20moi/a"] = Page(BODY)
    assert fetch_file(remote(web.url("modeles \u00e0 moi/a"))).read_bytes() == BODY


def test_a_password_in_an_address_is_not_shown_as_its_origin() -> None:
    assert UrlSource(("https://me:secret@example.org/a",)).origin == "example.org"


def test_two_sizes_may_be_right(web: Web, folder: Path) -> None:
    web.pages["a"] = Page(BODY)
    file = RemoteFile(NAME, (len(BODY) - 4, len(BODY)), {}, (UrlSource((web.url("a"),)),))
    put_part(folder, BODY[:400_000])
    assert fetch_file(file).read_bytes() == BODY
