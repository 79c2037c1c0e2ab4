"""Calibration: scales, which layers stay in float32, the file, the report."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from darknet_py.calibrate import run
from darknet_py.calibrate.agreement import Agreement, agreement, look
from darknet_py.calibrate.floats import fewest_floats, order_of_harm, rounded_layers
from darknet_py.calibrate.histogram import Histogram
from darknet_py.calibrate.noise import NoisyNetwork, noise_shares, rounded, rounded_to
from darknet_py.calibrate.observe import observe_channels
from darknet_py.calibrate.plot import write_plot
from darknet_py.calibrate.ranges import METHODS
from darknet_py.calibrate.report import Report, document, report_lines, signal_to_noise
from darknet_py.calibrate.run import Asked, Calibrator, Pictures
from darknet_py.calibrate.scales import choose_scales, choose_shifts, folded_weights
from darknet_py.calibration import (
    FORMAT_1,
    Calibration,
    calibration_path,
    find_calibration,
    read_calibration,
    structure_of,
    write_calibration,
)
from darknet_py.detector import Detector
from darknet_py.errors import CfgError, DarknetError, DataError
from darknet_py.formats.hashes import file_sha256
from darknet_py.image.load import load_image
from darknet_py.network import Network, read_network
from darknet_py.numeric.quantization import Quantization, Scale, groups, quantizable, scaled
from darknet_py.parameters import Parameters, load_parameters
from darknet_py.synth import write_synth

from . import nets
from .fake_integers import FakeIntegers
from .test_calibrate_ranges import histogram_of

CONV = "[convolutional]\nbatch_normalize=1\nfilters={}\nsize={}\nstride=1\npad=1\nactivation=leaky\n"
CFG = (
    "[net]\nwidth=32\nheight=32\nchannels=3\n"
    + CONV.format(8, 3) + "[maxpool]\nsize=2\nstride=2\n" + CONV.format(12, 3) + CONV.format(8, 1)
    + "[route]\nlayers=-1,-2\n" + CONV.format(8, 3)
    + "[convolutional]\nfilters=21\nsize=1\nstride=1\npad=1\nactivation=linear\n"
    + "[yolo]\nmask=0,1,2\nanchors=4,4, 8,8, 16,16\nclasses=2\nnum=3\n"
)  # fmt: skip

Net = tuple[Network, Parameters, Path]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("calibrate")


@pytest.fixture(scope="module")
def net(folder: Path) -> Net:
    cfg, weights = folder / "tiny.cfg", folder / "tiny.weights"
    cfg.write_text(CFG)
    write_synth(cfg, weights, seed=5)
    network = read_network(cfg)
    return network, load_parameters(network, weights), weights


@pytest.fixture(scope="module")
def pictures(folder: Path) -> list[Path]:
    rng = np.random.default_rng(2)
    paths = []
    for number in range(9):
        coarse = rng.integers(0, 256, (6, 7, 3), dtype=np.uint8)
        path = folder / f"{number}.png"
        Image.fromarray(coarse).resize((48, 40), Image.Resampling.BILINEAR).save(path)
        paths.append(path)
    return paths


@pytest.fixture(scope="module")
def made(net: Net, pictures: list[Path]) -> tuple[Calibration, Report]:
    network, parameters, _ = net
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "integer_detector", FakeIntegers)
        detector = Detector(network, parameters, threads=1)
        asked = Asked(wanted=0.5)
        return Calibrator(detector, parameters, asked).run(Pictures.divide(pictures, 0), load_image)


def test_layers_that_must_agree_get_the_scale_of_all_their_values(net: Net) -> None:
    network = net[0]
    histograms = {n: histogram_of(np.array([-1.0 - n, 2.0 + n])) for n in range(-1, len(network.layers))}
    scales = choose_scales(network, histograms, METHODS["minmax"])
    assert scales[-1] == Scale(1 / 255, 0)  # a picture's own bytes
    assert scales[0] == scales[1] == Scale.of_range(-1, 2)  # the pooling hands on
    assert scales[2] == scales[3] == scales[4] == Scale.of_range(-4, 5)  # the route joins
    Quantization(scales).check(network)
    assert groups(network)


def test_moved_biases_bring_the_mean_back(net: Net) -> None:
    network, parameters, _ = net
    x = np.random.default_rng(4).random((3, 32, 32), np.float32)
    detector = Detector(network, parameters, math="fast", threads=1, keep=range(len(network.layers)))
    from darknet_py.calibrate.observe import observe_channels

    channels = observe_channels(detector, [x], range(-1, len(network.layers)), lambda: None)
    shifts = choose_shifts(network, folded_weights(network, parameters.arrays), channels, {})
    exact = detector.layer_output(6)

    def error(shift: dict[int, list[float]]) -> float:
        """Of the mean of the layer's channels, when the weights of this layer alone are rounded."""
        moved = Calibration(Quantization({}), {}, shift).balanced(network, parameters)
        noisy = NoisyNetwork(network, rounded(network, moved, {6}), {})
        noisy.run(x)
        return float(np.abs((noisy.output(6).reshape(exact.shape) - exact).mean(axis=(1, 2))).max())

    assert error({6: shifts[6]}) < 0.05 * error({})


