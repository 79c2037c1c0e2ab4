"""Compiled kernels on disk, believed only when they are what was written.

Numba reads its cache back without a check: a file that a power cut or a full disk left half written ends every command
until somebody deletes it, and a flipped bit in machine code runs. Here a hash stands before the content of each file.
What cannot be read, or is not what was written, counts as not there: the kernel is compiled anew, the file replaced.

Numba has no public way for that. With a version whose insides are not as expected nothing is kept on disk.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pickle
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba

Load = Callable[[Any, Any], Any]
Save = Callable[[Any, Any], None]


def check_cache(dispatcher: Any, sources: str) -> bool:
    """Let what a dispatcher keeps on disk be checked when it is read back.

    Args:
        dispatcher: a compiled function whose caching is enabled.
        sources: a cached kernel is used only if this is what it was when the kernel was saved.

    Returns:
        False if this Numba's caches are not as expected: then the dispatcher must not be used.
    """
    try:
        cache = dispatcher._cache
        cache._cache_file = SealedFiles.instead_of(cache._cache_file, sources)
        cache.load_overload = _or_nothing(cache.load_overload)
        cache.save_overload = _if_it_can(cache.save_overload)
    except (AttributeError, ImportError):
        return False
    return True


def _or_nothing(load: Load) -> Load:
    """A kernel from disk; None if anything at all is wrong with it: it can be compiled."""

    def load_overload(signature: Any, context: Any) -> Any:
        try:
            return load(signature, context)
        except Exception:
            return None

    return load_overload


def _if_it_can(save: Save) -> Save:
    """A kernel that cannot be kept (a full disk, somebody else's file) serves this process all the same."""

    def save_overload(signature: Any, compiled: Any) -> None:
        with contextlib.suppress(OSError, EOFError, pickle.PickleError):
            save(signature, compiled)

    return save_overload


class SealedFiles:
    """The files of one kernel, in the place of Numba's ``IndexDataCacheFile``: an index, and one file per signature.

    Several processes may write at a time: a file is replaced at once and whole, and one of code says what it is of. An
    entry that two writers of an index lost is compiled once more.
    """

    def __init__(self, folder: str, base: str, stamp: Any, dump: Callable[[Any], bytes]) -> None:
        self._folder = folder
        self._base = base
        self._stamp = stamp
        self._dump = dump
        self._index = os.path.join(folder, f"{base}.nbi")

    @classmethod
    def instead_of(cls, file: Any, sources: str) -> SealedFiles:
        """The same files. Raises AttributeError or ImportError if this Numba does not say which."""
        from numba.core.serialize import dumps

        base = str(file._index_name).removesuffix(".nbi")
        return cls(file._cache_path, base, (numba.__version__, file._source_stamp, sources), dumps)

    def load(self, key: Any) -> Any:
        """What was saved under ``key``; None if nothing was, or it is damaged."""
        name = self.entries().get(key)
        return None if name is None else _unseal(os.path.join(self._folder, name), (self._stamp, key))

    def save(self, key: Any, data: Any) -> None:
        """Keep ``data`` under ``key``. Raises OSError if it cannot be written."""
        entries = self.entries()
        name = entries.get(key) or self._name(key)
        self._write(os.path.join(self._folder, name), (self._stamp, key), data)
        if entries.get(key) != name:
            self._write(self._index, self._stamp, {**self.entries(), key: name})

    def flush(self) -> None:
        """Forget all entries."""
        self._write(self._index, self._stamp, {})

    def entries(self) -> dict[Any, str]:
        """Key -> name of its file; empty if there is no index, or one of other sources."""
        return _unseal(self._index, self._stamp) or {}

    def _name(self, key: Any) -> str:
        """By signature and processor, not by what is free: two processes would take the same number for two kernels."""
        about = repr(key[:2]) if isinstance(key, tuple) else repr(key)
        return f"{self._base}.{hashlib.sha256(about.encode()).hexdigest()[:16]}.nbc"

    def _write(self, path: str, about: Any, content: Any) -> None:
        body = self._dump((about, content))
        part = f"{path}.tmp.{uuid.uuid4().hex[:16]}"
        try:
            with open(part, "wb") as file:
                file.write(seal(body))
                file.write(body)
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)  # no file takes the place of a folder
            os.replace(part, path)
        finally:
            with contextlib.suppress(OSError):
                os.unlink(part)


def seal(body: bytes | memoryview) -> bytes:
    """What stands before ``body``: its hash, pickled, so that Numba reads it as the version of another Numba."""
    return pickle.dumps(f"sha256 {hashlib.sha256(body).hexdigest()}", protocol=4)


_SEAL = len(seal(b""))


def _unseal(path: str, about: Any) -> Any:
    """What a file says about ``about``; None if it cannot be read, is not what was written, or is of something else."""
    try:
        if not os.path.isfile(path):  # a pipe in its place would be waited for
            return None
        content = memoryview(Path(path).read_bytes())
        body = content[_SEAL:]
        if content[:_SEAL] != seal(body):
            return None
        found, data = pickle.loads(body)
    except Exception:  # unpickling raises anything; what was written by a version of other types is nothing, too
        return None
    return data if found == about else None
