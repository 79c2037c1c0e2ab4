"""What ``weights info`` prints, and its JSON."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..typing import JsonObject
    from ..weights import Statistics, WeightsInfo
    from ..zoo.identify import Release

_HEADINGS = " ".join(
    (
        f"{'layer':>5} {'kind':15} {'array':16} {'shape':>17} {'count':>11}",
        *(f"{name:>11}" for name in ("min", "max", "mean", "std")),
        f"{'NaN':>6} {'Inf':>6} {'zeros':>8} {'denormal':>8}",
    )
)


def lines(info: WeightsInfo, cfg: Path | None, sha256: str, release: Release | None) -> Iterator[str]:
    """The report, line by line; the table is of the cfg's arrays, or of all values together."""
    yield info.path
    for name, value in _facts(info, sha256, release):
        yield f"{name:9} {value}"
    yield ""
    yield _HEADINGS
    for array in info.arrays:
        shape = "x".join(str(extent) for extent in array.shape)
        yield _row(f"{array.layer:5d} {array.kind:15} {array.name:16} {shape:>17}", array.statistics) + (
            f"  {array.missing:,} bytes are missing" if array.missing else ""
        )
    yield _row(f"{'':5} {'all values':15} {'':16} {'':>17}", info.statistics)
    if cfg is not None:
        yield ""
        yield from _verdict(info, cfg)


def _facts(info: WeightsInfo, sha256: str, release: Release | None) -> Iterator[tuple[str, str]]:
    header = info.header
    yield "size", f"{info.bytes:,} bytes"
    yield "sha256", sha256
    models = "" if release is None else f" (model {', '.join(release.models)})"
    yield "release", "none that is known by its size" if release is None else f"{release}{models}"
    yield "version", f"major {header.major}, minor {header.minor}, revision {header.revision}"
    yield "seen", f"{header.seen:,} images (in {8 if header.wide else 4} bytes)"
    yield "header", f"{header.size} bytes"
    if header.transposed:
        yield "layout", "the weights of connected layers are stored transposed (inputs x outputs)"


def _row(start: str, found: Statistics) -> str:
    numbers = " ".join(_number(value) for value in (found.min, found.max, found.mean, found.std))
    return f"{start} {found.count:11,d} {numbers} {found.nan:6d} {found.inf:6d} {found.zeros:8d} {found.denormals:8d}"


def _number(value: float) -> str:
    return f"{'-' if math.isnan(value) else format(value, '.4g'):>11}"


def _verdict(info: WeightsInfo, cfg: Path) -> Iterator[str]:
    if info.problem:
        yield f"does not fit {cfg}: {info.problem}"
    elif info.missing:
        yield (
            f"partial weights for {cfg}: they end after {info.whole} of its {info.layers} layers; "
            f"{info.missing:,} bytes of the others are not there"
        )
    else:
        yield f"fits {cfg}: all {info.layers} layers, no byte missing, none left"


def document(info: WeightsInfo, cfg: Path | None, sha256: str, release: Release | None) -> JsonObject:
    """The report as JSON: what is no number there (the least of no values) is null."""
    header = info.header
    result: JsonObject = {
        "file": info.path,
        "bytes": info.bytes,
        "sha256": sha256,
        "release": None if release is None else asdict(release),
        "header": {
            **asdict(header), "bytes": header.size, "seen_bytes": 8 if header.wide else 4,
            "transposed": header.transposed,
        },
        "statistics": _json(info.statistics),
    }  # fmt: skip
    if cfg is None:
        return {**result, "trailing_bytes": info.trailing}
    arrays: dict[tuple[int, str], JsonObject] = {}
    for array in info.arrays:
        arrays.setdefault((array.layer, array.kind), {})[array.name] = {
            "shape": list(array.shape), "missing_bytes": array.missing, **_json(array.statistics),
        }  # fmt: skip
    layers = [{"index": index, "kind": kind, "arrays": found} for (index, kind), found in arrays.items()]
    return {
        **result, "cfg": str(cfg), "fits": not info.problem, "problem": info.problem or None,
        "cfg_layers": info.layers, "whole_layers": info.whole, "missing_bytes": info.missing,
        "trailing_bytes": info.trailing, "layers": layers,
    }  # fmt: skip


def _json(found: Statistics) -> JsonObject:
    return {key: None if math.isnan(value) else value for key, value in asdict(found).items()}
