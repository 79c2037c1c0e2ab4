"""What a trainer promises: the same bits however it runs and goes on; what is frozen or resized; rates, options."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from darknet_py.kernels.vector.tile import AVX2, SSE, Tile
from darknet_py.loading import load
from darknet_py.network import read_network
from darknet_py.plan.verify import check_step
from darknet_py.train import Trainer
from darknet_py.train.options import NetOptions
from darknet_py.train.random import GlibcRandom
from darknet_py.train.rate import RatePolicy

from .naive_train import f32
from .nets import write_cfg
from .training import BOXES, COST, GROUPS, NET, POINT, POOL, REGION, STRIDE, boxes, images, make, values


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
