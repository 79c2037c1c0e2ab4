"""What cannot be trained is refused before the first step, with the line that says so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from darknet_py.cli import cli
from darknet_py.errors import CfgError, DarknetError, DarknetWarning
from darknet_py.synth import write_synth
from darknet_py.train import Trainer

from .nets import write_cfg
from .training import BOXES, COST, GROUPS, NET, POOL, REGION, STRIDE, YOLO, boxes, images, make, values

ONE = NET.replace("batch=2", "batch=1")
DENSE = "[connected]\nbatch_normalize=1\noutput=4\nactivation=linear\n"


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (ONE + DENSE + COST, 10, "batch_normalize=1 over a single value"),
        (NET.replace("batch=2", "batch=2\nsubdivisions=4") + STRIDE + COST, 2, "batch=2 is less than subdivisions=4"),
        (NET.replace("batch=2", "batch=2\nsubdivisions=0") + STRIDE + COST, 3, "subdivisions=0 must be at least 1"),
        (NET.replace("policy=constant", "policy=steps") + STRIDE + COST, 9, "policy=steps needs steps and scales"),
        (NET.replace("policy=constant", "policy=steps\nsteps=1,2\nscales=1") + STRIDE + COST, 11, "2 steps need"),
        (NET.replace("policy=constant", "policy=step\nstep=0") + STRIDE + COST, 10, "step=0 must be at least 1"),
        (NET.replace("batch=2", "batch=2\ntime_steps=3") + STRIDE + COST, 3, "time_steps: recurrent layers"),
        (NET.replace("batch=2", "batch=2\nnotruth=1") + STRIDE + COST, 3, "notruth=1"),
        (NET + STRIDE + "xnor=1\n" + COST, 16, "xnor=1 cannot be trained"),
        (NET + STRIDE + "truth=1\n" + COST, 16, "truth=1 cannot be trained"),
        (NET + "[gru]\noutput=4\n" + COST, 10, r"\[gru\] cannot be trained"),
        (NET + "[batchnorm]\n" + COST, 10, r"\[batchnorm\] cannot be trained"),
        (NET + "[dropout]\nprobability=1\n" + COST, 11, "probability=1 must be"),
        (NET + STRIDE + "[cost]\ntype=wgan\n", 17, "type=wgan: only Darknet's GPU code"),
        (NET + REGION + "[avgpool]\n[softmax]\n", 28, r"\[softmax\] asks for other labels"),
        (NET + YOLO + "max=4\n" + STRIDE.replace("filters=4", "filters=16").replace("stride=2", "stride=1") + YOLO, 32,
         "asks for other labels than the .yolo. of layer 1: 450 values of an image, not 20"),
    ],
)  # fmt: skip
def test_networks_that_cannot_be_trained(tmp_path: Path, text: str, line: int, message: str) -> None:
    with pytest.raises(CfgError, match=message) as found:
        make(tmp_path, text)
    assert str(found.value).startswith(f"{tmp_path / 'net.cfg'}:{line}: ")


def test_a_network_without_a_loss(tmp_path: Path) -> None:
    with pytest.raises(DarknetError, match="there is nothing to train"):
        make(tmp_path, NET + STRIDE)


@pytest.mark.parametrize(
    ("math", "why"), [("make", "gcc"), ("make-own", "gcc"), ("int8", "no gradients"), ("bf16", "8 bits")]
)
def test_other_arithmetics_are_refused_by_name(tmp_path: Path, math: str, why: str) -> None:
    with pytest.raises(DarknetError, match=f"math={math} cannot train: .*{why}.*; use math=ieee"):
        make(tmp_path, NET + STRIDE + COST, math=math)


def test_other_dialects_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(DarknetError, match="is a network of AlexeyAB's Darknet"):
        make(tmp_path, NET + STRIDE.replace("leaky", "mish") + COST)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ((0.5, 0.5, 0.2, 0.2, 3), "labels of image 1: box 1 has class 3, but there are 3"),
        ((0.5, 0.5, 0.2, 0.2, -1), "box 1 has class -1"),
        ((1.0, 0.5, 0.2, 0.2, 0), "box 1 is at 1, 0.5, outside of the image"),
        ((0.5, -0.1, 0.2, 0.2, 0), "outside of the image"),
        ((0.5, np.nan, 0.2, 0.2, 0), "outside of the image"),
        ((0.5, 0.5, 0.0, 0.2, 0), "box 1 has a size of 0 x 0.2"),
        ((999999, 999999, 999999, 999999, 0), "has a class only, which takes a .region. with a tree"),
    ],
)
def test_labels_that_cannot_be(tmp_path: Path, row: tuple[float, ...], message: str) -> None:
    trainer = make(tmp_path, NET + REGION)
    before = trainer.arrays[0]["weights"].copy()
    with pytest.raises(DarknetError, match=message):
        trainer.step(images(trainer), boxes(trainer, BOXES[0], [BOXES[1][0], row]))
    assert trainer.seen == 32013312
    np.testing.assert_array_equal(trainer.arrays[0]["weights"], before)


def test_arrays_of_other_shapes(tmp_path: Path) -> None:
    trainer = make(tmp_path, NET + STRIDE + COST)
    x, y = images(trainer), values(trainer)
    with pytest.raises(DarknetError, match="2 images of 12 x 8 x 3 are asked for, not an array of shape"):
        trainer.step(x[:1], y)
    with pytest.raises(DarknetError, match="2 rows of 96 labels are asked for"):
        trainer.step(x, y[:, :95])
    y[1, 3] = np.inf
    with pytest.raises(DarknetError, match="labels of image 1: value 3 is inf"):
        trainer.step(x, y)


def test_a_size_that_cannot_be_leaves_the_network_as_it_is(tmp_path: Path) -> None:
    trainer = make(tmp_path, NET + GROUPS + POOL + "[connected]\noutput=4\nactivation=linear\n" + COST)
    with pytest.raises(CfgError, match="not fully convolutional"):
        trainer.resize(24, 16)
    assert np.isfinite(trainer.step(images(trainer), values(trainer)).cost)


def test_lost_gradients_are_told(tmp_path: Path) -> None:
    text = NET + STRIDE + "[reorg]\nstride=2\n[reorg]\nstride=2\nreverse=1\n[route]\nlayers=-1,0\n" + COST
    with pytest.warns(DarknetWarning, match="overwrites the deltas of its input"):
        make(tmp_path, text)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trace")
    cfg = write_cfg(folder, NET + GROUPS + REGION)
    write_synth(cfg, folder / "net.weights", 7)
    trainer = Trainer.open(cfg, folder / "net.weights")
    y = np.stack([boxes(trainer, *BOXES), boxes(trainer)])
    x = images(trainer)
    np.savez(folder / "calls.npz", y=y, x0=x, x1=np.concatenate([x, x], axis=3))
    np.savez(folder / "gap.npz", y=y, x0=x, x2=x)
    np.savez(folder / "batch.npz", y=y[:1], x0=x[:1])
    np.savez(folder / "wide.npz", y=y, x0=x, x1=x.astype(np.float64))
    y[1, 0, :5] = 0.5, 0.5, 0.1, 0.1, 9
    np.savez(folder / "class.npz", y=y, x0=x, x1=x)
    (folder / "text.npz").write_text("no archive")
    return folder


def run(files: Path, name: str, *options: str) -> Any:
    return CliRunner().invoke(
        cli, ["trace-training", str(files / "net.cfg"), str(files / "net.weights"), str(files / name), *options]
    )


def test_trace_training(files: Path) -> None:
    result = run(files, "calls.npz", "--seen", "0", "--json", "-")
    assert result.exit_code == 0, result.output
    first, second = json.loads(result.stdout)["steps"]
    assert (first["seen"], second["seen"], first["updated"]) == (2, 4, True)
    assert first["printed"][0].startswith("Region Avg IOU: ")
    assert [layer["type"] for layer in first["layers"]] == ["convolutional", "convolutional", "region"]
    assert {"output", "delta", "after"} < first["layers"][0].keys()
    assert {"output", "delta", "head_delta", "cost"} < first["layers"][2].keys()
    assert first["layers"][2]["head_delta"] != first["layers"][2]["delta"]
    text = run(files, "calls.npz", "--seen", "0").stdout
    assert text.startswith(f"call 0: cost {first['cost']}, seen 2, rate ")
    assert first["layers"][0]["after"]["weights"][0] in text


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gap.npz", "has the arrays x0, x2, y; asked for are y, x0, x1, ... without a gap"),
        ("batch.npz", "x0 is float32 of shape (1, 3, 8, 12); asked for is float32 of shape (2, 3, height, width)"),
        ("wide.npz", "x1 is float64 of shape (2, 3, 8, 12); asked for is float32 of shape (2, 3, height, width)"),
        ("class.npz", "class.npz: call 1: labels of image 0: box 0 has class 9, but there are 3"),
        ("text.npz", "cannot read this npz file"),
        ("absent.npz", "No such file"),
    ],
)
def test_files_that_cannot_be_traced(files: Path, name: str, message: str) -> None:
    result = run(files, name)
    assert result.exit_code == 1 and message in str(result.exception or "") + result.output, result.output
