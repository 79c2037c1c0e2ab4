"""``.data``, ``.names`` and ``.map`` files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from darknet_py.errors import DataError
from darknet_py.formats.data import read_data, read_map, read_metadata, read_names


def write(path: Path, content: bytes | str) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_data_is_read_as_darknet_reads_it(tmp_path: Path) -> None:
    path = write(tmp_path / "a.data", "# VOC\r\nclasses= 20\r\n\r\n;x=1\r\nnames = data/voc .names\r\nclasses = 3\r\n")
    assert read_data(path) == {"classes": "20", "names": "data/voc.names"}


def test_a_key_without_a_value_does_not_hide_a_later_one(tmp_path: Path) -> None:
    assert read_data(write(tmp_path / "a.data", "names =\nnames = b.names\nbackup=\n")) == {"names": "b.names"}


def test_a_line_that_is_no_option_is_told_and_does_not_count(tmp_path: Path) -> None:
    path = write(tmp_path / "a.data", "[data]\nclasses = 2\n\nnames data/coco.names\n")
    said: list[str] = []
    assert read_data(path, said.append) == {"classes": "2"}
    assert said == [
        f"{path}:1: '[data]' is no option (key = value) and does not count",
        f"{path}:4: 'names data/coco.names' is no option (key = value) and does not count",
    ]


def test_a_word_alone_hides_an_option(tmp_path: Path) -> None:
    path = write(tmp_path / "a.data", b"classes=3\nnames\nnames = coco.names\n")
    with pytest.raises(DataError, match=r":3: names stands in line 2 without a value"):
        read_data(path, report=lambda _: None)


def test_names_keep_inner_blanks_and_empty_lines_between(tmp_path: Path) -> None:
    path = write(tmp_path / "a.names", "traffic light\r\n\r\nhair drier\r\n\r\n  \r\n\n")
    assert read_names(path) == ["traffic light", "", "hair drier"]


def test_names_without_a_last_line_end_and_with_a_byte_order_mark(tmp_path: Path) -> None:
    assert read_names(write(tmp_path / "a.names", b"\xef\xbb\xbfdog\ncat")) == ["dog", "cat"]


def test_names_in_another_encoding_keep_their_bytes(tmp_path: Path) -> None:
    data = b"caf\xe9\ncaf\xc3\xa9\n\xc3\xa8\xcb\xfe"
    names = read_names(write(tmp_path / "a.names", data))
    assert "\n".join(names).encode("utf-8", "surrogateescape") == data
    assert len(set(names)) == 3


def test_upstreams_names(oracle: Path) -> None:
    data = oracle / "reference" / "data"
    nine = read_names(data / "9k.names")
    assert (len(nine), nine[0], nine[-1]) == (9418, "thing", "wave")
    assert read_names(data / "coco.names")[9] == "traffic light"


def test_map(tmp_path: Path) -> None:
    numbers = read_map(write(tmp_path / "a.map", "5177\r\n 3770 \n+12abc\n0\n\n\n"))
    assert numbers.dtype == np.int32
    assert numbers.tolist() == [5177, 3770, 12, 0]


def test_upstreams_maps(oracle: Path) -> None:
    coco, inet = (read_map(oracle / "reference" / "data" / name) for name in ("coco9k.map", "inet9k.map"))
    assert (len(coco), coco[0], coco[-1]) == (80, 5177, 2360)
    assert (len(inet), int(max(inet.max(), coco.max())) < 9418) == (200, True)


@pytest.mark.parametrize("line", ["", "dog", "-1", "2147483648", "12345678901", "99999999999999999999999999"])
def test_map_error_names_the_line(tmp_path: Path, line: str) -> None:
    path = write(tmp_path / "a.map", f"1\n{line}\n2\n")
    with pytest.raises(DataError) as caught:
        read_map(path)
    assert str(caught.value) == f"{path}:2: '{line}' is not the number of a class"


@pytest.mark.parametrize("key", ["names", "labels"])
def test_metadata(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    write(tmp_path / "a.names", "dog\ncat\nbird\n")
    write(tmp_path / "a.data", f"classes = 3\n{key} = a.names\n")
    monkeypatch.chdir(tmp_path)
    assert read_metadata("a.data") == (["dog", "cat", "bird"], 3)


def test_metadata_prefers_names_and_has_darknets_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "a.names", "dog\n")
    write(tmp_path / "both.data", "labels = no.names\nnames = a.names\n")
    monkeypatch.chdir(tmp_path)
    assert read_metadata("both.data") == (["dog"], 2)
    assert read_metadata(write(tmp_path / "none.data", "backup = b\n")) == ([], 2)


def test_metadata_errors(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="classes = many is not a number"):
        read_metadata(write(tmp_path / "a.data", "classes = many\n"))
    with pytest.raises(DataError, match=r"no\.names: cannot read this file: No such file"):
        read_metadata(write(tmp_path / "b.data", f"names = {tmp_path}/no.names\n"))


@pytest.mark.parametrize("read", [read_data, read_names, read_map], ids=lambda read: read.__name__)
def test_files_that_cannot_be_read(tmp_path: Path, read: object) -> None:
    assert callable(read)
    binary = write(tmp_path / "binary", b"a=1\n\0\0")
    for path, says in ((tmp_path / "no", "No such file"), (tmp_path, "Is a directory"), (binary, "binary data")):
        with pytest.raises(DataError, match=says) as caught:
            read(path)
        assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize(("read", "says"), [(read_names, "has no names"), (read_map, "has no numbers")])
def test_empty_files(tmp_path: Path, read: object, says: str) -> None:
    assert callable(read)
    for content in ("", "\r\n\n"):
        with pytest.raises(DataError, match=says):
            read(write(tmp_path / "empty", content))
