"""Every layer's greatest difference as a bar, in HTML that fits a phone's screen as well as a large one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .compare import LayerResult

STEP = 4
"""Powers of two between two lines of the scale."""

_KEYS = {
    "good": "agrees bit for bit",
    "bad": "differs by so much (logarithmic)",
    "unknown": "differs, by how much is not known",
}
"""What a bar can be, by its class."""


def layer_plot(layers: Sequence[LayerResult]) -> str:
    """A bar for each layer: its height is the greatest difference in units in the last place, where that is known.

    Args:
        layers: at least one.
    """
    known = [layer.ulp for layer in layers if _kind(layer) == "bad" and layer.ulp is not None]
    lines = max(1, math.ceil(math.log2(max(known) + 1) / STEP)) if known else 0
    bars = "".join(_bar(layer, lines) for layer in layers)
    scale = "".join(_line(number, lines) for number in range(lines + 1)) if lines else ""
    equal = sum(layer.equal for layer in layers)
    verdict = f"{equal} of {len(layers)} layers agree bit for bit"
    what = "Greatest difference of each layer, in units in the last place: " if lines else ""
    kinds = {_kind(layer) for layer in layers}
    keys = "".join(f"<span><i class='key {kind}'></i>{text}</span>" for kind, text in _KEYS.items() if kind in kinds)
    return (
        f"<figure class='plot'><div class='bars{'' if lines else ' flat'}' role='img' aria-label='{verdict}'>"
        f"{scale}{bars}</div><div class='ends'><span>layer {layers[0].index}</span>"
        f"<span>layer {layers[-1].index}</span></div>"
        f"<figcaption>{what}{verdict}.</figcaption><figcaption class='keys'>{keys}</figcaption></figure>"
    )


def _kind(layer: LayerResult) -> str:
    """Which of `_KEYS` a layer is. (References may have hashes only; layers of two sizes have no distance.)"""
    if layer.equal:
        return "good"
    return "bad" if layer.ulp is not None and math.isfinite(layer.ulp) and layer.ulp > 0 else "unknown"


def _bar(layer: LayerResult, lines: int) -> str:
    kind, height = _kind(layer), ""
    text = _KEYS[kind]
    if kind == "bad" and layer.ulp is not None:
        height = f" style='height:{100 * math.log2(layer.ulp + 1) / (STEP * lines):.1f}%'"
        text = f"{layer.ulp:.0f} ulp"
    return f"<i class='bar {kind}'{height} title='layer {layer.index} ({escape(layer.kind)}): {text}'></i>"


def _line(number: int, lines: int) -> str:
    """A line of the scale, and its value."""
    label = f"2<sup>{STEP * number}</sup>" if number else "0"
    return f"<b style='bottom:{100 * number / lines:.1f}%'><span>{label}</span></b>"