def test_noise_of_one_layer_is_that_of_its_rounding(net: Net) -> None:
    network, parameters, _ = net
    scale = Scale.of_range(-0.3, 1)
    noisy = NoisyNetwork(network, parameters, {5: scale, 0: scale})
    x = np.random.default_rng(5).random((3, 32, 32), np.float32)
    noisy.run(x)
    plain = noisy.output(5).copy()
    noisy.rounds = frozenset({5})
    noisy.run(x)
    assert np.array_equal(noisy.output(5), rounded_to(plain, scale)) and not np.array_equal(noisy.output(5), plain)
    shares = noise_shares(noisy, [x], [0, 5])
    assert shares[0] > 0 and shares[5] > 0 and noisy.rounds == frozenset()


def agreed(mean: float) -> Agreement:
    return Agreement(mean, mean, 1, 0, 0, 1, boxes=False)


def test_the_layers_that_hurt_most_for_their_work_are_kept_in_float(net: Net) -> None:
    network = net[0]
    start = frozenset({6})
    numbers = rounded_layers(network, start)
    assert numbers == [-1, 0, 2, 3, 5]
    assert rounded_layers(network, quantizable(network)) == []
    order = order_of_harm(network, {-1: 0.0, 0: 0.1, 2: 0.0, 3: 5.0, 5: 0.1})
    assert order[0] >= {3, 5}  # the layer and what reads it
    floats, found = fewest_floats(start, order, lambda floats: agreed(len(floats) / 10), 0.4)
    assert found.mean >= 0.4 and len(floats) >= 4
    fewer = fewest_floats(start, order, lambda floats: agreed(1.0), 0.4)
    assert fewer == (start, agreed(1.0))
    best, found = fewest_floats(start, order, lambda floats: agreed(0.3 if floats == start else 0.1), 0.4)
    assert best == start and found.mean == 0.3  # never reached: the best of what was tried


def test_a_bottleneck_is_in_float32_as_a_whole(tmp_path: Path) -> None:
    """In each number format it is one step; apart its layers take longer."""
    conv = "conv filters=8 activation=leaky batch_normalize=1 "
    apart = [conv + more for more in ("size=3", "size=1", "size=3 groups=8 pad=1", "size=1", "size=3")]
    text = nets.net(3, 8, 8, *apart)
    network = read_network(nets.write_cfg(tmp_path, text))
    assert order_of_harm(network, {0: 1.0, 1: 0.1, 3: 0.01}) == [{0, 1, 2, 3}, {1, 2, 3}, {1, 2, 3, 4}]


