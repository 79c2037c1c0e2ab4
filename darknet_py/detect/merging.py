"""Detections of one image in several parts -> one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..errors import DarknetError

if TYPE_CHECKING:
    from .detections import Detections


def merge_detections(made: type[Detections], given: Sequence[Detections]) -> Detections:
    """`Detections.merge`, as an instance of ``made``."""
    if not given:
        raise DarknetError("Detections.merge: there is nothing to merge")
    full = [part for part in given if len(part)] or given[:1]
    first = full[0]
    for other in full:
        for what, one, two in zip(("image_size", "classes", "class_names"), first.facts(), other.facts(), strict=False):
            if one != two:
                raise DarknetError(f"Detections.merge: {what} of the parts differ")
        if bool(first.tree_paths) != bool(other.tree_paths):
            raise DarknetError("Detections.merge: some parts have tree paths, others have none")
        if bool(first.track_ids) != bool(other.track_ids):
            raise DarknetError("Detections.merge: some parts have track numbers, others have none")
    ids, next_id = [], 0
    for part in full:
        ids.append(part.box_id + (next_id - part.box_id.min(initial=0)))
        next_id = int(ids[-1].max(initial=next_id - 1)) + 1
    return made(
        np.concatenate([part.box for part in full]), np.concatenate([part.confidence for part in full]),
        np.concatenate([part.class_id for part in full]), np.concatenate(ids), first.image_size, first.classes,
        first.class_names, [path for part in full for path in part.tree_paths],
        [number for part in full for number in part.track_ids], first.source,
    )  # fmt: skip
