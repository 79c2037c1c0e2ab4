"""How kernels are compiled and kept."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from llvmlite.binding.newpassmanagers import ModulePassManager

import darknet_py
from darknet_py.kernels.runtime import jit, objects, turns
from darknet_py.kernels.runtime.jit import Kernel, kernel
from darknet_py.kernels.runtime.objects import SUFFIX, seal
from darknet_py.kernels.runtime.processor import host
from darknet_py.kernels.vector.tile import host_tile

SCRIPT = """
import sys
import numpy as np
from darknet_py.kernels.layers.binary import binarize_input
from darknet_py.kernels.runtime.atomic import new_queue
out, x = np.zeros(1, np.float32), np.full(1, -8, np.float32)
binarize_input(new_queue(1), out, x)
print(out[0], binarize_input.compiled, "numba" in sys.modules)
"""


def test_a_change_in_any_file_of_kernels_is_seen_by_kept_ones(tmp_path: Path) -> None:
    package = tmp_path / "darknet_py"
    shutil.copytree(Path(darknet_py.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "NUMBA_CACHE_DIR": str(tmp_path / "cache")}

    def run() -> str:
        command = [sys.executable, "-c", SCRIPT]
        result = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True)
        return result.stdout.strip()

    assert run() == "-1.0 1 True"
    assert run() == "-1.0 0 False", "linked without Numba"
    files = sorted((tmp_path / "cache").rglob(f"*{SUFFIX}"))
    other = package / "kernels" / "layers" / "pooling.py"
    other.write_text(other.read_text() + "\n# changed\n")
    assert run() == "-1.0 1 True", "a kernel may call what has changed: it is compiled anew"
    assert sorted((tmp_path / "cache").rglob(f"*{SUFFIX}")) == files, "and takes the old one's place"


def test_the_processor_is_the_one_that_numba_compiles_for() -> None:
    from numba.core.registry import cpu_target

    assert host() == cpu_target.target_context.codegen().magic_tuple()


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
    "a bit in the hash": lambda content: _flip(content, 40),
    "a bit in front": lambda content: _flip(content, 70),
    "a bit behind": lambda content: _flip(content, len(content) - 300),
    "something else, sealed": lambda content: _sealed(json.dumps([1, 2]).encode()),
    "no text, sealed": lambda content: _sealed(b"\xff" + content[65:]),
    "another kernel, sealed": lambda content: _sealed(content[64:].replace(b"<f4", b"<f8", 1)),
    "stale, sealed": lambda content: _sealed(content[64:].replace(objects.SOURCES.encode(), b"0" * 64, 1)),
}


def _sealed(body: bytes) -> bytes:
    return seal(body) + body


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
        add = kernel(self.add)
        out, x = np.full(3, 2, dtype), np.arange(3, dtype=dtype)
        add(out, x)
        assert out.tolist() == [2, 3, 4]
        return int(add.compiled)

    @property
    def file(self) -> Path:
        (path,) = self.cache.glob(f"*{SUFFIX}")
        return path


@pytest.fixture(autouse=True)
def own_folders(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Kernels are kept beside their modules, or in a folder of a user's own, whatever the environment says."""
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("user")))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Small:
    return Small(tmp_path_factory.mktemp("small"))


@pytest.fixture
def warm(small: Small) -> Small:
    """With a kernel on disk."""
    small.compiled()
    assert small.compiled() == 0
    return small


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_damaged_or_stale_is_compiled_anew_and_replaced(warm: Small, damage: str) -> None:
    whole = warm.file.read_bytes()
    damaged = DAMAGES[damage](whole)
    assert damaged != whole
    warm.file.write_bytes(damaged)
    assert warm.compiled() == 1
    assert warm.compiled() == 0
    assert warm.file.read_bytes()[:64] == seal(warm.file.read_bytes()[64:])
    assert not list(warm.cache.glob("*.tmp.*"))


def test_what_is_no_file_or_not_ours_in_its_place(warm: Small) -> None:
    path = warm.file
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


