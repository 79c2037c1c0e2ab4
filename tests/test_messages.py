"""What reaches a terminal: one line, no control characters, never megabytes; and one warning where one is due."""

from __future__ import annotations

import pickle
import struct
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from darknet_py.errors import CfgError, DarknetError, DarknetWarning, FileError, WeightsError, printable, warn
from darknet_py.formats.cfg import read_cfg
from darknet_py.formats.weights import WeightsReader
from darknet_py.network import read_network
from darknet_py.output.layer_table import layer_table
from darknet_py.parameters import load_parameters
from darknet_py.plan.memory import aligned_floats
from darknet_py.synth import write_synth

from .nets import net, write_cfg
from .program import failure

SMALL = net(3, 4, 4, "conv filters=2 size=1 activation=linear", "conv filters=1 size=1 batch_normalize=1")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text, 100% (of it)", "plain text, 100% (of it)"),
        ("naïve 猫 \U0001f408 a\u00a0b", "naïve 猫 \U0001f408 a\u00a0b"),
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("two\nlines\r\n\u2028three", "two\\nlines\\r\\n\\u2028three"),
        ("\x9b1m \x7f", "\\x9b1m \\x7f"),
        ("gro\u202etxt.gpj\u200f", "gro\\u202etxt.gpj\\u200f"),
        (b"caf\xe9".decode("utf-8", "surrogateescape"), "caf\\xe9"),
    ],
)
def test_control_characters_are_shown_as_escapes(text: str, shown: str) -> None:
    assert printable(text) == shown
    for error in (DarknetError(text), FileError(text), FileError("x", text)):
        assert shown in str(error) and str(error).isprintable() == shown.isprintable()


def test_long_messages_keep_their_beginning_and_their_end() -> None:
    shown = str(FileError(f"width={'9' * 3_000_000}: does not fit", "d/" + "n" * 5000 + ".cfg", 7))
    assert len(shown) < 1000
    assert shown.startswith("d/nnnn") and ".cfg:7: width=9999" in shown and shown.endswith("999: does not fit")
    assert len(str(DarknetError("\x1b" * 1_000_000))) < 1000


def test_errors_survive_a_process_boundary() -> None:
    error = pickle.loads(pickle.dumps(CfgError("what\nis wrong", "a\x1b.cfg", 3)))
    assert str(error) == "a\\x1b.cfg:3: what\\nis wrong"
    assert (error.path, error.line, error.message) == ("a\x1b.cfg", 3, "what\\nis wrong")


def test_files_that_do_things_to_a_terminal(tmp_path: Path) -> None:
    name = "two\nlines.cfg"
    (tmp_path / name).write_bytes(b"[net]\nwidth=\x1b]0;title\x07" + b"9" * 100_000 + b"\n")
    said = failure("summary", name, cwd=tmp_path)
    assert said.startswith("Error: two\\nlines.cfg:2: width=\\x1b]0")
    assert said.count("\n") == 1 and said.strip().isprintable() and len(said) < 1000


def test_what_is_in_a_cfg_is_printed_without_control_characters(tmp_path: Path) -> None:
    text = SMALL.replace("size=1", "size=1\nco\x1b[31mlour=r\udce9d # gr\udcfcn\nx\x07=", 1)
    (tmp_path / "net.cfg").write_text(text, encoding="utf-8", errors="surrogateescape")
    table = "\n".join(layer_table(read_network(tmp_path / "net.cfg"), verbose=True))
    assert "could parse: x\\x07=\n" in table
    assert "Unused field: 'co\\x1b[31mlour = r\\xe9d#gr\\xfcn'" in table


def test_a_path_with_a_zero_byte() -> None:
    for read in (read_cfg, WeightsReader):
        with pytest.raises(FileError, match=r"a\\x00b: cannot read (this cfg|these weights): embedded null byte"):
            read("a\0b")


def test_a_file_without_an_end_is_no_cfg() -> None:
    if not Path("/dev/zero").exists():
        pytest.skip("no /dev/zero here")
    with pytest.raises(CfgError, match="/dev/zero: is not a cfg file"):
        read_cfg("/dev/zero")