def test_agreement_with_itself_and_with_nothing(net: Net, pictures: list[Path]) -> None:
    network, parameters, _ = net
    detector = Detector(network, parameters, threads=1)
    found = look(detector, [load_image(path) for path in pictures[:3]])
    same = agreement(found, found, network.classes)
    assert same.objects > 0 and (same.lost, same.found) == (0, 0) and same.mean == pytest.approx(1)
    nothing = [type(each).nothing() for each in found if not isinstance(each, int)]
    gone = agreement(found, nothing, network.classes)
    assert (gone.at_half, gone.lost) == (0.0, same.objects)
    classes = agreement([1, 2, 3, 4], [1, 2, 3, 3], 9)
    assert classes.mean == 0.75 and classes.reaches(0.75) and not classes.reaches(0.76)


def test_a_calibration_keeps_the_detections(net: Net, made: tuple[Calibration, Report], tmp_path: Path) -> None:
    calibration, report = made
    network = net[0]
    calibration.quantization.check(network)
    assert report.agreement.mean >= 0.5 and report.reached
    assert calibration.made["images"] == 5 and report.agreement.images == 4
    rows = {row.layer: row for row in report.rows}
    assert 15 < rows[5].signal < 80 and rows[5].rounding > 25 and rows[7].harm is None
    assert 0.8 < sum(row.harm or 0 for row in report.rows) <= 1  # the rest is the rounded input's
    lines = report_lines(report)
    empty = replace(report, agreement=Agreement(1, 1, 0, 0, 0, 2))
    assert any(line.startswith("nothing was found in these pictures") for line in report_lines(empty))
    assert not any(line.startswith("nothing was found") for line in lines)
    assert any(line.startswith("agreement with ieee on 4 pictures") for line in lines)
    assert len(document(report)["layers"]) == 8
    write_plot(report, tmp_path / "report.svg")
    assert "signal to noise" in (tmp_path / "report.svg").read_text()


