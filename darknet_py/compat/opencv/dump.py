"""A network as a Graphviz graph, as ``cv2.dnn.Net.dump`` writes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...network import Network
    from .facts import PartFacts
    from .names import Part


def dump_graph(network: Network, parts: Sequence[Part], facts: Sequence[PartFacts]) -> str:
    r"""The graph's text: a node for each of OpenCV's layers, with its type, options and output (lines end in ``\l``).

    Args:
        network: the layer graph.
        parts: OpenCV's layers.
        facts: of the input and the parts.
    """
    lines = ["digraph G {", _node("data", ["data"], facts[0])]
    last = {-1: "data"}
    edges = []
    for part, fact in zip(parts, facts[1:], strict=True):
        layer = network.layers[part.number]
        label = [part.name, part.type]
        if part.type == layer.opencv.type and layer.opencv.options:
            label.append("".join(f"{option}\\l" for option in layer.opencv.options))
        lines.append(_node(part.name, label, fact))
        first = part.number not in last
        edges += [(last[source], part.name) for source in (layer.sources if first else [part.number])]
        last[part.number] = part.name
    lines += [f'\t"{source}" -> "{target}"' for source, target in edges]
    return "\n".join([*lines, "}", ""])


def _node(name: str, label: Sequence[str], fact: PartFacts) -> str:
    size = " x ".join(map(str, fact.output))
    lines = "\\n".join(label).replace("\\l\\n", "\\l")
    end = "" if lines.endswith("\\l") else "\\n"
    return f'\t"{name}" [label="{lines}{end}output: {size}\\lOCV/CPU\\n" style=filled shape=box]'
