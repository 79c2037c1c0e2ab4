"""The documentation is true: its examples run, its files exist, its commands are there."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

from darknet_py.cli import COMMANDS
from darknet_py.version import __version__

REPOSITORY = Path(__file__).parent.parent
PAGES = sorted(
    [
        *(
            REPOSITORY / name
            for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "examples/README.md")
        ),
        *(REPOSITORY / "docs").glob("*.md"),
    ]
)


@pytest.mark.network
@pytest.mark.parametrize("page", ["docs/python.md"])
def test_examples_run(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REPOSITORY)
    result = doctest.testfile(str(REPOSITORY / page), module_relative=False, optionflags=doctest.ELLIPSIS)
    assert result.attempted > 10
    assert result.failed == 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
        if not link.startswith("http"):
            assert (page.parent / link).exists(), f"{page.name}: {link}"


def test_the_citation_has_the_version_and_the_paper() -> None:
    text = (REPOSITORY / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {__version__}\n" in text
    assert "YOLO9000: Better, Faster, Stronger" in text and "doi: " in text


def test_commands_in_the_readme_exist() -> None:
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"(?:^|[`/])darknet-py ([a-z0-9-]+)", text, re.MULTILINE))
    assert named - {"runs"} <= set(COMMANDS) and "detect" in named


INSTALLS = re.compile(r"pip3?\s+install\b[^\n`|;&]*?(?<![\w./:@#-])darknet[-_.]py\b(?![\w/.])", re.IGNORECASE)
"""``pip install darknet-py``, with options and extras; not of a path or an address."""


def test_no_page_installs_the_strangers_package() -> None:
    # The package index has another project under this name: what installs it by name gives people a stranger's code.
    pages = [*PAGES, REPOSITORY / "weights" / "README.md", *(REPOSITORY / "benchmarks").glob("*.md")]
    for page in [*pages, *sorted((REPOSITORY / "darknet_py").rglob("*.py"))]:  # messages of the program, too
        for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
            warns = re.search(r"\bnot\b|\bnever\b|stranger", line)
            assert not INSTALLS.search(line) or warns, f"{page.name}:{number}: {line}"


def test_what_counts_as_installing_it_by_name() -> None:
    for line in (
        "pip install darknet-py",
        ".venv/bin/pip install -q 'darknet-py[onnx]' && x",
        "pip3 install -U Darknet_Py",
    ):
        assert INSTALLS.search(line), line
    for line in (
        "pip install -q .",
        "pip install ./darknet-py",
        "pip install git+https://host/darknet-py",
        "pip install x",
    ):
        assert not INSTALLS.search(line), line


def test_the_page_of_commands_names_all_of_them() -> None:
    text = (REPOSITORY / "docs" / "command-line.md").read_text(encoding="utf-8")
    for command in COMMANDS:
        assert f"`{command}" in text, command


def test_the_files_of_the_table_of_what_to_touch_are_there() -> None:
    for page in ("docs/architecture.md", "CONTRIBUTING.md"):
        begin = "## To add something" if page.startswith("docs") else "### A layer"
        text = (REPOSITORY / page).read_text(encoding="utf-8").split(begin)[1].split("## The plan")[0]
        named = set(re.findall(r"`(?:darknet_py/)?((?:[a-z]+/)+[a-z_]+\.py)`", text))
        assert len(named) > 5
        for name in named:
            there = [REPOSITORY / name, REPOSITORY / "darknet_py" / name]
            assert any(path.is_file() for path in there), f"{page}: {name}"
