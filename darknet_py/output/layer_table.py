"""A network's layer table, as the Darknet of its dialect prints it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..dialect import ALEXEYAB, PJREDDIE
from ..errors import printable
from ..network import layer_table
from .alexeyab_table import alexeyabs_table

if TYPE_CHECKING:
    from ..network import Network

_TABLES: dict[str, Callable[[Network, bool], list[str]]] = {
    PJREDDIE.key: layer_table, ALEXEYAB.key: alexeyabs_table
}  # fmt: skip
"""Who prints the table, by dialect."""


def printed_table(network: Network, verbose: bool = False) -> list[str]:
    """The table's lines; ``verbose`` adds what that Darknet prints about lines and options that it does not read."""
    notes = [printable(note) for note in network.notes] if verbose else []
    return notes + _TABLES[network.dialect.key](network, verbose)
