"""What reaches a terminal: hostile names as escapes; pipes and files get every byte; our own bars still move."""

from __future__ import annotations

import io
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

import darknet_py
from darknet_py import __main__
from darknet_py.cli.bench import status
from darknet_py.cli.inputs import progress
from darknet_py.legacy.progress import counted
from darknet_py.terminal import control, one_line, protect, visible

EVIL = "\x1b[31mred\x1b[0m \x1b]0;title\x07 \r\x9b2J \x7f \u202egnp"
SHOWN = r"\x1b[31mred\x1b[0m \x1b]0;title\x07 \r\x9b2J \x7f \u202egnp"


@contextmanager
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], str]]:
    """Standard output and error are a terminal, protected; the value gives what came there since last asked.

    (Not a fixture: pytest puts its own streams in place after those.)
    """
    pty = pytest.importorskip("pty")
    master, slave = pty.openpty()
    os.set_blocking(master, False)
    with monkeypatch.context() as patch, open(slave, "w", encoding="utf-8") as stream:
        patch.setattr(sys, "stdout", stream)
        patch.setattr(sys, "stderr", stream)
        protect()

        def read() -> str:
            sys.stdout.flush()
            sys.stderr.flush()
            came = b""
            with suppress(BlockingIOError):
                while True:
                    came += os.read(master, 1 << 16)
            return came.decode("utf-8", "surrogateescape").replace("\r\n", "\n")

        yield read
    os.close(master)


def test_orders_become_escapes() -> None:
    assert visible(EVIL) == SHOWN
    assert visible("two\nlines\tand a tab") == "two\nlines\tand a tab"
    assert one_line("two\nlines\tand a tab") == r"two\nlines\tand a tab"
    assert visible("Grüße, 日本語, caf\udce9") == "Grüße, 日本語, caf\udce9", (
        "text stays, and bytes that no terminal obeys"
    )
    assert visible("\udc9b2J") == r"\x9b2J", "a C1 control character as a byte"
    assert one_line("caf\udce9 \ud800") == r"caf\xe9 \ud800"


@given(st.text(st.characters(exclude_categories=[])))
def test_whatever_the_text(text: str) -> None:
    assert not re.search("[\0-\x08\x0b-\x1f\x7f-\x9f]", visible(text))
    line = one_line(text)
    assert line.encode("utf-8").decode("utf-8") == line and len(f"a{line}b".splitlines()) == 1


def test_a_terminal_is_shown_no_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    with terminal(monkeypatch) as shown:
        print(f"{EVIL}: 57%")
        click.echo(EVIL)
        click.echo(EVIL, err=True)
        sys.stdout.writelines([EVIL, "\n"])
        assert shown() == f"{SHOWN}: 57%\n" + f"{SHOWN}\n" * 3
        click.UsageError(EVIL).show()
        assert shown() == f"Error: {SHOWN}\n"


def test_it_is_still_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    with terminal(monkeypatch) as shown:
        assert sys.stdout.isatty() and os.isatty(sys.stdout.fileno()) and sys.stdout.encoding == "utf-8"
        sys.stdout.reconfigure(errors="surrogateescape", line_buffering=True)  # type: ignore[attr-defined]
        print("caf\udce9")
        assert shown() == "caf\udce9\n"


def test_our_own_bars_and_lines_move(monkeypatch: pytest.MonkeyPatch) -> None:
    with terminal(monkeypatch) as shown:
        with progress(2) as step:
            step([f"{EVIL}: 57%"])
        text = shown()
        assert SHOWN in text and "\x1b[31m" not in text
        assert "\r\x1b[K" in text and "%" in text and r"\x1b[K" not in text and r"\x1b[?25l" not in text
        with counted(2, EVIL) as move:
            move()
        text = shown()
        assert SHOWN in text and "\x1b[31m" not in text and "images/s" in text
        with status(EVIL) as report:
            report(EVIL)
        assert shown() == f"\r\x1b[K{SHOWN}: {SHOWN}\r\x1b[K"


def test_everything_that_moves_a_terminals_cursor_says_that_it_may() -> None:
    """Or else it would be shown as escapes: progress bars and escape sequences are written to ``control(stream)``."""
    for path in Path(darknet_py.__file__).parent.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if re.search(r"progressbar\(|\\033\[", text):
            assert "control(" in text, path
            assert not re.search(r"progressbar\([^()]*file=sys\.|echo\([^()]*\\033[^()]*err=True", text), path


def test_pipes_get_every_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), "utf-8", errors="surrogateescape")
    monkeypatch.setattr(sys, "stdout", stream)
    protect()
    assert sys.stdout is stream and control(stream) is stream
    monkeypatch.setattr(sys, "stdout", None)
    protect()


@pytest.mark.parametrize(("arguments", "protected"), [(["detect"], True), ([], True), (["run-script", "x.py"], False)])
def test_the_program_protects_all_but_scripts(
    arguments: list[str], protected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    monkeypatch.setattr(sys, "argv", ["darknet-py", *arguments])
    monkeypatch.setattr(sys, "warnoptions", [])
    monkeypatch.setattr(__main__, "protect", lambda: seen.append(True))
    monkeypatch.setattr("darknet_py.cli.main", lambda: None)
    with warnings.catch_warnings(record=True) as came:
        warnings.simplefilter("always")
        __main__.main()
        warnings.warn_explicit("overflow", RuntimeWarning, "x.py", 1, module="darknet_py.plan.convolution")
        warnings.warn_explicit("overflow", RuntimeWarning, "x.py", 1, module="numpy.linalg")
        assert len(came) == (0 if protected else 2), "NumPy's warnings are of a script only"
    assert bool(seen) == protected
