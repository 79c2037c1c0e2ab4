"""Darknet's own command line: whose words they are, and its flags."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from darknet_py.errors import DarknetError
from darknet_py.legacy.arguments import Arguments
from darknet_py.legacy.flags import take_flags
from darknet_py.legacy.program import run
from darknet_py.legacy.recognise import is_darknets


@pytest.mark.parametrize(
    "argv",
    [
        "darknet", "./darknet foo", "/usr/bin/darknet detector", r"C:\bin\darknet.exe detect", "darknet --help",
        "darknet-py detector test a b", "darknet-py yolo test a.cfg b", "darknet-py classifier predict d c w",
        "darknet-py detect cfg/yolo.cfg w.weights", "darknet-py detect -thresh .1 yolo.cfg w.weights dog.jpg",
        "darknet-py -i 0 detector test a b", "darknet-py -nogpu detect a.cfg b", "darknet-py classify d.cfg d.weights",
        "darknet-py detect a.cfg b.weights dog.jpg --thresh .1", "darknet-py partial a b c 3",
        "darknet-script.py detect", "darknet_no_gpu.exe foo",
    ],
)  # fmt: skip
def test_darknets_command_lines(argv: str) -> None:
    assert is_darknets(argv.split(" "))


@pytest.mark.parametrize(
    "argv",
    [
        "darknet-py", "darknet-py --help", "darknet-py detect dog.jpg", "darknet-py detect dog.jpg --cfg a.cfg",
        "darknet-py detect --help", "darknet-py classify dog.jpg -m darknet19", "darknet-py summary a.cfg", "",
        "python -m darknet_py detect", "darknet-py weights info a.cfg", "darknet-py -i", "darknet-pyx detect dog.jpg",
    ],
)  # fmt: skip
def test_our_own_command_lines(argv: str) -> None:
    assert not is_darknets(argv.split(" "))


def test_flags_stand_anywhere_and_positions_remain() -> None:
    words = "-thresh .25 detector test -dont_show a.data -nms 0.3x a.cfg -c 2 w -ext_output dog.jpg"
    arguments = Arguments(words.split(" "))
    flags = take_flags(arguments)
    assert arguments.positions() == ["detector", "test", "a.data", "a.cfg", "w", "dog.jpg"]
    assert (flags.thresh, flags.nms, flags.hier, flags.ext_output, flags.alexeyab) == (0.25, 0.3, 0.5, True, True)
    assert flags.demo["c"] == 2 and flags.demo["dont_show"] is True and "s" not in flags.demo


@pytest.mark.parametrize(
    ("words", "environment", "alexeyab_is_meant"),
    [("", "", False), ("-out a.json", "", True), ("-out a", "", False), ("-letter_box", "", True),
     ("-letter_box", "pjreddie", False), ("", "alexeyab", True), ("-prefix a -avg 2", "", False)],
)  # fmt: skip
def test_a_flag_of_alexeyabs_means_his_darknet(
    words: str, environment: str, alexeyab_is_meant: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DARKNET_PY_DIALECT", environment)
    assert take_flags(Arguments(words.split())).alexeyab is alexeyab_is_meant


SWITCHES = (
    "-nogpu -cuda_debug_sync -clear -fullscreen -ext_output -dont_show -benchmark -benchmark_layers -show -letter_box "
    "-map -show_imgs -dontdraw_bbox -save_labels -dontuse_opencv -topk"
)


WITH_VALUES = (
    "-i -thresh -hier -c -s -avg -w -h -fps -t -points -mjpeg_port -avgframes -json_port -time_limit_sec -iou_thresh "
    "-num_of_clusters -width -height -mAP_epochs -out -prefix -gpus -http_post_host -out_filename "
    "-json_file_output -chart"
)
"""All flags that pjreddie's and AlexeyAB's programs read for the commands that are here."""


def test_every_flag_of_both_darknets_is_taken_and_documented(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (repository / "docs" / "legacy.md").read_text(encoding="utf-8")
    for flag in SWITCHES.split() + WITH_VALUES.split():
        words = [flag, "7"] if flag in WITH_VALUES.split() else [flag]
        assert run(["darknet", "classifier", *words, "predict"]) == 1, "too few words, none of them a flag"
        assert capsys.readouterr().err.splitlines()[-1].startswith("usage: "), flag
        assert re.search(rf"[` |]{flag}[` |]", page), flag


def test_wrong_flags_are_errors(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DarknetError, match="-thresh high: not a number"):
        take_flags(Arguments(["-thresh", "high"]))
    for word in ("-tresh", "--tresh", "--thresh=.3"):
        with pytest.raises(DarknetError, match="unknown flag -"):
            Arguments(["detector", word, ".3"]).positions()
    assert take_flags(Arguments(["detector", "--thresh", ".3"])).thresh == 0.3
    assert Arguments(["detector", "a.jpg\r"]).positions() == ["detector", "a.jpg"]
    assert Arguments(["go", "-1"]).positions() == ["go", "-1"]
    assert take_flags(Arguments(["detector", "-out"])).out is None
    assert capsys.readouterr().err == "-out has no value after it and is ignored\n"
    monkeypatch.setenv("DARKNET_PY_DIALECT", "joseph")
    with pytest.raises(DarknetError, match="it may be pjreddie or alexeyab"):
        take_flags(Arguments([]))
