"""Bad input of ``weights convert``: damaged archives, and those that do not fit their cfg."""

from __future__ import annotations

import struct
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from darknet_py.errors import WeightsError
from darknet_py.weights import convert

from .nets import write_cfg
from .packages import NEEDS_SAFETENSORS
from .program import run
from .test_weights_convert import TEXT


@pytest.fixture
def cfg(tmp_path: Path) -> Path:
    return write_cfg(tmp_path, TEXT)


def changed(path: Path, **change: Any) -> Path:
    """An npz with some arrays changed, or removed for None."""
    with np.load(path) as file:
        arrays = {**dict(file), **change}
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})
    return path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"5.connected.weights": np.zeros((3, 4))}, "5.connected.weights is float64, not float32: convert it"),
        ({"5.connected.weights": np.zeros((3, 4), np.float16)}, "is float16, not float32"),
        ({"5.connected.weights": np.zeros((3, 4), np.int32)}, "is int32, not float32"),
        ({"5.connected.weights": np.array([None] * 12).reshape(3, 4)}, "is object, not float32"),
        ({"5.connected.weights": np.zeros((3, 4), "f4,f4")}, "not float32"),
        ({"5.connected.weights": np.zeros((4, 3), np.float32)}, r"has shape \(4, 3\), not \(3, 4\); it is transposed"),
        ({"5.connected.weights": np.zeros(12, np.float32)}, r"has shape \(12,\), not \(3, 4\)"),
        ({"5.connected.weights": None, "0.convolutional.biases": None},
         "lacks 0.convolutional.biases, 5.connected.weights; is it another network's file"),
        ({"6.connected.weights": np.zeros(1, np.float32)}, "has, but its cfg has not, 6.connected.weights"),
        ({"arr_0": np.zeros(1), "x": np.zeros(1), "a b": np.zeros(1), "z": np.zeros(1)}, "a b, arr_0, x and 1 more"),
        ({"header": np.zeros(3)}, "header must be whole numbers"),
        ({"header": np.zeros(2, int)}, "its header is no version and count"),
        ({"header": np.array([0, 2**40, 0])}, "its header is no version and count"),
        ({"seen": None}, "its header lacks seen"),
        ({"seen": np.array("many")}, "seen must be whole numbers"),
    ],
)  # fmt: skip
def test_a_wrong_npz(cfg: Path, weights: Path, tmp_path: Path, change: dict[str, Any], message: str) -> None:
    convert(weights, tmp_path / "a.npz", cfg)
    changed(tmp_path / "a.npz", **change)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(WeightsError, match=message):
        convert(tmp_path / "a.npz", tmp_path / "out.weights", cfg)
    assert sorted(tmp_path.iterdir()) == before


def test_other_ways_to_write_the_same_npz(cfg: Path, weights: Path, tmp_path: Path) -> None:
    convert(weights, tmp_path / "a.npz", cfg)
    with np.load(tmp_path / "a.npz") as file:
        arrays = dict(file)
    big = arrays["5.connected.weights"].astype(">f4")
    np.savez_compressed(tmp_path / "a.npz", **{**arrays, "5.connected.weights": np.asfortranarray(big)})
    convert(tmp_path / "a.npz", tmp_path / "out.weights", cfg)
    assert (tmp_path / "out.weights").read_bytes() == weights.read_bytes()


def test_an_npz_without_a_header(cfg: Path, weights: Path, tmp_path: Path) -> None:
    convert(weights, tmp_path / "a.npz", cfg)
    changed(tmp_path / "a.npz", header=None, seen=None)
    error = run("weights", "convert", "a.npz", "out.weights", "--cfg", cfg, cwd=tmp_path).stderr
    assert error == "Note: a.npz has no header: taken as version 0.2.0, seen=0\n"
    assert (tmp_path / "out.weights").read_bytes()[:20] == struct.pack("<iiiQ", 0, 2, 0, 0)


