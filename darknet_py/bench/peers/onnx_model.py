"""A network as an ONNX model, for engines that read no Darknet files."""

from __future__ import annotations

from ...export import to_onnx as export
from ...formats.tree import read_tree
from ...network import read_network
from ...parameters import load_parameters


def to_onnx(cfg: str, weights: str, dialect: str) -> tuple[bytes, list[int]]:
    """The model's bytes, and the numbers of the layers that its outputs are of: what flows into each head.

    Raises:
        DarknetError: a layer that ONNX does not have.
    """
    network = read_network(cfg, dialect=dialect)
    trees = {number: read_tree(name) for number, name in network.tree_files.items()}
    exported = export(network, load_parameters(network, weights), trees)
    ends = [head.sources[0] for head in network.heads] or exported.layers
    return exported.to_bytes(), ends
