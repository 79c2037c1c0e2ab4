"""Is this file one that was released? By size and hash, from the registry."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..errors import ModelError, WeightsError
from ..formats.hashes import hash_file
from .folders import find_cfg, find_file
from .registry_file import HASHES, RemoteFile, registry

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Release:
    """A released weights file that this one is, or resembles.

    Attributes:
        file: its file name.
        models: names of the models that it belongs to.
        same: it has the same hash; None where no hash of the release is known, so that only the size agrees.
    """

    file: str
    models: tuple[str, ...]
    same: bool | None

    def __str__(self) -> str:
        if self.same:
            return f"the released {self.file}"
        if self.same is None:
            return f"as long as the released {self.file}, of which no hash is known"
        return f"not the released {self.file}, though as long"


def hash_weights(path: str | Path, kinds: Iterable[str] = HASHES) -> dict[str, str]:
    """Hashes of a file's content, by kind. Raises `WeightsError` where it cannot be read."""
    try:
        return hash_file(path, kinds)
    except OSError as error:
        raise WeightsError(f"cannot read these weights: {error.strerror or error}", path) from None


def find_release(size: int, hashes: dict[str, str]) -> Release | None:
    """The released weights with this size and these hashes, or else one that has this size; None without any."""
    found: dict[str, tuple[RemoteFile, list[str]]] = {}
    for model in registry().values():
        file = next(file for file in model.files if file.name == model.weights)
        if size in file.sizes:
            found.setdefault(file.name, (file, []))[1].append(model.name)
    releases = [
        Release(file.name, tuple(models), hashes[file.check] == file.hashes[file.check] if file.check else None)
        for file, models in found.values()
    ]
    order = (True, None, False)
    return min(releases, key=lambda release: order.index(release.same), default=None)


def names_of_release(path: str | Path) -> Path | None:
    """The names file of the released model whose weights a file holds, byte for byte; None if it is no such file.

    Only a file with the size of a release of known hash is read; a size alone proves nothing, because all weights of
    one network have it.
    """
    try:
        size = Path(path).stat().st_size
    except OSError:
        return None
    models = list(registry().values())
    alike = [(model, file) for model in models for file in model.files if file.name == model.weights]
    alike = [(model, file) for model, file in alike if size in file.sizes and file.check]
    if not alike:
        return None
    try:
        hashes = hash_weights(path, {file.check for _, file in alike})
    except WeightsError:
        return None
    for model, file in alike:
        if hashes[file.check] == file.hashes[file.check]:
            try:
                return find_file(model.names) or find_cfg(model.names)
            except ModelError:
                return None
    return None
