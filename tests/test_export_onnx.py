"""ONNX models: what ONNX Runtime computes with them is what this engine computes, within 1e-4."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from darknet_py.errors import CfgError, DarknetError
from darknet_py.export import graph as module
from darknet_py.export import to_onnx
from darknet_py.layers import ACTIVATIONS, Layer
from darknet_py.loading import load, load_trees
from darknet_py.network import read_network
from darknet_py.parameters import load_parameters
from darknet_py.synth import write_synth

from .nets import net, write_cfg
from .packages import NEEDS_ONNX
from .program import run

GOLDEN = Path(__file__).parent / "data" / "golden"
CFGS = GOLDEN.parent.parent.parent / "cfg"
TOLERANCE = 1e-4

pytestmark = NEEDS_ONNX

Floats = NDArray[np.float32]


def run_onnx(model: bytes, x: Floats) -> dict[str, Floats]:
    """What ONNX Runtime makes of an input, by name."""
    import onnx
    import onnxruntime

    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    found = session.run(None, {"input": x})
    promised = [(output.name, output.shape) for output in session.get_outputs()]
    assert [shape for _, shape in promised] == [list(output.shape) for output in found]
    return {name: output for (name, _), output in zip(promised, found, strict=True)}


def compare(cfg: Path, weights: Path, x: Floats | None = None, heads: str = "raw") -> None:
    """Run both engines on one input, and fail where an output differs."""
    network = read_network(cfg)
    shape = network.input
    if x is None:
        x = np.random.default_rng(5).random((shape.c, shape.h, shape.w), np.float32)
    exported = to_onnx(network, load_parameters(network, weights), load_trees(network), heads)
    outputs = run_onnx(exported.to_bytes(), x[None] if shape.image else x.reshape(1, -1))
    detector = load(cfg, weights, keep=range(len(network.layers)))
    detector.predict(x)
    assert list(outputs) == [f"{network.layers[number].kind}_{number}" for number in exported.layers]
    for number, theirs in zip(exported.layers, outputs.values(), strict=True):
        layer = network.layers[number]
        raw = layer in network.heads and heads == "raw"
        ours = detector.layer_output(layer.sources[0] if raw else number).reshape(-1)
        assert np.isfinite(ours).all() and np.abs(ours).max() > 0
        assert np.abs(theirs.reshape(-1) - ours).max() <= TOLERANCE * np.abs(ours).max(), layer


def compare_net(folder: Path, text: str, x: Floats | None = None, heads: str = "raw") -> None:
    """The same with stand-in weights."""
    cfg = write_cfg(folder, text)
    write_synth(cfg, folder / "net.weights")
    compare(cfg, folder / "net.weights", x, heads)


NOT_IN_ONNX = {
    "iseg": r"iseg\.cfg:\d+: \[iseg\] cannot be exported",
    "xnor": r"xnor\.cfg:\d+: xnor=1 cannot be exported",
}


@pytest.mark.parametrize("heads", ["raw", "activated"])
@pytest.mark.parametrize("cfg", sorted(GOLDEN.glob("*.cfg")), ids=lambda path: path.stem)
def test_every_golden_network(cfg: Path, heads: str, tmp_path: Path) -> None:
    network = write_synth(cfg, tmp_path / "w")
    if cfg.stem in NOT_IN_ONNX:
        with pytest.raises(CfgError, match=NOT_IN_ONNX[cfg.stem]):
            compare(cfg, tmp_path / "w", heads=heads)
    elif heads == "activated" and network.tree_files:
        with pytest.raises(CfgError, match=r"tree-small\.cfg:\d+: \[region\] with a tree cannot be exported"):
            compare(cfg, tmp_path / "w", heads="activated")
    else:
        compare(cfg, tmp_path / "w", heads=heads)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation(activation: str, tmp_path: Path) -> None:
    x = np.float32(np.random.default_rng(2).normal(0, 5, (2, 12, 9)))
    x[0, 0] = [-7.5, -4, -1, -0.25, 0, 1, 2, 4, 6.5]
    compare_net(tmp_path, net(2, 12, 9, f"activation activation={activation}"), x)


CONV = "conv filters=6 size=3 pad=1 batch_normalize=1 activation=leaky"


@pytest.mark.parametrize(
    "sections",
    [
        ["conv filters=8 size=3 stride=2 pad=1 groups=2 batch_normalize=1 activation=relu"],
        ["conv filters=4 size=1 stride=2"],
        ["conv filters=4 size=9 stride=2 activation=linear"],
        ["local filters=4 size=9 stride=2 activation=linear"],
        ["conv filters=8 size=1 stride=3 groups=4"],
        ["conv filters=3 size=5 padding=4 stride=2 flipped=1"],
        ["deconv filters=3 size=3 stride=2 pad=1 batch_normalize=1 activation=leaky"],
        ["deconv filters=2 size=2 stride=3"],
        ["local filters=3 size=3 pad=1 activation=leaky"],
        ["local filters=2 size=2 stride=2"],
        ["connected output=7 batch_normalize=1 activation=elu", "conv filters=3 size=1", "connected output=2"],
        [CONV, "batchnorm"],
        [CONV, "normalization size=5 alpha=.3 beta=.75 kappa=1"],
        [CONV, "normalization size=4 alpha=.02 beta=.5 kappa=2"],
        [CONV, "normalization size=1 alpha=.01"],
        [CONV, "l2norm"],
        [CONV, "logistic", "dropout", "cost"],
        [CONV, "cost", "connected output=3 activation=linear"],
        ["maxpool size=2 stride=2"],
        ["maxpool size=3 stride=1"],
        ["maxpool size=3 stride=2 padding=0"],
        ["maxpool size=2 stride=1 padding=7"],
        [CONV, "avgpool", "connected output=4"],
        ["softmax groups=4 temperature=1.7"],
        ["crop crop_height=5 crop_width=7"],
        ["crop crop_height=12 crop_width=3 noadjust=1"],
        ["reorg stride=2"],
        ["conv filters=12 size=3 pad=1", "reorg stride=2", "reorg stride=2 reverse=1"],
        ["conv filters=9 size=3 pad=1 stride=2", "reorg stride=3 reverse=1"],
        ["reorg flatten=1"],
        ["reorg flatten=1 reverse=1"],
        ["reorg extra=5"],
        ["upsample stride=2 scale=.5"],
        ["upsample stride=-2 scale=3"],
        ["upsample stride=-3"],
        ["upsample stride=-5"],
        [CONV, "maxpool size=2 stride=2", "upsample stride=2", "route layers=-1,0", "route layers=-1"],
        [CONV, CONV, "shortcut from=-2 alpha=.5 beta=2 activation=leaky"],
        [CONV, "conv filters=9 size=3 stride=2 pad=1", "shortcut from=0 beta=.5"],
        [CONV, "conv filters=9 size=3 stride=2 pad=1", "conv filters=4 size=1", "upsample stride=2",
         "shortcut from=1 alpha=.25"],
        ["conv filters=2 size=3 stride=4 pad=1", "upsample stride=4", "shortcut from=0 alpha=3 activation=relu"],
    ],
    ids=lambda sections: "+".join(sections),
)  # fmt: skip
def test_every_layer(sections: list[str], tmp_path: Path) -> None:
    compare_net(tmp_path, net(4, 12, 8, *sections))


def test_a_flat_input(tmp_path: Path) -> None:
    text = "[net]\ninputs=9\n[connected]\noutput=4\nactivation=tanh\n[softmax]\n"
    compare_net(tmp_path, text, np.linspace(-1, 1, 9, dtype=np.float32))


def test_a_softmax_over_a_tree(tmp_path: Path) -> None:
    (tmp_path / "a.tree").write_text("a -1\nb -1\nc 0\nd 0\ne 0\nf 1\ng 3\nh 3\n")
    text = net(3, 6, 6, CONV, "connected output=8 activation=linear", "softmax tree=a.tree")
    compare_net(tmp_path, text)
    network = read_network(tmp_path / "net.cfg")
    with pytest.raises(CfgError, match=r"net\.cfg:\d+: \[softmax\] cannot be exported without its tree, a\.tree"):
        to_onnx(network, load_parameters(network, tmp_path / "net.weights"))


@pytest.mark.parametrize(
    "options", ["softmax=1", "softmax=1 background=1", "softmax=0 background=1", "coords=5 softmax=1", "softmax=0"]
)
def test_region_heads(options: str, tmp_path: Path) -> None:
    coords = 5 if "coords" in options else 4
    head = f"region num=2 classes=3 anchors=1,2,3,4 {options}"
    compare_net(tmp_path, net(3, 6, 4, f"conv filters={2 * (4 + coords)} size=3 pad=1", head), heads="activated")


def test_a_yolov1_head_with_softmax(tmp_path: Path) -> None:
    text = net(3, 6, 6, "connected output=117", "detection side=3 num=2 classes=3 coords=4 softmax=1")
    compare_net(tmp_path, text, heads="activated")
    compare_net(tmp_path, text)


def test_the_model_says_how_to_decode_it(tmp_path: Path) -> None:
    import onnx

    cfg = GOLDEN / "yolo-two-scales.cfg"
    write_synth(cfg, tmp_path / "w")
    out = run("weights", "convert", "w", "m.onnx", "--cfg", cfg, cwd=tmp_path).stdout
    model = onnx.load(tmp_path / "m.onnx")
    assert out == f"m.onnx: {(tmp_path / 'm.onnx').stat().st_size:,} bytes\n"
    facts = {entry.key: json.loads(entry.value) for entry in model.metadata_props}
    assert facts["darknet.seen"] == 32013312
    assert [head["output"] for head in facts["darknet.heads"]] == [output.name for output in model.graph.output]
    assert [head["mask"] for head in facts["darknet.heads"]] == [[3, 4, 5], [0, 1, 2]]
    assert (model.producer_name, model.opset_import[0].version) == ("darknet-py", 13)
    names = {node.output[0] for node in model.graph.node}
    assert len(names) == len(model.graph.node), "names are unique"
    used = {name for node in model.graph.node for name in node.input}
    assert {tensor.name for tensor in model.graph.initializer} <= used, "no constant is left over"


@dataclass(frozen=True, kw_only=True)
class Strange(Layer):
    """A layer that the export has never heard of."""

    kind = "strange"


def test_a_layer_that_onnx_has_not(tmp_path: Path) -> None:
    cfg = write_cfg(tmp_path, net(3, 6, 6, CONV, "dropout"))
    network = write_synth(cfg, tmp_path / "w")
    first, last = network.layers
    odd = replace(network, layers=(first, Strange(index=1, line=last.line, input=last.input, out=last.out)))
    with pytest.raises(CfgError, match=r"net\.cfg:13: \[strange\] cannot be exported: ONNX has no operator for it"):
        to_onnx(odd, load_parameters(network, tmp_path / "w"))
    cfg = GOLDEN / "tree-small.cfg"
    write_synth(cfg, tmp_path / "w")
    error = run("weights", "convert", "w", "m.onnx", "--cfg", cfg, "--activated", cwd=tmp_path, code=1).stderr
    assert "[region] with a tree cannot be exported with its activations" in error and len(error.splitlines()) == 1
    assert not (tmp_path / "m.onnx").exists()


def test_models_beyond_the_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cfg = write_cfg(tmp_path, net(3, 6, 6, CONV))
    network = write_synth(cfg, tmp_path / "w")
    monkeypatch.setattr(module, "LIMIT", 4 * network.parameters - 1)
    with pytest.raises(DarknetError, match="an ONNX file holds less than 2 GB"):
        to_onnx(network, load_parameters(network, tmp_path / "w"))
    monkeypatch.setattr(module, "LIMIT", 4 * network.parameters)
    to_onnx(network, load_parameters(network, tmp_path / "w"))


def test_all_constants_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the file's weights alone: also those that a layer has of its own, such as a blur."""
    cfg = write_cfg(tmp_path, net(3, 6, 6, f"{CONV} antialiasing=1"))
    network = write_synth(cfg, tmp_path / "w")
    monkeypatch.setattr(module, "LIMIT", 4 * network.parameters)
    with pytest.raises(DarknetError, match="an ONNX file holds less than 2 GB"):
        to_onnx(network, load_parameters(network, tmp_path / "w"))


def test_large_lengths_are_written_right() -> None:
    from onnx import TensorProto

    from darknet_py.export.onnx import field_start

    for size in (0, 1, 127, 128, 300_000):
        tensor = TensorProto(raw_data=b"x" * size)
        assert tensor.SerializeToString() == (field_start(9, size) + b"x" * size)


@pytest.mark.network
def test_the_released_yolov3_tiny(tmp_path: Path) -> None:
    from darknet_py.image.letterbox import letterbox, to_planar
    from darknet_py.image.load import load_image
    from darknet_py.zoo import get_model, locate

    files = locate(get_model("yolov3-tiny"), fetch_missing=True)
    photo = load_image(GOLDEN.parent / "photos" / "astronaut.jpg")
    x = letterbox(to_planar(photo), 416, 416)
    compare(files.cfg, files.weights, x)
    compare(files.cfg, files.weights, x, heads="activated")


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["darknet19", "densenet201", "extraction", "resnet18", "resnext50", "yolov1", "yolov2", "yolov3-spp"]
)
def test_large_networks(name: str, tmp_path: Path) -> None:
    write_synth(CFGS / f"{name}.cfg", tmp_path / "w")
    compare(CFGS / f"{name}.cfg", tmp_path / "w")
