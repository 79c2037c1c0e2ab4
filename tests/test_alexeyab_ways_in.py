"""The dialect through every way in: load, the commands, the old command line, ``import darknet``; what each says."""

from __future__ import annotations

import json
import re
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from darknet_py import load
from darknet_py.cli import cli
from darknet_py.compat import alexeyab, pjreddie
from darknet_py.detect.nms import AlexeyabNms
from darknet_py.errors import DarknetError
from darknet_py.image.draw import save_image
from darknet_py.legacy.arguments import Arguments
from darknet_py.legacy.flags import DIALECT, take_flags
from darknet_py.network import read_network
from darknet_py.output.layer_table import printed_table
from darknet_py.synth import write_synth
from darknet_py.trace import boxes_text, c_hex, trace
from darknet_py.validate.compare import Tolerance, compare_trace
from darknet_py.validate.trace_fields import check_trace
from darknet_py.validate.whose import check_asked
from darknet_py.view import Fit
from darknet_py.weights import convert

from .nets import net, write_cfg

CONV = "convolutional batch_normalize=1 filters=8 size=3 stride=4 pad=1 activation=leaky"
HEAD = ("convolutional filters=16 size=1 activation=linear", "yolo classes=3 num=2 anchors=9,9,20,30")
BOTH = net(3, 32, 64, CONV, *HEAD)
"""A network that both Darknets run, and compute otherwise."""
HIS = net(3, 32, 64, CONV.replace("leaky", "mish"), *HEAD)


@pytest.fixture
def both(tmp_path: Path) -> tuple[Path, Path]:
    cfg, weights = write_cfg(tmp_path, BOTH), tmp_path / "net.weights"
    write_synth(cfg, weights)
    return cfg, weights


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return np.random.RandomState(5).randint(0, 256, (40, 60, 3), np.uint8)


def run(*words: object) -> tuple[int, str]:
    result = CliRunner().invoke(cli, [str(word) for word in words], standalone_mode=False)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        return 1, str(result.exception)
    return result.exit_code, result.output


def test_load_takes_a_dialect_and_the_detector_says_which(both: tuple[Path, Path], pixels: np.ndarray) -> None:
    plain, his = load(*both), load(*both, dialect="alexeyab")
    assert "AlexeyAB" not in repr(plain) and "AlexeyAB's Darknet" in repr(his)
    assert (plain.view.of(plain.network).fit, his.view.of(his.network).fit) == (Fit.LETTERBOX, Fit.STRETCH)
    for stretch, fit in ((True, Fit.STRETCH), (False, Fit.LETTERBOX)):
        one = load(*both, dialect="alexeyab", stretch=stretch)
        assert one.view.of(one.network).fit is fit
    x = his.prepare(pixels)
    assert any((a != b).any() for a, b in zip(plain.predict(x), his.predict(x), strict=True))  # batch normalisation
    his.detect(pixels, thresh=0.1)
    with pytest.raises(DarknetError, match="dialect=alexyab: choose from auto, darknet, alexeyab"):
        load(*both, dialect="alexyab")


@pytest.mark.parametrize("math", ["make", "make-own"])
def test_the_makefiles_arithmetic_is_refused_by_name(both: tuple[Path, Path], math: str) -> None:
    with pytest.raises(DarknetError, match=f"math={math} is not there for networks of AlexeyAB's Darknet"):
        load(*both, dialect="alexeyab", math=math)


def test_summary_says_who_decided_and_prints_his_table(tmp_path: Path) -> None:
    cfg = write_cfg(tmp_path, HIS)
    code, text = run("summary", cfg, "--verbose")
    assert code == 0
    assert "AlexeyAB's Darknet: line" in text and "only AlexeyAB's Darknet has activation=mish" in text
    assert (
        "   layer   filters  size/strd(dil)      input                output\n"
        "   0 conv      8       3 x 3/ 4     64 x  32 x   3 ->   16 x   8 x   8 0.000 BF\n"
        "   1 conv     16       1 x 1/ 1     16 x   8 x   8 ->   16 x   8 x  16 0.000 BF\n"
        "   2 yolo\n"
        "[yolo] params: iou loss: mse (2), iou_norm: 0.75, obj_norm: 1.00, cls_norm: 1.00, delta_norm: 1.00, "
        "scale_x_y: 1.00\n"
        "Total BFLOPS 0.000 \n"
        "avg_outputs = 1706 \n"
    ) in text
    code, text = run("summary", cfg, "--dialect", "darknet")
    assert code == 1 and "unknown activation 'mish'" in text


