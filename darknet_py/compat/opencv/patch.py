"""Darknet's networks back in ``cv2.dnn``."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ...errors import DarknetError
from . import model as models
from . import net as nets
from .arrays import is_umat, to_array
from .ids import to_ids
from .read import is_darknet, readNet, readNetFromDarknet


def install(replace: bool = False) -> None:
    """Let ``cv2.dnn`` of this process read Darknet's networks with this engine.

    Sets ``readNetFromDarknet``, and lets ``readNet``, ``Net`` and the models (``DetectionModel``,
    ``ClassificationModel``, ``Model``) be of both kinds: Darknet's files and our `Net` are ours, whatever else they are
    given goes to OpenCV's own, and ``isinstance`` knows both. Ids that
    ``NMSBoxes`` gives also take ``[0]``; ``blobFromImage`` takes a ``cv2.UMat``.

    Args:
        replace: also where OpenCV (before 5) still reads these files itself.

    Raises:
        DarknetError: OpenCV is not installed.
    """
    try:
        import cv2
    except ImportError as error:
        raise DarknetError(
            "install() changes OpenCV's cv2.dnn, which is not installed (pip install opencv-python-headless); "
            "without it use darknet_py.compat.opencv itself"
        ) from error
    dnn: Any = cv2.dnn
    if getattr(dnn, "readNetFromDarknet", None) is readNetFromDarknet:
        return
    if hasattr(dnn, "readNetFromDarknet") and not replace:
        return
    dnn.readNetFromDarknet = readNetFromDarknet
    dnn.readNet = _either_function(readNet, dnn.readNet)
    for name, ours in (
        ("Net", nets.Net), ("Model", models.Model), ("DetectionModel", models.DetectionModel),
        ("ClassificationModel", models.ClassificationModel),
    ):  # fmt: skip
        theirs = getattr(dnn, name, None)
        made = Either(name, (ours,), {"_theirs": theirs, "__doc__": ours.__doc__, "__module__": ours.__module__})
        setattr(dnn, name, made)
        setattr(cv2, f"dnn_{name}", made)
    for names, change in (
        (("NMSBoxes", "NMSBoxesRotated", "NMSBoxesBatched"), _with_ids),
        (("blobFromImage", "blobFromImages", "blobFromImageWithParams", "blobFromImagesWithParams"), _with_arrays),
    ):
        for name in names:
            if hasattr(dnn, name):
                setattr(dnn, name, change(getattr(dnn, name)))


_SAID = ("__name__", "__qualname__", "__doc__")


class Either(type):
    """A class of ours instead of OpenCV's: makes either, and counts the instances of both as its own.

    Classes that a script derives from it are ours alone.
    """

    def __call__(cls, *args: object, **options: object) -> object:
        theirs = cls.__dict__.get("_theirs")
        if theirs is None or not (args or options) or _is_ours([*args, *options.values()]):
            return super().__call__(*args, **options)
        return theirs(*args, **options)

    def __instancecheck__(cls, instance: object) -> bool:
        return cls.__subclasscheck__(type(instance))

    def __subclasscheck__(cls, subclass: type) -> bool:
        if super().__subclasscheck__(subclass):
            return True
        theirs = cls.__dict__.get("_theirs")
        return theirs is not None and any(
            issubclass(subclass, kind) for kind in (*cls.__bases__, theirs) if isinstance(kind, type)
        )

    def __getattr__(cls, name: str) -> object:
        theirs = cls.__dict__.get("_theirs")
        if theirs is None or name.startswith("__"):
            raise AttributeError(f"type object '{cls.__name__}' has no attribute '{name}'")
        return getattr(theirs, name)  # a static function of OpenCV's class


def _is_ours(given: list[object]) -> bool:
    return bool(given) and (isinstance(given[0], nets.Net) or is_darknet(*given[:3]))


def _either_function(ours: Callable[..., object], theirs: Callable[..., object]) -> Callable[..., object]:
    """A function that gives Darknet's networks to ``ours`` and the rest to ``theirs``."""

    @functools.wraps(ours)
    def choose(*args: object, **options: object) -> object:
        return (ours if _is_ours([*args, *options.values()]) else theirs)(*args, **options)

    return choose


def _with_ids(function: Callable[..., object]) -> Callable[..., object]:
    """A function of OpenCV whose resulting ids also take ``[0]``."""

    @functools.wraps(function, assigned=_SAID)
    def call(*args: object, **options: object) -> object:
        return to_ids(function(*args, **options))

    return call


def _with_arrays(function: Callable[..., object]) -> Callable[..., object]:
    """A function of OpenCV that takes frames, for which ``cv2.UMat``s are fetched (OpenCV 5.0 fails on them)."""

    @functools.wraps(function, assigned=_SAID)
    def call(*args: object, **options: object) -> object:
        return function(*map(_fetched, args), **{name: _fetched(value) for name, value in options.items()})

    return call


def _fetched(value: object) -> object:
    if isinstance(value, (list, tuple)):
        return type(value)(map(_fetched, value)) if any(map(is_umat, value)) else value
    return to_array(value) if is_umat(value) else value
