"""Classifiers in AlexeyAB's dialect: how an image is fitted, which nodes of a WordTree count, the lines."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from darknet_py import load
from darknet_py.cli import cli
from darknet_py.detector import Detector
from darknet_py.evaluate.classifier import accuracy_lines
from darknet_py.image.letterbox import crop_pixels, letterbox_pixels, resize, to_planar
from darknet_py.image.load import load_image
from darknet_py.legacy.classifier import predict_classifier
from darknet_py.synth import write_synth

from .nets import net, write_cfg

PHOTO = Path(__file__).parent / "data" / "photos" / "chelsea.jpg"
NAMES = ["ant", "bee", "cat", "dog", "eel", "fox"]
TREE = "thing -1\nbeing -1\ncup 0\ncar 0\ndog 1\ncat 1\n"
LAYERS = (
    "convolutional filters=8 size=3 stride=2 pad=1 batch_normalize=1 activation=mish",
    "convolutional filters=6 size=1 activation=linear",
    "avgpool",
)

PRINTED = {
    "wide": ["ant: 0.304175", "dog: 0.179806", "cat: 0.174436", "bee: 0.168489", "eel: 0.087871", "fox: 0.085223"],
    "tree": [
        "0, ant: 0.643533, parent: Root ", "1, bee: 0.356467, parent: Root ", "3, dog: 0.326643, parent: ant ",
        "2, cat: 0.316889, parent: ant ", "4, eel: 0.180960, parent: bee ", "5, fox: 0.175507, parent: bee ",
    ],
    "high": [
        "0, ant: 0.648751, parent: Root ", "1, bee: 0.351249, parent: Root ", "3, dog: 0.331253, parent: ant ",
        "2, cat: 0.317498, parent: ant ", "4, eel: 0.175831, parent: bee ", "5, fox: 0.175418, parent: bee ",
    ],
}  # fmt: skip
"""What his program printed for these networks (a strict build, `classifier predict -t 6`)."""

CFGS = {
    "wide": net(3, 48, 64, *LAYERS, "softmax"),
    "high": net(3, 80, 64, *LAYERS, "softmax tree=t.tree"),
    "tree": net(3, 48, 64, *LAYERS, "softmax tree=t.tree"),
}


def build(folder: Path, name: str) -> tuple[Path, Path]:
    (folder / "t.tree").write_text(TREE)
    (folder / "n.names").write_text("\n".join(NAMES) + "\n")
    (folder / "c.data").write_text("classes=6\nnames=n.names\nlabels=n.names\ntop=3\n")
    cfg = write_cfg(folder, CFGS[name])
    write_synth(cfg, folder / "w")
    return cfg, folder / "w"


@pytest.mark.parametrize("name", CFGS)
def test_darknets_classifier_prints_what_his_printed(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    cfg, weights = build(tmp_path, name)
    assert predict_classifier(tmp_path / "c.data", str(cfg), str(weights), [str(PHOTO)], 6) == 0
    size, about, *lines = capsys.readouterr().out.splitlines()
    assert size == ("64 80" if name == "high" else "64 48")
    assert about.startswith(f"{PHOTO}: Predicted in ") and about.endswith(" milli-seconds.")
    assert lines == PRINTED[name]


@pytest.mark.parametrize(("height", "width"), [(40, 90), (90, 40), (64, 64), (48, 64), (3, 200)])
@pytest.mark.parametrize(("h", "w"), [(48, 64), (80, 64), (64, 64), (1, 5)])
def test_the_middle_of_an_image(height: int, width: int, h: int, w: int) -> None:
    pixels = np.random.RandomState(3).randint(0, 256, (height, width, 3), np.uint8)
    new_w, new_h = (w, height * w // width) if width < height else (width * w // height, w)
    scaled = resize(to_planar(pixels), new_w, new_h)
    left, top = int((new_w - w) / 2), int((new_h - h) / 2)
    found = crop_pixels(pixels, w, h)
    assert found.shape == (3, h, w)
    for y in range(h):
        for x in range(w):
            row, column = min(max(y + top, 0), new_h - 1), min(max(x + left, 0), new_w - 1)
            assert (found[:, y, x] == scaled[:, row, column]).all()


def test_a_fit_that_is_asked_for_counts_and_pjreddies_letterboxes(tmp_path: Path) -> None:
    cfg = write_cfg(tmp_path, CFGS["wide"].replace("mish", "leaky"))
    write_synth(cfg, tmp_path / "w")
    pixels = load_image(PHOTO)
    fits = {
        ("alexeyab", None): crop_pixels, ("alexeyab", False): letterbox_pixels, ("darknet", None): letterbox_pixels
    }  # fmt: skip
    for (dialect, stretch), fit in fits.items():
        detector = load(cfg, tmp_path / "w", names=NAMES, dialect=dialect, stretch=stretch)
        best = detector.classify(PHOTO, 6)
        [output] = detector.predict(fit(pixels, 64, 48))
        assert [row.probability for row in best] == sorted(output.reshape(-1).tolist(), reverse=True)


def test_his_lines_of_classify_and_of_accuracy(tmp_path: Path) -> None:
    cfg, weights = build(tmp_path, "wide")
    words = ["classify", str(PHOTO), "--cfg", str(cfg), "--weights", str(weights), "--data", str(tmp_path / "c.data")]
    result = CliRunner().invoke(cli, words)
    assert result.stdout.splitlines() == PRINTED["wide"][:3]
    assert "milli-seconds." in result.stderr
    detector: Detector = load(cfg, weights, names=NAMES)
    lines = list(accuracy_lines(detector, [str(PHOTO)], ["#x", "#y", "chelsea", "#z", "#u", "#v"], 6, 2, print))
    assert lines == [" TOP calculation...", "", "0: top 1: 0.000000, top 2: 0.000000"]
    lines = list(accuracy_lines(detector, [str(PHOTO)], ["#x", "#y", "#z", "chelsea", "#u", "#v"], 6, 2, print))
    assert lines[2:] == ["0: top 1: 0.000000, top 2: 1.000000"]
