"""Text and paths as people have them: encodings, marks, quotes, blanks; streams that know fewer characters."""

from __future__ import annotations

import errno
import io
import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darknet_py.errors import DarknetError, DataError
from darknet_py.evaluate.valid import check_results
from darknet_py.formats.atomic import check_writable, refuse_input, write_text
from darknet_py.formats.data import folder_of, read_data, read_metadata
from darknet_py.formats.text import as_found, as_unicode, decode_text, find_path, read_lines, spellings, unquoted
from darknet_py.legacy.prompt import Lines
from darknet_py.loading import find_data_file
from darknet_py.output.json import to_text
from darknet_py.output.streams import prepare_streams

TEXT = "a b.png\nfür.png\n字.png\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_text_in_any_unicode_encoding(encoding: str, end: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(TEXT.replace("\n", end).encode(encoding))
    assert read_lines(tmp_path / "a.txt") == ["a b.png", "für.png", "字.png"]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_plain_utf_16_without_a_mark(encoding: str) -> None:
    assert decode_text("dog\ncat\n".encode(encoding), "a.names") == "dog\ncat\n"


def test_lines_of_an_old_macintosh(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"a\rb\r")
    assert read_lines(tmp_path / "a.txt") == ["a", "b"]


@pytest.mark.parametrize(
    ("data", "message"), [(b"a\0b", "binary data"), (b"\xff\xfea", "UTF-16-LE"), (b"\xff\xfe\x00\xd8a\0", "UTF-16-LE")]
)
def test_what_is_no_text(data: bytes, message: str) -> None:
    with pytest.raises(DataError, match=f"a.names: .*{message}"):
        decode_text(data, "a.names")


@given(st.binary(max_size=40))
def test_text_is_the_files_bytes_or_an_error(data: bytes) -> None:
    try:
        text = decode_text(data, "a")
    except DataError:
        return
    if not data.startswith((b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")) and b"\0" not in data:
        assert text.encode("utf-8", "surrogateescape") == data
    shown = as_unicode(text)
    assert json.loads(json.dumps(shown).encode()) == shown and not any("\ud800" <= c <= "\udfff" for c in shown)


def test_bytes_in_json_are_latin_1_and_can_be_had_again() -> None:
    name = b"caf\xe9 \xc3\xa9".decode("utf-8", "surrogateescape")
    assert as_unicode("café") == "café"
    assert as_unicode(name).encode("latin-1") == b"caf\xe9 \xc3\xa9"
    document = json.loads(to_text([{"frame_id": 1, "filename": name, "objects": [{"name": name}]}]).encode("ascii"))
    assert document[0]["filename"] == document[0]["objects"][0]["name"] == as_unicode(name)


# Paths


@pytest.mark.parametrize(
    "written", ["a b.png", "a b.png  ", "\ta b.png", '"a b.png"', "'a b.png'", " “a b.png” ", "\ufeffa b.png"]
)
def test_a_path_as_people_write_it(written: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a b.png").touch()
    assert as_found(written) == "a b.png" and find_path(written) == Path("a b.png")


@pytest.mark.skipif(os.sep == "\\", reason="backslashes are separators here")
def test_backslashes_and_the_path_as_written_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.png").touch()
    assert as_found("images\\a.png") == "images/a.png"
    assert as_found('"images\\a.png"') == "images/a.png"
    for odd in ("images\\a.png", "a.png ", '"a"'):
        Path(odd).touch()
        assert as_found(odd) == odd
    assert as_found("none.png ") == "none.png"


@given(st.text(max_size=20))
def test_looking_for_a_path_never_fails(text: str) -> None:
    assert (find_path("\0" + text), find_path("x" * 5000 + text)) == (None, None)
    assert list(spellings(text))[:1] in ([text], [])
    assert unquoted(unquoted(f'"{text}"')) is not None


@pytest.mark.parametrize(
    "value", ["my data/net.names", '"my data/net.names"', "'my data/net.names' ", "my data\\net.names",
              "my data/net.names # the names", "mydata/net.names"],
)  # fmt: skip
def test_a_data_files_paths_have_blanks(value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / ("mydata" if value == "mydata/net.names" else "my data")
    folder.mkdir()
    (folder / "net.names").write_text("ant\nbee\n")
    data = tmp_path / "net.data"
    data.write_text(f"classes=2\nnames = {value}\n")
    assert find_data_file(read_data(data)["names"], data).samefile(folder / "net.names")
    assert read_metadata(data) == (["ant", "bee"], 2)


def test_darknets_reading_of_a_path_comes_first_and_messages_say_what_is_written(tmp_path: Path) -> None:
    data = tmp_path / "net.data"
    data.write_text("names = my data/net.names\nresults = my results/\n")
    options = read_data(data)
    assert options["names"] == "mydata/net.names"
    with pytest.raises(DarknetError, match=r"names the file my data/net\.names, which is nowhere"):
        find_data_file(options["names"], data)
    for folder in ("my data", "mydata"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "net.names").touch()
    assert find_data_file(options["names"], data) == tmp_path / "mydata" / "net.names"
    assert folder_of(options["results"]) == Path("my results")
    data.write_text("results = 'my results/' # here\n")
    assert folder_of(read_data(data)["results"]) == Path("my results")


def test_paths_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "none" / "a.txt", tmp_path / "file" / "a.txt", f"{tmp_path}/a\0b"):
        with pytest.raises(DarknetError, match=r"cannot be written|is a folder"):
            check_writable(path)
        with pytest.raises(DarknetError, match="cannot be written"):
            write_text(path, "x")
    check_writable(tmp_path / "new.txt")
    refuse_input("a\0b", "c")


@pytest.mark.skipif(not hasattr(os, "statvfs"), reason="this system does not say which folders are read-only")
@pytest.mark.parametrize(("flag", "reason"), [(0, errno.EACCES), (getattr(os, "ST_RDONLY", 1), errno.EROFS)])
def test_why_a_folder_cannot_be_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flag: int, reason: int
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_flag=flag))
    with pytest.raises(DarknetError) as caught:
        check_results("voc", tmp_path, "comp4_det_test_", ["dog", "cat"])
    assert str(caught.value) == f"{tmp_path}/comp4_det_test_dog.txt: cannot be written: {os.strerror(reason)}"


# Standard input


class Pipe(io.RawIOBase):
    """Gives what it has, and fails where it would wait for more than the line that was sent."""

    def __init__(self, data: bytes) -> None:
        self.data, self.place = data, 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        begin, self.place = self.place, min(len(self.data), self.place + max(size, 0))
        return self.data[begin : self.place]

    def readline(self, size: int | None = -1) -> bytes:
        end = self.data.find(b"\n", self.place) + 1 or len(self.data)
        return self.read(end - self.place)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "be"])
