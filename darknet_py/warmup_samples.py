"""What `darknet_py.warmup` runs: small networks with every kind of layer, and small pictures of every format."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator

import numpy as np

TREE = "thing -1\nother -1\ndog 0\ncat 0\nterrier 2\ncollie 2\n"
"""A WordTree of six nodes in three groups."""


def cfg(c: int, h: int, w: int, *sections: str) -> str:
    """A cfg's text: the input's shape, and sections such as ``"maxpool size=2 stride=2"``."""
    lines = ["[net]", f"channels={c}", f"height={h}", f"width={w}"]
    for section in sections:
        kind, *options = section.split()
        lines += [f"[{kind}]", *options]
    return "\n".join(lines) + "\n"


_NORMED = "convolutional batch_normalize=1 filters={} size=3 stride={} pad=1 activation=leaky"

NARROW = cfg(
    3, 32, 32, _NORMED.format(8, 1), "maxpool size=2 stride=2", _NORMED.format(8, 1), "maxpool size=3 stride=1",
    "maxpool size=2 stride=1", "shortcut from=-3 activation=leaky", "reorg stride=2",
    "convolutional filters=6 size=1 activation=logistic", "upsample stride=2", "route layers=-1,5",
    _NORMED.format(14, 1) + " groups=14", "convolutional filters=24 size=1 activation=linear",
    "yolo classes=3 num=3 anchors=9,9,20,30,50,50",
)  # fmt: skip
"""What is computed in narrow numbers, read by convolutions that are."""

FEW = cfg(
    24, 8, 8, "maxpool size=2 stride=1", "upsample stride=2", "yolo classes=3 num=3 anchors=9,9,20,30,50,50"
)  # fmt: skip
"""What most detectors have besides convolutions."""

DETECTORS = (
    cfg(
        3, 64, 64, _NORMED.format(8, 1), "maxpool size=2 stride=2", _NORMED.format(8, 2), "maxpool size=3 stride=1",
        "convolutional filters=8 size=1 activation=relu", "shortcut from=-3 activation=linear",
        "convolutional filters=8 size=3 pad=1 groups=8 activation=logistic", "upsample stride=2", "route layers=-1,1",
        "route layers=-1", "upsample stride=-2", "convolutional filters=24 size=1 activation=linear",
        "yolo classes=3 num=3 anchors=9,9,20,30,50,50",
    ),
    cfg(
        3, 64, 64, _NORMED.format(16, 4), "reorg stride=2", "reorg stride=2 reverse=1", "reorg stride=1 flatten=1",
        "reorg stride=1 flatten=1 reverse=1", "convolutional filters=24 size=1 activation=linear",
        "region classes=3 num=3 softmax=1 anchors=1,1,2,2,3,3",
    ),
    cfg(
        3, 64, 64, _NORMED.format(16, 4), "convolutional filters=24 size=1 activation=linear",
        "region classes=3 num=3 anchors=1,1,2,2,3,3",
    ),
    cfg(
        3, 64, 64, _NORMED.format(16, 4), "convolutional filters=22 size=1 activation=linear",
        "region classes=6 num=2 softmax=1 tree=warmup.tree anchors=1,1,2,2",
    ),
    cfg(
        3, 32, 32, _NORMED.format(8, 1) + " xnor=1", "crnn hidden_filters=8 output_filters=5 activation=leaky",
        "iseg classes=3 ids=2",
    ),
)  # fmt: skip
"""Networks whose layers both exact profiles compute."""

_POINTWISE = "convolutional batch_normalize=1 filters={} size=1 activation=leaky"
_DEPTHWISE = "convolutional batch_normalize=1 filters={} groups={} size=3 pad=1 activation=leaky"
_ALEXEYABS = "convolutional batch_normalize=1 filters={} size=3 stride={} pad=1 activation={}"

ALEXEYABS = (
    cfg(
        3, 64, 64, _ALEXEYABS.format(8, 2, "mish"), _ALEXEYABS.format(8, 1, "swish"),
        "shortcut from=-2 activation=mish",
        "maxpool size=5 stride=1", "route layers=-1,-2 groups=2 group_id=1",
        "maxpool size=2 stride=2",
        "convolutional filters=8 size=3 pad=1 dilation=2 activation=leaky",
        "convolutional filters=8 size=3 pad=1 groups=8 antialiasing=1 stride=2 activation=leaky", "upsample stride=2",
        "shortcut from=-3,-4 activation=leaky weights_type=per_channel weights_normalization=softmax",
        "convolutional filters=27 size=1 activation=logistic",
        "yolo classes=4 num=3 anchors=9,9,20,30,50,50 new_coords=1 scale_x_y=2 nms_kind=diounms",
    ),
    cfg(
        3, 64, 64, _ALEXEYABS.format(8, 4, "leaky"), "avgpool", "convolutional filters=8 size=1 activation=logistic",
        "scale_channels from=-3", "convolutional filters=8 size=1 activation=logistic", "sam from=-2",
        "local_avgpool size=2 stride=2", "reorg3d stride=2", "convolutional filters=24 size=1 activation=linear",
        "Gaussian_yolo classes=3 num=2 anchors=9,9,20,30 nms_kind=cornersnms",
    ),
    cfg(
        3, 64, 64, _ALEXEYABS.format(16, 4, "hard_mish"),
        "convolutional filters=16 size=1 activation=normalize_channels_softmax",
        "maxpool maxpool_depth=1 out_channels=8", "conv_lstm output=8 size=3 pad=1 peephole=1 activation=leaky",
        "convolutional filters=24 size=1 activation=linear",
        "region classes=3 num=3 softmax=1 anchors=1,1,2,2,3,3",
    ),
    cfg(
        3, 32, 32, _ALEXEYABS.format(16, 2, "leaky"),
        _POINTWISE.format(32), _DEPTHWISE.format(32, 32), _POINTWISE.format(16),
        _POINTWISE.format(32), _DEPTHWISE.format(32, 32), _POINTWISE.format(8),
        _POINTWISE.format(8), _DEPTHWISE.format(8, 8), _POINTWISE.format(8), "shortcut from=-4 activation=linear",
        "convolutional filters=24 size=1 activation=linear", "yolo classes=3 num=3 anchors=9,9,20,30,50,50",
    ),
    cfg(
        3, 8, 64, _ALEXEYABS.format(8, 1, "leaky"), _POINTWISE.format(8), _DEPTHWISE.format(8, 8), _POINTWISE.format(8),
        _POINTWISE.format(8), _DEPTHWISE.format(8, 8), _POINTWISE.format(4), "avgpool",
    ),
)  # fmt: skip
"""Networks of AlexeyAB's dialect, with the layers of YOLOv4 and v7, and bottlenecks of many and few channels."""