@pytest.mark.parametrize(("command", "files"), [("synth", ("out.weights",)), ("bench", ("--runs", "1"))])
def test_verbose_says_what_decided_once(tmp_path: Path, command: str, files: tuple[str, ...]) -> None:
    cfg = write_cfg(tmp_path, HIS)
    more = [str(tmp_path / name) if name.endswith(".weights") else name for name in files]
    reason = "AlexeyAB's Darknet: line"
    assert reason not in run(command, cfg, *more)[1]
    assert run(command, cfg, *more, "--verbose")[1].count(reason) == 1


TABLE = {
    "convolutional filters=8 groups=2 size=3 pad=1 stride_x=2 stride_y=1 activation=leaky":
        "conv      8/   2  3x 3/ 2x 1    8 x   8 x   8 ->    4 x   8 x   8 0.000 BF",
    "convolutional filters=8 size=3 pad=1 dilation=2 activation=leaky":
        "conv      8       3 x 3/ 1(2)   8 x   8 x   8 ->    8 x   8 x   8 0.000 BF",
    "route layers=0,-1 groups=2 group_id=1":
        "route  0 0 \t                       1/2 ->    8 x   8 x   8 ",
    "shortcut from=0 activation=linear":
        "Shortcut Layer: 0,  wt = 0, wn = 0, outputs:   8 x   8 x   8 0.000 BF",
    "maxpool size=5 stride=1": "max                5x 5/ 1      8 x   8 x   8 ->    8 x   8 x   8 0.000 BF",
    "maxpool size=2 stride=2 antialiasing=3":
        "max                2x 2/ 1      8 x   8 x   8 ->    8 x   8 x   8 0.000 BF\n"
        "conv      8/   8  3 x 3/ 2      8 x   8 x   8 ->    4 x   4 x   8 0.000 BF",
    "local_avgpool size=2 stride=2": "avg                2x 2/ 2      8 x   8 x   8 ->    4 x   4 x   8 0.000 BF",
    "reorg3d stride=2": "reorg                    / 2    8 x   8 x   8 ->    4 x   4 x  32",
    "upsample stride=2": "upsample                 2x     8 x   8 x   8 ->   16 x  16 x   8",
    "avgpool": "avg                             8 x   8 x   8 ->      8",
    "dropout probability=.5": "dropout    p = 0.500         512  ->    512",
    "sam from=0": "scale Layer: 0",
    "empty": "empty ",
}  # fmt: skip
"""Lines that his program printed for such sections behind an 8 x 8 x 8 map."""


@pytest.mark.parametrize("section", TABLE)
def test_lines_of_his_table(tmp_path: Path, section: str) -> None:
    first = "convolutional filters=8 size=3 pad=1 activation=leaky"
    network = read_network(write_cfg(tmp_path, net(3, 8, 8, first, section)), dialect="alexeyab")
    assert "\n".join(printed_table(network)[2:-2]) == f"   1 {TABLE[section]}"


def test_a_trace_of_his_has_lists_with_hashes_and_can_be_compared(both: tuple[Path, Path], pixels: np.ndarray) -> None:
    detector = load(*both, dialect="alexeyab")
    found = trace(detector, pixels, thresh=0.2)
    assert (found["dialect"], found["resize"], found["size"]) == ("alexeyab", "stretch", [64, 32])
    for name in ("detections_before_nms", "detections", "detections_darknet_py"):
        assert found[name]["count"] == len(found[name]["ieee"]) > 0
    assert all(layer["ieee"] == layer["sha256"] for layer in found["layers"])
    recorded = json.loads(json.dumps({"image": "x.png", **found}))
    check_trace(recorded)
    assert compare_trace(found, recorded, "ieee", Tolerance()).problems == []
    recorded["detections"]["ieee"][0]["objectness"] = "0x1p-1"
    assert compare_trace(found, recorded, "ieee", Tolerance()).problems != []
    assert trace(load(*both, dialect="alexeyab", stretch=False), pixels, thresh=0.2)["resize"] == "letterbox"


