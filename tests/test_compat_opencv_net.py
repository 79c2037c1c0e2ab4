"""What ``cv2.dnn.Net`` tells of itself, against facts recorded from OpenCV 4.14; ids, errors, async results."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from darknet_py.compat import opencv
from darknet_py.compat.opencv.errors import as_opencv
from darknet_py.compat.opencv.ids import Ids, to_ids
from darknet_py.errors import CfgError, DarknetError
from darknet_py.network import read_network
from darknet_py.parameters import load_parameters

from .nets import net
from .test_compat_opencv import ALEXEYABS_NET, CONV, NEEDS_OPENCV_4, REGION_NET, YOLO_NET, cv2, files, noise

MIXED_NET = net(
    3, 32, 32, CONV, "convolutional filters=8 size=1 activation=linear", "shortcut from=-2 activation=linear", CONV,
    "convolutional filters=8 batch_normalize=1 size=1 activation=logistic", "shortcut from=-2 activation=leaky",
    "reorg stride=2", "maxpool size=2 stride=1", "avgpool", "connected output=6 activation=relu", "dropout",
    "connected output=5 activation=linear", "softmax",
)  # fmt: skip


@pytest.fixture(scope="module")
def yolo(tmp_path_factory: pytest.TempPathFactory) -> opencv.Net:
    return opencv.readNetFromDarknet(*files(tmp_path_factory.mktemp("yolo"), YOLO_NET))


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> opencv.Net:
    return opencv.readNetFromDarknet(*files(tmp_path_factory.mktemp("mixed"), MIXED_NET))


def test_layers_have_opencvs_types_and_blobs(yolo: opencv.Net, tmp_path: Path) -> None:
    layers = [yolo.getLayer(number) for number in range(16)]
    assert [layer.type for layer in layers] == [
        "", "Convolution", "BatchNorm", "ReLU", "Convolution", "BatchNorm", "ReLU", "Convolution", "Permute", "Region",
        "Identity", "Resize", "Concat", "Convolution", "Permute", "Region",
    ]  # fmt: skip
    assert [layer.name for layer in layers] == ["_input", *yolo.getLayerNames()]
    assert [[blob.shape for blob in layers[k].blobs] for k in (0, 1, 2, 3, 7, 9)] == [
        [], [(8, 3, 3, 3)], [(1, 8)] * 4, [], [(21, 8, 1, 1), (1, 21)], [(1, 6)],
    ]  # fmt: skip
    cfg, weights = files(tmp_path, YOLO_NET)
    stored = load_parameters(read_network(cfg), weights).arrays
    mean, variance, scales, biases = layers[5].blobs
    for blob, name in zip((mean, variance, scales, biases), ("mean", "variance"), strict=False):
        np.testing.assert_array_equal(blob[0], stored[1][f"rolling_{name}"])
    np.testing.assert_array_equal(scales[0], stored[1]["scales"])
    np.testing.assert_array_equal(biases[0], stored[1]["biases"])
    assert yolo.getParam("yolo_3").tolist() == [[20, 12, 5, 5, 8, 9]]  # mask=1,2,0
    yolo.getParam("conv_0")[:] = 0  # a copy
    assert yolo.getParam(1, 0).any()
    assert yolo.getLayerTypes() == (
        "BatchNorm", "Concat", "Convolution", "Identity", "Permute", "ReLU", "Region", "Resize", "__NetInputLayer__",
    )  # fmt: skip
    assert [yolo.getLayersCount(kind) for kind in ("Convolution", "Region", "none")] == [4, 2, 0]


def test_the_input_is_layer_0_and_has_a_name(yolo: opencv.Net) -> None:
    # OpenCV's sample object_detection.py asks both.
    assert yolo.getLayer(0).outputNameToIndex("im_info") == -1
    assert yolo.getLayer(0).outputNameToIndex("data") == 0
    last = yolo.getLayer(yolo.getLayerId(yolo.getLayerNames()[-1]))
    assert (last.type, last.outputNameToIndex("anything")) == ("Region", 0)
    assert yolo.getLayer(np.int32(3)) == yolo.getLayer("leaky_1")
    assert yolo.getLayer(yolo.getUnconnectedOutLayers()[1]).name == "yolo_8"
    try:
        yolo.setInputsNames(["image"])
        yolo.setInput(noise(1, 3, 32, 48), "image")
        with pytest.raises(DarknetError, match="no input 'data'; its input is 'image'"):
            yolo.setInput(noise(1, 3, 32, 48), "data")
        assert yolo.getLayer("_input").outputNameToIndex("image") == 0
    finally:
        yolo.setInputsNames(["data"])


OPERATIONS = [0, 168960, 9216, 3072, 111360, 2304, 768, 34272, 0, 397440, 0, 0, 0, 266112, 0, 760320]
MEMORY = [
    (0, 18432), (864, 12288), (128, 12288), (0, 12288), (2304, 3072), (128, 3072), (0, 3072), (756, 8064), (0, 8064),
    (24, 8064), (0, 3072), (0, 12288), (0, 24576), (1428, 32256), (0, 32256), (24, 32256),
]  # fmt: skip


def test_operations_and_memory_are_opencvs(yolo: opencv.Net) -> None:
    shape = [1, 3, 32, 48]
    assert [yolo.getFLOPS(number, shape) for number in range(16)] == OPERATIONS
    assert [yolo.getMemoryConsumption(number, shape) for number in range(16)] == MEMORY
    assert yolo.getFLOPS(shape) == yolo.getFLOPS([shape]) == yolo.getFLOPS(netInputShape=tuple(shape)) == 1753824
    assert yolo.getFLOPS([2, 3, 32, 48]) == 2 * 1753824
    assert yolo.getFLOPS(layerId=1, netInputShapes=[shape]) == 168960
    assert yolo.getMemoryConsumption(np.array(shape)) == (5656, 225408)
    assert yolo.getMemoryConsumption([2, 3, 32, 48]) == (5656, 450816)


def test_shapes_are_opencvs(yolo: opencv.Net) -> None:
    ids, inputs, outputs = yolo.getLayersShapes([1, 3, 32, 48])
    assert ids.tolist() == list(range(16))
    assert [shape.tolist() for shape in inputs[0]] == [[1, 3, 32, 48]]
    assert [shape.tolist() for shape in inputs[9]] == [[1, 8, 12, 21], [1, 3, 32, 48]]
    assert [shape.tolist() for shape in inputs[12]] == [[1, 8, 16, 24], [1, 8, 16, 24]]
    assert [outputs[k][0].tolist() for k in (1, 8, 9, 11, 12, 15)] == [
        [1, 8, 16, 24], [1, 8, 12, 21], [288, 7], [1, 8, 16, 24], [1, 16, 16, 24], [1152, 7],
    ]  # fmt: skip
    assert outputs[9][0].dtype == np.int32
    assert yolo.getLayersShapes([[2, 3, 64, 32]])[2][15][0].tolist() == [2, 32 * 16 * 3, 7]


def test_shapes_are_those_that_forward_gives(mixed: opencv.Net) -> None:
    names = mixed.getLayerNames()
    mixed.setInput(noise(2, 3, 32, 32))
    _, _, outputs = mixed.getLayersShapes([2, 3, 32, 32])
    assert [tuple(shape.tolist()) for (shape,) in outputs[1:]] == [out.shape for out in mixed.forward(names)]
    assert mixed.getLayer("logistic_5").type == "Sigmoid"
    counts = {name: mixed.getFLOPS(mixed.getLayerId(name), [1, 3, 32, 32]) for name in names}
    some = ("shortcut_2", "logistic_5", "leaky_6", "reorg_6", "pool_7", "avgpool_8")
    assert {name: counts[name] for name in some} == {
        "shortcut_2": 4096, "logistic_5": 1536, "leaky_6": 512, "reorg_6": 21 * 512, "pool_7": 4 * 512, "avgpool_8": 64,
    }  # fmt: skip
    assert {name: counts[name] for name in ("fullyConnected_9", "relu_10", "identity_10", "softmax_12")} == {
        "fullyConnected_9": 3 * 32 * 6, "relu_10": 6, "identity_10": 0, "softmax_12": 20,
    }  # fmt: skip
    assert [blob.shape for blob in mixed.getLayer("fullyConnected_9").blobs] == [(6, 32), (1, 6)]


def test_layers_that_opencv_does_not_have(tmp_path: Path) -> None:
    text = net(3, 8, 8, "crop crop_height=6 crop_width=6", "local filters=4 size=3 pad=1 activation=tanh", "batchnorm",
               "activation activation=relu")  # fmt: skip
    network = opencv.readNetFromDarknet(*files(tmp_path, text))
    names = network.getLayerNames()
    assert names == ("crop_0", "local_1", "batchnorm_2", "activation_3")  # after their sections
    assert [network.getLayer(name).type for name in names] == ["crop", "local", "batchnorm", "activation"]
    assert len(network.getLayer("batchnorm_2").blobs) == 4
    network.setInput(noise(2, 3, 8, 8))
    _, _, outputs = network.getLayersShapes([2, 3, 8, 8])
    assert [tuple(shape.tolist()) for (shape,) in outputs[1:]] == [out.shape for out in network.forward(names)]
    assert network.getFLOPS("local_1", [2, 3, 8, 8]) == 2 * 2 * 36 * 4 * 27


def test_a_recurrent_layer_is_one_layer(tmp_path: Path) -> None:
    text = net(3, 8, 8, "crnn output_filters=4 hidden_filters=5 batch_normalize=1 activation=leaky", CONV)
    network = opencv.readNetFromDarknet(*files(tmp_path, text))
    names = network.getLayerNames()
    assert names == ("crnn_0", "conv_1", "bn_1", "leaky_2")
    network.setInput(noise(1, 3, 8, 8))
    assert [out.shape for out in network.forward(names)] == [(1, 4, 8, 8), *[(1, 8, 4, 4)] * 3]


def test_dump_names_layers_and_shapes(yolo: opencv.Net, tmp_path: Path) -> None:
    yolo.setInput(noise(1, 3, 64, 32))
    text = yolo.dump()
    assert text.startswith("digraph G {\n") and text.endswith("}\n")
    assert '"conv_0" [label="conv_0\\nConvolution\\nkernel_size : 3\\lstride : 2\\lpad : 1\\lgroup: 1\\l' in text
    assert "output: 1 x 16 x 32 x 16\\l" in text  # concat_6, for this blob
    assert text.count('-> "concat_6"') == 2 and '\t"data" -> "conv_0"' in text
    yolo.dumpToFile(tmp_path / "net.dot")
    assert (tmp_path / "net.dot").read_text(encoding="utf-8") == text


def test_the_inputs_shape_can_be_said_before_there_is_a_blob(tmp_path: Path) -> None:
    network = opencv.readNetFromDarknet(*files(tmp_path, REGION_NET))
    assert "output: 1 x 3 x 32 x 32" in network.dump()
    network.setInputShape("data", [1, 3, 64, 96])
    assert "output: 1 x 3 x 64 x 96" in network.dump()
    with pytest.raises(DarknetError, match="no input 'other'"):
        network.setInputShape("other", [1, 3, 64, 96])
    with pytest.raises(DarknetError, match="reads 3 channels, not 1"):
        network.setInputShape("data", [1, 1, 64, 96])


def test_results_to_be_waited_for(yolo: opencv.Net) -> None:
    blob = noise(1, 3, 32, 48)
    yolo.setInput(blob)
    expected = yolo.forward()
    running = yolo.forwardAsync()
    yolo.setInput(np.zeros_like(blob))  # the blob of the call counts
    assert running.valid() and running.wait_for(-1)
    np.testing.assert_array_equal(running.get(), expected)
    assert not running.valid()
    with pytest.raises(DarknetError, match="has been fetched"):
        running.get()
    ready, values = yolo.forwardAsync("conv_0").get(60_000_000_000)
    assert ready and values.shape == (1, 8, 16, 24)
    with pytest.raises(DarknetError, match="no layer 'conv_9'"):
        yolo.forwardAsync("conv_9")


def test_a_result_that_does_not_come_or_fails() -> None:
    started = threading.Event()
    late = opencv.AsyncArray(started.wait)
    assert late.wait_for(0) is False
    assert late.get(1) == (False, None)
    started.set()
    assert late.get() is True

    def fail() -> None:
        raise DarknetError("no memory")

    with pytest.raises(DarknetError, match="no memory"):
        opencv.AsyncArray(fail).get()
    assert not opencv.AsyncArray().valid()


def test_forward_and_retrieve_and_an_empty_list(yolo: opencv.Net) -> None:
    yolo.setInput(noise(1, 3, 32, 48))
    first, second = yolo.forwardAndRetrieve(["yolo_3", "yolo_8"])
    np.testing.assert_array_equal(first[0], yolo.forward("yolo_3"))
    np.testing.assert_array_equal(second[0], yolo.forward([])[0])


@pytest.mark.parametrize("wrong", [99, -1, "conv_9", 1.0, None, True])
def test_layers_that_are_not_there(yolo: opencv.Net, wrong: Any) -> None:
    for ask in (yolo.getLayer, yolo.getParam, lambda layer: yolo.getFLOPS(layer, [1, 3, 32, 48])):
        with pytest.raises(DarknetError, match="the network has no layer"):
            ask(wrong)


def test_wrong_parameters_and_shapes(yolo: opencv.Net) -> None:
    for number in (1, -1):
        with pytest.raises(DarknetError, match=f"layer 'conv_0' has 1 parameters, none of number {number}"):
            yolo.getParam("conv_0", number)
    for wrong in ([3, 32, 48], [1, 3, 0, 48], "shape", [1.0, 3, 32, 48], [[1, 3, 32, 48]] * 2, [[1], [2, 3]]):
        with pytest.raises(DarknetError, match=r"an input's shape is \[images, channels, height, width\]"):
            yolo.getFLOPS(wrong)
    with pytest.raises(CfgError, match=r"48 x 33|unlike shapes"):
        yolo.getLayersShapes([1, 3, 33, 48])
    with pytest.raises(TypeError, match="netInputShape"):
        yolo.getFLOPS()


def test_ids_of_both_generations() -> None:
    ids = to_ids([3, 7])
    assert isinstance(ids, Ids) and ids.dtype == np.int32 and ids.shape == (2,)
    names = "abcdefgh"
    assert [names[i - 1] for i in ids] == [names[i[0] - 1] for i in ids] == ["c", "g"]
    assert ids.flatten().tolist() == ids[:, 0].tolist() == list(ids) == [3, 7]
    assert [int(i[0]) for i in ids.flatten()] == [3, 7]
    assert ids[1] == ids[1][0] == 7 and isinstance(ids[0], np.int32) and names[ids[0]] == "d"
    assert [i[0] for i in to_ids(np.array([[4], [5]]))] == [4, 5]
    assert to_ids(()) == ()
    assert [i for (i,) in ids] == np.array(list(ids)).tolist() == [3, 7] and np.squeeze(ids).tolist() == [3, 7]
    assert max(ids) == 7 and 7 in ids and int(ids[0]) == 3 and (ids - 1).tolist() == [2, 6]
    assert np.arange(9)[ids].tolist() == [3, 7]
    for wrong in (lambda: ids[0][1], lambda: ids[:, 1], lambda: ids[2]):
        with pytest.raises(IndexError):
            wrong()


def test_errors_are_opencvs_too(yolo: opencv.Net, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Theirs(Exception):
        pass

    monkeypatch.setitem(__import__("sys").modules, "cv2", type("fake", (), {"error": Theirs}))
    with pytest.raises(Theirs) as told:
        yolo.getLayer("none")
    assert isinstance(told.value, DarknetError)
    assert (told.value.code, told.value.func, told.value.msg) == (-204, "getLayer", str(told.value))  # type: ignore[attr-defined]
    (tmp_path / "bad.cfg").write_text("[net]\nwidth=32\n\n[convolutional]\nstride=no\n")
    with pytest.raises(Theirs) as told:
        opencv.readNetFromDarknet(str(tmp_path / "bad.cfg"), str(tmp_path / "bad.cfg"))
    assert isinstance(told.value, CfgError) and type(told.value).__name__ == "CfgError"
    assert told.value.code == -212 and told.value.file == str(tmp_path / "bad.cfg")  # type: ignore[attr-defined]
    again = as_opencv(told.value, "another")
    assert again is told.value and again.func == "readNetFromDarknet"  # type: ignore[attr-defined]


def test_errors_are_ours_alone_without_opencv(yolo: opencv.Net, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(__import__("sys").modules, "cv2", raising=False)
    with pytest.raises(DarknetError) as told:
        yolo.getLayer("none")
    assert not hasattr(told.value, "code")


class UMat:
    """What ``cv2.UMat`` looks like from here."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = values

    def get(self) -> np.ndarray:
        return self.values


