"""ONNX models of AlexeyAB's layers, and heads decoded to the rows that OpenCV 4 gives for Darknet's files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from darknet_py.compat import opencv
from darknet_py.dialect import ALEXEYAB
from darknet_py.errors import CfgError
from darknet_py.export import to_onnx
from darknet_py.network import read_network
from darknet_py.parameters import load_parameters, save_parameters
from darknet_py.synth import write_synth

from .nets import net, write_cfg
from .packages import NEEDS_ONNX
from .program import run
from .test_export_onnx import Floats, compare, compare_net, run_onnx

pytestmark = NEEDS_ONNX

CONV = "conv filters=8 size=3 pad=1 batch_normalize=1 activation=mish"
YOLO = "yolo mask=0,2 anchors=8,9,20,12,5,5 classes=2 num=3 thresh=.05"
HEAD = "conv filters=14 size=1 activation=linear"


@pytest.mark.parametrize("activation", [name for name in ALEXEYAB.activations if name != "relu6"])
def test_every_activation_of_a_convolution(activation: str, tmp_path: Path) -> None:
    compare_net(tmp_path, net(3, 12, 9, f"conv filters=5 size=3 stride_x=1 stride_y=2 activation={activation}"))


@pytest.mark.parametrize(
    "sections",
    [
        [CONV, "route layers=-1 groups=4 group_id=2"],
        [CONV, "conv filters=4 size=1", "route layers=0,1 groups=2 group_id=1"],
        [CONV, CONV, "conv filters=5 size=1", CONV, "shortcut from=-2,0,-3 activation=leaky"],
        *(
            [CONV, "conv filters=12 size=1", "conv filters=6 size=1", CONV,
             f"shortcut from=-2,1,0 weights_type={kind} weights_normalization={way} activation=swish"]
            for kind in ("per_feature", "per_channel") for way in ("relu", "softmax")
        ),
        [CONV, "avgpool", "conv filters=8 size=1 activation=logistic", "scale_channels from=0 activation=relu"],
        [CONV, "conv filters=1 size=1 activation=logistic", "scale_channels from=0 scale_wh=1"],
        [CONV, CONV, "sam from=-2 activation=leaky"],
        [CONV, "local_avgpool size=3 stride=2"],
        [CONV, "local_avgpool size=4 stride_x=1 stride_y=3 padding=2"],
        [CONV, "reorg3d stride=2", "reorg3d stride=2 reverse=1"],
        [CONV, "maxpool maxpool_depth=1 out_channels=3"],
        [CONV, "maxpool size=3 stride_x=2 stride_y=1"],
        [CONV, "maxpool size=2 stride=2 antialiasing=1"],
        ["conv filters=8 size=3 stride=2 pad=1 antialiasing=1 activation=swish batch_normalize=1"],
        ["conv filters=8 size=3 stride=2 pad=1 antialiasing=2 activation=leaky"],
        ["conv filters=8 size=3 pad=1 dilation=3 groups=4 stride_x=2 stride_y=1 activation=mish"],
        ["conv filters=8 size=1 stride_x=2 stride_y=3 activation=mish"],
        [CONV, CONV, "conv filters=8 size=3 stride=2 pad=1 batch_normalize=1 share_index=1 activation=leaky"],
        [CONV, "implicit filters=8", "scale_channels from=0"],
        [CONV, "empty", "history history_size=3", "upsample stride=2 scale=.5"],
        [CONV, "batchnorm", "connected output=5 batch_normalize=1 activation=leaky"],
    ],
    ids=lambda sections: "+".join(sections),
)  # fmt: skip
def test_every_layer(sections: list[str], tmp_path: Path) -> None:
    compare_net(tmp_path, net(4, 12, 8, *sections))


@pytest.mark.parametrize(
    "head",
    [
        f"{YOLO} scale_x_y=1.2",
        f"{YOLO} scale_x_y=2 new_coords=1",
        f"{YOLO} new_coords=1",
        "region num=2 classes=2 anchors=1,2,3,4 softmax=1",
        "region num=2 classes=2 anchors=1,2,3,4 softmax=0",
        "Gaussian_yolo mask=1 anchors=1,2,3,4 classes=5 num=2 scale_x_y=1.1",
    ],
)
def test_activated_heads(head: str, tmp_path: Path) -> None:
    compare_net(tmp_path, net(3, 8, 6, CONV, HEAD, head), heads="activated")


def test_small_variances_are_folded_as_the_dialect_does(tmp_path: Path) -> None:
    for activation in ("leaky", "mish"):
        cfg = write_cfg(tmp_path, net(3, 6, 6, CONV.replace("mish", activation)))
        network = write_synth(cfg, tmp_path / "w")
        arrays = [dict(stored) for stored in load_parameters(network, tmp_path / "w").arrays]
        arrays[0]["rolling_variance"] = np.float32([0, 1e-7, 1e-6, 3e-6, 1e-5, 1e-4, 1e-2, 1])
        save_parameters(network, arrays, tmp_path / "w")
        compare(cfg, tmp_path / "w")


def rows_of(folder: Path, text: str, x: Floats) -> tuple[dict[str, Floats], dict[str, Floats], bytes]:
    """Rows of boxes: ONNX Runtime's from a decoded model, and those of the surface of OpenCV 4; the model."""
    cfg = write_cfg(folder, text)
    write_synth(cfg, folder / "w")
    network = read_network(cfg)
    model = to_onnx(network, load_parameters(network, folder / "w"), heads="decoded").to_bytes()
    surface = opencv.readNetFromDarknet(cfg, folder / "w")
    surface.setInput(x)
    names = surface.getUnconnectedOutLayersNames()
    return run_onnx(model, x), dict(zip(names, surface.forward(list(names)), strict=True)), model


