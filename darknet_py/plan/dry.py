"""Plans to be printed and verified: made without a weights file, and without packing or running anything."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from ..parameters import zero_parameters
from .build import Plan

if TYPE_CHECKING:
    from ..formats.tree import Tree
    from ..network import Network
    from ..numeric.arithmetic import Arithmetic


def dry_plan(
    network: Network, profile: Arithmetic, threads: int, trees: Mapping[int, Tree] | None = None,
    keep: Collection[int] = (), images: int = 1,
) -> Plan:  # fmt: skip
    """The plan that a network would run by; arguments as for `Plan`. Its zeros take (almost) no memory."""
    return Plan(network, zero_parameters(network), profile.filled_in(network), threads, trees, keep, images, dry=True)