def test_frames_and_blobs_may_be_umats(tmp_path: Path) -> None:
    cfg, weights = map(str, files(tmp_path, YOLO_NET))
    frame = np.random.RandomState(0).randint(0, 256, (50, 70, 3)).astype(np.uint8)
    model = opencv.DetectionModel(weights, cfg)
    model.setInputParams(1 / 255, (48, 32))
    for a, b in zip(model.detect(UMat(frame), 0.1, 0.4), model.detect(frame, 0.1, 0.4), strict=True):
        np.testing.assert_array_equal(a, b)
    network, blob = opencv.readNetFromDarknet(cfg, weights), noise(1, 3, 32, 48)
    network.setInput(UMat(blob))
    found = network.forward()
    network.setInput(blob)
    np.testing.assert_array_equal(found, network.forward())


def test_a_models_outputs(tmp_path: Path) -> None:
    cfg, weights = map(str, files(tmp_path, YOLO_NET))
    frame = np.random.RandomState(0).randint(0, 256, (50, 70, 3)).astype(np.uint8)
    model = opencv.DetectionModel(weights, cfg).enableWinograd(False)
    model.setInputParams(1 / 255, (48, 32))
    both, everything = model.predict(frame), model.detect(frame, 0.1)
    assert model.setOutputNames(["yolo_3"]) is model
    np.testing.assert_array_equal(model.predict(frame)[0], both[0])
    assert 0 < len(model.detect(frame, 0.1)[0]) < len(everything[0])
    with pytest.raises(DarknetError, match="layer 'conv_0' gives no boxes"):
        model.setOutputNames(["conv_0"]).detect(frame, 0.1)
    with pytest.raises(DarknetError, match="no layer 'none'"):
        model.setOutputNames(["none"]).predict(frame)
    with pytest.raises(DarknetError, match="has no outputs"):
        model.setOutputNames([]).predict(frame)


@NEEDS_OPENCV_4
@pytest.mark.parametrize(
    "text", [YOLO_NET, REGION_NET, MIXED_NET, ALEXEYABS_NET], ids=["yolo", "region", "mixed", "alexeyabs"]
)
def test_the_real_opencv_tells_the_same(tmp_path: Path, text: str) -> None:
    cfg, weights = map(str, files(tmp_path, text))
    told = []
    for dnn in (cv2.dnn, opencv):
        network = dnn.readNetFromDarknet(cfg, weights)
        shape = [2, 3, 32, 48 if text is YOLO_NET else 32]
        ids, inputs, outputs = network.getLayersShapes(shape)
        layers = [network.getLayer(int(number)) for number in ids]
        told.append(
            (
                [[x.tolist() for x in row] for row in (*inputs, *outputs)],
                [network.getFLOPS(int(number), shape) for number in ids],
                [tuple(network.getMemoryConsumption(int(number), shape)) for number in ids],
                [(layer.name, layer.type, [blob.tolist() for blob in layer.blobs]) for layer in layers],
                network.getLayerTypes(),
            )
        )
    for ours, theirs in zip(*told, strict=True):
        assert ours == theirs
