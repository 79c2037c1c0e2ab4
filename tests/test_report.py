"""The report: one page, complete in itself, that a real browser shows."""

from __future__ import annotations

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from darknet_py.detect.detections import Detections
from darknet_py.errors import DarknetError
from darknet_py.validate.compare import ImageResult, LayerResult
from darknet_py.validate.references import ReferenceBox
from darknet_py.validate.report import layer_plot, page, write_report

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
NAME = "<b>odd & name</b>.png"


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "picture.png"
    Image.fromarray(np.full((60, 90, 3), 200, np.uint8)).save(path)
    return path


def results() -> list[ImageResult]:
    found = Detections(
        box=np.float32([[0.5, 0.5, 0.4, 0.4]]), confidence=np.float32([0.9]), class_id=np.int64([1]),
        box_id=np.int64([0]), image_size=(90, 60), classes=2, class_names=["cat", "dog"],
    )  # fmt: skip
    layers = [LayerResult(0, "convolutional", True, 0), LayerResult(1, "yolo", False, 300), LayerResult(2, "x", False)]
    expected = [ReferenceBox("dog", 0.9, (27, 18, 63, 42)), ReferenceBox("zebra", 0.4, (1, 1, 20, 20))]
    return [
        ImageResult(NAME, "boxes", ["missing: zebra 0.400"], layers, found, expected, boxes_known=True),
        ImageResult("plain.png", "trace", found=found),
    ]


class Tags(HTMLParser):
    """Collects elements and checks that they are closed."""

    VOID = frozenset({"meta", "img", "line", "rect", "link", "br"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag


def test_the_page_is_complete_in_itself(picture: Path) -> None:
    html = page(results(), {"machine": "a <fast> one"}, {NAME: picture, "plain.png": picture})
    tags = Tags()
    tags.feed(html)
    assert not tags.open
    images = [attributes for tag, attributes in tags.seen if tag == "img"]
    assert len(images) == 3
    assert all((image["src"] or "").startswith("data:image/") and image["alt"] for image in images)
    assert not re.search(r"(src|href)=(?!['\"]data:)|@import|url\(", html)
    assert "&lt;b&gt;odd &amp; name&lt;/b&gt;.png" in html and "<b>odd" not in html
    assert "a &lt;fast&gt; one" in html
    assert "<h1>Differs</h1>" in html and "1 of 2 comparisons" in html


def test_the_verdict_in_words() -> None:
    fine = [ImageResult("a", "trace", how="bit for bit")]
    assert "<h1>Agrees, bit for bit</h1>" in page(fine, {}, {})


def bars_of(*layers: LayerResult) -> list[dict[str, str | None]]:
    """The attributes of each layer's bar."""
    tags = Tags()
    tags.feed(layer_plot(layers))
    assert not tags.open
    return [attributes for tag, attributes in tags.seen if tag == "i" and (attributes["class"] or "").startswith("bar")]


def test_the_plot_has_a_bar_for_each_layer() -> None:
    bars = bars_of(*results()[0].layers)
    assert [bar["class"] for bar in bars] == ["bar good", "bar bad", "bar unknown"]
    assert [bar["title"] for bar in bars] == [
        "layer 0 (convolutional): agrees bit for bit", "layer 1 (yolo): 300 ulp",
        "layer 2 (x): differs, by how much is not known",
    ]  # fmt: skip


def test_a_bar_is_as_high_as_what_is_known_and_no_higher() -> None:
    """Only known differences have a height; the scale ends at the next power of 16 above the greatest."""
    layers = [LayerResult(i, "x", ulp == 0, ulp) for i, ulp in enumerate((0.0, 15.0, 255.0, None, float("inf"), 0.0))]
    layers[5].equal = False  # a hash differs, but no distance is known (the sign of a zero)
    styles = [bar.get("style") for bar in bars_of(*layers)]
    assert styles == [None, "height:50.0%", "height:100.0%", None, None, None]
    html = layer_plot(layers)
    assert "2<sup>8</sup>" in html and "2<sup>12</sup>" not in html


def test_hashes_alone_have_no_scale() -> None:
    html = layer_plot([LayerResult(0, "x", True, 0), LayerResult(1, "x", False)])
    assert "<sup>" not in html and "units in the last place" not in html
    assert "1 of 2 layers agree bit for bit" in html and "by how much is not known" in html


def test_a_report_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(DarknetError, match=r"r\.html: cannot be written: No such file"):
        write_report(tmp_path / "nowhere" / "r.html", results(), {}, {})


def browser(folder: Path, width: int, height: int) -> list[str]:
    """The command that starts a browser without a window, with a profile of its own in that folder."""
    assert BROWSER is not None
    return [
        BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        f"--window-size={width},{height}", f"--user-data-dir={folder / 'profile'}",
    ]  # fmt: skip


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")
def test_a_browser_shows_it(tmp_path: Path, picture: Path) -> None:
    write_report(tmp_path / "r.html", results(), {"machine": "test"}, {NAME: picture, "plain.png": picture})
    command = browser(tmp_path, 1200, 1600)
    address = (tmp_path / "r.html").as_uri()
    shown = subprocess.run([*command, "--dump-dom", address], capture_output=True, text=True, timeout=120)
    assert "<h1>Differs</h1>" in shown.stdout and "missing: zebra" in shown.stdout
    screenshot = tmp_path / "r.png"
    subprocess.run([*command, f"--screenshot={screenshot}", address], capture_output=True, timeout=120, check=True)
    pixels = np.asarray(Image.open(screenshot).convert("RGB")).astype(int)
    red = (pixels[:, :, 0] > 150) & (pixels[:, :, 1] < 90) & (pixels[:, :, 2] < 90)
    assert red.sum() > 500, "the verdict is not red"
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 50


MEASURE = """<script>
const wide = [...document.querySelectorAll("html, section")].filter(e => e.scrollWidth > e.clientWidth);
document.title = `${innerWidth} pixels, ${wide.length} too wide`;
</script>"""


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")
def test_it_fits_a_small_screen(tmp_path: Path, picture: Path) -> None:
    long = "a_name_without_any_place_to_break_it_" * 4 + ".png"
    layers = [LayerResult(i, "convolutional", False, 2.0**i) for i in range(30)]
    shown = [*results(), ImageResult(long, "library, math=make", ["layer 9 (yolo) is up to 1 ulp off"], layers)]
    html = page(shown, {"cfg": "yolo.cfg, sha256 " + "0123456789abcdef" * 4}, {NAME: picture, "plain.png": picture})
    (tmp_path / "r.html").write_text(html.replace("</body>", MEASURE + "</body>"), encoding="utf-8")
    command = [*browser(tmp_path, 360, 740), "--dump-dom", (tmp_path / "r.html").as_uri()]
    dom = subprocess.run(command, capture_output=True, text=True, timeout=120).stdout
    found = re.search(r"<title>(\d+) pixels, (\d+) too wide", dom)
    assert found is not None and int(found[1]) <= 640, dom[:300]
    assert found[2] == "0"
