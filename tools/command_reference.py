"""Write docs/commands.md: every command of darknet-py with its arguments, options, defaults and help.

python tools/command_reference.py          # write the page
python tools/command_reference.py --check  # exit code 1 if the page is not what the commands say
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from darknet_py.cli import cli

PAGE = Path(__file__).resolve().parent.parent / "docs" / "commands.md"

HEAD = """# Commands

Every command, argument and option. The page is generated from the commands themselves
(`python tools/command_reference.py`), and a test compares it with them. `darknet-py COMMAND --help`
shows the same on a terminal.
"""


def reference() -> str:
    """The whole page."""
    sections = [HEAD]
    context = click.Context(cli, info_name="darknet-py")
    for path, command in _commands(cli, context, ()):
        sections.append(_section(" ".join(("darknet-py", *path)), command))
    return "\n".join(sections)


def _commands(
    group: click.Group, context: click.Context, path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """All commands below a group that are shown, in the order of its help."""
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None or command.hidden:
            continue
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from _commands(command, click.Context(command, context, name), (*path, name))


def _section(name: str, command: click.Command) -> str:
    context = click.Context(command, info_name=name)
    usage = " ".join(command.collect_usage_pieces(context))
    lines = [f"## `{name}`", "", "```", f"{name} {usage}".rstrip(), "```", ""]
    text = inspect.cleandoc(command.help or "").split("\f")[0].replace("\b\n", "")
    lines += [text, ""] if text else []
    options = [
        parameter for parameter in command.params if isinstance(parameter, click.Option) and not parameter.hidden
    ]
    if options:
        lines += ["| option | |", "|---|---|"]
        lines += [f"| {_names(option, context)} | {_cell(_help(option, context))} |" for option in options]
        lines.append("")
    return "\n".join(lines)


def _names(option: click.Option, context: click.Context) -> str:
    names = ", ".join([*option.opts, *option.secondary_opts])
    value = "" if option.is_flag or option.count else f" {_value(option)}"
    return _cell(f"`{names}{value}`")


def _value(option: click.Option) -> str:
    """What stands behind the option; not click's own words, which change with its version."""
    if option.metavar:
        return option.metavar
    if isinstance(option.type, click.Choice):
        return "|".join(map(str, option.type.choices))
    return str(option.type.name).partition(" ")[0].upper()


def _help(option: click.Option, context: click.Context) -> str:
    text = (option.help or "").strip()
    default = option.get_default(context)
    if option.show_default and default is not None and not option.is_flag:
        shown = ", ".join(map(str, default)) if isinstance(default, (list, tuple)) else default
        text += f" Default: `{shown}`."
    if isinstance(option.type, (click.IntRange, click.FloatRange)):
        low, high = option.type.min, option.type.max
        text += f" From {low:g} to {high:g}." if high is not None else f" At least {low:g}." if low is not None else ""
    return text


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    wanted = reference()
    if "--check" in sys.argv[1:]:
        sys.exit(0 if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == wanted else f"{PAGE.name} is out of date")
    PAGE.write_text(wanted, encoding="utf-8")
