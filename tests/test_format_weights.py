"""Weights files: both headers, the cursor, what is no weights file, and a writer that leaves no half of one."""

from __future__ import annotations

import gzip
import os
import struct
from pathlib import Path

import numpy as np
import pytest

from darknet_py.errors import WeightsError
from darknet_py.formats.weights import Header, WeightsReader, WeightsWriter

VALUES = np.array([1.5, -0.0, np.inf, 1e-45, 3.0], np.float32)


def write(path: Path, version: tuple[int, int, int], seen: bytes, values: bytes = VALUES.tobytes()) -> Path:
    path.write_bytes(struct.pack("<iii", *version) + seen + values)
    return path


@pytest.mark.parametrize(
    ("version", "size", "transposed"),
    [
        ((0, 1, 0), 16, False),
        ((0, 2, 0), 20, False),
        ((0, 2, 5), 20, False),
        ((1, 0, 0), 20, False),
        ((0, 999, 0), 20, False),
        ((0, 1000, 0), 16, False),
        ((1000, 0, 0), 16, False),
        ((0, 1001, 0), 16, True),
        ((1001, 0, 0), 16, True),
        ((-1, 3, 0), 16, False),
    ],
)
def test_headers(tmp_path: Path, version: tuple[int, int, int], size: int, transposed: bool) -> None:
    seen = 32013312
    path = write(tmp_path / "a.weights", version, struct.pack("<q" if size == 20 else "<i", seen))
    with WeightsReader(path) as reader:
        assert reader.header == Header(*version, seen)
        assert (reader.header.size, reader.header.transposed, reader.offset) == (size, transposed, size)
        assert reader.take(5, "all").tobytes() == VALUES.tobytes()


def test_seen_may_need_all_eight_bytes(tmp_path: Path) -> None:
    path = write(tmp_path / "a.weights", (0, 2, 0), struct.pack("<q", 2**40 + 1))
    assert WeightsReader(path).header.seen == 2**40 + 1


def test_values_are_read_only_views_on_the_file(tmp_path: Path) -> None:
    reader = WeightsReader(write(tmp_path / "a.weights", (0, 2, 0), bytes(8)))
    first, second = reader.take(2, "biases"), reader.take(3, "weights")
    reader.finish("layer 0")
    assert (reader.offset, reader.remaining) == (40, 0)
    assert first.dtype == np.float32 and first.flags.c_contiguous and not first.flags.writeable
    assert not first.flags.owndata and not second.flags.owndata
    with pytest.raises(ValueError, match="read-only"):
        first[0] = 0
    reader.close()
    assert np.concatenate([first, second]).tobytes() == VALUES.tobytes(), "views outlive the reader"
    with pytest.raises(WeightsError):
        reader.take(1, "biases")


def test_a_file_too_short_says_by_how_much_and_where(tmp_path: Path) -> None:
    reader = WeightsReader(write(tmp_path / "a.weights", (0, 2, 0), bytes(8), VALUES.tobytes()[:-3]))
    reader.take(2, "layer 0 (convolutional), biases")
    with pytest.raises(WeightsError) as caught:
        reader.take(5, "layer 0 (convolutional), weights")
    says = "the file ends 11 bytes before the end of layer 0 (convolutional), weights"
    assert str(caught.value) == f"{reader.path}: {says}"
    assert reader.offset == 28, "a refused take moves nothing"


@pytest.mark.parametrize("more", [1, 4, 7])
def test_a_file_too_long_says_by_how_much(tmp_path: Path, more: int) -> None:
    reader = WeightsReader(write(tmp_path / "a.weights", (0, 2, 0), bytes(8), VALUES.tobytes() + bytes(more)))
    reader.take(5, "all")
    with pytest.raises(WeightsError, match=f"too long: {more} bytes are left after layer 7"):
        reader.finish("layer 7 (convolutional)")


def test_a_header_alone_is_a_file_without_values(tmp_path: Path) -> None:
    reader = WeightsReader(write(tmp_path / "a.weights", (0, 2, 0), bytes(8), b""))
    reader.finish("the header")
    assert reader.take(0, "nothing").size == 0


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "0 bytes do not even hold the header"),
        (bytes(11), "11 bytes do not even hold the header"),
        (struct.pack("<iiii", 0, 2, 0, 0), "16 bytes do not even hold the header"),
        (struct.pack("<iii", 0, 1, 0), "12 bytes do not even hold the header"),
        (b"<!DOCTYPE html>\n<html><body>Moved</body></html>", "this is a web page"),
        (b"\n  <html>", "this is a web page"),
        (b"\xef\xbb\xbf<html lang='en'><head><title>404</title></head>", "this is a web page"),
        (b'{"message": "Not Found", "status": "404"}', "this is a text file"),
        (b"[net]\nbatch=1\nwidth=416\n", "this is a cfg file, not a weights file"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "run git lfs pull"),
        (b"PK\3\4" + bytes(60), "zip archive: unpack it"),
        (gzip.compress(bytes(100), mtime=0), "gzip archive: unpack it"),
        (b"\x10\0\0\0\0\0\0\0" + b'{"a":[]}        ' + bytes(40), "weights convert"),
    ],
)  # fmt: skip
def test_what_is_no_weights_file(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "a.weights"
    path.write_bytes(content)
    with pytest.raises(WeightsError) as caught:
        WeightsReader(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ") and says in message and "\n" not in message
    assert any(advice in message for advice in ("download", "unpack", "run ", "wrong order"))


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for path, says in ((tmp_path / "no.weights", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(WeightsError, match=says) as caught:
            WeightsReader(path)
        assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize(("minor", "size"), [(1, 16), (2, 20)])
def test_what_the_writer_writes_the_reader_reads(tmp_path: Path, minor: int, size: int) -> None:
    path = tmp_path / "a.weights"
    with WeightsWriter(path, seen=64, minor=minor) as writer:
        writer.put(VALUES)
        writer.put(np.arange(6, dtype=np.float32).reshape(2, 3).T)
        assert not path.exists(), "it appears when it is whole"
    assert os.listdir(tmp_path) == ["a.weights"]
    reader = WeightsReader(path)
    assert reader.header == Header(0, minor, 0, 64) and reader.header.size == size
    assert reader.take(5, "values").tobytes() == VALUES.tobytes()
    assert reader.take(6, "transposed").tolist() == [0, 3, 1, 4, 2, 5]
    reader.finish("the last layer")


def test_seen_is_kept_within_its_field(tmp_path: Path) -> None:
    path = tmp_path / "a.weights"
    with WeightsWriter(path, seen=2**40, minor=1):
        pass
    assert WeightsReader(path).header.seen == 2**31 - 1


def test_a_writer_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.weights"
    path.write_bytes(b"old")
    with pytest.raises(RuntimeError, match="stop"), WeightsWriter(path) as writer:
        writer.put(VALUES)
        raise RuntimeError("stop")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.weights"]


def test_a_writer_without_a_place_says_so(tmp_path: Path) -> None:
    for path, says in ((tmp_path / "no" / "a.weights", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(WeightsError, match=f"cannot write these weights: {says}"), WeightsWriter(path):
            pass
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_one_line() -> None:
    with pytest.raises(WeightsError, match="No space left"), WeightsWriter("/dev/full") as writer:
        writer.put(np.zeros(1 << 16, np.float32))
