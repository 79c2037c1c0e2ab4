"""A recorded trace's fields, checked before anything is compared with them."""

from __future__ import annotations

import numpy as np

from ..formats.json_file import items, member, number, text
from ..typing import JsonObject

_LARGEST = float(np.finfo(np.float32).max)


def check_trace(entry: JsonObject) -> None:
    """Raise ValueError if a field that is used is not what a trace has there."""
    text(member(entry, "image"), "image")
    for name in ("thresh", "hier_thresh", "nms"):
        if name in entry:
            number(entry[name], name)
    for index, layer in enumerate(items(member(entry, "layers"), "layers")):
        if not isinstance(layer, dict):
            raise ValueError(f"layers[{index}] is no object")
        for value in items(layer.get("first", []), f"layers[{index}].first"):
            _check_hex(value, f"layers[{index}].first")
    for name in ("detections_before_nms", "detections"):
        for variant in _variants(entry.get(name), name):
            for index, box in enumerate(items(variant, name)):
                _check_box(box, f"{name}[{index}]")
    _check_cuts(entry.get("first_only", {}))


def _variants(boxes: object, name: str) -> list[object]:
    """The lists of boxes: one, or one for each arithmetic. (Traces of AlexeyAB's have a count and a hash beside.)"""
    if boxes is None:
        return []
    if not isinstance(boxes, dict):
        return [boxes]
    if "count" in boxes:
        number(boxes["count"], f"{name}.count")
        return [boxes[math] for math in ("ieee", "fast") if math in boxes]
    return list(boxes.values())


def _check_box(box: object, what: str) -> None:
    if not isinstance(box, dict):
        raise ValueError(f"{what} is no object")
    for value in items(member(box, "box"), f"{what}.box", 4):
        _check_hex(value, f"{what}.box")
    _check_hex(member(box, "objectness"), f"{what}.objectness")
    for value in items(box.get("uncertainty", []), f"{what}.uncertainty"):
        _check_hex(value, f"{what}.uncertainty")
    probs = member(box, "probs")
    if not isinstance(probs, dict):
        raise ValueError(f"{what}.probs is no object")
    for key, value in probs.items():
        if not (key.isascii() and key.isdecimal() and len(key) < 10):
            raise ValueError(f"{what}.probs has what is no number of a class")
        _check_hex(value, f"{what}.probs")


def _check_cuts(cuts: object) -> None:
    if not isinstance(cuts, dict):
        raise ValueError("first_only is no object")
    for name, count in cuts.items():
        if isinstance(count, bool) or not isinstance(count, int) or count < 0:
            raise ValueError(f"first_only.{name[:40]} is no count")


def _check_hex(value: object, what: str) -> None:
    """A float32 in hexadecimal, as traces have all numbers that must agree bit for bit."""
    try:
        known = float.fromhex(text(value, what))
    except OverflowError:
        raise ValueError(f"{what} has a number beyond all floats") from None
    except ValueError:
        raise ValueError(f"{what} has what is no hexadecimal float") from None
    if _LARGEST < abs(known) < float("inf"):
        raise ValueError(f"{what} has a number beyond all float32")