REGION = "region num=2 classes=2 anchors=1,2,3,4 softmax=1 thresh=.1"
DECODED = {
    "yolo": net(3, 16, 24, CONV, HEAD, f"{YOLO} scale_x_y=1.2"),
    "new-coords": net(3, 16, 24, CONV, HEAD.replace("linear", "logistic"), f"{YOLO} scale_x_y=2 new_coords=1"),
    "suppressed": net(3, 16, 24, CONV, HEAD, f"{YOLO} nms_threshold=.3"),
    "two-heads": net(3, 16, 24, CONV, HEAD, YOLO, "route layers=0", HEAD, YOLO),
    "region": net(3, 16, 24, CONV.replace("mish", "leaky"), HEAD, REGION),
    "flat-region": net(3, 16, 24, CONV, HEAD, REGION),
    "classfix": net(3, 16, 24, CONV, HEAD, f"{REGION} classfix=-1"),
    "skipping": net(3, 16, 24, CONV.replace("mish", "leaky").replace("size=3", "size=1 stride=2"), HEAD, YOLO),
    "nothing": net(3, 16, 24, CONV, HEAD, REGION.replace("thresh=.1", "thresh=.99")),
}


@pytest.mark.parametrize("name", DECODED)
def test_decoded_heads_give_opencvs_rows(name: str, tmp_path: Path) -> None:
    x = np.random.default_rng(1).random((1, 3, 16, 24), np.float32)
    found, expected, model = rows_of(tmp_path, DECODED[name], x)
    assert list(found) == list(expected)
    for key, rows in expected.items():
        assert (rows[:, 5:] > 0).any() == (name != "nothing")
        np.testing.assert_allclose(found[key], rows, atol=1e-5)
    read = pytest.importorskip("cv2").dnn.readNetFromONNX(np.frombuffer(model, np.uint8))
    read.setInput(x)
    for key, rows in zip(expected, read.forward(list(expected)), strict=True):
        np.testing.assert_allclose(rows, expected[key], atol=1e-4)


def test_decoded_by_the_command(tmp_path: Path) -> None:
    import onnx

    write_synth(write_cfg(tmp_path, DECODED["region"]), tmp_path / "w")
    run("weights", "convert", "w", "m.onnx", "--cfg", "net.cfg", "--decoded", cwd=tmp_path)
    model = onnx.load(tmp_path / "m.onnx")
    assert [output.name for output in model.graph.output] == ["detection_out"]
    assert {entry.key: entry.value for entry in model.metadata_props}["darknet.outputs"] == '"decoded"'
    error = run(
        "weights", "convert", "w", "n.onnx", "--cfg", "net.cfg", "--decoded", "--activated", cwd=tmp_path, code=2
    )
    assert "--activated goes without --decoded" in error.stderr
    error = run("weights", "convert", "w", "n.npz", "--cfg", "net.cfg", "--decoded", cwd=tmp_path, code=2)
    assert "--decoded needs an OUT that ends with .onnx" in error.stderr


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ([HEAD.replace("14", "10"), "Gaussian_yolo mask=1 anchors=1,2,3,4 classes=1 num=2"],
         r"net\.cfg:11: OpenCV has no rows of boxes for \[Gaussian_yolo\]"),
        (["connected output=117", "detection side=3 num=2 classes=3 coords=4"], r"no rows of boxes for \[detection\]"),
        ([HEAD, f"{REGION} tree=a.tree"], r"net\.cfg:\d+: OpenCV has no rows of boxes for a \[region\] with a tree"),
        (["conv_lstm output=4 size=3 pad=1", HEAD, YOLO], r"net\.cfg:\d+: \[conv_lstm\] cannot be exported"),
    ],
)  # fmt: skip
def test_what_cannot_be_decoded(sections: list[str], message: str, tmp_path: Path) -> None:
    cfg = write_cfg(tmp_path, net(3, 6, 6, *sections))
    network = write_synth(cfg, tmp_path / "w")
    with pytest.raises(CfgError, match=message):
        to_onnx(network, load_parameters(network, tmp_path / "w"), heads="decoded")


def test_shared_weights_are_in_the_model_once(tmp_path: Path) -> None:
    shares = ["conv filters=8 size=3 stride=2 pad=1 batch_normalize=1 share_index=1 activation=leaky"] * 3
    text = net(8, 12, 9, CONV, CONV, *shares)
    network = write_synth(write_cfg(tmp_path, text), tmp_path / "w", dialect="alexeyab")
    model = to_onnx(network, load_parameters(network, tmp_path / "w"))
    names = [tensor.name.split(".")[1].split("_")[0] for tensor in model.constants]
    assert (names.count("weights"), names.count("biases")) == (2, 2)
    compare_net(tmp_path, text)
