"""The graph: shapes, the layer table, and an error with file and line for everything that cannot run."""

from __future__ import annotations

from pathlib import Path

import pytest

from darknet_py.errors import CfgError
from darknet_py.layers import ACTIVATIONS, LAYERS
from darknet_py.network import read_network
from darknet_py.output.layer_table import printed_table

from .nets import net, write_cfg

CONV = "convolutional filters=8 size=3 stride=1 pad=1 activation=leaky"

ERRORS = {
    "no size": ("[net]\nwidth=8\n[maxpool]\n", 1, "no input size"),
    "no layers": ("[net]\nwidth=8\nheight=8\nchannels=3\n", 1, "has no layers"),
    "a second net": (net(3, 8, 8, "net width=3"), 6, "only at the beginning"),
    "not a number": (net(3, 8, 8, "maxpool size=two"), 7, "'two' is not a number"),
    "not a number in a list": (net(3, 8, 8, CONV, "route layers=-1,x"), 14, "'x' is not a number"),
    "a list that ends with a comma": (net(3, 8, 8, CONV, "route layers=-1,"), 14, "'' is not a number"),
    "an int that is too large": (net(3, 8, 8, "maxpool size=4294967297"), 7, "does not fit"),
    "no filters": (net(3, 8, 8, "conv filters=0"), 7, "must be at least 1"),
    "no stride": (net(3, 8, 8, "maxpool stride=0 size=2"), 7, "must be at least 1"),
    "negative padding": (net(3, 8, 8, "conv padding=-1"), 7, "must not be negative"),
    "no output": (net(3, 4, 4, "conv size=9 stride=1"), 6, "leaves no output"),
    "no pooled output": (net(3, 4, 4, "maxpool size=9 padding=0"), 6, "leaves no output"),
    "too large": (net(3, 30000, 30000, "conv filters=9999"), 1, "more than Darknet can count"),
    "a 1x1 convolution with padding": (net(3, 4, 4, "conv size=1 padding=1"), 8, "takes no padding"),
    "groups": (net(3, 4, 4, "conv size=1 groups=2"), 8, "must divide"),
    "a mistyped activation": (net(3, 4, 4, "conv activation=laeky"), 7, "unknown activation 'laeky'"),
    "route to nowhere": (net(3, 4, 4, CONV, "route layers=-3"), 14, "layers=-3 leads to layer -2"),
    "route to itself": (net(3, 4, 4, CONV, "route layers=1"), 14, "only layers 0 to 0"),
    "route without layers": (net(3, 4, 4, CONV, "route"), 13, "must name its layers"),
    "route between unlike shapes": (
        net(3, 8, 8, CONV, "maxpool size=2 stride=2", "route layers=-1,0"), 18, "layer 1 gives 4 x 4 x 8, layer 0",
    ),
    "shortcut to nowhere": (net(3, 4, 4, CONV, "shortcut from=-9"), 14, "leads to no layer"),
    "shortcut without from": (net(3, 4, 4, CONV, "shortcut"), 13, "must name a layer"),
    "shortcut between unlike shapes": (
        net(3, 8, 8, CONV, "crop crop_width=4 crop_height=8", "shortcut from=0"), 18, "joins unlike shapes",
    ),
    "reorg of an odd map": (net(4, 3, 4, "reorg stride=2"), 7, "does not divide"),
    "reorg of few channels": (net(3, 4, 4, "reorg stride=2"), 6, "multiple of 4 channels"),
    "upsample without end": (net(3, 4, 4, "upsample stride=2000"), 7, "stride=2000 is far more than any network has"),
    "deconvolution without end": (net(3, 4, 4, "deconv stride=2000"), 7, "stride=2000 is far more"),
    "reorg of zeros and flattened": (net(3, 4, 4, "reorg flatten=1 extra=2"), 8, "flatten=1 takes no extra"),
    "reorg of zeros without end": (net(3, 4, 4, "reorg extra=5000000"), 7, "extra=5000000 is far more"),
    "a history without end": (net(3, 4, 4, "history history_size=5000000"), 7, "history_size=5000000 is far more"),
    "upsample by nothing": (net(3, 4, 4, "upsample stride=0"), 7, "must not be 0"),
    "a crop that is too large": (net(3, 4, 4, "crop crop_width=5 crop_height=4"), 8, "larger than its input"),
    "softmax groups": (net(3, 1, 1, "softmax groups=2"), 7, "does not divide 3 inputs"),
    "local": (net(3, 8, 8, "local size=5 pad=1"), 6, "not defined in Darknet"),
    "an image layer after a flat one": (net(3, 4, 4, "softmax", "maxpool"), 8, "needs an image"),
    "region channels": (net(3, 4, 4, CONV, "region classes=3 num=2"), 13, "needs 16 channels"),
    "region coords": (net(6, 4, 4, "region classes=3 num=1 coords=2"), 9, "a box needs 4"),
    "yolo channels": (net(3, 4, 4, CONV, "yolo classes=3 num=2"), 13, "needs 16 channels"),
    "yolo mask": (net(8, 4, 4, "yolo classes=3 num=1 mask=1"), 9, "mask=1 is no anchor"),
    "detection": (net(3, 4, 4, "detection coords=4 classes=3"), 6, "needs 392 inputs"),
    "recurrent": (net(3, 4, 4, "gru output=0"), 7, "output=0 must be at least 1"),
    "a recurrent convolution of no image": (net(3, 4, 4, "lstm output=3", "crnn"), 9, "needs an image"),
    "weights of a part that are not in the file": (net(3, 4, 4, "rnn dontload=1"), 7, "random values"),
    "instance segmentation": (net(3, 4, 4, "iseg classes=2 ids=2"), 6, "need 4 channels, but 3 come in"),
    "weights that are not in the file": (net(3, 4, 4, "conv dontload=1"), 7, "random values"),
    "heads of unlike classes": (net(6, 2, 2, "yolo classes=1", "route layers=0", "route layers=0"), 6, ""),
}  # fmt: skip


