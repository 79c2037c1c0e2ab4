"""A layer and an activation from outside of the package, see `toy_layer`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from darknet_py import extend
from darknet_py.errors import CfgError, DarknetError
from darknet_py.network import read_network
from darknet_py.numeric.arithmetic import get_arithmetic
from darknet_py.output.layer_table import printed_table
from darknet_py.parameters import load_parameters
from darknet_py.plan.build import Plan
from darknet_py.plan.show import plan_lines
from darknet_py.plan.verify import verify
from darknet_py.synth import write_synth

from . import toy_layer
from .nets import net, write_cfg

CONVOLUTION = "convolutional filters=5 size=3 stride=1 pad=1 activation="


@pytest.fixture
def toys() -> Iterator[None]:
    toy_layer.add()
    yield
    toy_layer.remove()


def plan_of(folder: Path, text: str, images: int = 1, keep_all: bool = True) -> Plan:
    """A verified plan of a network with stand-in weights: those of the folder's first network."""
    network = read_network(write_cfg(folder, text))
    if not (folder / "net.weights").exists():
        write_synth(folder / "net.cfg", folder / "net.weights")
    keep = range(len(network.layers)) if keep_all else ()
    parameters = load_parameters(network, folder / "net.weights")
    plan = Plan(network, parameters, get_arithmetic("ieee"), threads=2, images=images, keep=keep)
    assert verify(plan) == []
    return plan


def run(plan: Plan, x: NDArray[np.float32]) -> None:
    for image, values in enumerate(x):
        plan.input(image)[:] = values.ravel()
    plan.run()


@pytest.mark.usefixtures("toys")
def test_a_layer_from_outside_is_read_stored_planned_verified_and_run(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, net(3, 6, 7, "mirror gain=2", CONVOLUTION + "leaky"))
    x = np.random.default_rng(3).random((1, 3, 6, 7), np.float32)
    run(plan, x)
    (scales,) = load_parameters(plan.network, tmp_path / "net.weights").arrays[0].values()
    assert len({*scales.tolist()}) == 3
    expected = x[0, :, :, ::-1] * scales[:, None, None] * np.float32(2)
    assert (plan.output(0) == expected.ravel()).all()
    assert "mirror 2" in "\n".join(printed_table(plan.network))
    assert "mirror" in "\n".join(plan_lines(plan))


@pytest.mark.usefixtures("toys")
@pytest.mark.parametrize("images", [1, 3])
def test_an_activation_from_outside_follows_any_layer_that_ends_with_one(tmp_path: Path, images: int) -> None:
    sections = (CONVOLUTION + "{}", "maxpool size=2 stride=2", "connected output=9 activation={}")
    x = np.random.default_rng(4).standard_normal((images, 3, 6, 8)).astype(np.float32)
    cfg = net(3, 6, 8, *sections)
    plain = plan_of(tmp_path, cfg.replace("{}", "linear"), images)
    ours = plan_of(tmp_path, cfg.replace("{}", "fold"), images)
    # Nothing is kept: a pooling would be a part of the convolution's step, but here an activation comes between them.
    free = plan_of(tmp_path, cfg.replace("{}", "fold"), images, keep_all=False)
    for plan in (plain, ours, free):
        run(plan, x)
    for image in range(images):
        assert (ours.output(0, image) == np.minimum(abs(plain.output(0, image)), 1)).all()
        assert (ours.output(1, image) != plain.output(1, image)).any()
        assert ours.output(2, image).min() >= 0
        assert (free.output(2, image) == ours.output(2, image)).all()


@pytest.mark.usefixtures("toys")
def test_onnx_has_nothing_for_them(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    from darknet_py.export import to_onnx

    for section, message in (("mirror", r"\[mirror\] cannot be exported"), (CONVOLUTION + "fold", "activation=fold")):
        network = write_synth(write_cfg(tmp_path, net(3, 4, 4, section)), tmp_path / "net.weights")
        with pytest.raises(CfgError, match=message):
            to_onnx(network, load_parameters(network, tmp_path / "net.weights"))


@pytest.mark.usefixtures("toys")
def test_where_an_activation_from_outside_cannot_be_it_is_refused_with_its_line(tmp_path: Path) -> None:
    cfg = write_cfg(tmp_path, net(3, 1, 1, "rnn output=4 activation=fold"))
    with pytest.raises(CfgError, match=r"net.cfg:8: activation=fold is a step of its own"):
        read_network(cfg)
    with pytest.raises(DarknetError, match="fold is an activation already"):
        extend.add_activation("fold", toy_layer.fold)
    with pytest.raises(DarknetError, match="mish is an activation already"):
        extend.add_activation("mish", toy_layer.fold)
    with pytest.raises(DarknetError, match="must take out, x and count"):
        extend.add_activation("turned", toy_layer.mirror)
    with pytest.raises(DarknetError, match=r"\[mirror\] is a section already"):
        extend.add_layer(toy_layer.Mirror, toy_layer.mirror_steps)


def test_what_was_removed_is_unknown(tmp_path: Path) -> None:
    toy_layer.add()
    toy_layer.remove()
    for section, message in (("mirror", "unknown section"), (CONVOLUTION + "fold", "unknown activation 'fold'")):
        with pytest.raises(CfgError, match=message):
            read_network(write_cfg(tmp_path, net(3, 4, 4, section)))
