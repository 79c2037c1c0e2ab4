"""``weights convert``: round trips bit for bit, batch normalisation as Darknet folds it, and bad input."""

from __future__ import annotations

import itertools
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from darknet_py.errors import DarknetError, FileError, WeightsError
from darknet_py.formats.binary import is_text
from darknet_py.formats.weights import Header
from darknet_py.loading import load
from darknet_py.network import read_network
from darknet_py.synth import write_synth
from darknet_py.weights import convert, inspect_weights
from darknet_py.zoo import get_model, locate

from .nets import net, write_cfg
from .packages import NEEDS_SAFETENSORS
from .program import run
from .test_weights_extract import DATA, HASHES, RELEASED, golden_files, sha256

TEXT = net(
    2, 6, 5, "conv filters=3 size=3 pad=1 batch_normalize=1 flipped=1", "batchnorm",
    "deconv filters=2 size=2 stride=2", "local filters=1 size=3 pad=1", "connected output=4 batch_normalize=1",
    "connected output=3 activation=linear",
)  # fmt: skip
FORMATS = [".npz", pytest.param(".safetensors", marks=NEEDS_SAFETENSORS)]
COMMON = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)


@pytest.fixture
def cfg(tmp_path: Path) -> Path:
    return write_cfg(tmp_path, TEXT)


int32 = st.integers(-(2**31), 2**31 - 1)
versions = st.one_of(st.sampled_from([(0, 1), (0, 2), (1001, 0), (0, 5000)]), st.tuples(int32, int32))


@pytest.mark.parametrize("kind", FORMATS)
@COMMON
@given(version=versions, revision=int32, seen=st.integers(0, 2**64 - 1), seed=st.integers(0, 2**32 - 1))
def test_any_bits_come_back(
    kind: str, cfg: Path, tmp_path: Path, version: tuple[int, int], revision: int, seen: int, seed: int
) -> None:
    narrow = seen % 2**32 - 2**31
    header = Header(*version, revision, seen if Header(*version, 0, 0).wide else narrow)
    values = np.random.default_rng(seed).bytes(4 * read_network(cfg).parameters)
    source = tmp_path / "in.weights"
    assume(not is_text(header.pack()[:12]))
    source.write_bytes(header.pack() + b"\x01\x00\xa0\x7f" + values[4:])  # the first is a signalling NaN
    convert(source, tmp_path / f"middle{kind}", cfg)
    convert(tmp_path / f"middle{kind}", tmp_path / "out.weights", cfg)
    assert (tmp_path / "out.weights").read_bytes() == source.read_bytes()


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("name", HASHES)
def test_every_network_comes_back(name: str, kind: str, tmp_path: Path) -> None:
    cfg, weights = golden_files(name, tmp_path)
    convert(weights, tmp_path / f"middle{kind}", cfg)
    convert(tmp_path / f"middle{kind}", tmp_path / "out.weights", cfg)
    assert (tmp_path / "out.weights").read_bytes() == weights.read_bytes()


@NEEDS_SAFETENSORS
def test_from_archive_to_archive(cfg: Path, weights: Path, tmp_path: Path) -> None:
    steps = [weights, *(tmp_path / name for name in ("a.npz", "b.safetensors", "c.npz", "d.weights"))]
    for source, out in itertools.pairwise(steps):
        run("weights", "convert", source, out, "--cfg", cfg)
    assert steps[-1].read_bytes() == weights.read_bytes()
    assert steps[1].read_bytes() == steps[3].read_bytes()


def test_what_an_npz_has(cfg: Path, weights: Path, tmp_path: Path) -> None:
    convert(weights, tmp_path / "a.npz", cfg)
    with np.load(tmp_path / "a.npz") as file:
        assert file["header"].tolist() == [0, 2, 0] and int(file["seen"]) == 32013312
        assert file["5.connected.weights"].shape == (3, 4)
        assert "1.batchnorm.biases" not in file and file["1.batchnorm.scales"].dtype == np.float32


@NEEDS_SAFETENSORS
def test_what_a_safetensors_file_has(cfg: Path, weights: Path, tmp_path: Path) -> None:
    import safetensors

    convert(weights, tmp_path / "a.safetensors", cfg)
    with safetensors.safe_open(tmp_path / "a.safetensors", framework="numpy") as file:
        assert file.metadata() == {"format": "darknet", "major": "0", "minor": "2", "revision": "0", "seen": "32013312"}
        assert file.get_tensor("4.connected.rolling_mean").shape == (4,)


