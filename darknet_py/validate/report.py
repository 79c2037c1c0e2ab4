"""The verdict as one self-contained HTML page: nothing is loaded from anywhere."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .compare import ImageResult
    from .references import ReferenceBox

WIDTH = 560
"""Pixels that a picture is wide at most."""

_STYLE = (Path(__file__).parent / "report.css").read_text(encoding="utf-8")


def write_report(
    path: str | Path, results: Sequence[ImageResult], facts: Mapping[str, str], pictures: Mapping[str, Path]
) -> None:
    """Write the page.

    Args:
        path: the file; it appears at once and whole.
        results: one per image and reference.
        facts: what is known of engine, network and machine, by its name.
        pictures: image files by the name that the results have.
    """
    from ..formats.atomic import write_text

    write_text(path, page(results, facts, pictures))


def page(results: Sequence[ImageResult], facts: Mapping[str, str], pictures: Mapping[str, Path]) -> str:
    """The page's HTML."""
    good = sum(result.agrees for result in results)
    agrees = good == len(results)
    how = {result.how for result in results}
    verdict = f"Agrees, {how.pop()}" if agrees and len(how) == 1 else "Agrees" if agrees else "Differs"
    sections = "\n".join(_section(result, pictures.get(result.image)) for result in results)
    made_with = "".join(
        f"<tr><th scope='row'>{escape(key)}</th><td>{escape(value)}</td></tr>" for key, value in facts.items()
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{verdict}: darknet-py validate</title>
<style>{_STYLE}</style>
</head>
<body>
<header class="{"good" if agrees else "bad"}">
<p class="what">darknet-py validate</p>
<h1>{verdict}</h1>
<p>{good} of {len(results)} comparisons agree with their reference.</p>
</header>
<main>
<section>
<h2>Comparisons</h2>
{_overview(results)}
</section>
{sections}
<section>
<h2>Made with</h2>
<table class="facts">{made_with}</table>
</section>
</main>
</body>
</html>
"""


def _overview(results: Sequence[ImageResult]) -> str:
    rows = "".join(
        f"<tr><td><span class='mark {'good' if result.agrees else 'bad'}'>{'agrees' if result.agrees else 'differs'}"
        f"</span></td><td>{escape(result.image)}</td><td>{escape(result.reference)}</td>"
        f"<td>{escape(result.problems[0]) if result.problems else '&ndash;'}</td></tr>"
        for result in results
    )
    head = "<tr><th scope='col'>Verdict</th><th scope='col'>Image</th><th scope='col'>Reference</th>"
    return f"<table>{head}<th scope='col'>First difference</th></tr>{rows}</table>"


def _section(result: ImageResult, picture: Path | None) -> str:
    parts = [f"<section><h2>{escape(result.image)}</h2>"]
    if result.problems:
        items = "".join(f"<li>{escape(problem)}</li>" for problem in result.problems[:50])
        more = f"<li>and {len(result.problems) - 50} more</li>" if len(result.problems) > 50 else ""
        parts.append(f"<ul class='problems'>{items}{more}</ul>")
    if picture is not None and result.found is not None:
        parts.append(_pictures(result, picture))
    if result.layers:
        parts.append(layer_plot(result))
    return "\n".join([*parts, "</section>"])


def _pictures(result: ImageResult, picture: Path) -> str:
    """Both detections, drawn side by side."""
    from ..image.draw import draw_detections
    from ..image.load import load_image

    assert result.found is not None
    pixels = load_image(picture)
    ours = draw_detections(pixels, result.found)
    drawn = [("darknet-py", len(result.found), ours)]
    if result.boxes_known:
        drawn.append(("reference", len(result.expected), _draw_expected(pixels, result)))
    figures = "".join(
        f"<figure><img src='{_data_uri(image)}' alt='{escape(name)}: {_count(count)} in {escape(result.image)}'>"
        f"<figcaption>{escape(name)}: {_count(count)}</figcaption></figure>"
        for name, count, image in drawn
    )
    return f"<div class='pictures'>{figures}</div>"


def _count(number: int) -> str:
    return f"{number} detection{'' if number == 1 else 's'}"


def _draw_expected(pixels: NDArray[np.uint8], result: ImageResult) -> NDArray[np.uint8]:
    """The reference's boxes, drawn by the same rules as ours."""
    from ..detect.detections import Detections
    from ..image.draw import draw_detections

    assert result.found is not None
    known = list(result.found.class_names)
    boxes = [box for box in result.expected if box.xyxy is not None]
    names = known + sorted({box.name for box in boxes} - set(known))
    width, height = result.found.image_size
    shown = Detections(
        box=np.array([_relative(box, width, height) for box in boxes], np.float32).reshape(-1, 4),
        confidence=np.array([box.score for box in boxes], np.float32),
        class_id=np.array([names.index(box.name) for box in boxes], np.int64),
        box_id=np.array([[other.xyxy for other in boxes].index(box.xyxy) for box in boxes], np.int64),
        image_size=(width, height),
        classes=max(len(names), 1),
        class_names=names,
    )
    return draw_detections(pixels, shown)


def _relative(box: ReferenceBox, width: int, height: int) -> tuple[float, ...]:
    assert box.xyxy is not None
    left, top, right, bottom = box.xyxy
    return (left + right) / 2 / width, (top + bottom) / 2 / height, (right - left) / width, (bottom - top) / height


def _data_uri(pixels: NDArray[np.uint8]) -> str:
    from PIL import Image

    image = Image.fromarray(pixels)
    image.thumbnail((WIDTH, 4 * WIDTH))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def layer_plot(result: ImageResult) -> str:
    """Greatest difference of every layer, in units in the last place, as an inline drawing (logarithmic)."""
    left, bottom, width, height = 64, 150, 860, 130
    step = width / max(len(result.layers), 1)
    top = max([layer.ulp for layer in result.layers if layer.ulp and math.isfinite(layer.ulp)] or [1])
    decades = max(1, math.ceil(math.log2(top + 1) / 4))
    bars = []
    for place, layer in enumerate(result.layers):
        ulp = layer.ulp
        text = "bit for bit" if layer.equal else "differs" if ulp is None else f"{ulp:.0f} ulp"
        share = 0.0 if layer.equal else 1.0 if not ulp or not math.isfinite(ulp) else math.log2(ulp + 1) / (4 * decades)
        tall = max(3.0, share * height)
        bars.append(
            f"<rect class='{'good' if layer.equal else 'bad'}' x='{left + place * step:.1f}' y='{bottom - tall:.1f}' "
            f"width='{max(step - 1, 0.7):.1f}' height='{tall:.1f}'><title>layer {layer.index} ({escape(layer.kind)}): "
            f"{text}</title></rect>"
        )
    marks = "".join(
        f"<text x='{left - 8}' y='{bottom - height * i / decades + 4:.0f}' text-anchor='end'>"
        f"{'0' if i == 0 else f'2^{4 * i}'}</text>"
        f"<line x1='{left}' x2='{left + width}' y1='{bottom - height * i / decades:.0f}' "
        f"y2='{bottom - height * i / decades:.0f}'/>"
        for i in range(decades + 1)
    )
    equal = sum(layer.equal for layer in result.layers)
    return (
        f"<figure class='plot'><svg viewBox='0 0 {left + width + 16} {bottom + 30}' role='img' "
        f"aria-label='{equal} of {len(result.layers)} layers agree bit for bit'>{marks}{''.join(bars)}"
        f"<text x='{left}' y='{bottom + 20}'>layer 0</text><text x='{left + width}' y='{bottom + 20}' "
        f"text-anchor='end'>layer {result.layers[-1].index}</text></svg><figcaption>Greatest difference of each layer, "
        f"in units in the last place: {equal} of {len(result.layers)} layers agree bit for bit.</figcaption></figure>"
    )
