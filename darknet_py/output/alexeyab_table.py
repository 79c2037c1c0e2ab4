"""AlexeyAB's layer table: what his Darknet prints to standard error while it reads a cfg."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import printable
from ..formats.cfg import to_float32

if TYPE_CHECKING:
    from ..network import Network

HEADER = "   layer   filters  size/strd(dil)      input                output"


def alexeyabs_table(network: Network, verbose: bool = False) -> list[str]:
    """The table, with the two lines of totals at its end; ``verbose`` adds "Unused field" lines."""
    lines = [HEADER]
    total, outputs, counted = 0.0, 0, 0
    for layer in network.layers:
        lines += f"{layer.index:4d} {layer.alexeyab_row(network)}".split("\n")
        if verbose:
            lines += [printable(f"Unused field: '{field}'") for field in layer.unused]
        total = to_float32(total + layer.alexeyab_billions)
        if min(layer.alexeyab_size(network)) > 1:
            outputs += layer.sharp.size
            counted += 1
    return [*lines, f"Total BFLOPS {total:5.3f} ", f"avg_outputs = {outputs // counted if counted else 0} "]