@pytest.mark.parametrize("name", [name for name in ERRORS if ERRORS[name][2]])
def test_an_error_names_file_and_line(tmp_path: Path, name: str) -> None:
    text, line, message = ERRORS[name]
    cfg = write_cfg(tmp_path, text)
    with pytest.raises(CfgError) as caught:
        read_network(cfg)
    assert str(caught.value).startswith(f"{cfg}:{line}: "), caught.value
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_heads_must_agree_on_their_classes(tmp_path: Path) -> None:
    text = net(14, 2, 2, "yolo classes=2 num=2", "crop crop_width=2 crop_height=2", "yolo classes=9 num=1")
    with pytest.raises(CfgError, match="other classes than the head of layer 0"):
        read_network(write_cfg(tmp_path, text))


def test_every_alias_and_every_activation(tmp_path: Path) -> None:
    sections = ["conv", "max", "deconv", "avg", "conn", "soft", "dropout", "cost"]
    sections += [f"activation activation={name}" for name in ACTIVATIONS]
    network = read_network(write_cfg(tmp_path, net(3, 8, 8, "lrn", *sections).replace("[net]", "[network]")))
    kinds = [layer.kind for layer in network.layers]
    assert kinds[:9] == [
        "normalization", "convolutional", "maxpool", "deconvolutional", "avgpool", "connected", "softmax", "dropout",
        "cost",
    ]  # fmt: skip
    assert set(kinds) <= set(LAYERS["darknet"])


def test_c_division_rounds_towards_zero(tmp_path: Path) -> None:
    # (2 - 3) / 2 is 0 in C, so one output is left where Python's -1 would leave none
    network = read_network(write_cfg(tmp_path, net(1, 2, 2, "conv size=3 stride=2")))
    assert network.layers[0].out.size == 1


def test_cutoff_keeps_the_first_layers(tmp_path: Path) -> None:
    cfg = write_cfg(tmp_path, net(3, 8, 8, CONV, CONV, "route layers=-9"))
    assert len(read_network(cfg, cutoff=2).layers) == 2
    with pytest.raises(CfgError, match="cutoff=4"):
        read_network(cfg, cutoff=4)


