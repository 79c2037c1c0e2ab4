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


def test_the_plot_has_a_bar_for_each_layer() -> None:
    svg = layer_plot(results()[0])
    assert svg.count("<rect") == 3
    assert "layer 1 (yolo): 300 ulp" in svg and "layer 2 (x): differs" in svg


def test_a_report_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(DarknetError, match=r"r\.html: cannot be written: No such file"):
        write_report(tmp_path / "nowhere" / "r.html", results(), {}, {})


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")
def test_a_browser_shows_it(tmp_path: Path, picture: Path) -> None:
    write_report(tmp_path / "r.html", results(), {"machine": "test"}, {NAME: picture, "plain.png": picture})
    assert BROWSER is not None
    command = [
        BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync", "--window-size=1200,1600",
        f"--user-data-dir={tmp_path / 'profile'}",
    ]  # fmt: skip
    address = (tmp_path / "r.html").as_uri()
    shown = subprocess.run([*command, "--dump-dom", address], capture_output=True, text=True, timeout=120)
    assert "<h1>Differs</h1>" in shown.stdout and "missing: zebra" in shown.stdout
    screenshot = tmp_path / "r.png"
    subprocess.run([*command, f"--screenshot={screenshot}", address], capture_output=True, timeout=120, check=True)
    pixels = np.asarray(Image.open(screenshot).convert("RGB")).astype(int)
    red = (pixels[:, :, 0] > 150) & (pixels[:, :, 1] < 90) & (pixels[:, :, 2] < 90)
    assert red.sum() > 500, "the verdict is not red"
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 50
