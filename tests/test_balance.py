"""Channels balanced before they are quantised: whatever the factors, the network computes what it did."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from darknet_py.network import Network, read_network
from darknet_py.numeric.arithmetic import get_arithmetic
from darknet_py.numeric.balance import balanced_arrays, balanced_sets, channel_factors
from darknet_py.parameters import Parameters, load_parameters
from darknet_py.plan.build import Plan
from darknet_py.synth import write_synth

CONV = "[convolutional]\nbatch_normalize={}\nfilters={}\nsize={}\nstride=1\npad=1\nactivation={}\n"


def network_of(folder: Path, *sections: str) -> tuple[Network, Parameters]:
    cfg = folder / "net.cfg"
    cfg.write_text("[net]\nwidth=16\nheight=16\nchannels=3\n" + "\n".join(sections))
    network = read_network(cfg)
    write_synth(cfg, folder / "net.weights", seed=3)
    return network, load_parameters(network, folder / "net.weights")


def conv(filters: int, size: int = 3, activation: str = "leaky", normalize: int = 1) -> str:
    return CONV.format(normalize, filters, size, activation)


NETS = {
    "row": [conv(8), "[maxpool]\nsize=2\nstride=2", conv(6, normalize=0, activation="relu"), conv(4, 1, "linear", 0)],
    "residual": [conv(8), conv(4, 1), conv(8), "[shortcut]\nfrom=-3\nactivation=linear", conv(5), conv(4, 1, "linear")],
    "joined": [conv(8), conv(4, 1), "[route]\nlayers=-1,-2", conv(6), "[upsample]\nstride=2", conv(3, 1)],
    "alexeyab": [
        conv(8), "[route]\nlayers=-1\ngroups=2\ngroup_id=1", conv(4), conv(4), "[dropout]\nprobability=.5",
        "[shortcut]\nfrom=-3\nactivation=linear",
        "[convolutional]\nfilters=8\ngroups=4\nsize=3\npad=1\nactivation=relu", conv(5, 1),
    ],
    "half added": [
        conv(6), conv(8), "[route]\nlayers=-1\ngroups=2\ngroup_id=1", conv(4), "[shortcut]\nfrom=-2\nactivation=linear",
        conv(5), conv(4, 1),
    ],
    "more added": [
        conv(6), conv(8), conv(4), "[shortcut]\nfrom=-2\nactivation=linear", "[route]\nlayers=-1\ngroups=2",
        conv(5), conv(4, 1),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", NETS)
def test_a_balanced_network_computes_the_same(name: str, tmp_path: Path) -> None:
    network, parameters = network_of(tmp_path, *NETS[name])
    sets = balanced_sets(network)
    assert sets
    rng = np.random.default_rng(1)
    by_set = {number: 2.0 ** rng.integers(-3, 4, network.layers[number].out.c) for number in set(sets.values())}
    factors = {number: by_set[root] for number, root in sets.items()}
    arrays = [
        balanced_arrays(
            layer,
            parameters.arrays[layer.index],
            channel_factors(network, factors, layer.index),
            channel_factors(network, factors, layer.sources[0]),
        )
        if layer.kind == "convolutional"
        else parameters.arrays[layer.index]
        for layer in network.layers
    ]
    x = rng.random(network.input.size, np.float32)
    every = range(len(network.layers))
    plans = [Plan(network, each, get_arithmetic("ieee", network.dialect), 1, keep=every)
             for each in (parameters, Parameters(arrays))]  # fmt: skip
    for plan in plans:
        plan.input()[:] = x
        plan.run()
    for number in every:
        real, balanced = (plan.output(number).reshape(network.layers[number].out.c, -1) for plan in plans)
        again = balanced * channel_factors(network, factors, number)[:, None]
        assert np.allclose(again, real, rtol=1e-4, atol=1e-4 * np.abs(real).max()), number
    assert np.abs(plans[0].output(0) - plans[1].output(0)).max() > 0.01  # there was something to undo
    assert network.output_layer.index not in sets


def test_layers_that_a_factor_does_not_go_through_are_in_no_set(tmp_path: Path) -> None:
    network, _ = network_of(
        tmp_path, conv(8, activation="logistic"), conv(8), conv(8), "[reorg]\nstride=2", conv(4), "[avgpool]"
    )
    assert set(balanced_sets(network)) == {1}


def test_layers_that_shortcuts_join_share_their_factors(tmp_path: Path) -> None:
    network, _ = network_of(tmp_path, *NETS["residual"])
    sets = balanced_sets(network)
    assert sets[0] == sets[2] == sets[3] and len({sets[0], sets[1], sets[4]}) == 3 and 5 not in sets


@pytest.mark.parametrize("name", ["half added", "more added"])
def test_channels_added_to_some_of_anothers_have_no_factors(name: str, tmp_path: Path) -> None:
    """All of a set have the same factors, so they must have the same channels."""
    network, _ = network_of(tmp_path, *NETS[name])
    assert set(balanced_sets(network)) == {0, 5}