@pytest.mark.parametrize(
    ("sections", "stride"),
    [
        (("conv size=3 stride=4 pad=1", "maxpool size=2 stride=2", "maxpool size=2 stride=1"), 8),
        (("conv filters=4 size=1", "reorg stride=2", "upsample stride=2", "conv size=3 stride=2"), 2),
        (("conv size=2 stride=2", "conv size=3 stride=3", "deconv size=2 stride=6", "upsample stride=-4"), 12),
        (("conv filters=4 size=2 stride=4", "reorg stride=2 reverse=1"), 4),
        (("conv size=2 stride=2", "conv size=2 stride=2", "route layers=0", "conv size=2 stride=3"), 12),
        (("avgpool",), 1),
    ],
)
def test_the_stride(tmp_path: Path, sections: tuple[str, ...], stride: int) -> None:
    assert read_network(write_cfg(tmp_path, net(3, 48, 48, *sections))).stride == stride


PASS = net(3, 32, 32, "conv filters=4 size=3 stride=2 pad=1", "conv size=3 stride=2 pad=1", "upsample",
           "route layers=0,-1", "avgpool", "conn output=5")  # fmt: skip


def test_another_size_is_another_graph_for_the_same_weights(tmp_path: Path) -> None:
    cfg = write_cfg(tmp_path, PASS)
    network = read_network(cfg)
    other = network.resized(24, 40)
    assert other == read_network(cfg, size=(24, 40)) != network
    assert (other.input.w, other.input.h, other.layers[0].out.w, other.layers[0].out.h) == (24, 40, 12, 20)
    assert other.resized(32, 32) == network


def test_sizes_that_do_not_fit(tmp_path: Path) -> None:
    cfg = write_cfg(tmp_path, PASS)
    for resize in (read_network(cfg).resized, lambda w, h: read_network(cfg, size=(w, h))):
        with pytest.raises(CfgError, match=r"cfg:20: \[route\] joins unlike.* 30 x 32 does not fit .* multiples of 4"):
            resize(30, 32)
        for w, h in ((0, 32), (32, -4), (40_000, 40_000)):
            with pytest.raises(CfgError, match=f"an input of {w} x {h} is not possible"):
                resize(w, h)
    network = read_network(write_cfg(tmp_path, net(3, 8, 8, CONV, "conn output=5")))
    with pytest.raises(CfgError, match=r"layer 1 \[connected\] has weights for an input of 8 x 8 only: .* to 16 x 8"):
        network.resized(16, 8)
    flat = read_network(write_cfg(tmp_path, "[net]\ninputs=9\n[conn]\noutput=2\n"))
    with pytest.raises(CfgError, match="the input is no image"):
        flat.resized(3, 3)


def test_the_layer_table_is_darknets(tmp_path: Path) -> None:
    text = net(
        3, 416, 416, "conv filters=16 size=3 pad=1 colour=red", "max size=2 stride=2", "reorg stride=2 reverse=1",
        "route layers=0,2", "upsample", "shortcut from=-1", "dropout", "avg", "softmax", "cost",
    )  # fmt: skip
    table = printed_table(read_network(write_cfg(tmp_path, text)), verbose=True)
    assert table == [
        "layer     filters    size              input                output",
        "    0 conv     16  3 x 3 / 1   416 x 416 x   3   ->   416 x 416 x  16  0.150 BFLOPs",
        "Unused field: 'colour = red'",
        "    1 max          2 x 2 / 2   416 x 416 x  16   ->   208 x 208 x  16",
        "    2 reorg              / 2   208 x 208 x  16   ->   416 x 416 x   4",
        "    3 route  0 2",
        "    4 upsample            2x   416 x 416 x  20   ->   832 x 832 x  20",
        "    5 res    4                 832 x 832 x  20   ->   832 x 832 x  20",
        "    6 dropout       p = 0.50               13844480  ->  13844480",
        "    7 avg                      832 x 832 x  20   ->    20",
        "    8 softmax                                          20",
        "    9 cost                                             20",
    ]