def test_floats_are_written_as_c_writes_them() -> None:
    values = {0.0: "0x0p+0", 1.0: "0x1p+0", -0.375: "-0x1.8p-2", float("inf"): "inf", 2.0**-140: "0x1p-140"}
    for value, text in values.items():
        assert c_hex(value.hex()) == text
    box = {"box": ["0x1p-1"] * 4, "objectness": "0x1.8p-1", "uncertainty": ["0x1p-3"] * 4, "probs": {"2": "0x1p-2"}}
    assert boxes_text([box]) == "0x1p-1 0x1p-1 0x1p-1 0x1p-1 0x1.8p-1 uc:0x1p-3,0x1p-3,0x1p-3,0x1p-3 2:0x1p-2\n"


def test_commands_take_the_dialect(both: tuple[Path, Path], tmp_path: Path, pixels: np.ndarray) -> None:
    cfg, weights = both
    image, out = tmp_path / "a.png", tmp_path / "trace.json"
    save_image(image, pixels)
    for words in (("--dialect", "alexeyab"), ("--dialect", "alexeyab", "--letterbox"), ("--stretch",), ()):
        assert run("trace", cfg, weights, image, "--json", out, *words)[0] == 0
        wanted = "alexeyab" if "alexeyab" in words else None
        assert json.loads(out.read_text()).get("dialect") == wanted
        assert run("detect", image, "--cfg", cfg, "--weights", weights, "--no-picture", *words)[0] == 0
    other = tmp_path / "other.weights"
    assert run("synth", cfg, other, "--dialect", "alexeyab")[0] == 0
    assert run("weights", "info", weights, "--cfg", cfg, "--dialect", "alexeyab")[0] == 0
    assert run("weights", "extract", cfg, weights, other, "--layers", 1, "--dialect", "alexeyab")[0] == 0
    reference = tmp_path / "reference.json"
    own = ("--cfg", cfg, "--weights", weights, "--dialect", "alexeyab")
    assert run("record", image, *own, "--json", reference)[0] == 0
    code, text = run("validate", "--reference", reference, *own)
    assert code == 0 and "1 of 1 agree" in text


def line_of(found: dict[str, Any]) -> str:
    return f"{found['name']}: {round(100 * found['confidence'])}%"


def from_left(objects: list[dict[str, Any]]) -> list[str]:
    """His order: boxes by their left edge, the best class of each first."""
    boxes = [list(rows) for _, rows in groupby(objects, key=lambda row: row["relative_coordinates"])]
    for rows in boxes:
        rows.insert(0, rows.pop(max(range(len(rows)), key=lambda k: rows[k]["confidence"])))
    place = "relative_coordinates"
    boxes.sort(key=lambda rows: rows[0][place]["center_x"] - rows[0][place]["width"] / 2)
    return [line_of(row) for rows in boxes for row in rows]


@pytest.mark.parametrize("lines", [None, "darknet", "alexeyab"])
@pytest.mark.parametrize("dialect", ["darknet", "alexeyab"])
def test_detect_prints_the_lines_of_the_networks_darknet_or_those_asked_for(
    both: tuple[Path, Path], tmp_path: Path, pixels: np.ndarray, dialect: str, lines: str | None
) -> None:
    image, out = tmp_path / "a.png", tmp_path / "found.json"
    save_image(image, pixels)
    own = ("--cfg", both[0], "--weights", both[1], "--dialect", dialect, "--thresh", 0.3)
    asked = () if lines is None else ("--lines", lines)
    code, text = run("detect", image, *own, "--no-picture", "--json", out, *asked)
    assert code == 0
    [entry] = json.loads(out.read_text())  # in our own form, whoever's lines are printed
    first, *printed = [line for line in text.splitlines() if not line.startswith("Note:")]
    his = (lines or dialect) == "alexeyab"
    assert re.fullmatch(r".*a\.png: Predicted in \d+\.\d{6} " + ("milli-" if his else "") + r"seconds\.", first)
    in_order = [line_of(row) for row in entry["objects"]]
    assert printed == (from_left(entry["objects"]) if his else in_order)
    assert in_order != from_left(entry["objects"])
    reference = tmp_path / "printed.txt"
    reference.write_text(text)
    assert "1 of 1 agree" in run("validate", "--reference", reference, *own)[1]