def damaged(path: Path, how: str) -> None:
    """A file that something has happened to."""
    content = bytearray(path.read_bytes())
    if how == "bits":
        place = content.index(b"5.connected.weights") + 200
        content[place] ^= 1
    elif how == "empty":
        content.clear()
    elif how == "cut":
        del content[-len(content) // 3 :]
    elif how == "text":
        content[:] = b"nothing like it\n" * 9
    path.write_bytes(content)


@pytest.mark.parametrize("how", ["bits", "empty", "cut", "text", "missing"])
def test_a_damaged_npz(cfg: Path, weights: Path, tmp_path: Path, how: str) -> None:
    if how != "missing":
        convert(weights, tmp_path / "a.npz", cfg)
        damaged(tmp_path / "a.npz", how)
    error = run("weights", "convert", "a.npz", "out.weights", "--cfg", cfg, cwd=tmp_path, code=1).stderr
    assert error.startswith("Error: a.npz: cannot read this npz file: ") and len(error.splitlines()) == 1
    assert not (tmp_path / "out.weights").exists()


BLANKS = 16 << 20
"""Bytes that a bomb inflates to."""


def npy(shape: str, descr: str = "'<i8'", body: bytes = bytes(8), length: int | None = None, version: int = 1) -> bytes:
    """A member of an npz file, whatever its header says."""
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    size = len(header) if length is None else length
    return b"\x93NUMPY" + bytes([version, 0]) + size.to_bytes(2 if version == 1 else 4, "little") + header + body


BOMBS = [
    ("seen", npy("(-1,)", body=bytes(BLANKS)), r"seen has the shape \(-1\), which no array has"),
    ("seen", npy("(True,)"), r"seen has the shape \(True\), which no array has"),
    ("seen", npy("(False, 9)"), "which no array has"),
    ("seen", npy("(2.0,)"), "seen has no array's header"),
    ("seen", npy("(9223372036854775808,)"), "seen must be whole numbers, at most 3"),
    ("seen", npy("()", "'|O'"), "seen must be whole numbers, at most 3, not object"),
    ("seen", npy("()", "'|b1'"), "seen must be whole numbers, at most 3, not bool"),
    ("seen", npy("()", "'<q, V2000000000'"), "seen "),
    ("seen", npy("(" * 5000), "seen has no array's header"),
    ("seen", npy("()", "'" + "9" * 5000 + "'"), "seen has no array's header"),
    ("seen", npy("()", length=(1 << 32) - 1, body=bytes(BLANKS), version=2), "seen has no array's header"),
    ("seen", npy("()", version=9), "seen has no array's header"),
    ("seen", b"", "seen has no array's header"),
    ("seen", npy("()", body=bytes(7)), "seen ends after 7 of 8 bytes"),
    ("seen", npy("()", body=bytes(BLANKS)), "seen goes on after the last of 8 bytes"),
    ("5.connected.weights", npy("(3, True)", "'<f4'"), "which no array has"),
    ("5.connected.weights", npy("(3, 4)", "'<f4'", bytes(47)), "5.connected.weights ends after 47 of 48 bytes"),
    ("5.connected.weights", npy("(3, 4)", "'<f4'", bytes(BLANKS)), "goes on after the last of 48 bytes"),
    ("5.connected.weights", npy("(3, -4)", "'<f4'", bytes(BLANKS)), "which no array has"),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(BOMBS)))
def test_a_small_npz_that_says_it_is_large(cfg: Path, weights: Path, tmp_path: Path, number: int) -> None:
    member, content, message = BOMBS[number]
    convert(weights, tmp_path / "a.npz", cfg)
    replace_member(tmp_path / "a.npz", member, content)
    assert (tmp_path / "a.npz").stat().st_size < BLANKS / 100
    tracemalloc.start()
    try:
        with pytest.raises(WeightsError, match=message) as told:
            convert(tmp_path / "a.npz", tmp_path / "out.weights", cfg)
        assert tracemalloc.get_traced_memory()[1] < BLANKS / 8
    finally:
        tracemalloc.stop()
    assert len(str(told.value)) < 400 and "\n" not in str(told.value)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_an_npz_that_numpy_does_not_write(cfg: Path, weights: Path, tmp_path: Path, method: int) -> None:
    convert(weights, tmp_path / "a.npz", cfg)
    replace_member(tmp_path / "a.npz", "seen", npy("()"), method)
    with pytest.raises(WeightsError, match="is compressed in a way that NumPy does not write"):
        convert(tmp_path / "a.npz", tmp_path / "out.weights", cfg)