@pytest.mark.parametrize("command", ["denormalize", "reset"])
@pytest.mark.parametrize("name", [name for name in HASHES if "reset" in HASHES[name]])
def test_folded_and_reset_as_darknet_does(name: str, command: str, tmp_path: Path) -> None:
    cfg, weights = golden_files(name, tmp_path)
    done = convert(weights, tmp_path / "out.weights", cfg, batchnorm="fold" if command == "denormalize" else "reset")
    assert sha256(tmp_path / "out.weights") == HASHES[name][command]
    if command == "reset":
        assert done.cfg is None
        assert inspect_weights(tmp_path / "out.weights", read_network(cfg)).missing == 0
    else:
        network = read_network(done.cfg or "")
        assert not any(
            getattr(layer, "batch_normalize", False) for layer in network.layers if layer.kind != "batchnorm"
        )
        assert inspect_weights(tmp_path / "out.weights", network).problem == ""


@pytest.mark.parametrize("batchnorm", ["fold", "reset"])
@pytest.mark.parametrize("text", [TEXT, (DATA / "weights" / "odd.cfg").read_text()])
def test_the_network_computes_the_same(batchnorm: str, text: str, tmp_path: Path) -> None:
    cfg, weights = write_cfg(tmp_path, text), tmp_path / "net.weights"
    network = write_synth(cfg, weights)
    done = convert(weights, tmp_path / "new.npz", cfg, batchnorm=batchnorm, formula="forward")
    assert done.cfg == tmp_path / "new.cfg"
    assert "flipped" not in done.cfg.read_text() and ("batch_normalize" in done.cfg.read_text()) == (
        batchnorm != "fold"
    )
    convert(tmp_path / "new.npz", tmp_path / "new.weights", done.cfg)
    x = np.random.default_rng(1).random((network.input.c, network.input.h, network.input.w), np.float32)
    (before,), (after,) = load(cfg, weights).predict(x), load(done.cfg, tmp_path / "new.weights").predict(x)
    assert np.abs(before - after).max() <= 1e-5 * np.abs(before).max()


def test_a_deconvolution_is_folded_by_its_output_channels(tmp_path: Path) -> None:
    cfg = write_cfg(tmp_path, net(2, 3, 3, "deconv filters=3 size=2 stride=2 batch_normalize=1 activation=linear"))
    weights = tmp_path / "net.weights"
    write_synth(cfg, weights)
    done = convert(weights, tmp_path / "new.weights", cfg, batchnorm="fold", formula="forward")
    x = np.random.default_rng(1).random((2, 3, 3), np.float32)
    (before,), (after,) = load(cfg, weights).predict(x), load(done.cfg or "", tmp_path / "new.weights").predict(x)
    assert np.abs(before - after).max() <= 1e-6 * np.abs(before).max()


def test_the_new_cfg_loses_batch_normalisation_and_nothing_else(tmp_path: Path) -> None:
    text = (
        "\ufeff[net]\r\nchannels=1\r\nheight=2\nwidth=2\n# batch_normalize=1 stays here\n"
        "[conv]\n batch_normalize = 1 \nfilters=2\nbatch_normalize=0\nactivation=leaky\n[batchnorm]\n"
        "[connected]\noutput=2\nflipped=1\nbatch_normalize=1"
    )
    cfg = tmp_path / "net.cfg"
    cfg.write_bytes(text.encode())
    write_synth(cfg, tmp_path / "w")
    done = convert(tmp_path / "w", tmp_path / "new.weights", cfg, batchnorm="fold", out_cfg=tmp_path / "other.cfg")
    assert done.cfg == tmp_path / "other.cfg"
    assert done.cfg.read_bytes().decode() == (
        "\ufeff[net]\r\nchannels=1\r\nheight=2\nwidth=2\n# batch_normalize=1 stays here\n"
        "[conv]\nfilters=2\nactivation=leaky\n[batchnorm]\n[connected]\noutput=2"
    )


