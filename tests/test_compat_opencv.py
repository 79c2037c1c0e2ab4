"""``darknet_py.compat.opencv``: cv2.dnn's surface, facts recorded from OpenCV 4.14, and OpenCV itself if it is here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from darknet_py.compat import opencv
from darknet_py.compat.opencv import region
from darknet_py.compat.opencv.blob import make_blob, resize_bytes
from darknet_py.compat.opencv.names import name_parts, output_names
from darknet_py.errors import CfgError, DarknetError
from darknet_py.layers import Region, Yolo
from darknet_py.network import read_network
from darknet_py.parameters import load_parameters
from darknet_py.synth import write_synth

from .nets import net, write_cfg

f32 = np.float32

try:
    import cv2
except ImportError:
    cv2 = None  # type: ignore[assignment]

NEEDS_OPENCV_4 = pytest.mark.skipif(
    not hasattr(getattr(cv2, "dnn", None), "readNetFromDarknet"),
    reason="no OpenCV before 5 here (pip install 'opencv-python-headless<5')",
)

CONV = "convolutional batch_normalize=1 filters=8 size=3 stride=2 pad=1 activation=leaky"
HEAD = "convolutional filters=21 size=1 activation=linear"
YOLO = "yolo mask=1,2,0 anchors=8,9,20,12,5,5 classes=2 num=3 thresh=.05"
REGION = "region anchors=1,2,3,1,.5,.7 classes=2 num=3 softmax=1 thresh=.1"
YOLO_NET = net(3, 32, 48, CONV, CONV, HEAD, YOLO, "route layers=-3", "upsample stride=2", "route layers=-1,0", HEAD,
               YOLO + " nms_threshold=.3 scale_x_y=1.1")  # fmt: skip
REGION_NET = net(3, 32, 32, CONV, CONV, HEAD, REGION)
NEW_COORDS_NET = net(3, 32, 32, CONV, CONV, HEAD.replace("linear", "logistic"), YOLO + " new_coords=1 scale_x_y=2")
SKIPPING_NET = net(3, 32, 32, CONV.replace("size=3", "size=1"), CONV, HEAD, YOLO)
FLAT_REGION_NET = net(3, 32, 32, CONV.replace("leaky", "mish"), CONV, HEAD, REGION)
ALEXEYABS_NET = net(
    3, 32, 32, CONV.replace("leaky", "mish"), "route layers=-1 groups=2 group_id=1",
    "convolutional filters=4 size=3 pad=1 activation=swish", "sam from=-2 activation=logistic", "avgpool",
    "convolutional filters=4 size=1 activation=logistic", "scale_channels from=2 activation=leaky",
    "shortcut from=3 activation=leaky", "dropout", "maxpool size=5 stride=1", HEAD, YOLO + " scale_x_y=1.05",
)  # fmt: skip


def files(folder: Path, text: str, seed: int = 7) -> tuple[Path, Path]:
    cfg, weights = write_cfg(folder, text), folder / "net.weights"
    write_synth(cfg, weights, seed)
    return cfg, weights


def read(folder: Path, text: str) -> opencv.Net:
    return opencv.readNetFromDarknet(*files(folder, text))


def noise(*shape: int) -> np.ndarray:
    return np.random.RandomState(3).rand(*shape).astype(f32)


def logistic(x: float) -> float:
    return float(1 / (1 + np.exp(-x)))


def plain_rows(head: Any, values: np.ndarray, thresh: float, size: tuple[int, int], scale: float = 1.0) -> np.ndarray:
    """Rows before suppression, one value at a time, from what flows into the head, channels last."""
    w, h = head.w, head.h
    mask = head.mask if isinstance(head, Yolo) else range(head.n)
    unit = size if isinstance(head, Yolo) else (w, h)
    new = isinstance(head, Yolo) and head.new_coords
    rows = []
    for y in range(h):
        for x in range(w):
            for a in range(head.n):
                v = values[0, y, x].astype(float).reshape(head.n, -1)[a]
                bias = head.biases[2 * mask[a] : 2 * mask[a] + 2]
                if isinstance(head, Region):
                    classes = np.exp(v[5:]) / np.exp(v[5:]).sum()
                else:
                    classes = v[5:] if new else [logistic(p) for p in v[5:]]
                across, down, objectness = (v[k] if new else logistic(v[k]) for k in (0, 1, 4))
                probs = [objectness * p if f32(objectness * p) > f32(thresh) else 0 for p in classes]
                place = [(x + (across - 0.5) * scale + 0.5) / w, (y + (down - 0.5) * scale + 0.5) / h]
                grown = [4 * k * k if new else np.exp(k) for k in v[2:4]]
                rows.append([*place, grown[0] * bias[0] / unit[0], grown[1] * bias[1] / unit[1], objectness, *probs])
    return np.array(rows)


def plain_nms(rows: np.ndarray, limit: float) -> np.ndarray:
    """Suppression by class, box against box."""
    out = rows.copy()
    out[:, 5:] = 0
    for k in range(5, rows.shape[1]):
        kept: list[int] = []
        for i in sorted(np.flatnonzero(rows[:, k] > 0), key=lambda i: -rows[i, k]):
            if all(iou(rows[i], rows[j]) <= limit for j in kept):
                kept.append(i)
        out[kept, k] = rows[kept, k]
    return out


def iou(a: np.ndarray, b: np.ndarray) -> float:
    sides = [
        min(a[i] + a[i + 2] / 2, b[i] + b[i + 2] / 2) - max(a[i] - a[i + 2] / 2, b[i] - b[i + 2] / 2) for i in (0, 1)
    ]
    shared = max(sides[0], 0) * max(sides[1], 0)
    return float(shared / (a[2] * a[3] + b[2] * b[3] - shared))


def test_names_are_those_of_opencvs_importer(repository: Path) -> None:
    # Recorded from OpenCV 4.14.
    tiny = read_network(repository / "cfg" / "yolov3-tiny.cfg")
    names = [part.name for part in name_parts(tiny)]
    assert len(names) == 48
    assert names[:4] == ["conv_0", "bn_0", "leaky_1", "pool_1"]
    assert names[33:] == [
        "conv_15", "permute_16", "yolo_16", "identity_17", "conv_18", "bn_18", "leaky_19", "upsample_19", "concat_20",
        "conv_21", "bn_21", "leaky_22", "conv_22", "permute_23", "yolo_23",
    ]  # fmt: skip
    assert output_names(tiny) == ["yolo_16", "yolo_23"]
    voc = [part.name for part in name_parts(read_network(repository / "cfg" / "yolo-voc.cfg"))]
    assert voc[-12:] == [
        "leaky_25", "identity_25", "conv_26", "bn_26", "leaky_27", "reorg_27", "concat_28", "conv_29", "bn_29",
        "leaky_30", "conv_30", "permute_31", "detection_out",
    ][1:]  # fmt: skip
    alexnet = [part.name for part in name_parts(read_network(repository / "cfg" / "alexnet.cfg"))]
    assert alexnet[12:] == [
        "pool_7", "fullyConnected_8", "relu_9", "identity_9", "fullyConnected_10", "relu_11", "identity_11",
        "fullyConnected_12", "softmax_13",
    ]  # fmt: skip
    resnet = [part.name for part in name_parts(read_network(repository / "cfg" / "resnet18.cfg"))]
    assert resnet[-6:] == ["bn_24", "shortcut_25", "leaky_26", "avgpool_26", "conv_27", "softmax_28"]


def test_ids_count_from_one(tmp_path: Path) -> None:
    network = read(tmp_path, YOLO_NET)
    names = network.getLayerNames()
    assert [names[i - 1] for i in network.getUnconnectedOutLayers()] == ["yolo_3", "yolo_8"]
    assert network.getUnconnectedOutLayersNames() == ("yolo_3", "yolo_8")
    assert network.getLayerId("conv_0") == 1
    assert network.getLayerId("_input") == 0
    assert network.getLayerId("nothing") == -1
    # Scripts from before OpenCV 4.5.4 had an n x 1 array.
    assert [names[i[0] - 1] for i in network.getUnconnectedOutLayers()] == ["yolo_3", "yolo_8"]


def test_shapes_for_one_image_and_for_several(tmp_path: Path) -> None:
    network = read(tmp_path, YOLO_NET)
    network.setInput(noise(1, 3, 32, 48))
    assert [out.shape for out in network.forward(["yolo_3", "yolo_8"])] == [(8 * 12 * 3, 7), (16 * 24 * 3, 7)]
    assert network.forward().shape == (16 * 24 * 3, 7)
    assert network.forward("conv_0").shape == (1, 8, 16, 24)
    assert network.forward("permute_3").shape == (1, 8, 12, 21)
    network.setInput(noise(3, 3, 64, 32))
    assert [out.shape for out in network.forward(["yolo_3", "concat_6"])] == [(3, 16 * 8 * 3, 7), (3, 16, 32, 16)]
    ticks, layers = network.getPerfProfile()
    assert ticks > 0
    assert layers.sum() == ticks
    assert len(layers) == len(network.getLayerNames())


@pytest.mark.parametrize(
    "text", [YOLO_NET, REGION_NET, NEW_COORDS_NET, FLAT_REGION_NET], ids=["yolo", "region", "new-coords", "flat-region"]
)
@pytest.mark.parametrize("size", [(32, 32), (48, 32), pytest.param((32, 64), marks=pytest.mark.slow)])
def test_rows_are_decoded_and_suppressed(tmp_path: Path, text: str, size: tuple[int, int]) -> None:
    network = read(tmp_path, text)
    network.setInput(noise(1, 3, size[1], size[0]))
    names = network.getUnconnectedOutLayersNames()
    heads = read_network(tmp_path / "net.cfg").resized(*size).heads
    for head, rows in zip(heads, network.forward(names), strict=True):
        assert isinstance(head, (Region, Yolo))
        last = head.index == 8
        scale = 1.1 if last else 2.0 if text == NEW_COORDS_NET else 1.0
        values = network.forward(f"permute_{head.index}")
        expected = plain_rows(head, values, 0.05 if isinstance(head, Yolo) else 0.1, size, scale)
        assert (expected[:, 5:] > 0).sum() > 20
        if isinstance(head, Region) or last:
            expected = plain_nms(expected, 0.3 if last else 0.4)
        np.testing.assert_allclose(rows, expected, rtol=1e-5, atol=2e-6)


def test_parts_inside_of_a_layer_follow_from_each_other(tmp_path: Path) -> None:
    cfg, weights = files(tmp_path, YOLO_NET)
    network = opencv.readNetFromDarknet(cfg, weights)
    network.setInput(noise(2, 3, 32, 48))
    conv, norm, leaky, pooled = network.forward(["conv_1", "bn_1", "leaky_2", "permute_3"])
    stored = load_parameters(read_network(cfg), weights).arrays[1]
    shape = (1, -1, 1, 1)
    std = np.sqrt(stored["rolling_variance"]) + f32(1e-6)
    scaled = (conv - stored["rolling_mean"].reshape(shape)) / std.reshape(shape) * stored["scales"].reshape(shape)
    np.testing.assert_allclose(norm, scaled + stored["biases"].reshape(shape), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(leaky, np.where(norm > 0, norm, norm * 0.1), rtol=1e-5)
    np.testing.assert_array_equal(pooled, network.forward("conv_2").transpose(0, 2, 3, 1))


def test_scalefactor_and_mean(tmp_path: Path) -> None:
    network = read(tmp_path, REGION_NET)
    x = np.random.RandomState(0).randint(0, 256, (1, 3, 32, 32)).astype(np.uint8)
    network.setInput(x, "data", 0.5, (1, 2, 3))
    found = network.forward("conv_2")
    network.setInput((x.astype(f32) - np.array([1, 2, 3], f32).reshape(1, 3, 1, 1)) * f32(0.5))
    np.testing.assert_array_equal(found, network.forward("conv_2"))


def test_buffers_and_either_order_of_files(tmp_path: Path) -> None:
    cfg, weights = files(tmp_path, REGION_NET)
    x = noise(1, 3, 64, 32)
    outputs = []
    for network in (
        opencv.readNetFromDarknet(str(cfg), str(weights)),
        opencv.readNetFromDarknet(cfg.read_bytes(), bytearray(weights.read_bytes())),
        opencv.readNetFromDarknet(np.frombuffer(cfg.read_bytes(), np.uint8), np.fromfile(weights, np.uint8)),
        opencv.readNet(str(weights), str(cfg)),
        opencv.readNet(str(cfg), str(weights)),
        opencv.readNet("darknet", weights.read_bytes(), cfg.read_bytes()),
    ):
        assert not network.empty()
        network.setInput(x)
        outputs.append(network.forward())
    assert outputs[0].any()
    for output in outputs[1:]:
        np.testing.assert_array_equal(output, outputs[0])


def test_an_empty_network() -> None:
    network = opencv.Net()
    assert network.empty()
    assert network.getLayerNames() == ()
    with pytest.raises(DarknetError, match="is empty"):
        network.forward()


def test_errors_are_one_line(tmp_path: Path) -> None:
    network = read(tmp_path, REGION_NET)
    with pytest.raises(DarknetError, match="call setInput first"):
        network.forward()
    with pytest.raises(DarknetError, match="n x 3 x height x width"):
        network.setInput(noise(3, 32, 32))
    network.setInput(noise(1, 3, 32, 32))
    with pytest.raises(DarknetError, match="no layer 'yolo_82'"):
        network.forward("yolo_82")
    with pytest.raises(DarknetError, match="only Darknet's networks"):
        opencv.readNet("model.onnx")
    with pytest.raises(DarknetError, match="needs the weights file"):
        opencv.readNetFromDarknet("net.cfg")
    with pytest.raises(CfgError, match=r"net.cfg:\d+: OpenCV has no rows of boxes for"):
        read(tmp_path, net(1, 4, 4, "connected output=63", "detection side=3 num=1 classes=2 coords=4"))


def test_weights_of_connected_layers_fix_the_size(tmp_path: Path) -> None:
    network = read(tmp_path, net(3, 16, 16, CONV, "connected output=5"))
    network.setInput(noise(1, 3, 16, 16))
    assert network.forward().shape == (1, 5)
    network.setInput(noise(1, 3, 32, 32))
    with pytest.raises(CfgError, match="cannot be resized to 32 x 32"):
        network.forward()


def test_boxes_without_area_overlap() -> None:
    # OpenCV calls the distance of two empty boxes 0.
    boxes = np.array([[0.0, 0, 0, 0], [5, 5, 0, 0], [0, 0, 1, 1]])
    assert region.nms_boxes(boxes, np.array([0.9, 0.8, 0.7], f32), 0.1, 0.5) == [0, 2]
    assert region.nms_boxes(boxes, np.array([0.1, 0.8, 0.7], f32), 0.1, 0.5) == [1, 2]


def test_resizing_gives_opencvs_bytes() -> None:
    # Recorded from OpenCV 4.14: cv2.resize of these bytes, and half of them.
    pixels = (np.arange(7 * 9 * 3) * 37 % 256).astype(np.uint8).reshape(7, 9, 3)
    assert resize_bytes(pixels, 4, 3)[:, :, 0].tolist() == [
        [117, 78, 40, 140],
        [90, 20, 206, 136],
        [192, 186, 147, 173],
    ]
    assert resize_bytes(pixels, 11, 5)[:, :, 0].tolist() == [
        [46, 90, 166, 164, 92, 183, 64, 108, 106, 71, 115],
        [216, 110, 131, 129, 57, 148, 155, 129, 164, 185, 80],
        [181, 76, 97, 94, 22, 113, 204, 132, 129, 150, 45],
        [146, 115, 108, 152, 197, 78, 169, 97, 94, 143, 112],
        [111, 192, 143, 117, 162, 43, 134, 62, 59, 150, 231],
    ]
    half = resize_bytes(np.array([[[1], [2]], [[3], [5]]], np.uint8), 1, 1)
    assert half.tolist() == [[[3]]]
    blob = make_blob(pixels, (9, 7), np.full(4, 0.5, f32), np.array([1, 2, 3, 0], f32), True, False)
    np.testing.assert_array_equal(blob[0, 0], (pixels[:, :, 2] - f32(1)) * f32(0.5))


def test_detection_model_gives_whole_pixels_inside_of_the_frame(tmp_path: Path) -> None:
    cfg, weights = files(tmp_path, YOLO_NET)
    frame = np.random.RandomState(0).randint(0, 256, (50, 70, 3)).astype(np.uint8)
    model = opencv.DetectionModel(str(weights), str(cfg))
    assert model.setInputSize(48, 32).setInputScale(1 / 255).setInputSwapRB(True) is model
    classes, confidences, boxes = model.detect(frame, 0.1, 0.0)
    assert (classes.dtype, confidences.dtype, boxes.dtype) == (np.int32, np.float32, np.int32)
    assert (boxes[:, :2] >= 0).all()
    assert (boxes[:, 2:] >= 1).all()
    assert (boxes[:, :2] + boxes[:, 2:] <= [70, 50]).all()
    fewer, _, _ = model.detect(frame, 0.1, 0.4)
    assert 0 < len(fewer) < len(classes)
    assert sorted(fewer) == list(fewer)  # class after class
    across, best, _ = model.setNmsAcrossClasses(True).detect(frame, 0.1, 0.4)
    assert 0 < len(across) <= len(fewer)
    assert sorted(best, reverse=True) == list(best)
    assert model.detect(frame, 1.0, 0.4) == ((), (), ())


def test_classification_model(tmp_path: Path) -> None:
    cfg, weights = files(tmp_path, net(3, 8, 8, "connected output=6", "softmax"))
    model = opencv.ClassificationModel(str(weights), str(cfg))
    model.setInputParams(1 / 255, (8, 8))
    frame = np.full((8, 8, 3), 99, np.uint8)
    number, probability = model.classify(frame)
    (out,) = model.predict(frame)
    assert (number, probability) == (int(out.argmax()), float(out.max()))
    with pytest.raises(DarknetError, match="is no detector"):
        opencv.DetectionModel(str(weights), str(cfg)).detect(frame)


@NEEDS_OPENCV_4
@pytest.mark.parametrize(
    ("text", "shape"),
    [
        *(
            (text, shape)
            for text in (YOLO_NET, REGION_NET, NEW_COORDS_NET, SKIPPING_NET)
            for shape in ((1, 3, 32, 32), (2, 3, 64, 96))
        ),
        (FLAT_REGION_NET, (1, 3, 32, 32)),  # larger: two of a thousand boxes with nearly the same score change places
        (ALEXEYABS_NET, (1, 3, 32, 32)),  # OpenCV's [scale_channels] takes one image only
    ],
)
def test_the_real_opencv_gives_the_same(tmp_path: Path, text: str, shape: tuple[int, ...]) -> None:
    cfg, weights = map(str, files(tmp_path, text))
    real, ours = cv2.dnn.readNetFromDarknet(cfg, weights), opencv.readNetFromDarknet(cfg, weights)
    assert real.getLayerNames() == ours.getLayerNames()
    assert list(real.getUnconnectedOutLayers()) == list(ours.getUnconnectedOutLayers())
    for network in (real, ours):
        network.setInput(noise(*shape))
    names = real.getUnconnectedOutLayersNames()
    for a, b in zip(ours.forward(names), real.forward(names), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)
    frame = np.random.RandomState(0).randint(0, 256, (50, 70, 3)).astype(np.uint8)
    found = []
    for dnn in (cv2.dnn, opencv):
        model = dnn.DetectionModel(weights, cfg)
        model.setInputParams(1 / 255, shape[:1:-1], (1, 2, 3), True)
        found.append(model.detect(frame, 0.2, 0.4))
    np.testing.assert_array_equal(found[0][0], found[1][0])
    np.testing.assert_allclose(found[0][1], found[1][1], atol=1e-4)
    assert np.abs(np.asarray(found[0][2]) - found[1][2]).max(initial=0) <= 1  # whole pixels: cut a hair below or above


def test_options_of_alexeyabs_heads_count_as_far_as_opencv_reads_them(tmp_path: Path) -> None:
    plain = read(tmp_path, net(3, 32, 32, CONV, HEAD, YOLO))
    named = read(tmp_path, net(3, 32, 32, CONV, HEAD, YOLO + " nms_kind=diounms beta_nms=.8"))
    for each in (plain, named):
        each.setInput(noise(1, 3, 32, 32))
    np.testing.assert_allclose(plain.forward(), named.forward(), atol=1e-5)  # one is computed as AlexeyAB's


def test_a_1x1_convolution_skips_pixels_whosever_the_network_is(tmp_path: Path) -> None:
    """OpenCV knows no convolution that reads on as its input lies in memory, as pjreddie's Darknet has it."""
    dense = "convolutional filters=4 size=1 batch_normalize=1 activation=leaky"
    whole, skipping = (read(tmp_path, net(3, 32, 32, dense + extra)) for extra in ("", " stride=2"))
    for size in (32, 32), (17, 40):
        for each in (whole, skipping):
            each.setInput(noise(2, 3, *size))
        np.testing.assert_allclose(skipping.forward(), whole.forward()[:, :, ::2, ::2], atol=1e-6)
        np.testing.assert_allclose(skipping.forward("conv_0"), whole.forward("conv_0")[:, :, ::2, ::2], atol=1e-6)


