"""The weights of a network's first layers, to start another network from (Darknet's command ``partial``)."""

from __future__ import annotations

from pathlib import Path

from ..dialect import AUTO
from ..errors import CfgError
from ..formats.atomic import refuse_input
from ..network import read_network
from ..parameters import load_parameters, save_parameters
from .info import check_size
from .saving import as_saved


def extract(cfg: str | Path, weights: str | Path, out: str | Path, layers: int, dialect: str = AUTO) -> list[str]:
    """Write the weights of the first layers, byte for byte as ``darknet partial CFG WEIGHTS OUT LAYERS`` does.

    The header is version 0.2.0 with ``seen`` at 0, whatever the file had; connected weights are no longer transposed.

    Args:
        cfg: the network's cfg file.
        weights: its weights file; a partial one will do if it has these layers.
        out: the file to write.
        dialect: whose Darknet the cfg is for, as for `load`.
        layers: how many, counted from the first, the ones without weights included.

    Returns:
        Notes about layers that Darknet writes in another way than it reads them; mostly none.

    Raises:
        CfgError, WeightsError, FileError: no file is left behind.
    """
    refuse_input(out, cfg, weights)
    network = read_network(cfg, dialect=dialect)
    if not 1 <= layers <= len(network.layers):
        raise CfgError(f"has {len(network.layers)} layers, not {layers}", cfg)
    check_size(weights, network)
    first = read_network(cfg, cutoff=layers, dialect=network.dialect.key)
    parameters = load_parameters(first, weights, partial=True)
    saved, notes = as_saved(first)
    save_parameters(saved, (parameters.arrays[layer.index] for layer in saved.layers), out)
    return notes