def test_the_same_pictures_and_seed_give_the_same_calibration(
    net: Net, made: tuple[Calibration, Report], pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    network, parameters, _ = net
    monkeypatch.setattr(run, "integer_detector", FakeIntegers)
    again = Calibrator(Detector(network, parameters, threads=2), parameters, Asked(wanted=0.5))
    assert again.run(Pictures.divide(pictures[::-1], 0), load_image)[0] == made[0]
    assert Pictures.divide(pictures, 0) != Pictures.divide(pictures, 1)
    assert set(Pictures.divide(pictures, 0).observed).isdisjoint(Pictures.divide(pictures, 0).measured)


def written(net: Net, calibration: Calibration, path: Path) -> dict[str, object]:
    network, _, weights = net
    write_calibration(calibration, network, weights, path, file_sha256(weights))
    document: dict[str, object] = json.loads(path.read_text())
    return document


def test_the_file_gives_back_the_calibration(net: Net, made: tuple[Calibration, Report], tmp_path: Path) -> None:
    network, _, weights = net
    path = tmp_path / "a.int8.json"
    written(net, made[0], path)
    again = read_calibration(network, weights, path)
    assert again.quantization == made[0].quantization and again.powers == made[0].powers
    assert again.made["method"] == "mse"
    for layer, values in made[0].shifts.items():
        assert np.allclose(again.shifts[layer], values, rtol=1e-4, atol=1e-30)
    assert calibration_path("a/b.weights") == Path("a/b.weights.int8.json")


def test_a_layer_that_is_always_0_comes_back_from_the_file(net: Net, tmp_path: Path) -> None:
    network, _, weights = net
    dead = Calibration(Quantization(dict.fromkeys(scaled(network), Scale.of_range(0, 0))))
    write_calibration(dead, network, weights, tmp_path / "a.json", file_sha256(weights))
    assert read_calibration(network, weights, tmp_path / "a.json").quantization == dead.quantization


def test_values_that_go_too_far_are_refused_by_their_layer(net: Net) -> None:
    histograms = {number: Histogram() for number in range(-1, 8)}
    histograms[3].add(np.array([-3e38, 1], np.float32))
    with pytest.raises(CfgError, match=r"tiny\.cfg:\d+: layer 2's values go from -3e\+38 to 1: too far for 8-bit"):
        choose_scales(net[0], histograms, METHODS["minmax"])


def test_recurrent_layers_begin_anew_with_each_look(tmp_path: Path, pictures: list[Path]) -> None:
    cfg, weights = tmp_path / "net.cfg", tmp_path / "net.weights"
    recurrent = "[crnn]\nbatch_normalize=1\noutput_filters=8\nhidden_filters=4\nactivation=leaky\n"
    cfg.write_text(CFG.replace("[route]", recurrent + "[route]", 1))
    network = write_synth(cfg, weights, seed=5)
    parameters = load_parameters(network, weights)
    detector, other = (Detector(network, parameters, threads=1) for _ in range(2))
    photos = [load_image(path) for path in pictures[:2]]
    found = look(detector, photos)
    assert agreement(found, look(detector, photos), network.classes).mean == pytest.approx(1)
    x = [detector.prepare(pixels) for pixels in photos]
    other.predict(x[1])
    assert set(signal_to_noise(detector, other, x).values()) == {float("inf")}
    noisy = NoisyNetwork(network, parameters, dict.fromkeys(range(-1, 9), Scale.of_range(-1, 1)))
    last = network.output_layer.index  # no noise of it reaches a head's input
    assert noise_shares(noisy, x, [last]) == {last: 0.0} == noise_shares(noisy, x, [last])
    one, two = (observe_channels(detector, x, [4], lambda: None)[4] for _ in range(2))
    assert np.array_equal(one.mean, two.mean)


def test_without_a_calibration_the_error_says_what_to_run(net: Net, tmp_path: Path) -> None:
    network, _, weights = net
    with pytest.raises(DarknetError, match=r"tiny.weights.int8.json: .*not there: darknet-py calibrate \S*tiny.cfg"):
        find_calibration(network, weights)
    other = read_network(network.path, dialect="alexeyab")
    with pytest.raises(DarknetError, match=r"tiny.weights IMAGES\.\.\. --dialect alexeyab -o a.json makes it"):
        find_calibration(other, weights, "a.json")
    with pytest.raises(DataError, match="is no file: math=int8 needs one here"):
        find_calibration(network, weights, tmp_path)


def test_a_calibration_of_other_weights_or_another_network_is_refused(
    net: Net, made: tuple[Calibration, Report], tmp_path: Path
) -> None:
    network, _, weights = net
    path = tmp_path / "a.int8.json"
    written(net, made[0], path)
    other = tmp_path / "other.weights"
    write_synth(network.path, other, seed=6)
    with pytest.raises(DataError, match=r"a.int8.json: is no calibration of other.weights.*sha256.*calibrate again"):
        read_calibration(network, other, path)
    for old, new in (("leaky", "relu"), ("filters=12", "filters=14"), ("layers=-1,-2", "layers=-1,-1")):
        cfg = tmp_path / "changed.cfg"
        cfg.write_text(CFG.replace(old, new))
        changed = read_network(cfg)
        assert structure_of(changed) != structure_of(network)
        with pytest.raises(DataError, match=r"in changed.cfg: it was made of another network"):
            read_calibration(changed, weights, path)
    assert structure_of(read_network(network.path, size=(64, 32))) == structure_of(network)
    asked = read_network(network.path, dialect="alexeyab")
    with pytest.raises(
        DataError, match=r"made in the dialect 'darknet', this is alexeyab; .* --dialect alexeyab again"
    ):
        read_calibration(asked, weights, path)


def test_a_file_of_the_first_format_serves_networks_without_what_was_in_float32_then(
    net: Net, made: tuple[Calibration, Report], tmp_path: Path
) -> None:
    network, _, weights = net
    path = tmp_path / "a.int8.json"
    old = written(net, made[0], path) | {"format": FORMAT_1}
    path.write_text(json.dumps(old))
    assert read_calibration(network, weights, path).quantization == made[0].quantization
    for number, section in enumerate((CONV.format(8, 3) + "groups=8\n", "[shortcut]\nfrom=-2,-3\nactivation=linear\n")):
        cfg = tmp_path / f"{number}.cfg"
        cfg.write_text("[net]\nwidth=32\nheight=32\nchannels=3\n" + CONV.format(8, 3) * 3 + section + CONV.format(8, 1))
        newer = write_synth(cfg, tmp_path / "new.weights", seed=5)
        scales = dict.fromkeys(range(-1, 5), Scale(0.1, 0))
        document = written((newer, made, tmp_path / "new.weights"), Calibration(Quantization(scales)), path)  # type: ignore[arg-type]
        read_calibration(newer, tmp_path / "new.weights", path)
        path.write_text(json.dumps(document | {"format": FORMAT_1}))
        with pytest.raises(
            DataError, match=r"computed layer 3 \(.*\), as others of its kind, in float32; run .* again"
        ):
            read_calibration(newer, tmp_path / "new.weights", path)


BROKEN = {
    "format": (lambda d: d.update(format="x"), "another format"),
    "no layers": (lambda d: d.pop("layers"), "layers is missing"),
    "layers": (lambda d: d.update(layers=[1]), "layers is no object"),
    "a list": (lambda d: d["layers"].update({"0": [1]}), "no object"),
    "a layer that is not there": (lambda d: d["layers"].update({"99": {}}), "number of a layer is 99"),
    "a layer that is no number": (lambda d: d["layers"].update({"x": {}}), "'x' is no number of a layer"),
    "a layer in other words": (lambda d: d["layers"].update({"00": d["layers"]["0"]}), "'00' is no number of a layer"),
    "shift in float32": (
        lambda d: d["layers"]["6"].update(shift=[1] * 21),
        "layer 6 has a shift, but stays in float32",
    ),
    "step": (lambda d: d["layers"]["0"].update(step=0), "layer 0, step is 0"),
    "a step of text": (lambda d: d["layers"]["0"].update(step="1"), "layer 0, step is '1', not a number"),
    "zero": (lambda d: d["layers"]["0"].update(zero=256), "layer 0, zero is 256"),
    "half a zero": (lambda d: d["layers"]["0"].update(zero=1.5), "not a whole number"),
    "no zero": (lambda d: d["layers"]["0"].pop("zero"), "zero is missing"),
    "a missing layer": (lambda d: d["layers"].pop("0"), "no scale of layer 0"),
    "short balance": (lambda d: d["layers"]["0"]["balance"].pop(), "balance is"),
    "balance": (lambda d: d["layers"]["0"]["balance"].__setitem__(0, 9999), "balance is 9999"),
    "balance of a head": (lambda d: d["layers"].update({"7": {"balance": [0] * 21}}), "layer 7, balance: its"),
    "shift of a pooling": (lambda d: d["layers"]["1"].update(shift=[0] * 8), "layer 1, shift: it is no"),
    "floats": (lambda d: d.update(floats=3), "floats is 3"),
    "unlike scales": (lambda d: d["layers"]["1"].update(step=0.5), "different scales for layers 0, 1"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_file_is_refused_with_the_field(
    what: str, net: Net, made: tuple[Calibration, Report], tmp_path: Path
) -> None:
    change, message = BROKEN[what]
    path = tmp_path / "a.int8.json"
    broken = written(net, made[0], path)
    change(broken)
    path.write_text(json.dumps(broken))
    with pytest.raises(DataError) as caught:
        read_calibration(net[0], net[2], path)
    assert message in str(caught.value) and str(path) in str(caught.value) and "\n" not in str(caught.value)
