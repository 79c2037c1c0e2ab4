"""How kernels are compiled."""

from __future__ import annotations

import importlib.util
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import numba
import numba.core.caching
import numpy as np
import pytest
from numba.core import config

import darknet_py
from darknet_py.kernels.runtime.cache import SealedFiles, seal
from darknet_py.kernels.runtime.jit import kernel

SCRIPT = """
import numpy as np
from darknet_py.kernels.layers.binary import binarize_input
from darknet_py.kernels.runtime.atomic import new_queue
out, x = np.zeros(1, np.float32), np.full(1, -8, np.float32)
binarize_input(new_queue(1), out, x)
print(out[0], sum(binarize_input.stats.cache_hits.values()))
"""


def test_a_change_in_any_file_of_kernels_is_seen_by_cached_ones(tmp_path: Path) -> None:
    package = tmp_path / "darknet_py"
    shutil.copytree(Path(darknet_py.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "NUMBA_CACHE_DIR": str(tmp_path / "cache")}

    def run() -> str:
        command = [sys.executable, "-c", SCRIPT]
        result = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True)
        return result.stdout.strip()

    assert run() == "-1.0 0"
    assert run() == "-1.0 1"
    other = package / "kernels" / "layers" / "pooling.py"
    other.write_text(other.read_text() + "\n# changed\n")
    assert run() == "-1.0 0", "a kernel may call what has changed: it is compiled anew"


SMALL = """
def add(out, x):
    for i in range(x.size):
        out[i] += x[i]
"""

DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "half": lambda content: content[: len(content) // 2],
    "one byte short": lambda content: content[:-1],
    "zeros": lambda content: bytes(len(content)),
    "noise": lambda content: np.random.RandomState(1).bytes(len(content)),
    "a bit in front": lambda content: _flip(content, 3),
    "a bit in the hash": lambda content: _flip(content, 40),
    "a bit behind": lambda content: _flip(content, len(content) - 300),
    "what Numba itself writes": lambda content: pickle.dumps(numba.__version__) + pickle.dumps(((1.0, 2), {})),
    "something else, sealed": lambda content: seal(body := pickle.dumps([1, 2, 3])) + body,
    "another kernel, sealed": lambda content: seal(body := pickle.dumps(((("0", 1, "2"), "key"), "code"))) + body,
}


def _flip(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 0x10]) + content[at + 1 :]


class Small:
    """A kernel in a folder of its own, loaded anew as by another process."""

    def __init__(self, folder: Path) -> None:
        path = folder / "small.py"
        path.write_text(SMALL)
        spec = importlib.util.spec_from_file_location("small", path)
        assert spec and spec.loader
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        self.add = module.add
        self.cache = folder / "__pycache__"

    def compiled(self, dtype: type = np.float32) -> int:
        """Run the kernel; how often it was compiled."""
        with mock.patch.object(
            config, "CACHE_DIR", ""
        ):  # the cache is beside the module, whatever the environment says
            add = kernel(self.add)
        out, x = np.full(3, 2, dtype), np.arange(3, dtype=dtype)
        add(out, x)
        assert out.tolist() == [2, 3, 4]
        assert sum(add.stats.cache_hits.values()) + sum(add.stats.cache_misses.values()) == 1
        return sum(add.stats.cache_misses.values())

    def file(self, suffix: str) -> Path:
        (path,) = self.cache.glob(f"*{suffix}")
        return path


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """With a kernel in its cache."""
    small = Small(tmp_path_factory.mktemp("small"))
    assert small.compiled() == 1
    assert small.compiled() == 0
    return small


@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_cache_is_compiled_anew_and_replaced(warm: Small, suffix: str, damage: str) -> None:
    path = warm.file(suffix)
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    assert warm.compiled() == 1
    assert warm.compiled() == 0
    assert not list(warm.cache.glob("*.tmp.*"))


@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
def test_what_is_no_file_or_not_ours_in_a_caches_place(warm: Small, suffix: str) -> None:
    path = warm.file(suffix)
    path.unlink()
    (path / "below").mkdir(parents=True)
    assert (warm.compiled(), warm.compiled()) == (1, 0), "a folder"
    path.unlink()
    path.symlink_to(path.with_name("nowhere"))
    assert (warm.compiled(), warm.compiled()) == (1, 0), "a link to nothing"
    if hasattr(os, "mkfifo"):
        path.unlink()
        os.mkfifo(path)
        assert (warm.compiled(), warm.compiled()) == (1, 0), "a pipe"


@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
def test_a_cache_that_cannot_be_read_or_written(warm: Small, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(warm.file(suffix))
    read, replace = Path.read_bytes, os.replace

    def forbidden_read(self: Path) -> bytes:
        if str(self) == path:
            raise PermissionError(13, "Permission denied", path)
        return read(self)

    def forbidden_replace(source: str, target: str) -> None:
        if target == path:
            raise PermissionError(1, "Operation not permitted", target)
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", forbidden_read)
        patch.setattr(os, "replace", forbidden_replace)
        assert warm.compiled() == 1
        assert warm.compiled() == 1, "somebody else's: it can neither be read nor replaced"
    assert not list(warm.cache.glob("*.tmp.*"))
    assert warm.compiled() == 0


def test_two_processes_that_write_a_cache_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def files() -> SealedFiles:
        return SealedFiles(str(tmp_path), "kernel-1.py311", "stamp", pickle.dumps)

    keys = [(f"signature {number}", "processor", "bytecode") for number in range(2)]
    with monkeypatch.context() as patch:
        patch.setattr(SealedFiles, "entries", lambda self: {})  # both read the index before either has written
        for number, key in enumerate(keys):
            files().save(key, f"code {number}")
    assert files().load(keys[0]) is None, "its entry is lost: it is compiled once more"
    files().save(keys[0], "code 0")
    assert [files().load(key) for key in keys] == ["code 0", "code 1"]
    assert len(list(tmp_path.glob("*.nbc"))) == 2
    other = SealedFiles(str(tmp_path), "kernel-1.py311", "another stamp", pickle.dumps)
    assert other.load(keys[0]) is None


def test_without_numbas_insides_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = Small(tmp_path)
    monkeypatch.setattr(numba.core.caching, "IndexDataCacheFile", lambda **options: None)
    add = kernel(small.add)
    out = np.zeros(2, np.float32)
    add(out, np.ones(2, np.float32))
    assert out.tolist() == [1, 1]
    assert add.stats.cache_path is None
    assert not list(tmp_path.rglob("*.nb?"))


PROCESS = """
import numpy as np
import small
from darknet_py.kernels.runtime.jit import kernel
add = kernel(small.add)
for dtype in (np.float32, np.float64, np.int32):
    out = np.zeros(2, dtype)
    add(out, np.arange(2, dtype=dtype))
    assert out.tolist() == [0, 1]
print(sum(add.stats.cache_misses.values()))
"""


@pytest.mark.slow
def test_processes_that_start_at_once_share_a_cache(tmp_path: Path) -> None:
    Small(tmp_path)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(Path(__file__).parent.parent)])}

    def start() -> subprocess.Popen[str]:
        return subprocess.Popen([sys.executable, "-c", PROCESS], env=environment, stdout=subprocess.PIPE, text=True)

    for process in [start() for _ in range(4)]:
        assert process.communicate(timeout=300)[0].strip() in {"0", "1", "2", "3"} and process.returncode == 0
    lost = [int(start().communicate(timeout=300)[0]) for _ in range(4)]
    assert lost == sorted(lost, reverse=True) and lost[-1] == 0, "entries that were lost are added one start later"
