"""``partial``: the weights of a network's first layers."""

from __future__ import annotations

from ..weights import extract
from .opening import chat


def partial(cfg: str, weights: str, out: str, layers: int) -> None:
    """Write the first layers' weights, byte for byte as Darknet does (``partial``)."""
    notes = extract(cfg, weights, out, layers)
    chat(f"Saving weights to {out}")
    for note in notes:
        chat(note)
