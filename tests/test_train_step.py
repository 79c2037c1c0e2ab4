"""A training step against plain twins: outputs, deltas, losses, updates; each step keeps its kernel's contract."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from darknet_py.plan.verify import check_step
from darknet_py.train import Trainer

from . import naive_train as naive
from .naive_train import f32
from .training import BOXES, COST, GROUPS, NET, POINT, POOL, REGION, STRIDE, YOLO, boxes, images, make, values


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
