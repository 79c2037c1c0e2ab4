"""Fetching goes on where it stopped, whatever the server does and whatever is there."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from darknet_py.errors import ModelError
from darknet_py.zoo import UrlSource, fetch_file, remote_file
from darknet_py.zoo.download import OVERLAP

from .web import BODY, NAME, Page, Recorder, Web, after, fetch_below, files, put_part, remote, serve

OTHER = b"\0" * 16 + random.Random(8).randbytes(len(BODY) - 16)
SPLIT = 600_000


@pytest.fixture
def web() -> Iterator[Web]:
    with serve() as running:
        yield running


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return fetch_below(tmp_path, monkeypatch)


def test_an_interrupted_download_goes_on_where_it_stopped(web: Web, folder: Path) -> None:
    web.pages["a"] = Page(BODY)
    put_part(folder, BODY[:400_000])
    progress = Recorder()
    assert fetch_file(remote(web.url("a")), progress).read_bytes() == BODY
    assert web.requests == [("a", after(400_000))]
    assert progress.positions[0] == 400_000
    assert files(folder) == [NAME]


def test_a_server_that_ignores_the_range_gives_all_again(web: Web, folder: Path) -> None:
    web.pages["a"] = Page(BODY, ranges=False)
    put_part(folder, BODY[:400_000])
    progress = Recorder()
    assert fetch_file(remote(web.url("a")), progress).read_bytes() == BODY
    assert web.requests == [("a", after(400_000))]
    assert progress.positions[0] == 0


def test_a_server_that_sends_a_range_piece_by_piece(web: Web, folder: Path) -> None:
    piece = f"bytes {400_000 - OVERLAP}-699999/{len(BODY)}"
    web.pages["a"] = [Page(BODY[:700_000], headers={"Content-Range": piece}), Page(BODY)]
    put_part(folder, BODY[:400_000])
    assert fetch_file(remote(web.url("a"))).read_bytes() == BODY
    assert web.requests == [("a", after(400_000)), ("a", after(700_000))]


def test_an_answer_that_does_not_tell_the_total(web: Web, folder: Path) -> None:
    first = 400_000 - OVERLAP
    untold = {"Content-Range": f"bytes {first}-{len(BODY) - 1}/*"}
    web.pages["a"] = [Page(BODY, headers=untold, cuts=[200_000]), Page(b"", status=404)]
    part = put_part(folder, BODY[:400_000])
    with pytest.raises(ModelError, match="answered 404"):  # it was not taken for whole: the rest was asked for
        fetch_file(remote(web.url("a")))
    assert part.read_bytes() == BODY[: first + 200_000]
    put_part(folder, BODY[:400_000])
    web.pages["a"] = Page(BODY, headers=untold)
    assert fetch_file(remote(web.url("a"))).read_bytes() == BODY


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


def test_a_part_that_is_wrong_at_its_beginning_is_found_out_by_the_hash_and_begun_anew_once(
    web: Web, folder: Path
) -> None:
    web.pages["a"] = Page(BODY)
    put_part(folder, b"x" * 1000 + BODY[1000:400_000])
    assert fetch_file(remote(web.url("a"))).read_bytes() == BODY
    assert web.requests == [("a", after(400_000)), ("a", None)]


def test_begun_anew_only_once(web: Web, folder: Path) -> None:
    web.pages["a"] = Page(OTHER)
    put_part(folder, OTHER[:400_000])
    with pytest.raises(ModelError, match="gave another file: its sha256 is"):
        fetch_file(remote(web.url("a")))
    assert web.requests == [("a", after(400_000)), ("a", None)]
    assert files(folder) == []


@pytest.mark.parametrize("known", [True, False], ids=["hash", "no hash"])
def test_a_part_of_another_release_is_not_continued(web: Web, folder: Path, known: bool) -> None:
    """Without a hash nothing but the bytes that both have would tell, and the size would be right."""
    web.pages["a"] = Page(BODY)
    put_part(folder, OTHER[:400_000])
    assert fetch_file(remote(web.url("a"), known=known)).read_bytes() == BODY
    assert web.requests == [("a", after(400_000)), ("a", None)]


def test_a_server_whose_file_is_another_at_each_time_is_given_up(web: Web, folder: Path) -> None:
    web.pages["a"] = [Page(OTHER, cuts=[300_000]), Page(BODY), Page(OTHER, cuts=[600_000]), Page(BODY)]
    with pytest.raises(ModelError, match="sends another file at each time of asking"):
        fetch_file(remote(web.url("a")))
    assert web.requests == [("a", None), ("a", after(300_000)), ("a", None), ("a", after(600_000))]


@pytest.mark.parametrize("total", [f"bytes */{len(BODY)}", "", "bytes */" + "9" * 5000], ids=["all", "none", "much"])
def test_a_server_that_refuses_a_range_that_it_has_is_asked_for_all(web: Web, folder: Path, total: str) -> None:
    web.pages["a"] = [Page(b"", status=416, headers={"Content-Range": total}), Page(BODY)]
    put_part(folder, BODY[:400_000])
    assert fetch_file(remote(web.url("a"))).read_bytes() == BODY
    assert web.requests == [("a", after(400_000)), ("a", None)]


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        (Page(BODY[:300_000]), "offers 300000 bytes"),  # answers 416: it has nothing after byte 334464
        (Page(bytes(500_000)), "offers 500000 bytes"),
        (Page(b"<html>" + bytes(len(BODY) - 6), ranges=False), "answered with a web page"),
        (Page(b"<html>" + bytes(len(BODY)), ranges=False, length=False), "answered with a web page"),
        (Page(b"", ranges=False, length=False), "sent nothing"),
        (Page(b"", status=416), "answered 416"),
        (Page(b"", status=404), "answered 404"),
        (Page(BODY, status=206, headers={"Content-Range": "bytes 5-9/" + "9" * 5000}), "answered 206 with other bytes"),
        (Page(BODY, status=206, headers={"Content-Range": "bytes 5-9/1000019"}), "answered 206 with other bytes"),
        (Page(BODY, ranges=False, cuts=[0, 0]), "broke off after 0 of 1000019"),
    ],
    ids=str.split("short other page endless-page nothing refuses missing nonsense elsewhere breaks"),
)
def test_what_came_is_kept_when_a_source_turns_out_bad(web: Web, folder: Path, page: Page, reason: str) -> None:
    web.pages["a"], web.pages["b"] = page, Page(BODY)
    part = put_part(folder, BODY[:400_000])
    with pytest.raises(ModelError, match=reason):
        fetch_file(remote(web.url("a")))
    assert part.read_bytes() == BODY[:400_000]
    assert fetch_file(remote(web.url("b"))).read_bytes() == BODY
    assert web.requests[-1] == ("b", after(400_000))


def test_a_connection_that_breaks_is_taken_up_again_while_that_brings_something(web: Web, folder: Path) -> None:
    web.pages["a"] = Page(BODY, cuts=[300_000, 400_000])
    assert fetch_file(remote(web.url("a"))).read_bytes() == BODY
    assert web.requests == [("a", None), ("a", after(300_000)), ("a", after(700_000 - OVERLAP))]


def test_a_connection_that_always_breaks_keeps_what_came_and_the_next_source_goes_on(web: Web, folder: Path) -> None:
    web.pages["a"] = Page(BODY, cuts=[300_000, OVERLAP + 10, 10])
    web.pages["b"] = Page(BODY)
    assert fetch_file(remote(web.url("a"), web.url("b"))).read_bytes() == BODY
    assert web.requests == [("a", None), ("a", after(300_000)), ("b", after(300_010))]


def test_when_all_sources_break_the_part_stays_and_the_next_call_resumes(web: Web, folder: Path) -> None:
    web.pages["a"] = Page(BODY, cuts=[300_000, OVERLAP])
    with pytest.raises(ModelError, match="broke off after 300000 of 1000019 bytes"):
        fetch_file(remote(web.url("a")))
    assert files(folder) == [f"{NAME}.part"]
    assert (folder / f"{NAME}.part").read_bytes() == BODY[:300_000]
    web.requests.clear()
    assert fetch_file(remote(web.url("a"))).read_bytes() == BODY
    assert web.requests == [("a", after(300_000))]


# --- files that were split --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("have", [0, 30_000, 300_000, SPLIT, SPLIT + 30_000, SPLIT + 200_000])
@pytest.mark.parametrize("ranges", [True, False], ids=["ranges", "no ranges"])
def test_a_file_in_parts_is_joined_and_resumed_in_any_of_them(web: Web, folder: Path, have: int, ranges: bool) -> None:
    web.pages["xaa"], web.pages["xab"] = Page(BODY[:SPLIT], ranges=ranges), Page(BODY[SPLIT:], ranges=ranges)
    if have:
        put_part(folder, BODY[:have])
    progress = Recorder()
    assert fetch_file(remote((web.url("xaa"), web.url("xab"))), progress).read_bytes() == BODY
    second = have - SPLIT
    assert web.requests[-1] == ("xab", after(second) if second > OVERLAP else None)
    if have >= SPLIT:
        assert min(progress.positions) >= SPLIT  # nothing of the first part was downloaded again


def test_a_file_in_parts_is_begun_anew_if_the_first_was_wrong(web: Web, folder: Path) -> None:
    web.pages["xaa"], web.pages["xab"] = Page(BODY[:SPLIT]), Page(BODY[SPLIT:])
    put_part(folder, b"x" * 1000 + BODY[1000:800_000])
    assert fetch_file(remote((web.url("xaa"), web.url("xab")))).read_bytes() == BODY


def test_a_file_in_parts_of_which_one_breaks_off_and_one_is_missing(web: Web, folder: Path) -> None:
    web.pages["xaa"] = Page(BODY[:SPLIT], cuts=[300_000])
    with pytest.raises(ModelError, match=r"xaa \+ http\S+/xab: answered 404 Not Found"):
        fetch_file(remote((web.url("xaa"), web.url("xab"))))
    assert (folder / f"{NAME}.part").read_bytes() == BODY[:SPLIT]


def test_a_file_in_parts_of_which_one_is_wrong_is_refused(web: Web, folder: Path) -> None:
    web.pages["xaa"], web.pages["xab"] = Page(BODY[:SPLIT]), Page(BODY[:SPLIT])
    with pytest.raises(ModelError, match="offers 1200000 bytes, more than 1000019"):
        fetch_file(remote((web.url("xaa"), web.url("xab"))))


def test_a_later_part_may_begin_like_markup_but_is_no_page(web: Web, folder: Path) -> None:
    body = BODY[:SPLIT] + b" <" + BODY[SPLIT + 2 :]
    web.pages["xaa"], web.pages["xab"] = Page(body[:SPLIT]), Page(body[SPLIT:])
    assert fetch_file(remote((web.url("xaa"), web.url("xab")), body=body)).read_bytes() == body
    (folder / NAME).unlink()
    web.pages["xab"] = Page(b"<!DOCTYPE html>" + body[SPLIT + 15 :])
    with pytest.raises(ModelError, match="web page instead of the file"):
        fetch_file(remote((web.url("xaa"), web.url("xab")), body=body))


def test_the_one_split_file_has_a_hash() -> None:
    """What is compared while resuming a part is only its end: the whole is checked by its hash."""
    file = remote_file("yolo9000.weights")
    assert file is not None and file.check
    assert any(isinstance(source, UrlSource) and len(source.urls) == 2 for source in file.sources)
