"""Training calls against plain twins: outputs, gradients, updates, with any number of threads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from darknet_py.kernels.vector.tile import AVX2, SSE, Tile
from darknet_py.loading import load
from darknet_py.network import read_network
from darknet_py.plan.verify import check_step
from darknet_py.synth import write_synth
from darknet_py.train import Trainer
from darknet_py.train.options import NetOptions
from darknet_py.train.random import GlibcRandom
from darknet_py.train.rate import RatePolicy

from . import naive_train as naive
from .naive_train import f32
from .nets import write_cfg

NET = "[net]\nbatch=2\nwidth=12\nheight=8\nchannels=3\nmomentum=0.8\ndecay=0.002\nlearning_rate=0.01\npolicy=constant\n"

GROUPS = "[convolutional]\nbatch_normalize=1\nfilters=6\nsize=3\nstride=1\npad=1\ngroups=3\nactivation=leaky\n"
STRIDE = "[convolutional]\nfilters=4\nsize=3\nstride=2\npad=1\nactivation=leaky\n"
POOL = "[maxpool]\nsize=2\nstride=2\n"
POINT = "[convolutional]\nbatch_normalize=1\nfilters=6\nsize=1\nactivation=leaky\n"
COST = "[cost]\ntype=sse\n"

HEAD = "anchors=1,1.2,2.5,2\nclasses=3\ncoords=4\nnum=2\nsoftmax=1\nrescore=1\nbias_match=1\nthresh=.4\n"
REGION = (
    "[convolutional]\nfilters=16\nsize=1\nactivation=linear\n"
    f"[region]\n{HEAD}object_scale=5\nnoobject_scale=.7\nclass_scale=2\ncoord_scale=.6\n"
)
YOLO = (
    "[convolutional]\nfilters=16\nsize=1\nactivation=linear\n"
    "[yolo]\nmask=1,2\nanchors=2,2,4,3,8,7\nclasses=3\nnum=3\nignore_thresh=.3\ntruth_thresh=1\n"
)


def make(folder: Path, text: str, **options: Any) -> Trainer:
    cfg = write_cfg(folder, text)
    write_synth(cfg, folder / "net.weights", 7)
    return Trainer.open(cfg, folder / "net.weights", **options)


def images(trainer: Trainer, seed: int = 1) -> Any:
    shape = trainer.network.input
    size = (trainer.options.batch, shape.c, shape.h, shape.w)
    return np.random.RandomState(seed).uniform(0, 1, size).astype(f32)


def values(trainer: Trainer, seed: int = 2) -> Any:
    size = trainer.options.batch, trainer.truth.length
    return np.random.RandomState(seed).uniform(-1, 1, size).astype(f32)


def boxes(trainer: Trainer, *rows: list[tuple[float, ...]]) -> Any:
    y = np.zeros((trainer.options.batch, trainer.truth.length), f32)
    for image, found in enumerate(rows):
        flat = np.array(found, f32).reshape(-1)
        y[image, : flat.size] = flat
    return y


BOXES = (
    [(0.31, 0.42, 0.2, 0.35, 1.0), (0.33, 0.4, 0.3, 0.3, 2.0), (0.9, 0.1, 0.1, 0.15, 0.0)],
    [(0.5, 0.5, 0.6, 0.8, 2.0)],
)


class Twin:
    """A convolution, its parameters copied from a trainer before a call."""

    def __init__(self, trainer: Trainer, index: int) -> None:
        layer = trainer.network.layers[index]
        self.layer: Any = layer
        self.arrays = {name: array.copy() for name, array in trainer.arrays[index].items()}
        self.updates = {name: array.copy() for name, array in trainer.updates[index].items()}

    def forward(self, x: Any) -> Any:
        layer, arrays = self.layer, self.arrays
        self.x, pad = x, 0 if layer.size == 1 else layer.pad
        self.pad = pad
        sums = naive.convolution(x, arrays["weights"], layer.groups, layer.stride, pad)
        self.flat = sums.reshape(*sums.shape[:2], -1)
        if layer.batch_normalize:
            self.mean, self.variance = naive.batch_statistics(self.flat)
            for name, batch in (("rolling_mean", self.mean), ("rolling_variance", self.variance)):
                arrays[name][:] = arrays[name] * f32(0.99) + f32(0.01) * batch
            out = naive.normalized(self.flat, self.mean, self.variance) * arrays["scales"][:, None]
        else:
            out = self.flat
        out = out + arrays["biases"][:, None]
        self.out = (naive.leaky(out) if layer.activation == "leaky" else out).reshape(sums.shape)
        return self.out

    def backward(self, delta: Any, below: Any) -> Any:
        layer = self.layer
        if layer.activation == "leaky":
            delta = naive.leaky_back(self.out, delta)
        flat = delta.reshape(self.flat.shape)
        if layer.batch_normalize:
            flat = naive.normalized_back(
                self.flat, flat, self.mean, self.variance, self.arrays["scales"], self.updates["biases"],
                self.updates["scales"],
            )  # fmt: skip
        else:
            for image in flat:
                for f, row in enumerate(image):
                    total = f32(0)
                    for value in row:
                        total += value
                    self.updates["biases"][f] += total
        delta = flat.reshape(delta.shape)
        naive.convolution_back(
            self.x, self.arrays["weights"], delta, self.updates["weights"], below, layer.groups, layer.stride, self.pad
        )
        return delta

    def update(self, trainer: Trainer) -> None:
        options = trainer.options
        for name, updates in self.updates.items():
            decay = options.decay if name == "weights" else None
            naive.sgd(self.arrays[name], updates, options.rate.rate, options.images, options.momentum, decay)

    def check(self, trainer: Trainer) -> None:
        index = self.layer.index
        for name, array in self.arrays.items():
            np.testing.assert_array_equal(trainer.arrays[index][name], array, f"layer {index}, {name}")
        for name, array in self.updates.items():
            np.testing.assert_array_equal(trainer.updates[index][name], array, f"layer {index}, {name}_updates")


@pytest.mark.parametrize("threads", [1, 3])
def test_two_calls_are_those_of_the_twin(tmp_path: Path, threads: int) -> None:
    trainer = make(tmp_path, NET + GROUPS + POOL + POINT + STRIDE + COST, threads=threads)
    for call in range(2):
        x, y = images(trainer, call), values(trainer, call)
        twins = {index: Twin(trainer, index) for index in (0, 2, 3)}
        first = twins[0].forward(x)
        pooled, places = naive.maxpool(first, 2, 2, 1)
        last = twins[3].forward(twins[2].forward(pooled))
        head = y.reshape(last.shape) - last
        deltas = [np.zeros_like(value) for value in (first, pooled, twins[2].out)]
        last_delta = twins[3].backward(head, deltas[2])
        point_delta = twins[2].backward(deltas[2], deltas[1])
        naive.maxpool_back(deltas[1], places, deltas[0])
        first_delta = twins[0].backward(deltas[0], None)
        result = trainer.step(x, y)
        for index, (out, delta) in enumerate(
            [(first, first_delta), (pooled, deltas[1]), (twins[2].out, point_delta), (last, last_delta)]
        ):
            np.testing.assert_array_equal(trainer.plan.output(index), out.reshape(-1), f"output of layer {index}")
            np.testing.assert_array_equal(trainer.plan.delta(index), delta.reshape(-1), f"delta of layer {index}")
        total = f32(0)
        for value in head.reshape(-1):
            total += value * value
        assert result.cost == total
        for twin in twins.values():
            twin.update(trainer)
            twin.check(trainer)


def test_a_shared_input_gets_the_sum_of_all_deltas(tmp_path: Path) -> None:
    text = NET + STRIDE + POINT.replace("filters=6", "filters=4") + "[shortcut]\nfrom=-2\nactivation=linear\n" + COST
    trainer = make(tmp_path, text)
    x, y = images(trainer), values(trainer)
    twins = {index: Twin(trainer, index) for index in (0, 1)}
    first = twins[0].forward(x)
    point = twins[1].forward(first)
    head = y.reshape(point.shape) - (point + first)
    alone = np.zeros_like(first)
    twins[1].backward(head, alone)
    first_delta = twins[0].backward(head + alone, None)
    trainer.step(x, y)
    np.testing.assert_array_equal(trainer.plan.delta(0), first_delta.reshape(-1))
    overwriting = make(tmp_path, text, darknet_deltas=True)
    overwriting.step(x, y)
    twins = {index: Twin(make(tmp_path, text), index) for index in (0, 1)}
    twins[1].forward(twins[0].forward(x))
    alone[:] = 0
    twins[1].backward(head, alone)
    np.testing.assert_array_equal(overwriting.plan.delta(0), twins[0].backward(alone, None).reshape(-1))


@pytest.mark.parametrize("seen", [0, 12800])
def test_region_loss_is_that_of_the_twin(tmp_path: Path, seen: int) -> None:
    trainer = make(tmp_path, NET + STRIDE + REGION, seen=seen)
    y = boxes(trainer, *BOXES)
    trainer.forward(images(trainer), y)
    out = trainer.plan.output(2).reshape(2, 2, 8, 4, 6)
    scales = {"thresh": 0.4, "object_scale": 5, "noobject_scale": 0.7, "class_scale": 2, "coord_scale": 0.6}
    wanted = naive.region_delta(out, y, np.array([[1, 1.2], [2.5, 2]], f32), scales, early=seen < 12798)
    np.testing.assert_array_equal(trainer.plan.delta(2), wanted.reshape(-1))
    result = trainer.backward()
    slope = (f32(1) - out) * out
    wanted[:, :, [0, 1, 4]] *= slope[:, :, [0, 1, 4]]
    np.testing.assert_array_equal(trainer.plan.delta(1), wanted.reshape(-1))
    assert result.lines[0].startswith("Region Avg IOU: 0.") and result.lines[0].endswith(",  count: 4")


TREE = "thing -1\nground -1\ndog 0\ncat 0\nbird 0\nhound 2\nterrier 2\n"


def test_class_only_images_teach_a_path_of_the_tree(tmp_path: Path) -> None:
    (tmp_path / "net.tree").write_text(TREE)
    head = REGION.replace("filters=16", "filters=24").replace("classes=3", "classes=7") + "tree=net.tree\n"
    trainer = make(tmp_path, NET + STRIDE + head)
    y = boxes(trainer, [(999999.0,) * 4 + (5.0,)], BOXES[1])
    result = trainer.step(images(trainer), y)
    out, delta = trainer.plan.output(2).reshape(2, 2, 12, 24), np.zeros((2, 12, 24), f32)
    path = out[0, :, 4] * (out[0, :, 10] * out[0, :, 7] * out[0, :, 5])
    best = np.unravel_index(np.argmax(path), path.shape)
    delta[:, 4] = f32(0.7) * -out[0, :, 4]
    delta[best[0], 4, best[1]] = 0
    for k in (5, 6, 7, 8, 9, 10, 11):  # the groups of thing, dog and hound
        delta[best[0], k, best[1]] = f32(2) * (f32(k in (5, 7, 10)) - out[0, best[0], k, best[1]])
    slope = (f32(1) - out[0]) * out[0]
    delta[:, [0, 1, 4]] *= slope[:, [0, 1, 4]]
    np.testing.assert_array_equal(trainer.plan.delta(2)[: delta.size], delta.reshape(-1))
    assert result.lines[0].endswith("count: 1")


def test_yolo_loss_is_that_of_the_twin(tmp_path: Path) -> None:
    trainer = make(tmp_path, NET + STRIDE + YOLO)
    y = boxes(trainer, *BOXES)
    result = trainer.step(images(trainer), y)
    out = trainer.plan.output(2).reshape(2, 2, 8, 4, 6)
    anchors = np.array([[2, 2], [4, 3], [8, 7]], f32)
    wanted = naive.yolo_delta(out, y, anchors, [1, 2], (12, 8), 0.3)
    np.testing.assert_array_equal(trainer.plan.delta(2), wanted.reshape(-1))
    np.testing.assert_array_equal(trainer.plan.delta(1), wanted.reshape(-1))
    assert result.lines[0].startswith("Region 2 Avg IOU: ")


def test_averages_of_no_boxes_print_as_in_darknet(tmp_path: Path) -> None:
    trainer = make(tmp_path, NET + STRIDE + YOLO)
    (line,) = trainer.step(images(trainer), boxes(trainer)).lines
    assert line.startswith("Region 2 Avg IOU: -nan, Class: -nan, Obj: -nan, No Obj: 0.")
    assert line.endswith(".5R: -nan, .75R: -nan,  count: 0")


def test_every_step_keeps_its_kernels_contract(tmp_path: Path) -> None:
    small = "[reorg]\nstride=2\n[upsample]\nstride=2\n[dropout]\n[activation]\nactivation=tanh\n[normalization]\n"
    tail = "[route]\nlayers=-1,-2\n[local]\nfilters=2\nsize=3\npad=1\nactivation=relu\n"
    dense = "[connected]\nbatch_normalize=1\noutput=8\nactivation=logistic\n[softmax]\n"
    crop = "[crop]\ncrop_height=8\ncrop_width=8\nflip=1\n"
    for text in (
        crop + GROUPS + STRIDE + small + tail + dense, GROUPS + POOL + REGION, STRIDE + YOLO,
        STRIDE + "[connected]\noutput=52\nactivation=linear\n[detection]\nclasses=3\ncoords=4\nnum=2\nside=2\n",
        GROUPS + "[avgpool]\n[logistic]\n",
    ):  # fmt: skip
        trainer = make(tmp_path, NET + text, threads=2)
        steps = trainer.plan.steps
        assert len(steps) > 10
        assert [problem for step in steps for problem in check_step(step)] == []
        y = boxes(trainer, *BOXES) if "[region]" in text or "[yolo]" in text else np.abs(values(trainer))
        assert np.isfinite(trainer.step(images(trainer), y).cost)


def test_any_number_of_threads_gives_the_same_bits(tmp_path: Path) -> None:
    text = NET + GROUPS + POOL + "[dropout]\nprobability=.3\n" + STRIDE + REGION
    results = []
    for threads in (1, 2, 5):
        trainer = make(tmp_path, text, threads=threads, random=GlibcRandom(3))
        costs = [trainer.step(images(trainer, call), boxes(trainer, *BOXES)).cost for call in range(3)]
        trainer.save(tmp_path / "out.weights")
        results.append((costs, (tmp_path / "out.weights").read_bytes()))
    assert results[0] == results[1] == results[2]


def test_fast_is_near_and_the_same_with_any_number_of_threads(tmp_path: Path) -> None:
    wide = "[convolutional]\nbatch_normalize=1\nfilters=32\nsize=3\npad=1\nactivation=leaky\n"
    text = NET.replace("width=12", "width=32").replace("height=8", "height=32") + wide * 3 + POOL + COST
    exact = make(tmp_path, text)
    x, y = images(exact), values(exact)
    exact.step(x, y)
    trainers = [make(tmp_path, text, math="fast", threads=threads) for threads in (1, 3)]
    for trainer in trainers:
        assert any(step.name == "winograd" for step in trainer.plan.passes[1].backward)
        assert [problem for step in trainer.plan.steps for problem in check_step(step)] == []
        trainer.step(x, y)
    for index, (one, other) in enumerate(zip(*(trainer.updates for trainer in trainers), strict=True)):
        for name, found in one.items():
            np.testing.assert_array_equal(found, other[name])
            wanted = exact.updates[index][name]
            np.testing.assert_allclose(found, wanted, atol=2e-4 * np.abs(wanted).max())
            assert (found != wanted).any()


@pytest.mark.slow
@pytest.mark.parametrize("tile", [SSE, AVX2], ids=["4 lanes", "8 lanes"])
def test_any_length_of_vectors_gives_the_same_bits(tmp_path: Path, tile: Tile) -> None:
    text = NET + GROUPS + POOL + POINT + STRIDE + COST
    results = []
    for given in (tile, None):
        trainer = make(tmp_path, text, tile=given)
        for call in range(2):
            trainer.step(images(trainer, call), values(trainer, call))
        results.append(trainer.updates)
    for one, other in zip(*results, strict=True):
        for name, found in one.items():
            np.testing.assert_array_equal(found, other[name])


def test_what_was_saved_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    text = NET.replace("policy=constant", "subdivisions=2\nadam=1\npolicy=poly\nmax_batches=9") + GROUPS + REGION
    text = text.replace("batch=2", "batch=4")
    whole = make(tmp_path, text, seen=0)
    for call in range(6):
        whole.step(images(whole, call), boxes(whole, *BOXES))
    first = make(tmp_path, text, seen=0)
    for call in range(3):
        first.step(images(first, call), boxes(first, *BOXES))
    first.save(tmp_path / "half.weights")
    states = {name: array.copy() for name, array in first.states.items()}
    again = Trainer.open(tmp_path / "net.cfg", tmp_path / "half.weights")
    assert again.seen == first.seen == 6 and again.batch_number == 1
    for name, array in states.items():
        again.states[name][...] = array
    again.update_count = first.update_count
    for call in range(3, 6):
        again.step(images(again, call), boxes(again, *BOXES))
    for one, other in zip(whole.arrays, again.arrays, strict=True):
        for name, array in one.items():
            np.testing.assert_array_equal(array, other[name])


def test_the_saved_network_detects_what_the_trained_one_is(tmp_path: Path) -> None:
    trainer = make(tmp_path, NET + GROUPS + POOL + REGION)
    trainer.step(images(trainer), boxes(trainer, *BOXES))
    trainer.save(tmp_path / "out.weights")
    net = load(tmp_path / "net.cfg", tmp_path / "out.weights")
    for one, other in zip(
        trainer.arrays, Trainer.open(tmp_path / "net.cfg", tmp_path / "out.weights").arrays, strict=True
    ):
        for name, array in one.items():
            np.testing.assert_array_equal(array, other[name])
    assert np.isfinite(net.predict(images(trainer)[0])[0]).all()


def test_adam_is_that_of_the_gpu(tmp_path: Path) -> None:
    text = (
        NET.replace("policy=constant", "adam=1\npolicy=constant")
        + "[avgpool]\n[connected]\noutput=4\nactivation=linear\n"
        + COST
    )
    trainer = make(tmp_path, text)
    plain = make(tmp_path, text.replace("adam=1\n", "").replace("momentum=0.8", "momentum=1"))
    before = trainer.arrays[1]["weights"].copy()
    m, v = np.zeros_like(before), np.zeros_like(before)
    for count in (1, 2):
        plain.arrays[1]["weights"][:], plain.arrays[1]["biases"][:] = (
            trainer.arrays[1]["weights"],
            trainer.arrays[1]["biases"],
        )
        plain.updates[1]["weights"][:] = plain.updates[1]["biases"][:] = 0
        weights = trainer.arrays[1]["weights"].copy()
        x, y = images(trainer, count), values(trainer, count)
        plain.plan.repack()
        plain.forward(x, y)
        plain.plan.backward()
        d = plain.updates[1]["weights"] + f32(-0.002) * f32(2) * weights
        m = m * f32(0.9) + (f32(1) - f32(0.9)) * d
        v = v * f32(0.999) + (f32(1) - f32(0.999)) * (d * d)
        one, two = (f32(1) - f32(float(f32(beta)) ** count) for beta in (0.9, 0.999))
        wanted = weights + f32(0.01) * (m / one) / (np.sqrt(v / two) + f32(1e-7))
        trainer.step(x, y)
        np.testing.assert_array_equal(trainer.arrays[1]["weights"], wanted)
        assert not trainer.updates[1]["weights"].any()


def test_nan_in_a_maximum_pooling_writes_nowhere(tmp_path: Path) -> None:
    trainer = make(tmp_path, NET + POOL + "[connected]\noutput=4\nactivation=linear\n" + COST)
    x = images(trainer)
    x[0, 1] = np.nan
    trainer.step(x, values(trainer))
    assert trainer.plan.output(0)[24] == np.finfo(f32).min
    assert (np.asarray(trainer.plan.delta(0)) == trainer.plan.delta(0))[0]


def test_stopbackward_leaves_gradients_above_only(tmp_path: Path) -> None:
    trainer = make(tmp_path, NET + GROUPS + POINT + "stopbackward=1\n" + STRIDE + COST)
    before = [{name: array.copy() for name, array in own.items()} for own in trainer.arrays]
    trainer.step(images(trainer), values(trainer))
    assert not trainer.updates[0]["biases"].any() and not trainer.updates[1]["scales"].any()
    assert trainer.updates[2]["biases"].any()
    np.testing.assert_array_equal(trainer.arrays[1]["biases"], before[1]["biases"])
    assert (trainer.arrays[0]["weights"] != before[0]["weights"]).any(), "frozen weights decay, as in Darknet"
    assert (trainer.arrays[0]["rolling_mean"] != before[0]["rolling_mean"]).all()


def test_a_learning_rate_of_0_freezes_a_layer(tmp_path: Path) -> None:
    trainer = make(tmp_path, NET + GROUPS + "learning_rate=0\n" + STRIDE + COST)
    before = trainer.arrays[0]["weights"].copy()
    trainer.step(images(trainer), values(trainer))
    np.testing.assert_array_equal(trainer.arrays[0]["weights"], before)


def test_resizing_keeps_parameters_and_momentum(tmp_path: Path) -> None:
    trainer = make(tmp_path, NET + GROUPS + POOL + REGION)
    trainer.step(images(trainer), boxes(trainer, *BOXES))
    weights, momentum = trainer.arrays[0]["weights"].copy(), trainer.updates[0]["weights"].copy()
    trainer.resize(16, 20)
    np.testing.assert_array_equal(trainer.arrays[0]["weights"], weights)
    np.testing.assert_array_equal(trainer.updates[0]["weights"], momentum)
    assert images(trainer).shape == (2, 3, 20, 16)
    trainer.step(images(trainer), boxes(trainer, *BOXES))
    assert (trainer.arrays[0]["weights"] != weights).all()


@pytest.mark.parametrize(
    ("policy", "numbers", "rates"),
    [
        (RatePolicy("constant", 0.5), (0, 7), (0.5, 0.5)),
        (RatePolicy("constant", 0.5, burn_in=4, power=2), (0, 1, 2, 4), (0, 0.03125, 0.125, 0.5)),
        (RatePolicy("step", 0.5, step=3, scale=0.5), (2, 3, 5, 6), (0.5, 0.25, 0.25, 0.125)),
        (RatePolicy("steps", 0.5, steps=(2, 4), scales=(0.5, 0.25)), (1, 2, 4), (0.5, 0.25, 0.0625)),
        (RatePolicy("steps", 0.5, steps=(-1, 4), scales=(0.5, 0.25)), (1, 9), (0.5, 0.5)),
        (RatePolicy("exp", 0.5, gamma=0.5), (0, 1, 3), (0.5, 0.25, 0.0625)),
        (RatePolicy("poly", 0.5, max_batches=4, power=2), (0, 2, 4, 6), (0.5, 0.125, 0, 0.125)),
        (RatePolicy("sigmoid", 0.5, gamma=0.5, step=3), (1, 3), (0, 0.25)),
    ],
)
def test_rates(policy: RatePolicy, numbers: tuple[int, ...], rates: tuple[float, ...]) -> None:
    assert [float(policy.at(number)) for number in numbers] == list(rates)


def test_random_rate_draws_from_the_stream(tmp_path: Path) -> None:
    policy = RatePolicy("random", 0.5, power=1)
    stream = GlibcRandom(5)
    assert policy.at(0, stream) == f32(0.5) * GlibcRandom(5).uniform(0, 1)


def test_options_of_net(tmp_path: Path) -> None:
    text = NET.replace("batch=2", "batch=8\nsubdivisions=4") + STRIDE + COST
    network = read_network(write_cfg(tmp_path, text))
    assert network.cfg is not None
    options = NetOptions.read(network.cfg.net)
    assert (options.batch, options.subdivisions, options.images) == (2, 4, 8)
    assert options.momentum == pytest.approx(0.8) and options.adam is None
