"""The models of a server: how they are named, and what belongs to each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..detect.filters import NO_FILTER, Filter
from ..errors import DarknetError
from ..formats.text import as_unicode
from ..loading import load
from ..plan.runner import BATCH
from .limits import LEAST_THRESH, Refused

if TYPE_CHECKING:
    from ..detect.tiles import Tiles
    from ..detector import Detector
    from ..view import View

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_FILE = re.compile(r"[\\/]|\.(cfg|weights)$", re.IGNORECASE)


@dataclass(frozen=True)
class Choice:
    """A model as a user names it.

    Attributes:
        name: in addresses and answers.
        model: what `load` takes first: a cfg file, or a released model's name.
        weights, names, data: as for `load`.
    """

    name: str
    model: str
    weights: str | None = None
    names: str | None = None
    data: str | None = None

    @classmethod
    def parse(cls, text: str) -> Choice:
        """``yolov3-tiny``, ``NAME=yolov3-tiny`` or ``NAME=CFG,WEIGHTS[,NAMES]``. Raises `DarknetError`."""
        name, equals, rest = text.partition("=")
        files = rest.split(",") if equals else [name]
        if not all(files) or len(files) > 3:
            raise DarknetError(
                f"--model {text}: write NAME, NAME=RELEASED or NAME=CFG,WEIGHTS or NAME=CFG,WEIGHTS,NAMES"
            )
        if not equals and _FILE.search(name):
            name = Path(name).stem
        return cls(checked_name(name, text), *files)

    @classmethod
    def of_files(cls, cfg: Path, weights: Path | None, names: Path | None, data: Path | None) -> Choice:
        """Files of one's own under the cfg's name. Raises `DarknetError` if that cannot stand in an address."""
        rest = [None if path is None else str(path) for path in (weights, names, data)]
        return cls(checked_name(cfg.stem, str(cfg)), str(cfg), *rest)


def checked_name(name: str, text: str) -> str:
    """A name that can stand in an address. Raises `DarknetError`."""
    if _NAME.fullmatch(name) is None:
        raise DarknetError(f"{text}: the name {name!r} stands in addresses: use letters, digits, '.', '_', '-'")
    return name


@dataclass(frozen=True)
class Thresholds:
    """What is reported where a request does not say; None: the protocol's own default."""

    thresh: float | None = None
    hier_thresh: float | None = None
    nms: float | None = None


@dataclass(frozen=True)
class Ask:
    """What a request asks for: None is the model's own, or the protocol's default; ``filter``: besides the model's."""

    thresh: float | None = None
    hier_thresh: float | None = None
    nms: float | None = None
    tree_path: bool = False
    filter: Filter = NO_FILTER


def by_name(**given: Iterable[tuple[str | None, float]]) -> dict[str | None, Thresholds]:
    """Thresholds of each model, from what a user gave for all (None) and for some; the latter rule."""
    found: dict[str | None, Thresholds] = {None: Thresholds()}
    for field, values in given.items():
        for name, value in sorted(values, key=lambda pair: pair[0] is not None):
            if name is None:
                found = {key: replace(own, **{field: value}) for key, own in found.items()}
            else:
                found[name] = replace(found.get(name, found[None]), **{field: value})
    return found


class Model:
    """A detector under a name.

    Attributes:
        name: in addresses and answers.
        detector: the network.
        thresholds: of requests that name none.
        labels: the classes' names as any JSON reader takes them; numbers where there are none.
        together: how many pictures may run at once.
    """

    def __init__(
        self, name: str, detector: Detector, thresholds: Thresholds = Thresholds(), batch: int = BATCH
    ) -> None:
        """Raises `DarknetError` if the network does not detect objects in pictures."""
        detector.check_detects()
        detector.network.check_picture()
        self.name, self.detector, self.thresholds = name, detector, thresholds
        classes = len(detector.view.class_map) if detector.view.class_map is not None else detector.network.classes
        self.labels = [as_unicode(label) for label in detector.names] or [str(number) for number in range(classes)]
        self._keeps_state = any(layer.state_sizes for layer in detector.network.layers)
        self.together = 1 if self._keeps_state else min(batch, BATCH)

    def view(self, ask: Ask, default: float) -> View:
        """The thresholds of one request; ``default``: the protocol's threshold."""
        own = self.thresholds
        if ask.tree_path and not self.tells_paths:
            raise Refused(400, f"model {self.name} tells no tree_path: it has no WordTree, or looks at tiles")
        return replace(
            self.detector.view,
            thresh=max(_first(ask.thresh, own.thresh, default), LEAST_THRESH),
            hier_thresh=_first(ask.hier_thresh, own.hier_thresh, 0.5),
            nms=_first(ask.nms, own.nms, 0.45),
        )

    @property
    def tells_paths(self) -> bool:
        """Whether `Detector.tree_paths` knows the ways to its classes: of whole pictures only."""
        heads = self.detector.network.heads
        return len(heads) == 1 and heads[0].index in self.detector.trees and self.detector.view.tiles is None

    def run(self, inputs: Sequence[Any]) -> list[list[Any]]:
        """For each input (channels x height x width) the outputs of all heads, as from a network just loaded."""
        if self._keeps_state:
            self.detector.reset_state()
        outputs = self.detector.predict(np.stack(inputs))
        return [[output[number] for output in outputs] for number in range(len(inputs))]

    def warm(self) -> None:
        """Run every count of pictures that may come together, so that no request has to compile or plan."""
        pixels = np.random.RandomState(7).randint(0, 256, (48, 64, 3), np.uint8)
        x = self.detector.prepare(pixels)
        view = self.view(Ask(), LEAST_THRESH)
        for count in range(1, self.together + 1):
            [outputs, *_] = self.run([x] * count)
        if view.tiles is not None:
            self.detector.boxes_in(pixels, view)
        found = self.detector.detections(outputs, (64, 48), view)
        if self.tells_paths:
            self.detector.tree_paths(found, outputs[0])


def _first(*values: float | None) -> float:
    return next(value for value in values if value is not None)


def load_models(
    choices: Iterable[Choice],
    thresholds: Mapping[str | None, Thresholds],
    batch: int = BATCH,
    filter: Filter = NO_FILTER,
    tiles: Tiles | None = None,
    **options: Any,
) -> dict[str, Model]:
    """All models by name, in their order; options as for `load`.

    Args:
        choices: which.
        thresholds: by the model's name; under None for all others.
        batch: how many pictures may run together.
        filter: what is reported, of every model.
        tiles: how every picture is looked at.

    Raises:
        DarknetError: a name is there twice, thresholds are for no model, or as from `load`.
    """
    listed = list(choices)
    names = [choice.name for choice in listed]
    for name in names:
        if names.count(name) > 1:
            raise DarknetError(f"two models are called {name}: write NAME=CFG,WEIGHTS with another name")
    for named in thresholds:
        if named is not None and named not in names:
            raise DarknetError(f"there are thresholds for the model {named}, but the models are {', '.join(names)}")
    models = {}
    for choice in listed:
        detector = load(choice.model, choice.weights, names=choice.names, data=choice.data, **options)
        detector.view = replace(detector.view, filter=detector.filter_of(filter), tiles=tiles)
        if tiles is not None:
            detector.check_tiles()
        models[choice.name] = Model(
            choice.name, detector, thresholds.get(choice.name, thresholds.get(None, Thresholds())), batch
        )
    return models
