"""Starting up: what is imported, what is compiled and when, and where that is kept."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from darknet_py.errors import DarknetError
from darknet_py.kernels.runtime.jit import kernel
from darknet_py.kernels.vector.dots import word_tile
from darknet_py.kernels.vector.tile import HALVES, host_tile
from darknet_py.synth import write_synth
from darknet_py.warmup import (
    ANNOUNCING,
    NOTICE,
    NOTICE_EACH,
    USUAL,
    announce_compiling,
    bar_text,
    cache_folder,
    kernels,
    need_profiles,
    usable_profiles,
    warm_up,
)  # fmt: skip

from .nets import net, write_cfg
from .program import answer
from .test_cli import NET, run

REPOSITORY = Path(__file__).parent.parent
PHOTO = REPOSITORY / "tests" / "data" / "photos" / "chelsea.jpg"

LIGHT = net(3, 64, 64, "maxpool size=2 stride=2", "route layers=-1,-1,-1,-1", "yolo classes=1 num=2 anchors=9,9,20,30")
"""A network whose kernels are compiled in seconds: it has no convolution."""

HEAVY = {"numpy", "numba", "llvmlite", "scipy", "cv2", "PIL", "platformdirs", "multiprocessing"}


def imported(*arguments: str, cwd: Path | None = None) -> set[str]:
    """Modules that a command has imported by its end, and the packages they are in."""
    program = (
        "import atexit, sys\n"
        "atexit.register(lambda: print('MODULES', *sys.modules, *{name.partition('.')[0] for name in sys.modules}))\n"
        f"sys.argv[1:] = {list(arguments)!r}\n"
        "from darknet_py.__main__ import main\n"
        "main()\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=cwd, check=True,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )  # fmt: skip
    return set(result.stdout.splitlines()[-1].split()[1:])


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--version"], ["detect", "--help"], ["bench", "--help"], ["warmup", "--help"]],
    ids=" ".join,
)
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    found = imported(*arguments)
    assert "darknet_py" in found and "click" in found
    assert not found & HEAVY


def test_detect_imports_no_opencv_and_nothing_of_the_benchmark(tmp_path: Path) -> None:
    write_synth(write_cfg(tmp_path, NET), tmp_path / "net.weights")
    found = imported("detect", str(PHOTO), "--cfg", "net.cfg", "--weights", "net.weights", cwd=tmp_path)
    assert "llvmlite" in found
    found = imported("detect", str(PHOTO), "--cfg", "net.cfg", "--weights", "net.weights", cwd=tmp_path)
    assert "llvmlite" in found
    assert not found & {"numba", "scipy"}, "all kernels are on disk now"
    assert not found & {"cv2", "matplotlib", "urllib3", "requests", "ssl"}
    assert "darknet_py.layers.yolo" in found and "darknet_py.plan.ops.convolutional" in found
    assert not found & {"darknet_py.layers.conv_lstm", "darknet_py.plan.ops.int8", "darknet_py.detect.yolov1"}


def test_a_model_that_is_here_needs_nothing_that_downloads(tmp_path: Path) -> None:
    (tmp_path / "yolov3-tiny.weights").write_bytes(b"found, not read")
    program = (
        "import sys; from darknet_py.cli.download_bar import TerminalProgress; from darknet_py.zoo import find_model\n"
        "print(find_model('yolov3-tiny', True, TerminalProgress()).weights)\n"
        "print(*{'ssl', 'urllib.request', 'http.client', 'email'} & set(sys.modules))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "DARKNET_PY_WEIGHTS": str(tmp_path)}
    command = [sys.executable, "-c", program]
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=True, env=environment)
    assert result.stdout.splitlines() == [str(tmp_path / "yolov3-tiny.weights"), ""]


def test_cycles_are_looked_for_again_once_a_command_has_started() -> None:
    program = (
        "import gc; from darknet_py.__main__ import STARTING, start_quickly\n"
        "usual = gc.get_threshold(); start_quickly(); start_quickly()\n"
        "assert gc.get_threshold()[0] == STARTING and len(gc.callbacks) == 1\n"
        "kept = [[] for _ in range(STARTING + 1000)]\n"
        "assert gc.get_threshold() == usual and not gc.callbacks\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, env={**os.environ, "PYTHONPATH": str(REPOSITORY)})


def test_a_warm_up_leaves_nothing_to_compile(tmp_path: Path) -> None:
    lines: list[str] = []
    before = {name: kernel.by_numba for name, kernel in kernels().items()}
    first = warm_up(report=lines.append)
    assert [re.sub(r": \d+ compiled, \d+\.\d s$", "", line) for line in lines] == [
        "[1/3] pictures", "[2/3] networks, math ieee", "[3/3] AlexeyAB's Darknet, math ieee",
    ]  # fmt: skip
    assert first.folder == cache_folder() and first.folder is not None and first.folder.is_dir()
    said = answer("warmup", cwd=tmp_path).out.decode()
    assert said == f"All kernels were compiled before, kept below {first.folder}\n"
    called = [name for name, kernel in kernels().items() if kernel.by_numba > before.get(name, 0)]
    assert not called, "these would be compiled each time"


def test_profiles_are_checked() -> None:
    assert need_profiles(["all"]) == usable_profiles()
    assert "ieee" in usable_profiles()
    assert "'make-own', 'int8', 'bf16', 'all'" in run("warmup", "--math", "fuzzy", code=2).stderr
    with pytest.raises(DarknetError, match="choose from ieee, make"):
        need_profiles(["fuzzy"])


@pytest.mark.slow
def test_the_notice_comes_once_and_only_when_something_is_compiled(tmp_path: Path) -> None:
    write_synth(write_cfg(tmp_path, LIGHT), tmp_path / "net.weights")
    command = ("detect", PHOTO, PHOTO, "--cfg", "net.cfg", "--weights", "net.weights", "--json", "-")
    cold = run(*command, cwd=tmp_path, NUMBA_CACHE_DIR=str(tmp_path / "cache"))
    assert cold.stderr.splitlines().count(NOTICE) == 1 and cold.stderr.startswith(NOTICE)
    warm = run(*command, cwd=tmp_path, NUMBA_CACHE_DIR=str(tmp_path / "cache"))
    assert NOTICE not in warm.stderr
    assert warm.stdout == cold.stdout


class Screen(io.StringIO):
    """A stream that counts as a terminal, or not."""

    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


@pytest.mark.parametrize("terminal", [True, False])
def test_a_terminal_shows_how_many_kernels_are_compiled(terminal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ANNOUNCING, "given", False)
    monkeypatch.setattr("darknet_py.warmup.compile_aside", lambda: None)
    screen, said = Screen(terminal), list[str]()
    before = ANNOUNCING.listener
    announce_compiling(said.append, screen)
    try:
        one = 1  # closures are not kept on disk
        outer, inner = kernel(lambda x: x + one), kernel(lambda x: x * 2 * one)
        outer(1)
        assert said in ([NOTICE], [NOTICE_EACH])
        once = f"\r\033[K{bar_text(1)}\r\033[K" if terminal else ""
        assert screen.getvalue() == once
        inner(1)
        assert screen.getvalue() == once + (f"\r\033[K{bar_text(2)}\r\033[K" if terminal else "")
        announce_compiling(said.append, screen)  # of a second detector
        kernel(lambda x: x - one)(1)
        assert len(said) == 1
    finally:
        announce_compiling(lambda text: None)
        assert before is not ANNOUNCING.listener


def test_the_bar_goes_on_beyond_the_usual_number() -> None:
    assert bar_text(0) == f"[{'-' * 30}] 0 of about {USUAL} kernels"
    assert bar_text(USUAL).startswith(f"[{'#' * 30}] {USUAL} of")
    assert bar_text(USUAL + 1) == f"[{'#' * 30}] {USUAL + 1} kernels"


ALL_KERNELS = """
import importlib, pkgutil, sys
from pathlib import Path
import darknet_py
for module in pkgutil.walk_packages(darknet_py.__path__, "darknet_py."):
    if not module.name.startswith("darknet_py.bench") and not module.name.endswith(("__main__", ".sitecustomize")):
        importlib.import_module(module.name)
