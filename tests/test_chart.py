"""Charts: round numbers at the axes, places on the page, the same shapes as SVG and PNG."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from darknet_py.chart import BLUE, COLORS, RED, SCALE, Axes, Item, end_labels, shortened, ticks, write_chart
from darknet_py.errors import DarknetError

numbers = st.floats(-1e6, 1e6).map(lambda value: round(value, 3))


@given(numbers, numbers)
def test_ticks_are_few_round_numbers_around_all(one: float, other: float) -> None:
    low, high = sorted((one, other))
    found = ticks(low, high)
    assert 2 <= len(found) <= 9
    slack = 1e-6 * max(1.0, abs(low), abs(high))
    assert found[0] <= low + slack and high - slack <= found[-1]
    steps = [after - before for before, after in pairwise(found)]
    assert all(step == pytest.approx(steps[0], rel=1e-3) for step in steps)


def test_ticks_of_percentages() -> None:
    assert ticks(31.2, 76.7) == [30.0, 40.0, 50.0, 60.0, 70.0, 80.0]
    assert ticks(0, 0.9) == [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    assert ticks(5, 5)[0] <= 5 <= ticks(5, 5)[-1]


def test_places_on_the_page() -> None:
    axes = Axes(100, 50, 200, 80, (1, 5), (0, 10))
    assert axes.at(1, 0) == (100, 130) and axes.at(5, 10) == (300, 50) and axes.at(3, 5) == (200, 90)


ITEMS = [
    Item(10, 10, 20, 20, color=RED),
    Item(50, 10, 20, 20, color=BLUE, stroke=2),
    Item(points=((10.0, 50.0), (90.0, 50.0)), color=BLUE, stroke=2),
    Item(50, 80, text="<a & b>", anchor="middle"),
]


def test_an_svg_has_the_shapes(tmp_path: Path) -> None:
    write_chart(ITEMS, 100, 100, tmp_path / "a.svg")
    root = ElementTree.parse(tmp_path / "a.svg").getroot()
    tags = [node.tag.rpartition("}")[2] for node in root]
    assert tags == ["rect", "rect", "rect", "polyline", "text"]
    assert (root[1].get("fill"), root[2].get("fill"), root[2].get("stroke")) == (RED, "none", BLUE)
    assert root[3].get("points") == "10.0,50.0 90.0,50.0"
    assert (root[4].text, root[4].get("text-anchor")) == ("<a & b>", "middle")


def test_a_png_has_the_shapes(tmp_path: Path) -> None:
    write_chart(ITEMS, 100, 100, tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.size == (100 * SCALE, 100 * SCALE)
        at = {place: picture.getpixel((place[0] * SCALE, place[1] * SCALE)) for place in
              ((20, 20), (60, 20), (50, 20), (50, 50), (5, 5))}  # fmt: skip
        red, blue, white = (0xDC, 0x26, 0x26), (0x25, 0x63, 0xEB), (255, 255, 255)
        assert at == {(20, 20): red, (60, 20): white, (50, 20): blue, (50, 50): blue, (5, 5): white}
        below = picture.crop((0, 65 * SCALE, 100 * SCALE, 100 * SCALE))
        dark = below.convert("L").point(lambda value: 255 * (value < 128)).getbbox()
        assert dark is not None and abs((dark[0] + dark[2]) / 2 - 50 * SCALE) < 2 * SCALE, (
            "the text stands in the middle"
        )


def test_other_kinds_are_refused_and_leave_nothing(tmp_path: Path) -> None:
    with pytest.raises(DarknetError, match=r"a\.pdf: a plot is written as \.svg or \.png"):
        write_chart(ITEMS, 100, 100, tmp_path / "a.pdf")
    assert list(tmp_path.iterdir()) == []


@given(st.lists(st.floats(0, 300), min_size=1, max_size=8))
def test_the_names_of_curves_do_not_cover_each_other(heights: list[float]) -> None:
    ends = [(f"curve {i}", COLORS[i], (50.0, y)) for i, y in enumerate(heights)]
    texts = [item for item in end_labels(ends, 100, 0, 300) if item.text]
    assert {item.text: item.color for item in texts} == {name: color for name, color, _ in ends}
    places = sorted(item.y for item in texts)
    assert all(below - above >= 14.99 for above, below in pairwise(places))
    assert places[0] >= 4 and places[-1] <= 304.01
    order = sorted(range(len(ends)), key=lambda i: heights[i])
    assert [item.text for item in sorted(texts, key=lambda item: item.y)] == [f"curve {i}" for i in order]


def test_long_and_hostile_texts(tmp_path: Path) -> None:
    assert shortened("abcdef", 6) == "abcdef" and shortened("abcdefg", 6) == "abcde\N{HORIZONTAL ELLIPSIS}"
    evil = [Item(10, 50, text="\x1b[31m\0 caf\udce9\nnext")]
    for name in ("a.svg", "a.png"):
        write_chart(evil, 100, 100, tmp_path / name)
    texts = [node.text for node in ElementTree.parse(tmp_path / "a.svg").iter() if node.text and node.text.strip()]
    assert texts == ["\\x1b[31m\\x00 caf\xe9\\nnext"]


def test_the_colours_are_told_apart_without_seeing_red_or_green() -> None:
    """Differences of colours as dichromats see them (Vienot, Brettel and Mollon's matrices, linear light)."""
    protan = ((0.11238, 0.88762, 0), (0.11238, 0.88762, 0), (0.00401, -0.00401, 1))
    deutan = ((0.29275, 0.70725, 0), (0.29275, 0.70725, 0), (-0.02234, 0.02234, 1))
    plain = ((1, 0, 0), (0, 1, 0), (0, 0, 1))
    for matrix in (protan, deutan, plain):
        seen = []
        for color in COLORS:
            light = [(int(color[i : i + 2], 16) / 255) ** 2.2 for i in (1, 3, 5)]
            mixed = [sum(a * b for a, b in zip(row, light, strict=True)) for row in matrix]
            seen.append([max(0, value) ** (1 / 2.2) for value in mixed])
        for i, one in enumerate(seen[:6]):
            for other in seen[:i]:
                assert sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) ** 0.5 > 0.1, (color, matrix)
