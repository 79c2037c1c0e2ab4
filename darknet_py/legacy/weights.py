"""``ops``, ``partial``, ``denormalize`` and ``reset``: small tools for networks and weights."""

from __future__ import annotations

import os

from ..dialect import AUTO
from ..formats.cfg import to_float32
from ..network import read_network
from ..output.layer_table import printed_table
from ..weights import convert, extract
from .flags import environment_dialect
from .prompt import print_stderr

COUNTED = {"convolutional", "connected", "rnn", "gru", "lstm"}
"""The layers whose operations Darknet's ``numops`` counts."""


def ops(cfg: str) -> None:
    """Print the floating-point operations of one image, two for each multiply-add (``operations``)."""
    network = read_network(cfg, dialect=_dialect())
    for line in printed_table(network, verbose=True):
        print_stderr(line)
    count = 2 * sum(layer.multiply_adds for layer in network.layers if layer.kind in COUNTED)
    print(f"Floating Point Operations: {count}")
    print(f"Floating Point Operations: {to_float32(count) / 1e9:.2f} Bn")


def partial(cfg: str, weights: str, out: str, layers: int) -> None:
    """Write the first layers' weights, byte for byte as Darknet does (``partial``)."""
    _print_saved(out, extract(cfg, weights, out, layers, _dialect()))


def denormalize(cfg: str, weights: str, out: str) -> None:
    """Write the weights with batch normalisation folded in; as in Darknet, the cfg is left to the user."""
    _print_saved(out, convert(weights, out, cfg, batchnorm="fold", out_cfg=os.devnull, dialect=_dialect()).notes)


def reset(cfg: str, weights: str, out: str) -> None:
    """The same, with neutral batch normalisation in its place."""
    _print_saved(out, convert(weights, out, cfg, batchnorm="reset", out_cfg=os.devnull, dialect=_dialect()).notes)


def _dialect() -> str:
    dialect = environment_dialect()
    return AUTO if dialect is None else dialect.key


def _print_saved(out: str, notes: list[str]) -> None:
    print_stderr(f"Saving weights to {out}")
    for note in notes:
        print_stderr(note)
