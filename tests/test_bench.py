"""The benchmark: what it measures, what it prints and writes, and other engines in processes of their own."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from darknet_py.bench.against import ONE_THREAD, PeerSpec, parse_peers
from darknet_py.bench.ceiling import Ceiling
from darknet_py.bench.files import settled
from darknet_py.bench.machine import describe_machine
from darknet_py.bench.plot import write_plot
from darknet_py.bench.report import document, machine_lines, result_lines
from darknet_py.bench.session import ROUGH, EngineTime, Result, bench
from darknet_py.errors import DarknetError
from darknet_py.network import read_network

from .nets import net, write_cfg
from .program import run

SMALL = net(
    3, 64, 96, "conv batch_normalize=1 filters=16 size=3 stride=1 pad=1 activation=leaky", "maxpool size=2 stride=2",
    "conv batch_normalize=1 filters=32 size=3 stride=2 pad=1 activation=leaky",
    "conv filters=32 size=1 activation=leaky", "shortcut from=-2 activation=linear", "upsample stride=2",
    "route layers=-1,1", "reorg stride=2", "maxpool size=2 stride=1",
    "conv filters=24 size=1 activation=linear", "yolo mask=0,1,2 classes=3 num=3 anchors=9,9,20,30,50,50",
)  # fmt: skip
"""Every layer that can be given to another engine."""

FAKE = """
import json, sys, time
import numpy as np
job = json.loads(sys.stdin.readline())
say = lambda **message: print(json.dumps(message), flush=True)
say(engine="Fake 1.0", threads=job["threads"])
for line in sys.stdin:
    request = json.loads(line)
    if "run" in request:
        {run}
        say(seconds=[0.25] * request["run"])
    else:
        np.savez(request["outputs"], **{{"{layer}": np.full({size}, {value}, np.float32)}})
        say(layers=[{layer}])