def test_names_and_types_of_alexeyabs_layers(tmp_path: Path) -> None:
    # Recorded from OpenCV 4.14.
    network = read(tmp_path, ALEXEYABS_NET)
    assert " ".join(network.getLayerNames()) == (
        "conv_0 bn_0 mish_1 slice_1 conv_2 swish_3 sam_3 logistic_4 avgpool_4 conv_5 logistic_6 scale_channels_6 "
        "leaky_7 shortcut_7 leaky_8 identity_8 pool_9 conv_10 permute_11 yolo_11"
    )
    assert " ".join(network.getLayerTypes()) == (
        "BatchNorm Convolution Eltwise Identity Mish Permute Pooling ReLU Region Scale Sigmoid Slice Swish "
        "__NetInputLayer__"
    )
    network.setInput(noise(1, 3, 32, 32))
    rows = network.forward()
    first = [0.01269173, 0.03484706, 0.26952794, 0.13371073, 0.68257546, 0.42394617, 0.6085131]
    np.testing.assert_allclose(rows[0], first, atol=1e-6)
    part = network.forward("slice_1")
    np.testing.assert_array_equal(part, network.forward("mish_1")[:, 4:])
    assert part.shape == (1, 4, 16, 16)
    assert network.getFLOPS([1, 3, 32, 32]) == 794944
    assert network.getMemoryConsumption([1, 3, 32, 32]) == (2108, 146480)
