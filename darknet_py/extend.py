"""Layers and activations that a program brings along, without a change to this package.

A layer is a class (`layers.Layer`) and a function that makes its steps (`plan.ops`); an activation is a kernel. They
are added to a dialect's tables and removed again by name. ``tests/toy_layer.py`` has one of each.

What cannot be added: an activation inside a step (fused into a convolution, or within a recurrent layer), for kernels
know activations by number when they are compiled; a head, for `detect.decode` names its decoders; ONNX operators.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

from . import layers
from .dialect import DIALECTS, PJREDDIE, Dialect, Option, SectionOptions
from .errors import DarknetError
from .formats import cfg
from .kernels.layers.activations import CODES
from .layers.weighted import OWN_ACTIVATIONS
from .plan.ops import HANDLERS, OWN_KERNELS

if TYPE_CHECKING:
    from .kernels.runtime.work import PlanKernel


Steps = Callable[[Any, Any], list[Any]]
"""From a layer and its `plan.context.LayerContext` to its steps."""


def add_layer(
    layer: type[layers.Layer], steps: Steps, options: Collection[str] = (), dialect: Dialect = PJREDDIE
) -> None:
    """Make ``[kind]`` a section of a dialect.

    Args:
        layer: the class; its ``parse(section, place)`` reads the section.
        steps: makes the steps that compute it.
        options: names of the options that change its result.
        dialect: whose cfg files may have it.

    Raises:
        DarknetError: the dialect has such a section.
    """
    kind = layer.kind
    if kind in cfg.KINDS:
        raise DarknetError(f"[{kind}] is a section already")
    row = SectionOptions(tuple(Option(key) for key in options))
    layers.LAYERS[dialect.key][kind] = layer
    HANDLERS[layer] = steps
    dialect.options[kind] = row
    dialect.sections[kind] = cfg.KINDS[kind] = kind


def remove_layer(kind: str) -> None:
    """Undo `add_layer`. Raises `KeyError` if there is no such section."""
    del cfg.KINDS[kind]
    for dialect in DIALECTS.values():
        if dialect.sections.pop(kind, None):
            del dialect.options[kind]
            del HANDLERS[layers.LAYERS[dialect.key].pop(kind)]


def add_activation(name: str, kernel: PlanKernel) -> None:
    """Make ``activation=name`` possible, in every dialect, in the layers of `layers.weighted.ENDS_WITH_ACTIVATION`.

    Args:
        name: as cfg files have it.
        kernel: made by `kernels.runtime.work.plan_kernel`; its arguments are ``out`` (which may be ``x``), ``x`` and
            ``count``, the number of their values.

    Raises:
        DarknetError: a dialect has such an activation.
    """
    if name in CODES or any(name in dialect.activations for dialect in DIALECTS.values()) or name in OWN_ACTIVATIONS:
        raise DarknetError(f"{name} is an activation already")
    if kernel.work.names != ("out", "x", "count"):
        raise DarknetError(f"the kernel of {name} must take out, x and count, not {', '.join(kernel.work.names)}")
    OWN_KERNELS[name] = kernel
    OWN_ACTIVATIONS.add(name)


def remove_activation(name: str) -> None:
    """Undo `add_activation`. Raises `KeyError` if it was not added."""
    del OWN_KERNELS[name]
    OWN_ACTIVATIONS.remove(name)


__all__ = ["Steps", "add_activation", "add_layer", "remove_activation", "remove_layer"]