"""


def fake(folder: Path, **what: object) -> PeerSpec:
    """An engine that takes a quarter of a second, always."""
    script = folder / "fake.py"
    script.write_text(FAKE.format(**{"run": "pass", "layer": 9, "size": 24 * 16 * 24, "value": 0.5, **what}))
    return PeerSpec("fake", (sys.executable, str(script)))


@pytest.fixture(scope="module")
def ceiling() -> Ceiling:
    """Measured once."""
    ceiling = Ceiling(2)
    ceiling.measure()
    return ceiling


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory, ceiling: Ceiling) -> Result:
    """A benchmark against ourselves, another engine that gives other results, and one that cannot be started."""
    folder = tmp_path_factory.mktemp("bench")
    peers = [*parse_peers(ONE_THREAD), fake(folder), PeerSpec("gone", ("/nowhere/python",))]
    return bench(write_cfg(folder, SMALL), None, ceiling, runs=3, peers=peers)


def test_the_ceiling_is_a_speed_that_grows_only(ceiling: Ceiling) -> None:
    before = ceiling.single
    assert 1e8 < before < 1e12
    ceiling.measure()
    assert ceiling.single >= before
    assert ceiling.limit == 2 * ceiling.single


def test_the_micro_kernel_stands_beside_the_ceiling(ceiling: Ceiling) -> None:
    assert 0.1 * ceiling.single < ceiling.micro_kernel < 1.5 * ceiling.single
    document_of = document(describe_machine(), ceiling, [])
    assert document_of["ceiling"]["micro_kernel"] == ceiling.micro_kernel
    text = "\n".join(machine_lines(describe_machine(), ceiling))
    assert "in registers" in text and "convolutions alone" in text


def test_every_layer_with_work_has_a_time(result: Result) -> None:
    network = result.network
    shown = {time.layer.index: time for time in result.layers}
    # The first pooling is part of the convolution before it, and the route's sources write into it themselves.
    assert set(shown) == {layer.index for layer in network.layers} - {1, 6}
    assert [layer.index for layer in shown[0].others] == [1] and not shown[2].others
    assert all(time.seconds > 0 for time in result.layers)
    assert len(result.seconds) >= 3  # whole runs, measured without a look at the clock between their steps
    assert sum(time.layer.multiply_adds for time in result.layers) == network.multiply_adds


def test_turns_are_taken_in_pairs(result: Result) -> None:
    own, other = result.engines
    assert (own.name, other.name) == (ONE_THREAD, "fake")
    for engine in (own, other):
        assert len(engine.turns) == len(engine.ratios) == 3
    assert own.threads == 1 and own.difference == 0.0 and own.same
    assert other.seconds == [0.25] * 3 and min(other.ratios) > 1


def test_an_engine_that_computes_something_else_is_told(result: Result, ceiling: Ceiling) -> None:
    assert result.engines[1].same is False
    text = "\n".join(result_lines(result, ceiling))
    assert "COMPUTES SOMETHING ELSE" in text
    assert "not measured: gone: cannot start /nowhere/python: No such file or directory" in text


def test_processor_time_is_named(tmp_path: Path, ceiling: Ceiling) -> None:
    result = bench(write_cfg(tmp_path, SMALL), None, ceiling, runs=1, peers=parse_peers(ONE_THREAD), clock="processor")
    assert next(result_lines(result, ceiling)).endswith("; processor time")
    assert document(describe_machine(), ceiling, [result])["networks"][0]["clock"] == "processor"
    assert min(result.seconds) > 0 and len(result.engines[0].seconds) >= 1


def test_the_table(result: Result, ceiling: Ceiling) -> None:
    lines = list(result_lines(result, ceiling))
    assert "96x64, math ieee, 2 threads, weights: stand-ins, seed 7" in lines[0]
    first = next(line for line in lines if line.startswith("   0 "))
    assert "conv 16 3x3/1 + maxpool" in first and first.endswith("%")
    assert not any(line.startswith("   0 ") for line in result_lines(result, ceiling, layers=False))
    text = "\n".join(machine_lines(describe_machine(), ceiling))
    assert "GMAC/s x 2 threads" in text and "Numba" in text


def test_the_document_and_the_plots(result: Result, ceiling: Ceiling, tmp_path: Path) -> None:
    found = json.loads(json.dumps(document(describe_machine(), ceiling, [result])))
    network = found["networks"][0]
    assert network["input"] == [96, 64, 3] and network["layers"][0]["index"] == 0
    assert network["median"] == pytest.approx(np.median(network["seconds"]))
    write_plot(found, tmp_path / "plot.svg")
    texts = [node.text for node in ElementTree.parse(tmp_path / "plot.svg").iter() if node.tag.endswith("text")]
    assert "Fake 1.0 (2 threads)" in texts and "darknet-py, math ieee (1 thread)" in texts
    assert any(text and text.endswith(" *") for text in texts)
    assert "* its result is another one" in texts
    write_plot(found, tmp_path / "plot.png")
    with Image.open(tmp_path / "plot.png") as picture:
        assert picture.format == "PNG" and len(picture.getcolors(1 << 20) or []) > 10
    with pytest.raises(DarknetError, match=r"plot\.pdf: a plot is written as \.svg or \.png"):
        write_plot(found, tmp_path / "plot.pdf")


def test_the_plots_axis_is_logarithmic_and_one_for_all_networks(
    result: Result, ceiling: Ceiling, tmp_path: Path
) -> None:
    found = json.loads(json.dumps(document(describe_machine(), ceiling, [result])))
    network = found["networks"][0]
    first, second = (dict(network, engines=[dict(network["engines"][0], ratio=ratio)]) for ratio in (4.0, 16.0))
    write_plot(dict(found, networks=[first, second]), tmp_path / "plot.svg")
    nodes = list(ElementTree.parse(tmp_path / "plot.svg").iter())
    marks = [float(node.get("x", 0)) for node in nodes if node.get("width") == "10.0"]
    assert len(marks) == 4 and marks[0] == marks[2], "our own marks are below each other"
    assert marks[3] - marks[2] == pytest.approx(2 * (marks[1] - marks[0]), abs=0.3), "16 times is twice as far as 4"
    assert any(node.text and node.text.endswith(" ms, 16.00x") for node in nodes)


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ({"run": "sys.exit('out of luck')"}, "fake: ended with exit code 1: out of luck"),
        ({"run": "say(error='no such thing\\nat all'); continue"}, "fake: no such thing"),
        ({"run": "print('chatter', flush=True); sys.exit(3)"}, "fake: ended with exit code 3"),
    ],
)
def test_an_engine_that_fails_spoils_nothing(
    what: dict[str, Any], message: str, tmp_path: Path, ceiling: Ceiling
) -> None:
    result = bench(write_cfg(tmp_path, SMALL), None, ceiling, runs=2, peers=[fake(tmp_path, **what)])
    assert result.engines == [] and result.failures == [message]
    assert len(result.seconds) >= 2


def test_engines_are_named_with_their_place() -> None:
    opencv, other, darknet = parse_peers("opencv, onnxruntime=/opt/venv/bin/python ,darknet=libdarknet.so")
    assert opencv.command[0] == sys.executable and opencv.command[-1] == "opencv"
    assert other.command[0] == "/opt/venv/bin/python"
    assert darknet.command[-2:] == ("darknet", str(Path("libdarknet.so").absolute()))
    with pytest.raises(DarknetError, match="knows no engine 'caffe'; choose from opencv, "):
        parse_peers("caffe")
    with pytest.raises(DarknetError, match="darknet=PATH"):
        parse_peers("darknet")


def test_every_engine_reads_the_same_cfg(tmp_path: Path) -> None:
    text = (
        "[net]\nbatch=64\n width = 416\nheight=416\nchannels=3\nbatch=1\nmax_batches=9\n\n[conv]\nfilters=24\nsize=1\n"
        "[region] # the head\nclasses=3\nnum=3\ntree = some.tree # of three\n"
    )
    (tmp_path / "some.tree").write_text("a -1\nb -1\nc -1\n")
    cfg = write_cfg(tmp_path, text)
    network = read_network(cfg, size=(320, 224))
    own = write_cfg(tmp_path, settled(text, cfg, network), "own.cfg")
    lines = own.read_text().splitlines()
    assert lines[:5] == ["[net]", "width=320", "height=224", "batch=1", "subdivisions=1"]
    assert not {"batch=64", "height=416"} & set(lines) and "max_batches=9" in lines
    assert f"tree={tmp_path / 'some.tree'}" in lines
    assert read_network(own).layers[-1].out == network.layers[-1].out


def test_the_command(tmp_path: Path) -> None:
    write_cfg(tmp_path, SMALL)
    out = run(
        "bench", "net.cfg", "--runs", 2, "--threads", 1, "--size", 32, "--json", "b.json", "--plot", "b.svg",
        "--against", "darknet=nowhere.so", cwd=tmp_path,
    ).stdout  # fmt: skip
    assert "32x32, math ieee, 1 thread, weights: stand-ins" in out and "of the ceiling" in out
    assert "not measured: darknet=nowhere.so" in out and "there is no such library" in out
    assert json.loads((tmp_path / "b.json").read_text())["networks"][0]["threads"] == 1
    assert (tmp_path / "b.svg").read_text().startswith("<svg")
    document = run("bench", "net.cfg", "--runs", 1, "--json", "-", cwd=tmp_path).stdout
    assert json.loads(document)["machine"]["versions"]["darknet-py"]
    assert "no such file" in run("bench", "none.cfg", cwd=tmp_path, code=1).stderr.lower()
    assert ".svg or .png" in run("bench", "net.cfg", "--plot", "b.pdf", cwd=tmp_path, code=1).stderr
    run("bench", "net.cfg", "net.cfg", "--weights", "w", cwd=tmp_path, code=2)


@pytest.mark.slow
def test_several_sizes(tmp_path: Path) -> None:
    write_cfg(tmp_path, SMALL)
    out = run(
        "bench", "net.cfg", "--runs", 2, "--sizes", "32,64x32,48", "--against", "one-thread,darknet=nowhere.so",
        "--threads", 2, "--json", "b.json", "--plot", "b.svg", cwd=tmp_path,
    ).stdout  # fmt: skip
    lines = out.splitlines()
    head = next(number for number, line in enumerate(lines) if line.strip().startswith("size "))
    assert " ".join(lines[head].split()) == "size ms images/s G mult-adds GMAC/s of ceiling one-thread"
    rows = [line.split() for line in lines[head + 1 : head + 4]]
    assert [row[0] for row in rows] == ["32x32", "64x32", "48x48"]
    for row in rows:
        assert float(row[2]) == pytest.approx(1e3 / float(row[1]), rel=0.01)
        assert row[5].endswith("%") and row[6].endswith("x")
    assert float(rows[1][3]) == pytest.approx(2 * float(rows[0][3]), abs=0.002), "twice the pixels, twice the work"
    assert "not measured at 64x32: darknet=nowhere.so" in out
    assert "conv 16 3x3/1" not in out, "no tables of layers unless they are asked for"
    networks = json.loads((tmp_path / "b.json").read_text())["networks"]
    assert [network["input"][:2] for network in networks] == [[32, 32], [64, 32], [48, 48]]
    nodes = list(ElementTree.parse(tmp_path / "b.svg").iter())
    assert {"net", "net, one-thread", "images per second"} <= {node.text for node in nodes}
    curves = [node.get("points", "").split() for node in nodes if node.get("stroke-width") == "2"]
    assert [len(points) for points in curves] == [3] * 4, "two engines, time and images per second"
    assert all(points == sorted(points, key=lambda point: float(point.split(",")[0])) for points in curves)
    with_layers = run("bench", "net.cfg", "--runs", 1, "--sizes", "32", "--layers", "--plot", "b.png", cwd=tmp_path)
    assert "conv 16 3x3/1" in with_layers.stdout
    assert Image.open(tmp_path / "b.png").format == "PNG"


def test_sizes_that_cannot_be(tmp_path: Path) -> None:
    write_cfg(tmp_path, SMALL)
    assert "give --size or --sizes" in run("bench", "net.cfg", "--size", 32, "--sizes", 32, cwd=tmp_path, code=2).stderr
    assert "'big' is not a size" in run("bench", "net.cfg", "--sizes", "32,big", cwd=tmp_path, code=2).stderr
    refused = run("bench", "net.cfg", "--runs", 1, "--sizes", "32,30", cwd=tmp_path, code=1).stderr
    assert "30 x 30 does not fit this network: take multiples of 4" in refused


LIBRARY = """
#include <stdlib.h>
typedef struct { int width; } network;
static float *values;
network *load_network(char *cfg, char *weights, int clear) { (void) cfg; (void) weights; (void) clear;
    values = calloc(SIZE, sizeof(float)); return calloc(1, sizeof(network)); }
