"""What the rows of an archive depend on, and hashes of it: a run goes on only with the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ..formats.hashes import file_sha256
from ..formats.text import as_unicode
from ..image.reading import chosen_decoder, current
from ..version import __version__

if TYPE_CHECKING:
    from ..detector import Detector


@dataclass(frozen=True)
class Facts:
    """What a run is made of.

    Attributes:
        model: what the network is: hashes of its files, the names.
        settings: how pictures are looked at.
    """

    model: Mapping[str, Any]
    settings: Mapping[str, Any]

    @property
    def hashes(self) -> tuple[str, str]:
        """Of the model and of the settings, as they stand in each row."""
        return _digest(self.model), _digest(self.settings)

    def to_json(self) -> dict[str, Any]:
        """For ``run.json``: with the hashes, and the version for people, which does not decide anything."""
        model, settings = self.hashes
        return {
            "model": dict(self.model), "settings": dict(self.settings), "model_hash": model,
            "settings_hash": settings, "version": __version__,
        }  # fmt: skip


def facts_of(
    detector: Detector, thresh: float, hier_thresh: float, nms: float, decoder: str | None, exif: bool | None
) -> Facts:
    """The facts of a detector that looks at pictures with these thresholds, and with its own fit, filter and tiles.

    ``decoder`` and ``exif`` are those of `load_image`.
    """
    network, view = detector.network, detector.view.of(detector.network)
    # The tree and the map are files of their own, whatever their names.
    trees = [list(map(int, tree.parent)) for _, tree in sorted(detector.trees.items())]
    model = {
        "cfg": file_sha256(network.path),
        "weights": None if detector.weights is None else file_sha256(detector.weights),
        "names": _digest([as_unicode(name) for name in detector.names]),
        "trees": _digest(trees) if trees else None,
        "map": None if view.class_map is None else _digest(view.class_map),
        **({"calibration": detector.calibration} if detector.calibration else {}),
    }
    settings = {
        "dialect": network.dialect.key, "math": detector.math, "size": str(network.input), "thresh": thresh,
        "hier_thresh": hier_thresh, "nms": nms, "fit": None if view.fit is None else view.fit.value,
        "tiles": None if view.tiles is None else asdict(view.tiles), **_filter(asdict(view.filter)),
        "decoder": chosen_decoder(decoder), "exif": current().exif if exif is None else exif,
    }  # fmt: skip
    return Facts(json.loads(json.dumps(model)), json.loads(json.dumps(settings)))


def difference(before: Mapping[str, Any], facts: Facts) -> str:
    """What is not as it was, in words; nothing if all is.

    Args:
        before: what ``run.json`` says (`Facts.to_json`).
        facts: of the run that goes on.
    """
    for part, now in (("model", facts.model), ("settings", facts.settings)):
        then = before.get(part)
        then = then if isinstance(then, dict) else {}
        for name in sorted({*now, *then}):
            if then.get(name) != now.get(name):
                return f"{name} was {_shown(then.get(name))}, and is {_shown(now.get(name))} now"
    return ""


def _filter(words: Mapping[str, Any]) -> dict[str, Any]:
    """A filter by its options; nothing for those that are not used."""
    return {name: value for name, value in words.items() if value not in (None, (), [], False)}


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return f"sha256 {text[:12]}..." if len(text) == 64 else text


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