def test_a_folder_that_is_read_only_serves_and_another_one_is_written_to(
    warm: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, forbidden = Path.write_bytes, [warm.cache]

    def refuse(self: Path, content: Any) -> int:
        if self.parent in forbidden:
            raise PermissionError(13, "Permission denied", str(self))
        return write(self, content)

    monkeypatch.setattr(Path, "write_bytes", refuse)
    assert warm.compiled() == 0
    warm.file.unlink()
    assert (warm.compiled(), warm.compiled()) == (1, 0), "from the user's folder"
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null")
    assert (warm.compiled(), warm.compiled()) == (1, 1), "nowhere"


def test_a_user_without_a_home_folder(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(cls: type[Path]) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", classmethod(unknown))
    small.compiled()
    assert small.compiled() == 0, "beside the module"


def test_a_file_that_cannot_be_read(warm: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    read, path = Path.read_bytes, warm.file

    def forbidden(self: Path) -> bytes:
        if self == path:
            raise PermissionError(13, "Permission denied", str(self))
        return read(self)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", forbidden)
        assert warm.compiled() == 1
    assert warm.compiled() == 0


Pair = namedtuple("Pair", "first second")


def everything(out, array, whole, real, single, flag, pair, tile):
    out[0] = array[1, 0]
    out[1] = whole + pair.first
    out[2] = real * single
    out[3] = tile.lanes
    out[4] = pair.second[2]
    return flag


def whole_number(x):
    return x.size - 5


def real_number(x, i):
    return x[i] / 2


def two_numbers(x):
    return x.size, 1


def test_arguments_and_results_of_all_types() -> None:
    out = np.zeros(5)
    array = np.arange(12, dtype=np.int16).reshape(3, 4)[:, ::2]
    pair = Pair(np.int32(-7), np.arange(3, dtype=np.uint8))
    made: Kernel = kernel(everything)
    arguments = (out, array, 2**40, 0.5, np.float32(3), np.bool_(True), pair, host_tile())
    assert made(*arguments) is True
    assert out.tolist() == [4, 2**40 - 7, 1.5, host_tile().lanes, 2]
    assert made.native(arguments) is not None
    assert made(out, array, 1, 0.5, np.float32(3), False, pair, host_tile()) is False
    assert kernel(whole_number)(np.zeros(3)) == -2
    assert kernel(real_number)(np.arange(3.0), np.int64(1)) == 0.5


def test_what_only_numba_can_pass_goes_through_numba() -> None:
    made: Kernel = kernel(two_numbers)
    assert made(np.zeros(3)) == (3, 1)
    assert made.native((np.zeros(3),)) is None
    scale = 3

    def closure(x: Any) -> Any:
        return x * scale

    assert kernel(closure)(2) == 6
    with pytest.raises(Exception, match="Cannot determine Numba type"):
        kernel(whole_number)(object())


@kernel
def alone(out):
    for i in range(out.size):
        out[i] *= 3


@kernel
def calls_one(out):
    alone(out)
    out[0] += 1


@kernel
def calls_others(out):
    calls_one(out)
    alone(out)


def test_what_a_kernel_calls_is_optimised_once_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from darknet_py.kernels.runtime.compiling import make_object

    run, runs = ModulePassManager.run, []

    def counted(passes: Any, module: Any, *others: Any) -> Any:
        runs.append(len(list(module.functions)))
        return run(passes, module, *others)

    monkeypatch.setattr(ModulePassManager, "run", counted)
    counts = []
    for function in (alone, alone, calls_others):  # the first time Numba compiles what is its own
        runs.clear()
        assert make_object(function, "symbol", (np.ones(4),)) is not None
        counts.append(len(runs))
    out = np.ones(4)
    calls_others(out)
    assert out.tolist() == [12, 9, 9, 9]
    assert counts[1] == counts[2] > 0, "not once for each function, with all that it calls"


def test_kinds_tell_types_apart() -> None:
    x = np.zeros((2, 4), np.float32)
    frozen = x.copy()
    frozen.flags.writeable = False
    distinct = [
        x, x[0], x.T, x[:, ::2], frozen, x.astype(np.float64), x.view(np.int32), x.view(np.uint32), 1, 1.0, True,
        np.int32(1), np.float32(1), (1, 2), (1, 2.0), (1,), Pair(1, 2), host_tile(), host_tile().contracted,
    ]  # fmt: skip
    kinds = {repr(jit.kind_of(value)) for value in distinct}
    assert len(kinds) == len(distinct)
    assert jit.kind_of(1) == jit.kind_of(np.int64(2)) and jit.kind_of(1.0) == jit.kind_of(np.float64(2))
    for value in (None, "text", [1], x.astype(">f4"), x.astype(np.complex64), np.zeros(1, object)):
        with pytest.raises(TypeError):
            jit.kind_of(value)


PROCESS = """
import numpy as np
import small
from darknet_py.kernels.runtime.jit import kernel
add = kernel(small.add)
for dtype in (np.float32, np.float64, np.int32):
    out = np.zeros(2, dtype)
    add(out, np.arange(2, dtype=dtype))
    assert out.tolist() == [0, 1]
print(add.compiled)
"""


@pytest.mark.slow
def test_processes_that_start_at_once_share_a_folder(tmp_path: Path) -> None:
    Small(tmp_path)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(Path(__file__).parent.parent)])}

    def start() -> subprocess.Popen[str]:
        return subprocess.Popen([sys.executable, "-c", PROCESS], env=environment, stdout=subprocess.PIPE, text=True)

    counts = []
    for process in [start() for _ in range(4)]:
        counts.append(int(process.communicate(timeout=300)[0]))
        assert process.returncode == 0
    assert sum(counts) == 3, "one process compiles a kernel, and the others wait for it"
    assert start().communicate(timeout=300)[0].strip() == "0"