def test_too_little_memory_is_said() -> None:
    with pytest.raises(DarknetError, match=r"not enough memory: this network needs 4000000000\.0 GB at once"):
        aligned_floats(10**18)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"\xff\xfe[\0n\0e\0t\0]", "saved as UTF-16, and damaged"),
        (struct.pack("<iiiq", 0, 2, 0, 64) + bytes(8), "weights file; are the cfg and the weights given in the wrong"),
        (struct.pack("<iiii", 0, 1, 0, 64) + b"\1" * 8, "weights file; are the cfg and the weights given in the wrong"),
        (b"\x7fELF\2\1\1\0" + bytes(30), "it has binary data"),
    ],
)  # fmt: skip
def test_what_is_no_cfg_file_is_said(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "a.cfg"
    path.write_bytes(content)
    with pytest.raises(CfgError, match=says):
        read_cfg(path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_a_cfg_is_read_in_the_encodings_of_other_text_files(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.cfg"
    path.write_bytes("[net]\nwidth=8\n".encode(encoding))
    assert read_cfg(path).net.find_int("width", 0) == 8


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"[net]\nwidth=8\nheight=8\n", "this is a cfg file, not a weights file: are the cfg and the weights given in"),
        ("\ufeff# größer\n\n; x\n [ net ]\n".encode(), "this is a cfg file, not a weights file"),
        ("[net]\nwidth=8\n".encode("utf-16"), "this is a cfg file, not a weights file"),
        ("größer als dieser Text, Zeile für Zeile".encode("latin-1"), "this is a text file, not a weights file"),
        ("dies ist ein Text".encode("utf-16"), "this is a text file, not a weights file"),
        (b"PK\3\4" + bytes(26) + b"best/data.pkl" + bytes(99), r"a PyTorch checkpoint \(.pt\)"),
        (b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19." + bytes(99), "a Python pickle"),
        (b"\x89HDF\r\n\x1a\n" + bytes(99), "an HDF5 file"),
    ],
)  # fmt: skip
def test_what_is_no_weights_file_is_said(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "a.weights"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=says):
        WeightsReader(path)


def test_a_header_with_five_ints_that_should_have_four(tmp_path: Path) -> None:
    """PyTorch programs write (0, 0, 0, seen, 0); Darknet then reads all weights one value late."""
    network = read_network(write_cfg(tmp_path, SMALL))
    weights = np.arange(1, network.parameters + 1, dtype="<f4").tobytes()
    path = tmp_path / "a.weights"
    path.write_bytes(struct.pack("<5i", 0, 0, 0, 9, 0) + weights)
    with pytest.raises(WeightsError, match=r"4 bytes too long .* version 0.0, which has four ints, .* fifth byte to 2"):
        load_parameters(network, path)
    with pytest.raises(WeightsError, match=r"which has four ints"):
        load_parameters(network, path, partial=True)
    data = bytearray(path.read_bytes())
    data[4] = 2  # as the message says
    path.write_bytes(data)
    assert load_parameters(network, path).arrays[0]["biases"].tolist() == [1, 2]
    path.write_bytes(struct.pack("<4i", 0, 2, 5, 9) + weights)
    with pytest.raises(WeightsError, match=r"4 bytes too short .* has its header only 4 ints where version 0.2 has 5"):
        load_parameters(network, path)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite_are_one_warning(tmp_path: Path, value: float) -> None:
    cfg = write_cfg(tmp_path, SMALL)
    path = tmp_path / "a.weights"
    network = write_synth(cfg, path, 7)
    data = bytearray(path.read_bytes())
    data[20:24] = data[-8:-4] = np.float32(value).tobytes()
    path.write_bytes(data)
    with pytest.warns(DarknetWarning) as caught:
        load_parameters(network, path)
    (warning,) = caught
    assert str(warning.message).startswith(
        f"{path}: NaN or infinite values: 1 of 2 in layer 0 (convolutional), biases, and more in 1 other arrays; "
    )


def test_negative_variances_are_one_warning(tmp_path: Path) -> None:
    """Released networks of AlexeyAB's Darknet have some near 0: it adds .00001 before it takes the root."""
    path = tmp_path / "a.weights"
    network = write_synth(write_cfg(tmp_path, SMALL), path, 7)
    data = bytearray(path.read_bytes())
    data[-12:-8] = np.float32(-1e-43).tobytes()
    path.write_bytes(data)
    with pytest.warns(
        DarknetWarning, match=r"negative values: 1 of 1 in layer 1 \(convolutional\), rolling_variance; "
    ):
        load_parameters(network, path)


def test_finite_weights_are_no_warning_though_their_sum_is_not_finite(tmp_path: Path) -> None:
    path = tmp_path / "a.weights"
    network = write_synth(write_cfg(tmp_path, SMALL), path, 7)
    path.write_bytes(path.read_bytes()[:20] + np.full(network.parameters, 3e38, "<f4").tobytes())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_parameters(network, path)


def test_too_few_names_are_told_with_their_file(tmp_path: Path) -> None:
    cfg = write_cfg(tmp_path, net(3, 4, 4, "conv filters=16 size=1", "yolo classes=3 num=2 anchors=1,2,3,4"))
    write_synth(cfg, tmp_path / "a.weights", 7)
    (tmp_path / "two.names").write_text("a\nb\n")
    (tmp_path / "a.data").write_text("classes=3\nnames=two.names\n")
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    for command in (
        ("detect", "a.png", "--cfg", "net.cfg", "--weights", "a.weights", "--names", "two.names"),
        ("detect", "a.png", "--cfg", "net.cfg", "--weights", "a.weights", "--data", "a.data"),
        ("detector", "test", "a.data", "net.cfg", "a.weights", "a.png"),
    ):
        said = failure(*command, cwd=tmp_path).splitlines()[-1]
        assert said == "Error: two.names: has 2 names, but net.cfg has 3 classes", command


def test_warnings_are_printable() -> None:
    with pytest.warns(DarknetWarning, match=r"^a\\n.cfg:3: odd\\x1b$") as caught:
        warn("odd\x1b", "a\n.cfg", 3)
    assert caught[0].filename == __file__, "the line outside of the package"
