"""The registry (``registry.json``: data, not code) and where files are looked for."""

from __future__ import annotations

import difflib
import functools
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ModelError

if TYPE_CHECKING:
    from .fetch import Progress

FOLDER_VARIABLE = "DARKNET_PY_WEIGHTS"
"""Environment variable that names a folder of weights."""

HASHES = ("sha256", "sha1", "md5")
"""Kinds of hashes that the registry may know of a file, best first."""


@dataclass(frozen=True)
class RemoteFile:
    """A file that can be fetched.

    Attributes:
        name: its file name.
        sizes: its size in bytes; more than one where releases differ.
        hashes: what is known of ``sha256``, ``sha1``, ``md5``; nothing here was ever guessed.
        sources: where it can be had, in the order of trying: ``{"urls": [parts...]}`` or ``{"pip": {...}}``.
    """

    name: str
    sizes: tuple[int, ...]
    hashes: Mapping[str, str]
    sources: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class Model:
    """A released model.

    Attributes:
        name: what ``--model`` takes.
        what: one line about it.
        cfg, names: files that come with darknet-py, or are among ``files``.
        weights: its weights file.
        files: everything to be fetched, the weights first.
        aliases: other names.
    """

    name: str
    what: str
    cfg: str
    names: str
    weights: str
    files: tuple[RemoteFile, ...]
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class Located:
    """Where a model's files are."""

    cfg: Path
    weights: Path
    names: Path


@functools.cache
def _data() -> dict[str, Any]:
    data: dict[str, Any] = json.loads((Path(__file__).parent / "registry.json").read_text(encoding="utf-8"))
    return data


@functools.cache
def remote_file(name: str) -> RemoteFile | None:
    """What the registry knows of a file."""
    entry = _data()["files"].get(name)
    if entry is None:
        return None
    hashes = {kind: entry[kind] for kind in HASHES if kind in entry}
    return RemoteFile(name, tuple(entry["sizes"]), hashes, tuple(entry["sources"]))


@functools.cache
def registry() -> dict[str, Model]:
    """All released models by name."""
    models = {}
    for name, entry in _data()["models"].items():
        wanted = [entry["weights"], *entry.get("needs", ())]
        files = tuple(file for file in map(remote_file, wanted) if file is not None)
        models[name] = Model(
            name, entry["what"], entry["cfg"], entry["names"], entry["weights"], files, tuple(entry.get("aliases", ()))
        )
    return models


def get_model(name: str) -> Model:
    """The model of that name, alias or weights file. Raises `ModelError` with names that are close."""
    wanted = name.removesuffix(".weights").removesuffix(".cfg")
    for model in registry().values():
        if wanted == model.name or wanted in model.aliases:
            return model
    close = difflib.get_close_matches(wanted, registry(), 3, 0.5)
    hint = f"; did you mean {', '.join(close)}?" if close else ""
    raise ModelError(
        f"there is no model '{name}'{hint} (`darknet-py fetch --list` shows all; a cfg file needs weights)"
    )


def cache_folder() -> Path:
    """Where fetched files go: the folder that DARKNET_PY_WEIGHTS names, or the user's cache."""
    if os.environ.get(FOLDER_VARIABLE):
        return Path(os.environ[FOLDER_VARIABLE])
    import platformdirs

    return Path(platformdirs.user_cache_dir("darknet-py", appauthor=False))


def find_file(name: str, explicit: str | Path | None = None) -> Path | None:
    """A weights or data file.

    Looked for at the explicit path (which then must exist), in ``weights/`` of the working directory, in the folder
    that DARKNET_PY_WEIGHTS names, in the user's cache.
    """
    if explicit is not None:
        if not Path(explicit).is_file():
            raise ModelError(f"{explicit}: there is no such file")
        return Path(explicit)
    for folder in (Path("weights"), cache_folder()):
        if (folder / name).is_file():
            return folder / name
    return None


def find_cfg(name: str) -> Path:
    """A cfg or names file that comes with darknet-py."""
    package = Path(__file__).resolve().parent.parent
    for folder in (package.parent / "cfg", package / "_data" / "cfg"):
        if (folder / name).is_file():
            return folder / name
    raise ModelError(f"{name} is missing from this installation of darknet-py; install it again")


def locate(model: Model, fetch_missing: bool = False, progress: Progress | None = None) -> Located:
    """Find a model's files; fetch those that are nowhere, if asked to.

    Raises:
        ModelError: with what is missing and where to put it.
    """
    from .fetch import by_hand, fetch_file

    places: dict[str, Path] = {}
    for file in model.files:
        path = find_file(file.name)
        if path is None:
            if not fetch_missing:
                raise ModelError(
                    f"{file.name} is not on this machine. `darknet-py fetch {model.name}`; {by_hand(file)}"
                )
            path = fetch_file(file, progress)
        places[file.name] = path
    names = places.get(model.names) or find_cfg(model.names)
    return Located(find_cfg(model.cfg), places[model.weights], names)
