"""What Darknet writes when it saves a network, which is not always what it reads again with the same cfg."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from ..network import Network

if TYPE_CHECKING:
    from ..layers import Layer


def as_saved(network: Network, whole: bool = False) -> tuple[Network, list[str]]:
    """The network as Darknet's ``save_weights_upto`` sees it, and what that makes of the options that it ignores.

    ``dontsave`` layers are left out, unless it is to be ``whole``. ``flipped`` and ``dontloadscales`` count for reading
    only: such a layer's weights are written unflipped, and the batch normalisation of every layer that has one is
    written.
    """
    kept: list[Layer] = []
    notes = []
    for layer, section in zip(network.layers, network.sections, strict=True):
        if not whole and section.find_int("dontsave", 0):
            notes += [f"layer {layer.index} ({layer.kind}) is not written: dontsave=1"] if layer.stored() else []
            continue
        plain, ignored = layer.as_saved()
        notes += [_note(plain, key) for key in ignored]
        kept.append(plain)
    if not any(layer.stored() for layer in kept):
        notes.append("the file holds a header only: none of these layers has weights to write")
    return dataclasses.replace(network, layers=tuple(kept)), notes


def _note(layer: Layer, key: str) -> str:
    return (
        f"layer {layer.index} ({layer.kind}) is written as Darknet writes it: to read it again, remove {key}=1 from "
        "the cfg"
    )
