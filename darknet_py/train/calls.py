"""Images and labels of training calls, from an ``.npz`` file."""

from __future__ import annotations

import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DarknetError, DataError, WeightsError
from ..weights.npz_member import read_member

if TYPE_CHECKING:
    from ..typing import Floats
    from .trainer import Trainer

_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, RuntimeError, OverflowError,
           struct.error, OSError, MemoryError)  # fmt: skip


def read_calls(path: str | Path, trainer: Trainer) -> list[tuple[Floats, Floats]]:
    """The calls of a file, all of which a trainer can run.

    Args:
        path: an ``.npz`` file with ``x0``, ``x1``, ... of each call: float32 (batch, channels, height, width), or
            (batch, inputs); and ``y``: float32 (calls, batch, labels).
        trainer: what they are for. An image's size is the call's: the network is resized for it.

    Raises:
        DataError: the file is none of that kind, or does not fit; names the array.
        CfgError: the network cannot be of a call's size.
    """
    try:
        with zipfile.ZipFile(path) as file:
            calls = list(_read(file, path, trainer))
    except WeightsError as error:
        raise DataError(error.message, path) from None
    except _BROKEN as error:
        what = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise DataError(f"cannot read this npz file: {what}", path) from None
    for size in {x.shape[2:] for x, _ in calls if x.ndim == 4}:
        if size != (trainer.network.input.h, trainer.network.input.w):
            trainer.check_size(size[1], size[0])
    for number, (x, y) in enumerate(calls):
        try:
            trainer.check(x, y, any_size=True)
        except DarknetError as error:
            raise DataError(f"call {number}: {error}", path) from None
    return calls


def _read(file: zipfile.ZipFile, path: str | Path, trainer: Trainer) -> Iterator[tuple[Floats, Floats]]:
    names = {name.removesuffix(".npy"): name for name in file.namelist()}
    count = sum(re.fullmatch("x[0-9]+", name) is not None for name in names)
    wanted = {"y", *(f"x{i}" for i in range(count))}
    if not count or names.keys() != wanted:
        raise DataError(
            f"has the arrays {', '.join(sorted(names)) or '(none)'}; asked for are y, x0, x1, ... without a gap", path
        )
    batch, shape, length = trainer.options.batch, trainer.network.input, trainer.truth.length

    def check(name: str, right: bool, dtype: str, found: tuple[int, ...]) -> None:
        if name == "y":
            fits, asked = found == (count, batch, length), f"({count}, {batch}, {length})"
        else:
            image = len(found) == 4 and found[:2] == (batch, shape.c) and shape.image
            fits = image or found == (batch, shape.size)
            asked = f"({batch}, {shape.c}, height, width)" if shape.image else f"({batch}, {shape.size})"
        if not right or not fits:
            raise DataError(f"{name} is {dtype} of shape {found}; asked for is float32 of shape {asked}", path)

    def take(name: str) -> Any:
        return read_member(file, names[name], path, name, partial(check, name))

    y = take("y")
    for i in range(count):
        yield take(f"x{i}"), y[i]
