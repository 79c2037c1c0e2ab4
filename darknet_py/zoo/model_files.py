"""All files of a model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..dialect import AUTO
from ..errors import ModelError
from .folders import find_cfg, find_file
from .progress import Progress
from .registry_file import Model


@dataclass(frozen=True)
class ModelFiles:
    """Where a model's files are, and whose Darknet it is for; ``names`` is None for files of the user's own."""

    cfg: Path
    weights: Path
    names: Path | None
    dialect: str = AUTO


def locate(model: Model, fetch_missing: bool = False, progress: Progress | None = None) -> ModelFiles:
    """Find a model's files; fetch those that are nowhere, if asked to.

    What is found is taken as it is; whether it fits shows when it is read.

    Raises:
        ModelError: with what is missing and where to put it.
    """
    paths: dict[str, Path] = {}
    for file in model.files:
        path = find_file(file.name)
        if path is None:
            from .fetching import by_hand, fetch_file

            if not fetch_missing:
                raise ModelError(
                    f"{file.name} is not on this machine; `darknet-py fetch {model.name}` brings it, {by_hand(file)}"
                )
            path = fetch_file(file, progress)
        paths[file.name] = path
    names = paths.get(model.names) or find_cfg(model.names)
    return ModelFiles(find_cfg(model.cfg), paths[model.weights], names, model.dialect)
