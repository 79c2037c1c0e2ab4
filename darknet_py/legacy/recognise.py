"""Which command lines are Darknet's. Imports nothing, because every start of the program asks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePath

FAMILIES = {"detector", "classifier", "yolo", "ops", "partial", "denormalize", "reset"}
"""Darknet's commands whose names are no commands of darknet-py."""

SHARED = {"detect", "classify"}
"""Names that both have: Darknet's are followed by a cfg file, ours by images or options with two dashes."""

DOUBLED = {"--thresh", "--hier", "--nms", "--out", "--ext_output", "--dont_show", "--save_labels", "--letter_box"}
"""Darknet's flags as somebody writes them who is used to two dashes."""

NAMES = {"darknet", "darknet_no_gpu"}
"""What the program is called, in AlexeyAB's builds for Windows by the second name, too."""


def called_darknet(program: str) -> bool:
    """Whether the program was started by Darknet's name (a link to darknet-py, a copy on Windows)."""
    name = PurePath(program.replace("\\", "/")).name.lower()
    return re.sub(r"(-script)?\.(exe|pyw?|cmd|bat)\Z", "", name) in NAMES


def is_darknets(argv: Sequence[str]) -> bool:
    """Whether ``sys.argv`` is one for Darknet."""
    words = list(argv[1:])
    if called_darknet(argv[0] if argv else ""):
        return True
    while words and words[0] in {"-i", "-nogpu", "-gpus"}:
        del words[: 1 if words[0] == "-nogpu" else 2]
    if not words:
        return False
    if words[0] in SHARED:
        ours = {word for word in words if word.startswith("--")} - DOUBLED
        return not ours and any(word.endswith(".cfg") for word in words[1:])
    return words[0] in FAMILIES