void set_batch_network(network *net, int b) { (void) net; (void) b; }
float *network_predict(network *net, float *input) { (void) net; values[0] = input[0]; return values; }
"""


def test_a_library_is_called_as_darknet_is(tmp_path: Path, ceiling: Ceiling) -> None:
    size = 24 * 16 * 24
    (tmp_path / "fake.c").write_text(LIBRARY.replace("SIZE", str(size)))
    command = ["cc", "-shared", "-fPIC", "-o", str(tmp_path / "libdarknet.so"), str(tmp_path / "fake.c")]
    try:
        subprocess.run(command, check=True)
    except OSError:
        pytest.skip("no C compiler here")
    result = bench(write_cfg(tmp_path, SMALL), None, ceiling, runs=1, peers=parse_peers(f"darknet={tmp_path}"))
    (engine,) = result.engines
    assert engine.engine == "Darknet (pjreddie's)" and engine.threads == 1 and engine.same is False


@pytest.mark.network
def test_real_engines_compute_the_same_network(tmp_path: Path, ceiling: Ceiling) -> None:
    # Both in one environment of their own, as a user would make it.
    venv.create(tmp_path / "peers", with_pip=True)
    python = tmp_path / "peers" / "bin" / "python"
    packages = (Path(__file__).parent.parent / "benchmarks" / "requirements.txt").read_text().split()
    wanted = [name for name in packages if name not in ("openvino", "nncf")]
    subprocess.run([python, "-m", "pip", "install", "--quiet", *wanted], check=True)
    peers = parse_peers(f"opencv={python},onnxruntime={python}")
    result = bench(write_cfg(tmp_path, SMALL), None, ceiling, runs=1, peers=peers)
    assert result.failures == []
    opencv, runtime = result.engines
    assert opencv.engine.startswith("OpenCV 4.") and runtime.engine.startswith("ONNX Runtime 1.")
    assert runtime.same and runtime.difference is not None and runtime.difference < 1e-4 * runtime.scale
    assert opencv.same is not False


WITHOUT_NUMBA = """
import sys
sys.modules["numba"] = sys.modules["llvmlite"] = None
from darknet_py.bench.peers.onnx_model import to_onnx
print(len(to_onnx(*sys.argv[1:])[0]))
"""


def test_other_engines_need_no_numba(tmp_path: Path) -> None:
    """Their environments have what `benchmarks/requirements.txt` says."""
    pytest.importorskip("onnx")
    cfg = write_cfg(tmp_path, SMALL)
    weights = tmp_path / "small.weights"
    run("synth", cfg, weights)
    command = [sys.executable, "-c", WITHOUT_NUMBA, str(cfg), str(weights), "darknet"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parent.parent)
    assert done.returncode == 0 and int(done.stdout) > 1000, done.stderr


def test_an_engine_that_rounds_may_be_farther_off() -> None:
    """Its outputs are near ours only, and that is the same network all the same."""
    (plain, rounding, halves) = parse_peers("openvino=python,openvino-int8=python,openvino-bf16=python")
    assert not plain.rounds and rounding.rounds and rounding.command[-1] == "openvino_int8"
    assert halves.rounds and halves.command[-1] == "openvino_bf16"
    off = 0.1
    assert EngineTime("", "", 1, difference=off).same is False
    assert EngineTime("", "", 1, difference=off, tolerance=ROUGH).same is True
    assert EngineTime("", "", 1, difference=0.3, tolerance=ROUGH).same is False
