"""The course of a training for TensorBoard, if a package that writes its files is installed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from ..errors import DarknetError
from .curves import COLUMNS

WRITERS = (("tensorboardX", "SummaryWriter"), ("tensorboard.summary", "Writer"))
"""Classes that write, by module."""


class Board:
    """Writes one file of events; leaving its ``with`` closes it. Raises `DarknetError` if no writer is installed."""

    def __init__(self, folder: Path) -> None:
        for module, name in WRITERS:
            try:
                self._writer = getattr(import_module(module), name)(str(folder))
                break
            except ImportError:
                continue
        else:
            raise DarknetError("--tensorboard needs the Python package tensorboard or tensorboardX")

    def __enter__(self) -> Board:
        return self

    def __exit__(self, *raised: object) -> None:
        self._writer.close()  # tensorboardX writes from a thread of its own: what that still holds is written now

    def add(self, row: Sequence[float]) -> None:
        """Add a row of a history (`curves.COLUMNS`)."""
        for name, value in zip(COLUMNS[1:], row[1:], strict=True):
            if not math.isnan(value):
                self._writer.add_scalar(name, value, int(row[0]))
        self._writer.flush()