@pytest.mark.parametrize(
    ("words", "environment", "cfg", "dialect"),
    [
        ((), "", BOTH, None), ((), "", HIS, "alexeyab"), (("-dont_show",), "", BOTH, "alexeyab"),
        (("-dont_show",), "pjreddie", BOTH, "darknet"), ((), "pjreddie", HIS, "darknet"),
        ((), "alexeyab", BOTH, "alexeyab"), (("-out", "x.json"), "", BOTH, "alexeyab"),
    ],
)  # fmt: skip
def test_the_old_command_line_knows_whose_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], environment: str, cfg: str,
    dialect: str | None,
) -> None:  # fmt: skip
    monkeypatch.setenv(DIALECT, environment)
    flags = take_flags(Arguments(["detector", "test", *words]))
    flags.settle(str(write_cfg(tmp_path, cfg)))
    assert flags.engine.get("dialect") == dialect
    assert flags.alexeyab is (dialect == "alexeyab")


def test_import_darknet_means_whose_module_it_is(both: tuple[Path, Path]) -> None:
    cfg, weights = map(str, both)
    for handle in (alexeyab.load_net_custom(cfg, weights), alexeyab.load_net(cfg, weights)):
        assert handle.detector.network.dialect.key == "alexeyab"
    assert pjreddie.load_net(cfg.encode(), weights.encode(), 0).detector.network.dialect.key == "darknet"


def test_negative_variances_that_his_epsilon_outweighs_are_no_warning(
    both: tuple[Path, Path], recwarn: pytest.WarningsRecorder
) -> None:
    cfg, weights = both
    data = bytearray(weights.read_bytes())
    first = 20 + 4 * 8 * 3  # behind the header, biases, scales and means
    data[first : first + 4] = np.float32(-1e-7).tobytes()
    weights.write_bytes(data)
    load(cfg, weights, dialect="alexeyab")
    assert not recwarn.list
    load(cfg, weights, dialect="darknet")
    assert "negative values: 1 of 8" in str(recwarn.list[0].message)


def test_folding_divides_by_what_the_dialect_divides_by(both: tuple[Path, Path], tmp_path: Path) -> None:
    cfg, weights = both
    variance = np.frombuffer(weights.read_bytes(), "<f4", 8, 20 + 4 * 8 * 3)
    scales = np.frombuffer(weights.read_bytes(), "<f4", 8, 20 + 4 * 8)
    plain = np.frombuffer(weights.read_bytes(), "<f4", 27 * 8, 20 + 4 * 8 * 4).reshape(8, 27)
    for dialect in ("darknet", "alexeyab"):
        out = tmp_path / f"{dialect}.npz"
        convert(weights, out, cfg, batchnorm="fold", formula="forward", dialect=dialect)
        if dialect == "darknet":
            deviation = np.sqrt(variance.astype(np.float64)) + np.float64(np.float32(0.000001))
        else:
            deviation = np.sqrt((variance + np.float32(0.00001)).astype(np.float64))
        wanted = plain * (scales / deviation).astype(np.float32)[:, None]
        with np.load(out) as arrays:
            [found] = [value for value in arrays.values() if value.size == 27 * 8]
        assert (found.reshape(8, 27) == wanted).all()


def test_whose_a_library_is(tmp_path: Path) -> None:
    his, plain = tmp_path / "his.so", tmp_path / "plain.so"
    his.write_bytes(b"\x7fELF\0network_predict_ptr\0")
    plain.write_bytes(b"\x7fELF\0network_predict\0")
    assert check_asked(his, "auto").key == check_asked(his, "alexeyab").key == "alexeyab"
    assert check_asked(plain, "auto").key == "darknet"
    with pytest.raises(DarknetError, match="is pjreddie's Darknet, which does not go with --dialect alexeyab"):
        check_asked(plain, "alexeyab")
    with pytest.raises(DarknetError, match=r"none\.so: cannot be read"):
        check_asked(tmp_path / "none.so", "auto")


def test_alexeyabs_suppression_is_a_value() -> None:
    assert AlexeyabNms(0.6) == AlexeyabNms(0.6) != AlexeyabNms()
