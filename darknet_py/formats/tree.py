"""The WordTree of YOLO9000 (paper, section 4): a hierarchy of classes (Darknet's ``read_tree``)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import DataError
from .text import read_lines

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NUMBER = re.compile(r"[+-]?[0-9]{1,10}")


@dataclass(frozen=True)
class Tree:
    """Nodes in file order. Siblings stand side by side and form a group, over which a softmax is taken.

    Attributes:
        names: a node's name (a WordNet id).
        parent: a node's parent, -1 for a root.
        group: the group that a node is in.
        group_offset, group_size: first node and number of nodes of a group.
        child: the group of a node's children, -1 for a leaf.
        leaf: whether a node has no children.
    """

    names: tuple[str, ...]
    parent: NDArray[np.int32]
    group: NDArray[np.int32]
    group_offset: NDArray[np.int32]
    group_size: NDArray[np.int32]
    child: NDArray[np.int32]
    leaf: NDArray[np.bool_]

    @property
    def n(self) -> int:
        """Number of nodes."""
        return len(self.names)

    @property
    def groups(self) -> int:
        """Number of groups."""
        return len(self.group_size)

    def path(self, node: int) -> list[int]:
        """The nodes from a root down to ``node``."""
        way = [node]
        while self.parent[way[-1]] >= 0:
            way.append(int(self.parent[way[-1]]))
        return way[::-1]


def read_tree(path: str | Path) -> Tree:
    """Read a ``.tree`` file: a line per node, its name and its parent's number (-1 for a root).

    Raises:
        DataError: with the line, if a parent comes after its child, siblings are scattered, or a number is missing.
    """
    names: list[str] = []
    parents: list[int] = []
    sizes: list[int] = []
    offsets: list[int] = []
    group: list[int] = []
    child: dict[int, int] = {}
    for node, line in enumerate(read_lines(path)):
        name, parent = _parse(line, node, path)
        if node == 0 or parent != parents[-1]:
            if parent in child:
                raise DataError(f"node {node}: the children of {parent} must stand side by side", path, node + 1)
            child[parent] = len(sizes)
            offsets.append(node)
            sizes.append(0)
        names.append(name)
        parents.append(parent)
        sizes[-1] += 1
        group.append(len(sizes) - 1)
    if not names:
        raise DataError("has no nodes", path)
    children = np.array([child.get(node, -1) for node in range(len(names))], np.int32)
    return Tree(
        tuple(names), np.array(parents, np.int32), np.array(group, np.int32), np.array(offsets, np.int32),
        np.array(sizes, np.int32), children, children < 0,
    )  # fmt: skip


def _parse(line: str, node: int, path: str | Path) -> tuple[str, int]:
    """Name and parent of a line."""
    words = line.split()
    if len(words) < 2:
        raise DataError(f"node {node}: '{line.strip()}' must be a name and its parent's number", path, node + 1)
    if not _NUMBER.fullmatch(words[1]) or (parent := int(words[1])) < -1:
        raise DataError(f"node {node}: '{words[1]}' is not a node's number (-1 for a root)", path, node + 1)
    if parent >= node:
        why = "is its own parent" if parent == node else f"has parent {parent}, which does not come before it"
        raise DataError(f"node {node} ({words[0]}) {why}", path, node + 1)
    if node == 0 and parent != -1:
        raise DataError("the first node must be a root (parent -1)", path, 1)
    return words[0], parent
