"""``run-script``: modules, worker processes, and what the processes below it import."""

from __future__ import annotations

import importlib.util
import os
import pickle
import subprocess
import sys
from multiprocessing import spawn
from pathlib import Path
from typing import Any

import pytest

from darknet_py.compat.bootstrap import hook

from .test_compat_darknet import REGION_NET, Files

ROOT = Path(__file__).resolve().parent.parent

FAKE_CV2 = """
import importlib, sys
if "native" not in sys.path:  # OpenCV imports its library under its own name
    sys.path.append("native")
    package = sys.modules.pop("cv2")
    assert importlib.import_module("cv2") is not None
    sys.modules["cv2"] = package

class error(Exception):
    pass

class dnn:
    class Net: pass
    class Model: pass
    class DetectionModel(Model): pass
    class ClassificationModel(Model): pass
    readNet = staticmethod(lambda *args: dnn.Net())
    NMSBoxes = staticmethod(lambda *args: ())

__version__ = "5.0.0"
"""

WORKERS = """
import multiprocessing, subprocess, sys
import cv2

def engine(_):
    return type(cv2.dnn.readNetFromDarknet("net.cfg", "net.weights")).__module__, cv2.__version__

CHILD = "import cv2, sys; print('child', cv2.dnn.readNetFromDarknet.__module__, cv2.__version__, sys.argv[1:])"

if __name__ == "__main__":
    for method in multiprocessing.get_all_start_methods():
        with multiprocessing.get_context(method).Pool(1) as pool:
            print(method, *pool.map(engine, [0]), flush=True)
    subprocess.run([sys.executable, "-c", CHILD, "a"], check=True)
    subprocess.run([sys.executable, "-c", "import sys; print('unrelated', 'numpy' in sys.modules)"], check=True)
"""


def run(folder: Path, *words: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, filter(None, [ROOT, path])))}
    command = [sys.executable, "-m", "darknet_py", "run-script", *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def test_worker_processes_get_the_same_engine(tmp_path: Path) -> None:
    Files(tmp_path, REGION_NET)
    (tmp_path / "cv2").mkdir()
    (tmp_path / "cv2" / "__init__.py").write_text(FAKE_CV2)
    (tmp_path / "workers.py").write_text(WORKERS)
    chained = tmp_path / "chained"
    chained.mkdir()
    (chained / "sitecustomize.py").write_text("print('another sitecustomize', flush=True)\n")
    done = run(tmp_path, "--as", "opencv4", "workers.py", path=chained)
    lines = done.stdout.splitlines()
    engines = [line for line in lines if "darknet_py.compat.opencv.net" in line]
    assert done.returncode == 0, done.stderr
    assert len(engines) >= 1 and all(line.endswith("('darknet_py.compat.opencv.net', '4.14.0')") for line in engines)
    assert [line.split()[0] for line in engines] == __import__("multiprocessing").get_all_start_methods()
    assert "child darknet_py.compat.opencv.read 4.14.0 ['a']" in lines
    assert "unrelated False" in lines
    assert lines.count("another sitecustomize") >= 4  # ours does not hide it
    assert done.stderr == "darknet-py: the script is shown OpenCV 4.14.0; it runs on OpenCV 5.0.0\n"


FORKED = """
import os, signal, time
from darknet_py.cli import interrupt
interrupt.watch()  # a second time, as where a command calls another
child = os.fork()
if not child:
    while True:
        time.sleep(60)
os.kill(child, signal.SIGTERM)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGTERM)
print(signal.pthread_sigmask(signal.SIG_BLOCK, ()))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_scripts_forked_processes_end_as_their_parent_says(tmp_path: Path) -> None:
    """As a pool of workers ends them: nothing is printed of an interrupt."""
    (tmp_path / "forked.py").write_text(FORKED)
    done = run(tmp_path, "--as", "pjreddie", "forked.py")
    assert (done.returncode, done.stdout, done.stderr) == (0, "True\nset()\n", "")


PACKAGE = """
import sys
import darknet
from multiprocessing import get_context
from . import beside

if __name__ == "__main__":
    print(__package__, sys.argv[1:], beside.VALUE, darknet.bbox2points((10, 10, 4, 4)))
    with get_context("spawn").Pool(1) as pool:
        print(*pool.map(beside.module, [0]))
"""


def test_modules_are_run_as_python_does(tmp_path: Path) -> None:
    (tmp_path / "prog").mkdir()
    (tmp_path / "prog" / "__init__.py").write_text("")
    (tmp_path / "prog" / "__main__.py").write_text(PACKAGE)
    beside = "VALUE = 7\n\ndef module(_):\n    import darknet\n    return darknet.__name__\n"
    (tmp_path / "prog" / "beside.py").write_text(beside)
    (tmp_path / "darknet.py").write_text("raise ImportError('the real one')\n")
    done = run(tmp_path, "--as", "alexeyab", "-m", "prog", "--flag", "x", "-h", "--as", "-m")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "prog ['--flag', 'x', '-h', '--as', '-m'] 7 (8, 8, 12, 12)\ndarknet_py.compat.alexeyab\n"


def test_what_cannot_be_run_is_one_line(tmp_path: Path) -> None:
    from click.testing import CliRunner

    from darknet_py.cli.run_script import run_script

    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "__init__.py").write_text("")
    done = run(tmp_path, "--as", "pjreddie", "-m", "empty")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: No module named empty.__main__;") and done.stderr.count("\n") == 1
    ask = CliRunner().invoke
    assert "-m needs the name of a module" in ask(run_script, ["--as", "pjreddie", "-m"]).output
    assert "File 'none.py' does not exist." in ask(run_script, ["--as", "pjreddie", "none.py"]).output
    assert "is a folder." in ask(run_script, ["--as", "pjreddie", str(tmp_path)]).output


@pytest.fixture
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that the hook changes in a process goes back to what it was."""
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.setattr(spawn, "get_preparation_data", spawn.get_preparation_data)
    monkeypatch.setenv("PYTHONPATH", os.environ.get("PYTHONPATH", ""))
    monkeypatch.setenv(hook.VARIABLE, "")
    for name in ("cv2", "darknet"):
        monkeypatch.delitem(sys.modules, name, raising=False)


@pytest.mark.usefixtures("clean")
def test_isolated_workers_are_told_by_multiprocessing() -> None:
    # python -I reads no variables, and neither do its workers.
    hook.begin("alexeyab")
    assert os.environ["PYTHONPATH"].split(os.pathsep)[0] == str(Path(hook.__file__).parent)
    data: dict[str, Any] = spawn.get_preparation_data("worker")
    pickle.loads(pickle.dumps(data["darknet_py"]))
    import darknet  # type: ignore[import-not-found]

    assert darknet.__name__ == "darknet_py.compat.alexeyab"
    hook.begin("alexeyab")
    assert os.environ["PYTHONPATH"].count("bootstrap") == 1


@pytest.mark.usefixtures("clean")
def test_a_python_without_the_engine_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == "darknet_py" else find(name, *a))
    (tmp_path / "darknet.py").write_text("real = True\n")
    (tmp_path / "cv2.py").write_text("real = True\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    for flavour, name in (("alexeyab", "darknet"), ("opencv", "cv2")):
        hook.start(f"{flavour} /another/prefix")
        assert importlib.import_module(name).real  # unrelated programs are not stopped
        told = capsys.readouterr().err
        assert told.count("\n") == 1 and f"has no darknet_py; its {name} is the original" in told
        sys.meta_path[:] = [finder for finder in sys.meta_path if not hasattr(finder, "carries_engine")]