def test_lines_of_standard_input(encoding: str, end: str) -> None:
    lines = ["a b.png", "", "Ċ੊.png" if encoding != "utf-16-le" else "b.png", "last"]
    data = ("\ufeff" if encoding == "be" else "") + end.join(lines)
    stream = Pipe(data.encode("utf-16-be" if encoding == "be" else encoding))
    reader = Lines(stream)  # type: ignore[arg-type]
    assert next(reader) == "a b.png"
    assert stream.data[: stream.place].rstrip(b"\0\r\n").endswith((b"g", b"g\0")), "it read on beyond the line's end"
    assert list(reader) == lines[1:]


def test_bytes_and_zero_bytes_of_standard_input() -> None:
    assert list(Lines(io.BytesIO(b"caf\xe9\na\0b\nc\n"))) == ["caf\udce9", "a\0b", "c"]
    assert list(Lines(io.BytesIO(b"a\0\nb\0\nc\n"))) == ["a\0", "b\0", "c"]
    assert list(Lines(io.BytesIO(b""))) == list(Lines(io.BytesIO(b"\xff\xfe")))[1:] == []


# Standard output


@pytest.mark.parametrize(
    ("encoding", "utf8", "written"),
    [("ascii", False, "é字".encode() + b"\xe9"), ("cp1252", False, b"\xe9\\u5b57\xe9"),
     ("cp1252", True, "é字".encode() + b"\xe9"), ("utf-8", False, "é字".encode() + b"\xe9"),
     ("utf-16-le", False, "é字\\udce9".encode("utf-16-le"))],
)  # fmt: skip
def test_any_text_to_any_stream(
    encoding: str, utf8: bool, written: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    stream = io.BytesIO()
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, io.TextIOWrapper(stream, encoding=encoding, write_through=True))
    prepare_streams(utf8)
    print("é字\udce9", end="")
    assert stream.getvalue() == written