TURN = """
import sys
from pathlib import Path
from darknet_py.kernels.runtime.turns import turn
with turn([Path(sys.argv[1])], "a"):
    print("mine", flush=True)
    sys.stdin.read()
"""


def test_another_process_is_waited_for_while_it_lives_and_compiles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kernels of other names are free. Who waits counts as compiling: that may take as long."""
    heard: list[str] = []

    class Listener:
        def on_start(self) -> None:
            heard.append("begin")

        def on_end(self) -> None:
            heard.append("end")

    def let_go_on(seconds: float) -> None:
        other.kill()
        other.wait()

    monkeypatch.setattr(turns, "listeners", [Listener()])
    environment = {**os.environ, "PYTHONPATH": str(Path(darknet_py.__file__).parent.parent)}
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", TURN, str(tmp_path)], env=environment, **pipes) as other:
        assert other.stdout is not None and other.stdout.readline() == "mine\n"
        with turns.turn([tmp_path], "b") as waited:
            assert not waited and heard == []
        monkeypatch.setattr(turns, "PATIENCE", 0.0)
        with turns.turn([tmp_path], "a") as waited:
            assert waited and heard == ["begin", "end"], "it is not waited for forever"
        monkeypatch.setattr(turns, "PATIENCE", 60.0)
        monkeypatch.setattr(turns.time, "sleep", let_go_on)
        with turns.turn([tmp_path], "a") as waited:
            assert waited and other.returncode is not None
        with turns.turn([tmp_path], "a") as waited:
            assert not waited, "what a process had it has no longer when it has ended"


def test_nobody_waits_where_there_are_no_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(file: int, byte: int) -> bool:
        raise OSError(37, "No locks available")

    (tmp_path / "file").touch()
    with turns.turn([tmp_path / "file"], "a") as waited:
        assert not waited, "there is no folder"
    monkeypatch.setattr(turns, "take", refuse)
    with turns.turn([tmp_path], "a") as waited:
        assert not waited


MODULES = """
import importlib, pkgutil, sys
import darknet_py.kernels as kernels
for module in pkgutil.walk_packages(kernels.__path__, "darknet_py.kernels."):
    if not module.name.endswith(("runtime.compiling", "runtime.numba_types")):
        importlib.import_module(module.name)
        assert "numba" not in sys.modules, module.name
"""


def test_no_module_with_kernels_imports_numba() -> None:
    """Nor does it use something of Numba's while it is imported."""
    root = Path(darknet_py.__file__).parent.parent
    subprocess.run([sys.executable, "-c", MODULES], check=True, env={**os.environ, "PYTHONPATH": str(root)})
