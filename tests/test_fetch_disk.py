"""Fetching where the disk, or another process, is in the way."""

from __future__ import annotations

import errno
import hashlib
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from darknet_py.errors import ModelError
from darknet_py.zoo import fetch_file, fetching, find_file, lock

from .waiting import wait_until
from .web import BODY, NAME, Page, Recorder, Web, after, environment, fetch_below, files, put_part, remote, serve

SHA256 = hashlib.sha256(BODY).hexdigest()
BY_HAND = (
    "; let DARKNET_PY_WEIGHTS name another folder, or put the file by hand at "
    f"weights/{NAME} (1000019 bytes, sha256 {SHA256})"
)


@pytest.fixture
def web() -> Iterator[Web]:
    with serve() as running:
        running.pages["a"] = Page(BODY)
        yield running


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return fetch_below(tmp_path, monkeypatch)


def program(web: Web) -> list[str]:
    """A process that fetches the file, and prints where it is or why it is not."""
    code = (
        "from darknet_py.zoo import *\nfrom darknet_py.errors import ModelError\n"
        f"file = RemoteFile({NAME!r}, ({len(BODY)},), {{'sha256': {SHA256!r}}}, (UrlSource(({web.url('a')!r},)),))\n"
        "try:\n print(fetch_file(file))\nexcept ModelError as error:\n print(error)"
    )
    return [sys.executable, "-c", code]


# --- the disk ---------------------------------------------------------------------------------------------------------


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("DARKNET_PY_WEIGHTS", str(tmp_path / "file" / "inside"))
    with pytest.raises(ModelError) as caught:
        fetch_file(remote("http://127.0.0.1:1/a"))
    place = tmp_path / "file" / "inside"
    assert str(caught.value) == f"cannot write {place}/{NAME}: Not a directory ({place}){BY_HAND}"


@contextmanager
def without_privileges() -> Iterator[None]:
    """The superuser may write everywhere: be somebody else."""
    if not hasattr(os, "geteuid"):
        pytest.skip("permissions of folders are Unix's")
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        if user == 0:
            os.seteuid(0)


def test_a_folder_that_may_not_be_written_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory() as name:  # pytest's own folders are closed to others
        os.chmod(name, 0o555)
        monkeypatch.setenv("DARKNET_PY_WEIGHTS", name)
        with without_privileges(), pytest.raises(ModelError) as caught:
            fetch_file(remote("http://127.0.0.1:1/a"))
        assert os.listdir(name) == []
    assert str(caught.value) == f"cannot write {name}/{NAME}: Permission denied ({name}/.{NAME}.lock){BY_HAND}"


def test_a_variable_that_names_a_file_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "mine.weights"
    file.write_bytes(b"mine")
    monkeypatch.setenv("DARKNET_PY_WEIGHTS", str(file))
    for call in (lambda: fetch_file(remote("http://127.0.0.1:1/a")), lambda: find_file(NAME)):
        with pytest.raises(ModelError) as caught:
            call()
        assert str(caught.value) == (
            f"DARKNET_PY_WEIGHTS names a file ({file}); let it name the folder that holds the weights"
        )
    assert find_file("", file) == file  # what is named explicitly is not affected
    assert file.read_bytes() == b"mine"


