"""A network's layer table, as the Darknet of its dialect prints it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import printable
from .writers import writers_of

if TYPE_CHECKING:
    from ..network import Network


def printed_table(network: Network, verbose: bool = False) -> list[str]:
    """The table's lines; ``verbose`` adds what that Darknet prints about lines and options that it does not read."""
    notes = [printable(note) for note in network.notes] if verbose else []
    return notes + writers_of(network.dialect).table(network, verbose)
