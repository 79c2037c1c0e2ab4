"""A row a picture: what an archive keeps of each, and its form as an Arrow table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..errors import DarknetError
from ..formats.text import as_unicode

if TYPE_CHECKING:
    from ..detect.detections import Detections

    Row = dict[str, Any]
    """By name of the column (`schema`)."""


def arrow(what: str = "Parquet files") -> Any:
    """The package ``pyarrow``. Raises `DarknetError` if it is not installed."""
    try:
        import pyarrow
    except ImportError as error:
        raise DarknetError(f"{what} need the package pyarrow: install darknet-py's extra [parquet]") from error
    return pyarrow


def schema() -> Any:
    """The columns.

    - ``path``: as it was given (what is not UTF-8 as Latin-1)
    - ``ok``, ``error``: whether the picture could be read, or why not
    - ``width``, ``height``: in pixels; null if it could not
    - ``class_id``, ``name``, ``confidence``, ``box`` (centre x, y, width, height, as fractions of the picture),
      ``box_id``: lists with an entry for each row of its `Detections`
    - ``model``, ``settings``: hashes of what made the row (`batch.facts`)
    """
    pa = arrow()
    return pa.schema(
        [
            ("path", pa.string()), ("ok", pa.bool_()), ("error", pa.string()),
            ("width", pa.int32()), ("height", pa.int32()),
            ("class_id", pa.list_(pa.int32())), ("name", pa.list_(pa.string())),
            ("confidence", pa.list_(pa.float32())), ("box", pa.list_(pa.list_(pa.float32(), 4))),
            ("box_id", pa.list_(pa.int32())), ("model", pa.string()), ("settings", pa.string()),
        ]
    )  # fmt: skip


def found_row(path: str, found: Detections, hashes: tuple[str, str]) -> Row:
    """The row of a picture in which was looked."""
    width, height = found.image_size
    return {
        "path": as_unicode(path), "ok": True, "error": None, "width": width, "height": height,
        "class_id": found.class_id.tolist(), "name": [as_unicode(name) for name in found.names],
        "confidence": found.confidence.tolist(), "box": found.box.tolist(), "box_id": found.box_id.tolist(),
        "model": hashes[0], "settings": hashes[1],
    }  # fmt: skip


def failed_row(path: str, error: Exception, hashes: tuple[str, str]) -> Row:
    """The row of a picture that cannot be read."""
    none: dict[str, Any] = {"class_id": [], "name": [], "confidence": [], "box": [], "box_id": []}
    return {
        "path": as_unicode(path), "ok": False, "error": as_unicode(str(error)), "width": None, "height": None, **none,
        "model": hashes[0], "settings": hashes[1],
    }  # fmt: skip


def to_table(rows: Iterable[Row]) -> Any:
    """Rows as a ``pyarrow.Table``. Raises `DarknetError` if the package is not installed."""
    return arrow("tables").Table.from_pylist(list(rows), schema())
