"""The command reference says what the commands say, and every option has words of help."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import click
import pytest

from darknet_py.cli import COMMANDS, cli

ROOT = Path(__file__).resolve().parent.parent


def test_the_page_is_what_the_commands_say() -> None:
    spec = importlib.util.spec_from_file_location("command_reference", ROOT / "tools" / "command_reference.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    assert page == module.reference(), "run python tools/command_reference.py"
    for name in COMMANDS:
        assert f"## `darknet-py {name}" in page


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_has_help(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    waiting = [command]
    while waiting:
        command = waiting.pop()
        assert command.help, command.name
        if isinstance(command, click.Group):
            waiting += command.commands.values()
        for parameter in command.params:
            assert not isinstance(parameter, click.Option) or parameter.help, f"{command.name} {parameter.opts}"
