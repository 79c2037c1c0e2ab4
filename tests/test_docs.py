"""The documentation is true: its examples run, its files exist, its commands are there."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

from darknet_py.cli import COMMANDS

REPOSITORY = Path(__file__).parent.parent
PAGES = sorted([REPOSITORY / "README.md", REPOSITORY / "CHANGELOG.md", *(REPOSITORY / "docs").glob("*.md")])


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


def test_commands_in_the_readme_exist() -> None:
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"(?:^|[`/])darknet-py ([a-z0-9-]+)", text, re.MULTILINE))
    assert named - {"runs"} <= set(COMMANDS) and "detect" in named