def test_nothing_is_replaced_that_nobody_named(cfg: Path, weights: Path, tmp_path: Path) -> None:
    content = {path: path.read_bytes() for path in (cfg, weights)}
    for out in (weights, cfg.with_name("net.npz")):  # beside the second, net.cfg is the input
        with pytest.raises(FileError, match="this file is read from"):
            convert(weights, out, cfg, batchnorm="fold")
    (tmp_path / "new.cfg").write_text("mine")
    error = run(
        "weights", "convert", weights, tmp_path / "new.weights", "--cfg", cfg, "--fold-batchnorm", code=1
    ).stderr
    assert "new.cfg: is there already: say where the new cfg goes (--out-cfg)" in error
    assert not (tmp_path / "new.weights").exists() and (tmp_path / "new.cfg").read_text() == "mine"
    run("weights", "convert", weights, tmp_path / "new.weights", "--cfg", cfg, "--fold-batchnorm", "--out-cfg",
        tmp_path / "new.cfg")  # fmt: skip
    assert (tmp_path / "new.cfg").read_text().startswith("[net]")
    assert all(path.read_bytes() == before for path, before in content.items())
    with pytest.raises(FileError, match="the weights go there"):
        convert(weights, tmp_path / "b.weights", cfg, batchnorm="fold", out_cfg=tmp_path / "b.weights")


@pytest.mark.parametrize(("package", "name"), [("safetensors.numpy", "a.safetensors"), ("onnx", "a.onnx")])
def test_a_package_that_is_not_installed(
    cfg: Path, weights: Path, tmp_path: Path, package: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(DarknetError, match=f"pip install {package.partition('.')[0]}"):
        convert(weights, tmp_path / name, cfg)
    assert not (tmp_path / name).exists()


def test_names_say_the_format(cfg: Path, weights: Path, tmp_path: Path) -> None:
    for out in ("a.safetensor", "a", "a.h5"):
        with pytest.raises(FileError, match=r"must end with \.weights, \.npz, \.safetensors or \.onnx"):
            convert(weights, tmp_path / out, cfg)
    (tmp_path / "a.onnx").write_bytes(b"\x08\x08")
    with pytest.raises(WeightsError, match="an ONNX model cannot be read"):
        convert(tmp_path / "a.onnx", tmp_path / "a.weights", cfg)
    with pytest.raises(FileError, match="leave that to the export"):
        convert(weights, tmp_path / "b.onnx", cfg, batchnorm="fold")


@pytest.mark.parametrize("change", [-3, -4, 4])
def test_weights_of_another_cfg(cfg: Path, weights: Path, tmp_path: Path, change: int) -> None:
    os.truncate(weights, weights.stat().st_size + change)
    error = run("weights", "convert", weights, "a.npz", "--cfg", cfg, cwd=tmp_path, code=1).stderr
    assert "too short for its cfg" in error or "too long: 4 bytes are left" in error
    assert not (tmp_path / "a.npz").exists()


def test_wrong_usage(cfg: Path, weights: Path, tmp_path: Path) -> None:
    assert "whose weights are they?" in run("weights", "convert", weights, "a.npz", code=2).stderr
    both = ("--fold-batchnorm", "--reset-batchnorm")
    assert "goes without" in run("weights", "convert", weights, "a.npz", "--cfg", cfg, *both, code=2).stderr
    for words in (["--out-cfg", "b.cfg"], ["--formula", "forward"], ["--activated"]):
        found = run("weights", "convert", weights, "a.npz", "--cfg", cfg, *words, code=2)
        assert f"{words[0]} needs " in found.stderr
    error = run("weights", "convert", weights, "no/a.npz", "--cfg", cfg, cwd=tmp_path, code=1).stderr
    assert error == "Error: no/a.npz: cannot write these weights: No such file or directory\n"
    (tmp_path / "folder.npz").mkdir()
    assert "directory" in run("weights", "convert", weights, "folder.npz", "--cfg", cfg, cwd=tmp_path, code=1).stderr


@pytest.mark.network
@pytest.mark.parametrize("kind", FORMATS)
def test_the_released_yolov3_tiny(kind: str, tmp_path: Path) -> None:
    files = locate(get_model("yolov3-tiny"), fetch_missing=True)
    run("weights", "convert", files.weights, f"a{kind}", "--model", "yolov3-tiny", cwd=tmp_path)
    run("weights", "convert", f"a{kind}", "b.weights", "--model", "yolov3-tiny", cwd=tmp_path)
    assert sha256(tmp_path / "b.weights") == sha256(files.weights)


@pytest.mark.network
def test_the_released_yolov3_tiny_folded_and_reset(tmp_path: Path) -> None:
    files = locate(get_model("yolov3-tiny"), fetch_missing=True)
    for batchnorm, command in (("fold", "denormalize"), ("reset", "reset")):
        convert(files.weights, tmp_path / f"{command}.weights", files.cfg, batchnorm=batchnorm)
        assert sha256(tmp_path / f"{command}.weights") == RELEASED[command]
