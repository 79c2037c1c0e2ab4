"""Weights files during a training, and beside them what it takes to go on to the same bits.

``NAME.backup`` is a weights file as Darknet writes it. ``NAME.backup.state`` beside it holds everything: parameters,
momentum, streams of random numbers, averages. It is complete in itself, so that being killed between the two files
costs nothing.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import DataError, FileError
from ..formats.atomic import whole_file
from .random import RandomState
from .session import Position

if TYPE_CHECKING:
    from ..typing import Doubles, Floats
    from .session import Session
    from .trainer import Trainer

SUFFIX = ".state"
"""Behind the name of the weights file."""

_VERSION = 1


@dataclass(frozen=True)
class State:
    """What a state file holds.

    Attributes:
        path: the file.
        meta: numbers and texts.
        arrays: parameters, updates, moments, by name.
        history: a row for each iteration that is drawn in the chart.
    """

    path: Path
    meta: Mapping[str, Any]
    arrays: Mapping[str, Floats]
    history: Doubles

    @property
    def position(self) -> Position:
        """Where the training was."""
        meta = self.meta
        loader, network = (RandomState(tuple(meta[name][0]), tuple(meta[name][1])) for name in ("loader", "network"))
        return Position(meta["count"], meta["average"], loader, network, (meta["size"][0], meta["size"][1]))


def state_path(weights: Path) -> Path:
    """Where the state of a weights file is."""
    return weights.with_name(weights.name + SUFFIX)


def save_state(session: Session, history: Doubles, made_of: Mapping[str, Any], path: Path) -> None:
    """Write a state file, at once and whole.

    Args:
        session: the training, between two iterations.
        history: rows for the chart.
        made_of: what the training depends on: compared when it goes on.
        path: the file.

    Raises:
        FileError: it cannot be written.
    """
    trainer, position = session.trainer, session.position
    meta = {
        "version": _VERSION, "seen": trainer.seen, "update_count": trainer.update_count, "count": position.count,
        "average": position.average, "loader": position.loader, "network": position.network, "size": position.size,
        "made_of": dict(made_of),
    }  # fmt: skip
    arrays = {f"parameter.{name}": values for name, values in _parameters(trainer).items()}
    arrays |= {f"state.{name}": values for name, values in trainer.states.items()}
    text = np.frombuffer(json.dumps(meta).encode(), np.uint8)
    try:
        with whole_file(path) as part, open(part, "wb") as file:
            np.savez(file, **{"meta": text, "history": history, **arrays})  # type: ignore[arg-type]
    except OSError as error:
        raise FileError(f"cannot be written: {error.strerror or error}", path) from None


def load_state(path: Path) -> State:
    """Read a state file. Raises `DataError` if there is none, or it is something else."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        meta = json.loads(arrays.pop("meta").tobytes())
        if meta["version"] != _VERSION:
            raise DataError(f"is of version {meta['version']}; this program goes on from version {_VERSION}", path)
        state = State(path, meta, arrays, arrays.pop("history"))
        assert len(state.position.loader.ring) == 32 and isinstance(meta["made_of"], dict)
    except FileNotFoundError:
        raise DataError("is not there: there is no training to go on with; start it without --resume", path) from None
    except (OSError, ValueError, KeyError, IndexError, TypeError, AssertionError, EOFError, zipfile.BadZipFile):
        raise DataError(
            "is no state of a training, or a broken one; start from the weights file instead", path
        ) from None
    return state


def differences(state: State, made_of: Mapping[str, Any]) -> list[str]:
    """Names of what is not as it was when the state was written."""
    before = state.meta["made_of"]
    return [name for name, value in made_of.items() if before.get(name) != value]


def restore(session: Session, state: State) -> None:
    """Go on from a state.

    Raises:
        DataError: it is of another network.
    """
    trainer = session.trainer
    wanted = {f"parameter.{name}": values for name, values in _parameters(trainer).items()}
    wanted |= {f"state.{name}": values for name, values in trainer.states.items()}
    for name, values in wanted.items():
        found = state.arrays.get(name)
        if found is None or found.shape != values.shape or found.dtype != values.dtype:
            raise DataError(f"is of another network: {name.partition('.')[2]} does not fit", state.path)
    for name, values in wanted.items():
        values[...] = state.arrays[name]
    trainer.seen = state.meta["seen"]
    trainer.update_count = state.meta["update_count"]
    trainer.plan.repack()
    try:
        session.position = state.position
    except ValueError as error:
        raise DataError(str(error), state.path) from None


def _parameters(trainer: Trainer) -> dict[str, Floats]:
    return {f"{index}.{name}": values for index, own in enumerate(trainer.arrays) for name, values in own.items()}
