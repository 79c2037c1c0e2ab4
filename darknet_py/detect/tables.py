"""Detections as plain Python: Darknet's JSON, rows and columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np

from ..errors import DarknetError

if TYPE_CHECKING:
    from typing_extensions import NotRequired

    from ..typing import Floats
    from .detections import Detections

COORDINATES = ("center_x", "center_y", "width", "height")


class Coordinates(TypedDict):
    """Centre and size of a box, as fractions of its image; null if not finite."""

    center_x: float | None
    center_y: float | None
    width: float | None
    height: float | None


class JsonNode(TypedDict):
    """A node of a WordTree on the way to an object's class."""

    class_id: int
    name: str
    probability: float | None


class JsonDetection(TypedDict):
    """An object as Darknet pipelines read it."""

    class_id: int
    name: str
    relative_coordinates: Coordinates
    confidence: float | None
    tree_path: NotRequired[list[JsonNode]]
    track_id: NotRequired[int]


Record = dict[str, str | int | float]
"""A row of a table, by column."""

Columns = dict[str, list[str] | list[int] | list[float]]
"""A table, by column."""


def json_objects(found: Detections) -> list[JsonDetection]:
    """`Detections.to_json`."""
    objects: list[JsonDetection] = [
        {
            "class_id": int(class_id),
            "name": found.class_name(class_id),
            "relative_coordinates": _coordinates(box),
            "confidence": _number(confidence),
        }
        for box, confidence, class_id in zip(found.box, found.confidence, found.class_id, strict=True)
    ]
    for entry, number in zip(objects, found.track_ids, strict=False):
        entry["track_id"] = int(number)
    for entry, path in zip(objects, found.tree_paths, strict=False):
        entry["tree_path"] = [
            {"class_id": step.class_id, "name": step.name, "probability": _number(np.float32(step.conditional))}
            for step in path
        ]
    return objects


def records(found: Detections) -> list[Record]:
    """`Detections.to_records`."""
    return [
        {
            "name": row.name, "class_id": row.class_id, "confidence": row.confidence,
            **dict(zip(("left", "top", "right", "bottom"), row.xyxy, strict=True)),
            **dict(zip(COORDINATES, row.box, strict=True)),
            "box_id": row.box_id,
            **({"track_id": int(found.track_ids[number])} if found.track_ids else {}),
        }
        for number, row in enumerate(found)
    ]  # fmt: skip


def columns(found: Detections) -> Columns:
    """`Detections.to_dict`."""
    (left, top, right, bottom), box = found.xyxy.T.tolist(), found.box.T.tolist()
    return {
        "name": found.names, "class_id": found.class_id.tolist(), "confidence": found.confidence.tolist(),
        "left": left, "top": top, "right": right, "bottom": bottom,
        **dict(zip(COORDINATES, box, strict=True)),
        "box_id": found.box_id.tolist(),
        **({"track_id": [int(number) for number in found.track_ids]} if found.track_ids else {}),
    }  # fmt: skip


def supervision_detections(found: Detections) -> Any:
    """`Detections.to_supervision`."""
    try:
        import supervision
    except ImportError as error:
        raise DarknetError("to_supervision() needs the package supervision: pip install supervision") from error
    return supervision.Detections(
        xyxy=found.xyxy.copy(),
        confidence=found.confidence.copy(),
        class_id=found.class_id.copy(),
        data={"class_name": np.array(found.names, dtype=str)},
    )


def _coordinates(box: Floats) -> Coordinates:
    x, y, w, h = map(_number, box)
    return {"center_x": x, "center_y": y, "width": w, "height": h}


def _number(value: np.float32) -> float | None:
    """The decimal number that stands for a float32."""
    return float(str(value)) if np.isfinite(value) else None
