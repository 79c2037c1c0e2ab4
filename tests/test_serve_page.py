"""The page of `darknet-py serve` in a browser: files, a camera, sliders, the WordTree, a phone, the keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .chrome import BROWSER, Page, browser
from .serving import PHOTO, Running, running
from .systems import POSIX

pytestmark = [
    pytest.mark.slow,
    pytest.mark.alone,
    pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine"),
    pytest.mark.skipif(not POSIX, reason="the browser is driven through pipes"),
]


@pytest.fixture
def page(server: Running, tmp_path: Path) -> Iterator[Page]:
    with browser(tmp_path) as opened:
        opened.size(1280, 860)
        opened.open(f"http://127.0.0.1:{server.port}/")
        opened.wait("models.length > 0")
        yield opened
        assert not opened.errors


BOXED = """(() => {
  const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  const wanted = document.createElement("canvas").getContext("2d");
  wanted.fillStyle = colour(found.objects[0].class_id);
  wanted.fillRect(0, 0, 1, 1);
  const [r, g, b] = wanted.getImageData(0, 0, 1, 1).data;
  let count = 0;
  for (let i = 0; i < data.length; i += 4) count += data[i] === r && data[i + 1] === g && data[i + 2] === b;
  return count;
})()"""
"""Pixels in the colour of the first object."""


def test_a_file_and_the_sliders(page: Page, server: Running) -> None:
    page.choose_file("#file", PHOTO)
    page.wait("found !== null")
    objects = server.service.engine.models["net"].detector.detect(PHOTO.read_bytes())
    assert page.value("document.querySelectorAll('#objects li').length") == len(objects)
    assert page.value("byId('status').textContent").startswith(f"{len(objects)} objects")
    assert page.value("JSON.parse(byId('json').textContent).objects.length") == len(objects)
    assert page.value("canvas.width + 'x' + canvas.height") == "{}x{}".format(*objects.image_size)
    assert page.value(BOXED) > 500, "no boxes are drawn"
    page.value("byId('thresh').value = .55; byId('thresh').dispatchEvent(new Event('input'))")
    fewer = len(server.service.engine.models["net"].detector.detect(PHOTO.read_bytes(), thresh=0.55))
    page.wait(f"found.objects.length === {fewer}")
    assert fewer < len(objects) and page.value("byId('thresh-shown').textContent") == "55%"
    page.value("byId('nms').value = 0; byId('nms').dispatchEvent(new Event('input'))")
    page.wait(f"found.objects.length > {fewer}")


def test_the_way_through_the_tree(page: Page) -> None:
    page.choose_file("#file", PHOTO)
    page.wait("found !== null")
    page.value("byId('model').value = 'tree'; byId('model').dispatchEvent(new Event('change'))")
    page.wait("found !== null && found.model === 'tree'")
    assert page.value("byId('thresh').value") == "0.1", "the model's own"
    assert "%" in page.value("document.querySelector('#objects li small').textContent")


def test_a_file_that_is_no_picture(page: Page, tmp_path: Path) -> None:
    (tmp_path / "no.jpg").write_bytes(b"nothing")
    page.choose_file("#file", tmp_path / "no.jpg")
    page.wait("byId('status').className === 'bad'")
    assert "no image" in page.value("byId('status').textContent")
    page.errors.clear()  # the browser says that the answer was 400


def test_a_frame_of_the_camera(page: Page) -> None:
    page.value("byId('camera').click()")
    page.wait("stream !== null && video.videoWidth > 0 && !byId('shoot').hidden")
    page.value("byId('shoot').click()")
    page.wait("found !== null && found.width === image.width")
    assert page.value("stream") is None and page.value("byId('camera').textContent") == "Camera"


def test_a_phone_and_the_keyboard(page: Page, tmp_path: Path) -> None:
    page.size(360, 740, phone=True, dark=True)
    page.choose_file("#file", PHOTO)
    page.wait("found !== null")
    assert page.value("document.documentElement.scrollWidth") <= 360
    small = "[...document.querySelectorAll('button, .button, select, summary, li')].filter(e => e.offsetHeight && "
    assert page.value(f"{small}e.offsetHeight < 32).length") == 0, "too small for a finger"
    assert page.value("getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 28)", "dark"
    reached = set()
    page.value("document.activeElement.blur()")
    for _ in range(40):
        page.press("Tab", 9)
        reached.add(page.value("document.activeElement.id || document.activeElement.tagName"))
    assert {"file", "camera", "model", "thresh", "nms", "LI"} <= reached
    page.value("document.querySelector('#objects li').focus()")
    assert page.value("chosen") == 0
    tree = page.call("Accessibility.getFullAXTree")["nodes"]
    named = {(node["role"]["value"], node.get("name", {}).get("value", "")) for node in tree if not node["ignored"]}
    roles = {role for role, _ in named}
    assert {"status", "slider", "image"} <= roles and ("slider", "Threshold") in {(r, n[:9]) for r, n in named}
    assert all(name for role, name in named if role in ("slider", "button", "image", "combobox")), named


def test_a_key_is_asked_for(server: Running, tmp_path: Path) -> None:
    with running(server.service.engine.models, key="key") as guarded, browser(tmp_path) as page:
        page.open(f"http://127.0.0.1:{guarded.port}/")
        page.wait("!byId('key-row').hidden")
        page.value("byId('key').value = 'key'; byId('key').dispatchEvent(new Event('change'))")
        page.wait("models.length === 2")
