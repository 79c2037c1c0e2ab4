"""Objects and detections of them, made up: for tests of evaluation."""

from __future__ import annotations

import random

import numpy as np

from darknet_py.evaluate.found import Found
from darknet_py.evaluate.truth import Truth


def found_of(rows: list[tuple[float, float, float, float, int, float]]) -> Found:
    """Boxes of one class each: x, y, w, h, class, score."""
    return Found(
        (100, 100), np.array([row[:4] for row in rows], np.float32).reshape(-1, 4), np.arange(len(rows)),
        np.array([row[4] for row in rows], np.int64), np.array([row[5] for row in rows], np.float32),
    )  # fmt: skip


def truth_of(rows: list[tuple[float, float, float, float, int]]) -> Truth:
    return Truth(
        np.array([row[4] for row in rows], np.int64), np.array([row[:4] for row in rows], np.float32).reshape(-1, 4)
    )


def scene(seed: int, images: int, classes: int) -> tuple[list[Found], list[Truth]]:
    """Objects far from each other, and detections that are near one of them, or nowhere; all scores differ."""
    rng = random.Random(seed)
    results, truths = [], []
    for _ in range(images):
        cells = rng.sample([(x, y) for x in range(5) for y in range(5)], rng.randint(0, 8))
        objects = [(0.1 + 0.2 * x, 0.1 + 0.2 * y, 0.12, 0.12, rng.randrange(classes)) for x, y in cells]
        rows = []
        for x, y, w, h, class_id in objects:
            for _ in range(rng.choice([0, 1, 1, 1, 2])):
                moved = x + rng.uniform(-0.05, 0.05), y + rng.uniform(-0.05, 0.05)
                seen = class_id if rng.random() < 0.85 else rng.randrange(classes)
                rows.append((*moved, w, h, seen, rng.random()))
        results.append(found_of(rows))
        truths.append(truth_of(objects))
    return results, truths
