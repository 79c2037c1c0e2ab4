"""The verdict as one self-contained HTML page: nothing is loaded from anywhere."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..terminal import one_line
from .layer_plot import layer_plot

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .compare import ImageResult
    from .references import ReferenceBox

WIDTH = 560
"""Pixels that a picture is wide at most."""

_STYLE = (Path(__file__).parent / "report.css").read_text(encoding="utf-8")


def _text(text: str) -> str:
    """A text from a file or a name, as HTML."""
    return html.escape(one_line(text))


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
        f"<tr><th scope='row'>{_text(key)}</th><td>{_text(value)}</td></tr>" for key, value in facts.items()
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
    heads = ("Verdict", "Image", "Reference", "First difference")
    rows = []
    for result in results:
        verdict = "agrees" if result.agrees else "differs"
        mark = f"<span class='mark {'good' if result.agrees else 'bad'}'>{verdict}</span>"
        first = _text(result.problems[0]) if result.problems else "&ndash;"
        cells = zip(heads, (mark, _text(result.image), _text(result.reference), first), strict=True)
        rows.append("<tr>" + "".join(f"<td data-head='{head}'>{cell}</td>" for head, cell in cells) + "</tr>")
    head = "".join(f"<th scope='col'>{head}</th>" for head in heads)
    return f"<table class='overview'><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _section(result: ImageResult, picture: Path | None) -> str:
    parts = [f"<section><h2>{_text(result.image)}</h2>"]
    if result.problems:
        items = "".join(f"<li>{_text(problem)}</li>" for problem in result.problems[:50])
        more = f"<li>and {len(result.problems) - 50} more</li>" if len(result.problems) > 50 else ""
        parts.append(f"<ul class='problems'>{items}{more}</ul>")
    if picture is not None and result.found is not None:
        parts.append(_pictures(result, picture))
    if result.layers:
        parts.append(layer_plot(result.layers))
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
        f"<figure><img src='{_data_uri(image)}' alt='{_text(name)}: {_count(count)} in {_text(result.image)}'>"
        f"<figcaption>{_text(name)}: {_count(count)}</figcaption></figure>"
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