from darknet_py.warmup import kernels
files = {path.name for path in Path(sys.argv[1]).rglob("*.kernel")}
found = {name: kernel for name, kernel in kernels().items() if hasattr(kernel, "work")}  # others are parts of these
assert len(found) > 60, len(found)
for name, kernel in found.items():
    base = f"{kernel.__name__}."
    if not any(file.startswith(base) for file in files):
        print(name)
"""


@pytest.mark.slow
def test_a_warm_up_compiles_every_kernel_for_everything(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    environment = {"NUMBA_CACHE_DIR": str(cache)}
    out = run("warmup", "--math", "all", "--training", **environment).stdout
    assert re.fullmatch(rf"\d+ kernels compiled in [\d.]+ s, kept below {re.escape(str(cache / 'darknet-py'))}\n", out)
    missing = subprocess.run(
        [sys.executable, "-c", ALL_KERNELS, str(cache)], capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), **environment},
    )  # fmt: skip
    tiles = [] if word_tile(host_tile()).bytes == HALVES else ["darknet_py.kernels.int8.winograd.winograd_int8"]
    assert missing.stdout.split() == tiles
    compiled = sorted(cache.rglob("*.kernel"))
    for cfg, command in (("yolov3-tiny", "detect"), ("yolov2-tiny-voc", "detect"), ("darknet19", "classify")):
        weights = tmp_path / f"{cfg}.weights"
        write_synth(REPOSITORY / "cfg" / f"{cfg}.cfg", weights)
        for math in ["ieee", "make"] if command == "detect" and "make" in usable_profiles() else ["ieee"]:
            for threads in (1, 2):
                own = ("--cfg", REPOSITORY / "cfg" / f"{cfg}.cfg", "--weights", weights, "--size", 96)
                run(command, PHOTO, *own, "--math", math, "--threads", threads, cwd=tmp_path, **environment)
        weights.unlink()
    for golden in sorted((REPOSITORY / "tests" / "data" / "golden").glob("*.cfg")):
        shutil.copy(golden, tmp_path)
        for tree in golden.parent.glob("*.tree"):
            shutil.copy(tree, tmp_path)
        write_synth(tmp_path / golden.name, tmp_path / "golden.weights")
        run("trace", golden.name, "golden.weights", PHOTO, cwd=tmp_path, **environment)
    assert sorted(cache.rglob("*.kernel")) == compiled


@pytest.mark.slow
def test_two_cold_processes_and_another_processor_share_a_cache(tmp_path: Path) -> None:
    write_synth(write_cfg(tmp_path, LIGHT), tmp_path / "net.weights")
    command = [
        sys.executable, "-m", "darknet_py", "detect", str(PHOTO), "--cfg", "net.cfg", "--weights", "net.weights",
        "--json", "-", "--thresh", "0.1",
    ]  # fmt: skip
    shared = {**os.environ, "PYTHONPATH": str(REPOSITORY), "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    older = {**shared, "NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""}
    for attempt in ("cold", "warm"):
        processes = [
            subprocess.Popen([*command, "-o", f"{i}.jpg"], env=environment, cwd=tmp_path, text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            for i, environment in enumerate((shared, shared, older))
        ]  # fmt: skip
        answers = [process.communicate(timeout=300) for process in processes]
        assert [process.returncode for process in processes] == [0, 0, 0], answers
        assert len({out for out, _ in answers}) == 1
        assert all((NOTICE in err) == (attempt == "cold") for _, err in answers)


@pytest.fixture
def installation(tmp_path: Path) -> Path:
    """A copy of the package beside which nobody can keep anything, not even root: files stand where folders must."""
    site = tmp_path / "site"
    shutil.copytree(REPOSITORY / "darknet_py", site / "darknet_py", ignore=shutil.ignore_patterns("__pycache__"))
    for folder in [path for path in site.rglob("*") if path.is_dir()]:
        (folder / "__pycache__").touch()
    return site


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the user's cache folder as Linux has it")
def test_a_read_only_installation_keeps_kernels_in_the_users_folder(installation: Path, tmp_path: Path) -> None:
    own = {key: value for key, value in os.environ.items() if not key.startswith("NUMBA_")}
    own |= {"PYTHONPATH": str(installation), "XDG_CACHE_HOME": str(tmp_path / "own")}
    write_synth(write_cfg(tmp_path, LIGHT), tmp_path / "net.weights")

    def started(*words: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, *map(str, words)]
        return subprocess.run(command, env=own, cwd=tmp_path, capture_output=True, text=True, check=True)

    detect = ("-m", "darknet_py", "detect", PHOTO, "--cfg", "net.cfg", "--weights", "net.weights")
    first, second = started(*detect), started(*detect)
    assert first.stderr.startswith(NOTICE) and NOTICE not in second.stderr
    folder = Path(started("-c", "from darknet_py.warmup import cache_folder; print(cache_folder())").stdout.strip())
    assert tmp_path / "own" in folder.parents and len(list(folder.glob("*.kernel"))) > 5


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the user's cache folder as Linux has it")
def test_without_any_place_kernels_are_compiled_each_time(installation: Path, tmp_path: Path) -> None:
    write_synth(write_cfg(tmp_path, LIGHT), tmp_path / "net.weights")
    command = ("detect", PHOTO, "--cfg", "net.cfg", "--weights", "net.weights")
    places = {"PYTHONPATH": str(installation), "XDG_CACHE_HOME": "/dev/null/cache", "NUMBA_CACHE_DIR": ""}
    result = subprocess.run(
        [sys.executable, "-m", "darknet_py", *map(str, command)], env={**os.environ, **places}, cwd=tmp_path,
        capture_output=True, text=True,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    lines = result.stderr.splitlines()
    assert lines[0] == NOTICE_EACH and lines.count(NOTICE_EACH) == 1 and "Predicted in" in result.stdout


def test_kernels_are_found_by_their_full_names() -> None:
    import darknet_py.kernels.layers.pooling

    assert kernels()["darknet_py.kernels.layers.pooling.maxpool"] is darknet_py.kernels.layers.pooling.maxpool