def replace_member(path: Path, member: str, content: bytes, method: int = zipfile.ZIP_DEFLATED) -> None:
    """An npz with one array's bytes replaced."""
    with zipfile.ZipFile(path) as file:
        members = {name: file.read(name) for name in file.namelist()}
    with zipfile.ZipFile(path, "w", method) as file:
        for name, old in members.items():
            file.writestr(name, content if name == f"{member}.npy" else old)


def test_a_header_that_lies_about_the_size_costs_no_memory(cfg: Path, weights: Path, tmp_path: Path) -> None:
    convert(weights, tmp_path / "a.npz", cfg)
    with zipfile.ZipFile(tmp_path / "a.npz") as file:
        content = file.read("5.connected.weights.npy")
    wrong = content.replace(b"(3, 4), }" + b" " * 12, b"(3, 4000000000000), }")
    replace_member(tmp_path / "a.npz", "5.connected.weights", wrong)
    with pytest.raises(WeightsError, match=r"has shape \(3, 4000000000000\)"):
        convert(tmp_path / "a.npz", tmp_path / "out.weights", cfg)


@NEEDS_SAFETENSORS
@pytest.mark.parametrize("how", ["empty", "cut", "text", "missing"])
def test_a_damaged_safetensors_file(cfg: Path, weights: Path, tmp_path: Path, how: str) -> None:
    if how != "missing":
        convert(weights, tmp_path / "a.safetensors", cfg)
        damaged(tmp_path / "a.safetensors", how)
    error = run("weights", "convert", "a.safetensors", "out.weights", "--cfg", cfg, cwd=tmp_path, code=1).stderr
    assert error.startswith("Error: a.safetensors: cannot read this safetensors file: "), error
    assert len(error.splitlines()) == 1 and not (tmp_path / "out.weights").exists()


@NEEDS_SAFETENSORS
@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("5.connected.weights", np.zeros((3, 4)), "5.connected.weights is F64, not float32"),
        ("5.connected.weights", np.zeros((4, 3), np.float32), "it is transposed"),
        ("7.more", np.zeros(1, np.float32), "has, but its cfg has not, 7.more"),
        ("5.connected.weights", None, "lacks 5.connected.weights"),
    ],
)
def test_a_wrong_safetensors_file(
    cfg: Path, weights: Path, tmp_path: Path, name: str, array: Any, message: str
) -> None:
    import safetensors.numpy

    convert(weights, tmp_path / "a.safetensors", cfg)
    arrays = {**safetensors.numpy.load_file(tmp_path / "a.safetensors"), name: array}
    kept = {name: array for name, array in arrays.items() if array is not None}
    safetensors.numpy.save_file(kept, tmp_path / "a.safetensors", {"major": "0", "minor": "2"})
    with pytest.raises(WeightsError, match=message):
        convert(tmp_path / "a.safetensors", tmp_path / "out.weights", cfg)


@NEEDS_SAFETENSORS
def test_half_a_safetensors_header(cfg: Path, weights: Path, tmp_path: Path) -> None:
    import safetensors.numpy

    convert(weights, tmp_path / "a.safetensors", cfg)
    arrays = safetensors.numpy.load_file(tmp_path / "a.safetensors")
    safetensors.numpy.save_file(arrays, tmp_path / "a.safetensors", {"major": "0", "minor": "2"})
    with pytest.raises(WeightsError, match="its header lacks revision, seen"):
        convert(tmp_path / "a.safetensors", tmp_path / "out.weights", cfg)


@NEEDS_SAFETENSORS
def test_a_safetensors_header_that_is_none(cfg: Path, weights: Path, tmp_path: Path) -> None:
    import safetensors.numpy

    convert(weights, tmp_path / "a.safetensors", cfg)
    arrays = safetensors.numpy.load_file(tmp_path / "a.safetensors")
    for seen in ("nan", "", "1e9", str(2**63)):
        header = {"major": "0", "minor": "1", "revision": "x" if seen else "0", "seen": seen}
        safetensors.numpy.save_file(arrays, tmp_path / "a.safetensors", header)
        with pytest.raises(WeightsError, match="its header is no version and count"):
            convert(tmp_path / "a.safetensors", tmp_path / "out.weights", cfg)
