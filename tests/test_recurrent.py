"""Recurrent layers: Darknet's bits over several inputs, and the state that goes on between them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from darknet_py.detector import Detector
from darknet_py.errors import CfgError, DarknetError
from darknet_py.image.load import load_image
from darknet_py.layers import Recurrent
from darknet_py.loading import load
from darknet_py.network import read_network
from darknet_py.output.layer_table import printed_table
from darknet_py.parameters import load_parameters
from darknet_py.plan import fusion
from darknet_py.plan.states import States
from darknet_py.synth import write_synth
from darknet_py.trace import trace

from .nets import build, build_runner, build_with, net, write_cfg
from .test_goldens import OURS, first_difference

f = np.float32
FLAT = "[net]\ninputs=5\ntime_steps=7\nbatch=4\n"
KINDS = {
    "rnn": "[rnn]\noutput=6\nbatch_normalize=1\nactivation=tanh\n",
    "rnn with shortcut": "[rnn]\noutput=6\nshortcut=1\nactivation=leaky\n",
    "gru": "[gru]\noutput=6\nbatch_normalize=1\n",
    "gru with tanh": "[gru]\noutput=6\ntanh=1\n",
    "lstm": "[lstm]\noutput=6\nbatch_normalize=1\n",
}
CRNN = "crnn hidden_filters=3 output_filters=2 activation=tanh"


def inputs(*shape: int) -> np.ndarray:
    return np.random.RandomState(4).uniform(-1, 1, shape).astype(f)


@pytest.mark.parametrize("profile", ["ieee", "make"])
@pytest.mark.parametrize("name", ["recurrent", "crnn"])
def test_three_photographs_one_after_the_other(tmp_path: Path, name: str, profile: str) -> None:
    golden = json.loads((OURS / "frames" / f"{name}.json").read_text())
    cfg = OURS / "frames" / golden["cfg"]
    write_synth(cfg, tmp_path / "w", golden["weights"]["synth_seed"])
    if (name, profile) == ("recurrent", "make"):
        with pytest.raises(CfgError, match=r"math=make does not cover \[rnn\]"):
            load(cfg, tmp_path / "w", math=profile)
        return
    detector = load(cfg, tmp_path / "w", keep=range(len(read_network(cfg).layers)), math=profile)
    for _ in range(2):
        for frame in golden["frames"]:
            image = load_image(OURS.parent / "photos" / frame["image"])
            assert first_difference(frame, trace(detector, image), profile) is None
        detector.reset_state()


@pytest.mark.parametrize("kind", KINDS)
def test_n_inputs_are_n_time_steps(tmp_path: Path, kind: str) -> None:
    x = inputs(4, 5)
    together, alone = (build(tmp_path, FLAT + KINDS[kind]) for _ in range(2))
    (sequence,) = together.predict(x)
    assert sequence.shape == (4, 6)
    assert [step.tobytes() for step in sequence] == [alone.predict(step)[0].tobytes() for step in x]
    assert together.predict(x)[0].tobytes() != sequence.tobytes(), "the state went on"
    together.reset_state()
    assert together.predict(x)[0].tobytes() == sequence.tobytes()


@pytest.mark.parametrize("threads", [1, 3])
def test_any_number_of_threads_gives_the_same_bits(tmp_path: Path, threads: int) -> None:
    text = net(3, 6, 9, CRNN, "gru output=700", "lstm output=520", "rnn output=300 activation=linear")
    x = inputs(3, 3, 6, 9)
    wanted = build(tmp_path, text, threads=2).predict(x)[0]
    assert np.isfinite(wanted).all()
    assert build(tmp_path, text, threads=threads).predict(x)[0].tobytes() == wanted.tobytes()


def test_asking_for_a_layer_does_not_move_the_state(tmp_path: Path) -> None:
    text = FLAT + KINDS["lstm"] + KINDS["gru"] + "[connected]\noutput=2\n"
    write_synth(write_cfg(tmp_path, text), tmp_path / "w")
    asked = load(tmp_path / "net.cfg", tmp_path / "w")  # keeps no layer but the last: asking runs the input again
    kept = load(tmp_path / "net.cfg", tmp_path / "w", keep=range(3))
    x = inputs(3, 5)
    for step in x[:2]:
        asked.predict(step), kept.predict(step)
    assert asked.layer_output(0).tobytes() == kept.layer_output(0).tobytes()
    assert asked.predict(x[2])[0].tobytes() == kept.predict(x[2])[0].tobytes()
    asked.reset_state(), kept.reset_state()
    assert asked.layer_output(1).tobytes() == kept.layer_output(1).tobytes(), "of the last input, whatever came since"
    assert asked.predict(x[0])[0].tobytes() == kept.predict(x[0])[0].tobytes()


def test_asking_after_several_steps_at_once(tmp_path: Path) -> None:
    text = FLAT + KINDS["lstm"] + KINDS["gru"] + "[connected]\noutput=2\n"
    write_synth(write_cfg(tmp_path, text), tmp_path / "w")
    asked = load(tmp_path / "net.cfg", tmp_path / "w")
    kept = load(tmp_path / "net.cfg", tmp_path / "w", keep=range(3))
    x = inputs(5, 5)
    asked.predict(x[:4])
    for step in x[:4]:
        kept.predict(step)
    assert asked.layer_output(0).tobytes() == kept.layer_output(0).tobytes()
    assert asked.predict(x[4])[0].tobytes() == kept.predict(x[4])[0].tobytes()


@pytest.mark.parametrize("math", ["ieee", "fast"])
@pytest.mark.parametrize("large", [0, 600, 10**9], ids=["one by one", "some layers", "together"])
def test_images_that_run_together_are_steps_all_the_same(
    tmp_path: Path, math: str, large: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    conv = "conv filters=8 size=3 pad=1 activation=leaky"
    text = net(
        3, 12, 10, conv, CRNN, f"{conv} xnor=1", "maxpool size=2", "rnn output=7 activation=tanh", "lstm output=4"
    )
    write_synth(write_cfg(tmp_path, text), tmp_path / "w")
    x = inputs(7, 3, 12, 10)
    alone = load(tmp_path / "net.cfg", tmp_path / "w", math=math)
    wanted = [alone.predict(image)[0].tobytes() for image in x]
    monkeypatch.setattr(fusion, "LARGE", large)
    together = load(tmp_path / "net.cfg", tmp_path / "w", math=math)
    assert [step.tobytes() for step in together.predict(x)[0]] == wanted


def test_a_run_that_a_fork_cut_off_leaves_the_state_alone(tmp_path: Path) -> None:
    network = write_synth(write_cfg(tmp_path, FLAT + KINDS["rnn"]), tmp_path / "net.weights")
    states = States(network)
    (array,) = states.of_layer(0)[:1]
    cut_off = states.run()  # of a thread that a forked child does not have
    cut_off.__enter__()
    array[:] = 3
    with states.run():
        assert not array.any()
        array[:] = 5
    with states.run():
        assert (array == 5).all()


def test_a_run_that_fails_leaves_the_state_alone(tmp_path: Path) -> None:
    text = FLAT + KINDS["gru"] + KINDS["lstm"]
    runner, undisturbed = build_runner(tmp_path, text), build_runner(tmp_path, text)
    x = inputs(2, 5)
    runner.run([x[0]]), undisturbed.run([x[0]])

    def stop(step: object) -> None:
        if step is plan.steps[-1]:
            raise KeyboardInterrupt

    plan = runner.plans[1]
    with pytest.raises(KeyboardInterrupt):
        plan.run(stop)
    runner.run([x[1]]), undisturbed.run([x[1]])
    last = plan.network.output_layer.index
    assert runner.output(last).tobytes() == undisturbed.output(last).tobytes()


def test_an_rnn_by_hand(tmp_path: Path) -> None:
    one, zero = np.ones(1, f), np.zeros(1, f)
    arrays = {
        "input_layer.biases": zero, "input_layer.weights": f([[1, 10]]),
        "self_layer.biases": one, "self_layer.weights": f([[2]]),
        "output_layer.biases": zero, "output_layer.weights": f([[-1]]),
    }  # fmt: skip
    for shortcut, wanted in ((0, [-(12 + 1), -(24 + 2 * 13 + 1)]), (1, [-(12 + 1), -(13 + 24 + 2 * 13 + 1)])):
        text = f"[net]\ninputs=2\n[rnn]\noutput=1\nactivation=linear\nshortcut={shortcut}\n"
        detector = build_with(tmp_path, text, arrays)
        assert detector.predict(f([[2, 1], [4, 2]]))[0].reshape(-1).tolist() == wanted


def test_parts_lie_in_the_file_as_darknet_reads_them(tmp_path: Path) -> None:
    text = "[net]\ninputs=3\n[gru]\noutput=2\nbatch_normalize=1\ndontloadscales=1\n[lstm]\noutput=2\n"
    gru, lstm = read_network(write_cfg(tmp_path, text)).layers
    names = [array.name for array in gru.stored()]
    assert list(dict.fromkeys(name.split(".")[0] for name in names)) == ["wz", "wr", "wh", "uz", "ur", "uh"]
    assert names[:5] == [f"wz.{name}" for name in ("biases", "weights", "scales", "rolling_mean", "rolling_variance")]
    assert {array.name: array.shape for array in gru.stored()}["uz.weights"] == (2, 3)
    assert list(dict.fromkeys(array.name.split(".")[0] for array in lstm.stored())) == [
        "wi", "wf", "wo", "wg", "ui", "uf", "uo", "ug",
    ]  # fmt: skip


def test_an_old_files_matrices_are_turned_in_every_part(tmp_path: Path) -> None:
    text = FLAT + KINDS["lstm"]
    network = write_synth(write_cfg(tmp_path, text), tmp_path / "new", minor=2)
    write_synth(tmp_path / "net.cfg", tmp_path / "old", minor=2000)
    new, old = (load_parameters(network, tmp_path / name).arrays[0] for name in ("new", "old"))
    for name in ("wi", "ug"):
        shape = new[f"{name}.weights"].shape
        wanted = new[f"{name}.weights"].reshape(shape[::-1]).T
        assert old[f"{name}.weights"].tobytes() == np.ascontiguousarray(wanted).tobytes()
        assert old[f"{name}.biases"].tobytes() == new[f"{name}.biases"].tobytes()


def test_crnn_exchanges_width_and_height(tmp_path: Path) -> None:
    network = read_network(write_cfg(tmp_path, net(1, 4, 6, CRNN)))
    assert str(network.layers[0].input) == "6 x 4 x 1"
    assert str(network.layers[0].out) == "4 x 6 x 2"


def test_crnn_by_hand(tmp_path: Path) -> None:
    # a tap to the left: with the sides exchanged, the image of 2 x 3 is read in three rows of two
    left = np.zeros((1, 1, 3, 3), f)
    left[0, 0, 1, 0] = 1
    here = np.roll(left, 1, -1)
    zero = np.zeros(1, f)
    arrays = {"input_layer": left, "self_layer": np.zeros_like(left), "output_layer": here}
    stored = {f"{name}.{key}": value for name, weights in arrays.items()
              for key, value in (("biases", zero), ("weights", weights))}  # fmt: skip
    detector = build_with(tmp_path, net(1, 2, 3, "crnn hidden_filters=1 output_filters=1 activation=linear"), stored)
    assert detector.predict(f([[[1, 2, 3], [4, 5, 6]]]))[0].tolist() == [[[0, 1], [0, 3], [0, 5]]]


def test_the_table_is_darknets(tmp_path: Path) -> None:
    text = net(3, 8, 10, f"{CRNN} batch_normalize=1", "rnn output=12 hidden=12", "gru output=3", "lstm output=4")
    table = printed_table(read_network(write_cfg(tmp_path, text), dialect="darknet"), verbose=True)
    assert table[1:10] == [
        "    0 CRNN Layer: 10 x 8 x 3 image, 2 filters",
        "\t\tconv      3  3 x 3 / 1     8 x  10 x   3   ->     8 x  10 x   3  0.000 BFLOPs",
        "\t\tconv      3  3 x 3 / 1     8 x  10 x   3   ->     8 x  10 x   3  0.000 BFLOPs",
        "\t\tconv      2  3 x 3 / 1     8 x  10 x   3   ->     8 x  10 x   2  0.000 BFLOPs",
        "    1 RNN Layer: 160 inputs, 12 outputs",
        "\t\tconnected                             160  ->    12",
        "\t\tconnected                              12  ->    12",
        "\t\tconnected                              12  ->    12",
        "Unused field: 'hidden = 12'",
    ]
    sizes = [line.split()[1::2] for line in table[11:17]]
    assert sizes == [["12", "3"], ["3", "3"]] * 3
    assert table[10] == "    2 GRU Layer: 12 inputs, 3 outputs"
    assert table[17] == "    3 LSTM Layer: 3 inputs, 4 outputs"
    assert [line.split()[1] for line in table[18:]] == ["3"] * 4 + ["4"] * 4


def test_synthetic_weights_take_each_parts_own_inputs(tmp_path: Path) -> None:
    network = write_synth(write_cfg(tmp_path, "[net]\ninputs=600\n[gru]\noutput=6\n"), tmp_path / "w")
    arrays = load_parameters(network, tmp_path / "w").arrays[0]
    for name, fan_in in (("uz", 600), ("wz", 6)):
        bound = np.sqrt(1.5 / fan_in)
        assert 0.8 * bound < np.abs(arrays[f"{name}.weights"]).max() <= bound


def test_totals_count_all_parts(tmp_path: Path) -> None:
    (layer,) = read_network(write_cfg(tmp_path, "[net]\ninputs=10\n[lstm]\noutput=6\n")).layers
    assert isinstance(layer, Recurrent)
    assert layer.multiply_adds == 4 * (10 * 6 + 6 * 6)
    assert sum(array.count for array in layer.stored()) == 4 * (10 * 6 + 6) + 4 * (6 * 6 + 6)


def test_predict_of_a_network_without_image_takes_flat_inputs(tmp_path: Path) -> None:
    detector: Detector = build(tmp_path, FLAT + KINDS["rnn"])
    for wrong in (inputs(4), inputs(5).astype(np.float64), inputs(1, 1, 5)):
        with pytest.raises(DarknetError, match=r"predict needs float32 of shape \(5,\) or \(n, 5\)"):
            detector.predict(wrong)


def test_a_network_without_image_takes_no_pictures(tmp_path: Path) -> None:
    detector = build(tmp_path, FLAT + KINDS["rnn"])
    pixels = np.zeros((4, 4, 3), np.uint8)
    for ask in (detector.classify, lambda picture: trace(detector, picture)):
        with pytest.raises(DarknetError, match=r"net\.cfg: the network's input \(5\) is not a picture"):
            ask(pixels)
