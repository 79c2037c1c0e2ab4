"""What all our commands have in common: examples in their help, and an answer to words that are almost theirs."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

DARKNETS = {
    "hier": "--hier-thresh", "out": "--output", "out_filename": "--output", "iou_thresh": "--iou-thresh",
    "mjpeg_port": "--mjpeg-port", "json_port": "--json-port", "s": "--skip", "width": "--size", "height": "--size",
    "num_of_clusters": "--num", "letter_box": "--letterbox", "t": "--top", "c": "SOURCE",
}  # fmt: skip
"""Flags of the two Darknets, and which of our options is the same."""

NEEDLESS = {
    "dont_show": "no window is opened here unless --show asks for one",
    "ext_output": "--json FILE has the place of each object",
    "save_labels": "--json FILE has the place of each object",
    "gpus": "there is no GPU in this",
    "nogpu": "there is no GPU in this",
}
"""Flags of theirs that have no option of ours, and what to say about them."""

WORDS = {
    "test": "detect", "predict": "classify", "video": "demo", "webcam": "demo", "camera": "demo", "stream": "demo",
    "eval": "evaluate", "map": "evaluate", "valid": "evaluate", "val": "evaluate", "recall": "evaluate",
    "download": "fetch", "get": "fetch", "list": "fetch --list", "models": "fetch --list", "speed": "bench",
    "benchmark": "bench", "compile": "warmup", "table": "summary", "info": "weights info", "layers": "summary",
    "convert": "weights convert", "export": "weights convert", "onnx": "weights convert", "run": "detect",
    "training": "train", "finetune": "train", "fit": "train", "compare": "validate", "hash": "trace",
    "script": "run-script", "kmeans": "anchors", "calc_anchors": "anchors",
}  # fmt: skip
"""What others call our commands."""


class _WithExamples(click.Command):
    """Examples at the end of the help."""

    def __init__(self, *args: Any, examples: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = tuple(examples)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_epilog(ctx, formatter)
        if self.examples:
            with formatter.section("Examples"):
                for line in self.examples:
                    formatter.write(" " * formatter.current_indent + line + "\n")


class Command(_WithExamples):
    """A command that knows Darknet's flags when it sees them."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not ctx.resilient_parsing and not ctx.ignore_unknown_options:
            _refuse_single_dashes(self, ctx, args)
        return super().parse_args(ctx, args)


class Group(_WithExamples, click.Group):
    """A group that names the command that was meant."""

    command_class = Command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        word = args[0]
        known = self.list_commands(ctx)
        if word not in known and not word.startswith("-") and not ctx.resilient_parsing:
            ctx.fail(f"No such command: {word}.{_meant(word, known, ctx.command_path)}")
        return super().resolve_command(ctx, args)


def command(*, examples: Sequence[str], **attributes: Any) -> Callable[..., click.Command]:
    """``click.command`` with `Command`."""
    return click.command(cls=Command, examples=examples, **attributes)


def _meant(word: str, known: Sequence[str], path: str) -> str:
    other = WORDS.get(word.casefold(), "")
    if other.partition(" ")[0] in known:
        return f" Did you mean {path} {other}?"
    import difflib

    close = difflib.get_close_matches(word.casefold().replace("_", "-"), known, 3, 0.6)
    if close:
        return f" Did you mean {' or '.join(close)}?"
    if "detect" in known and ("." in word or Path(word).exists()):
        return f" To detect the objects in an image: {path} detect {word}"
    return f" There are {', '.join(known)}."


def _refuse_single_dashes(command: click.Command, ctx: click.Context, args: Sequence[str]) -> None:
    """Say which option is meant by ``-thresh``, which would be taken for ``-t`` with the value ``hresh``."""
    options = [param for param in command.params if isinstance(param, click.Option)]
    names = {name for option in options for name in (*option.opts, *option.secondary_opts)}
    with_value = {name for option in options if not option.is_flag for name in option.opts}
    before = ""
    for word in args:
        if word == "--":
            return
        found = re.fullmatch(r"-([A-Za-z][A-Za-z0-9_-]+)(=.*)?", word)
        if found and before not in with_value:
            flag = found[1]
            ours = next((each for each in (f"--{flag.replace('_', '-')}", DARKNETS.get(flag, "")) if each in names), "")
            if ours:
                ctx.fail(
                    f"No such option: -{flag}. Did you mean {ours}? (Darknet's flags have one dash, ours have two.)"
                )
            if flag in NEEDLESS:
                ctx.fail(f"No such option: -{flag}. It is a flag of Darknet's; {NEEDLESS[flag]}.")
        before = word