TILED = cfg(
    8, 12, 12, "convolutional filters=8 size=3 pad=1 activation=leaky",
    "convolutional filters=8 size=3 stride=2 pad=1 activation=leaky",
)  # fmt: skip
"""Convolutions that can be computed tile by tile."""

ONLY_IEEE = (
    cfg(
        3, 56, 56, "crop crop_width=48 crop_height=48", _NORMED.format(8, 2), "normalization",
        "local filters=4 size=3 pad=1 activation=leaky", "dropout probability=.5",
        "connected output=20 batch_normalize=1 activation=leaky", "connected output=44 activation=linear",
        "detection classes=1 coords=4 side=2 num=2 softmax=1 sqrt=1",
    ),
    cfg(
        3, 16, 16, _NORMED.format(6, 1), "batchnorm", "deconvolutional filters=6 size=2 stride=2 activation=leaky",
        "activation activation=elu", "l2norm", "logistic", "reorg stride=1 extra=2", "connected output=6", "softmax",
        "cost",
    ),
    cfg(3, 32, 32, _NORMED.format(8, 1), "convolutional filters=6 size=1 activation=linear", "avgpool", "softmax"),
    cfg(
        3, 32, 32, _NORMED.format(8, 1), "convolutional filters=6 size=1 activation=linear", "avgpool",
        "softmax tree=warmup.tree",
    ),
    cfg(3, 8, 8, "rnn output=9 batch_normalize=1", "gru output=9", "lstm output=9"),
)  # fmt: skip
"""Networks with layers that only ``math="ieee"`` computes."""


def pictures() -> Iterator[bytes]:
    """Files of every format: noise, so that every case of a code occurs."""
    from PIL import Image

    random = np.random.RandomState(7)
    noise = Image.fromarray(random.randint(0, 256, (48, 80, 3), np.uint8))
    smooth = noise.resize((80, 48), box=(0, 0, 8, 6))
    for mode, subsampling, progressive in (
        ("RGB", 2, False), ("RGB", 1, False), ("RGB", 0, False), ("L", 0, False), ("CMYK", 0, False),
        ("RGB", 2, True), ("L", 0, True),
    ):  # fmt: skip
        for source in (noise, smooth):
            options = {"subsampling": subsampling, "progressive": progressive, "quality": 85}
            yield _saved(source.convert(mode), "JPEG", **options)
    for source in (noise, smooth):
        for mode in ("RGB", "RGBA", "L", "P", "1"):
            yield _saved(source.convert(mode), "PNG")
        yield _saved(source.convert("P"), "GIF")
        yield _saved(source, "BMP")
        yield _saved(source, "PPM")
        yield _saved(source, "TGA", compression="tga_rle")
    yield _psd()
    yield _hdr()
    yield _pic()


def _saved(picture: object, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)  # type: ignore[attr-defined]
    return file.getvalue()


def _psd(width: int = 8, height: int = 2) -> bytes:
    """A Photoshop file, its rows packed: a run of one value each."""
    header = b"8BPS" + struct.pack(">H6xHIIHH", 1, 3, height, width, 8, 3) + bytes(12)
    rows = 3 * height
    lengths = struct.pack(f">{rows}H", *[2] * rows)
    return header + struct.pack(">H", 1) + lengths + bytes([257 - width, 100]) * rows


def _hdr(width: int = 8, height: int = 2) -> bytes:
    """A Radiance file, its rows packed: a run of one value each."""
    row = bytes([2, 2, 0, width]) + bytes([128 + width, 130]) * 4
    return b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n" + f"-Y {height} +X {width}\n".encode() + row * height


def _pic(width: int = 8, height: int = 2) -> bytes:
    """A Softimage file: each row a run of one red, green and blue."""
    header = b"\x53\x80\xf6\x34" + bytes(84) + b"PICT" + struct.pack(">HH", width, height) + bytes(8)
    return header + bytes([0, 8, 1, 0xE0]) + bytes([width, 10, 20, 30]) * height