@pytest.mark.parametrize("name", ["~", "~nobody-of-this-name/x"])
def test_a_variable_that_names_a_home(web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    monkeypatch.setenv("DARKNET_PY_WEIGHTS", name)
    place = tmp_path / (
        "home" if name == "~" else name
    )  # as a shell has it: where nobody is of that name, it is a name
    assert fetch_file(remote(web.url("a"))).absolute() == place / NAME


@pytest.mark.parametrize("name", [NAME, f"{NAME}.part"])
def test_a_folder_of_the_files_name_is_one_line(web: Web, folder: Path, name: str) -> None:
    (folder / name / "inside").mkdir(parents=True)
    with pytest.raises(ModelError, match=rf"^cannot write {folder / NAME}: Is a directory.*by hand at [^\n]*$"):
        fetch_file(remote(web.url("a")))


def test_a_disk_without_room_is_told_before_the_download(
    web: Web, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = fetching.shutil.disk_usage(".")
    monkeypatch.setattr(fetching.shutil, "disk_usage", lambda path: usage._replace(free=700_000))
    with pytest.raises(ModelError) as caught:
        fetch_file(remote(web.url("a")))
    assert str(caught.value) == f"cannot write {folder / NAME}: 1.0 MB are needed, but 0.7 MB are free{BY_HAND}"
    assert not web.requests
    put_part(folder, BODY[:400_000])
    fetch_file(remote(web.url("a")))  # the rest does fit


def test_a_drive_that_does_not_know_its_size_is_tried(web: Web, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = fetching.shutil.disk_usage(".")
    monkeypatch.setattr(fetching.shutil, "disk_usage", lambda path: usage._replace(total=0, free=0))
    assert fetch_file(remote(web.url("a"))).read_bytes() == BODY


def test_a_disk_that_fills_up_is_one_line_and_the_part_stays(web: Web, folder: Path) -> None:
    resource = pytest.importorskip("resource", reason="limits of file sizes are Unix's")
    result = subprocess.run(
        program(web), preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000)),
        capture_output=True, text=True, env=environment(), timeout=60, check=False,
    )  # fmt: skip
    assert result.stderr == ""
    assert result.stdout == f"cannot write {folder / NAME}: File too large{BY_HAND}\n"
    assert (folder / f"{NAME}.part").read_bytes() == BODY[:500_000]
    assert fetch_file(remote(web.url("a"))).read_bytes() == BODY


def test_a_disk_that_is_full_only_when_all_is_flushed(web: Web, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(file: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(fetching.os, "fsync", full)
    with pytest.raises(ModelError, match=rf"^cannot write {folder / NAME}: No space left on device; "):
        fetch_file(remote(web.url("a")))
    assert files(folder) == [f"{NAME}.part"]


# --- other processes --------------------------------------------------------------------------------------------------


def test_two_at_once_download_the_file_once(web: Web, folder: Path) -> None:
    gate = threading.Event()
    web.pages["a"] = Page(BODY, hold=gate, hold_after=1000)
    file = remote(web.url("a"))
    first, second = Recorder(), Recorder()
    threads = [threading.Thread(target=fetch_file, args=(file, progress)) for progress in (first, second)]
    threads[0].start()
    wait_until(lambda: web.requests)
    threads[1].start()
    assert second.waited.wait(10)
    assert not first.waited.is_set()
    gate.set()
    for thread in threads:
        thread.join(10)
    assert (folder / NAME).read_bytes() == BODY
    assert len(web.requests) == 1
    assert files(folder) == [NAME]


def test_many_processes_at_once_do_not_get_in_each_others_way(web: Web, folder: Path) -> None:
    running = [subprocess.Popen(program(web), stdout=subprocess.PIPE, text=True, env=environment()) for _ in range(5)]
    assert {process.communicate(timeout=60)[0] for process in running} == {f"{folder / NAME}\n"}
    assert (folder / NAME).read_bytes() == BODY
    assert len(web.requests) == 1
    assert files(folder) == [NAME]


def test_when_the_first_of_two_processes_is_killed_the_second_goes_on_from_its_part(web: Web, folder: Path) -> None:
    web.pages["a"] = [Page(BODY, hold=threading.Event(), hold_after=400_000), Page(BODY)]
    part = folder / f"{NAME}.part"
    first = subprocess.Popen(program(web), env=environment())
    wait_until(lambda: part.exists() and part.stat().st_size == 400_000)
    waiting = Recorder()
    second = threading.Thread(target=fetch_file, args=(remote(web.url("a")), waiting))
    second.start()
    assert waiting.waited.wait(10)
    first.kill()
    first.wait(30)
    second.join(30)
    assert (folder / NAME).read_bytes() == BODY
    assert web.requests == [("a", None), ("a", after(400_000))]
    assert files(folder) == [NAME]


def test_who_gets_a_lock_has_the_one_that_others_will_see(tmp_path: Path) -> None:
    """Its last holder removes the file: one who waited for that file must not think to be alone with it."""
    path = tmp_path / "lock"
    told, held, free = threading.Event(), threading.Event(), threading.Event()
    seen: list[bool] = []

    def wait() -> None:
        with lock.exclusive(path, told.set):
            seen.append(path.exists())
            held.set()
            free.wait(10)

    waiter = threading.Thread(target=wait)
    with lock.exclusive(path, lambda: None):
        waiter.start()
        assert told.wait(10)
    assert held.wait(10)
    third = threading.Event()

    def come_late() -> None:
        with lock.exclusive(path, third.set):
            pass

    late = threading.Thread(target=come_late)
    late.start()
    assert third.wait(10)  # has to wait, too
    free.set()
    waiter.join(10)
    late.join(10)
    assert seen == [True]
    assert not path.exists()


def test_a_lock_that_a_killed_process_has_left_behind_holds_nobody(web: Web, folder: Path) -> None:
    folder.mkdir()
    (folder / f".{NAME}.lock").touch()
    assert fetch_file(remote(web.url("a"))).read_bytes() == BODY
    assert files(folder) == [NAME]


def test_without_locks_each_process_has_its_own_part(web: Web, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(lock: int, wait: bool) -> bool:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(lock, "take_lock", refuse)
    web.pages["a"] = Page(BODY, cuts=[300_000, 0])
    put_part(folder, BODY[:5])
    with pytest.raises(ModelError, match="broke off"):
        fetch_file(remote(web.url("a")))
    assert web.requests[0] == ("a", None)
    assert (folder / f"{NAME}.part").read_bytes() == BODY[:5]
    assert fetch_file(remote(web.url("a"))).read_bytes() == BODY
