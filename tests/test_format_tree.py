"""The WordTree: the arrays that Darknet's ``read_tree`` builds, and what it does not notice."""

from __future__ import annotations

import hashlib
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from darknet_py.errors import DataError, printable
from darknet_py.formats.tree import Tree, read_tree


def tree_of(folder: Path, text: str) -> Tree:
    path = folder / "small.tree"
    path.write_bytes(text.encode())
    return read_tree(path)


def test_a_small_tree_worked_out_by_hand(tmp_path: Path) -> None:
    tree = tree_of(tmp_path, "animal -1\r\nvehicle -1\r\ndog 0\r\ncat 0\r\ncar 1\r\nhusky 2\r\n\r\n")
    assert tree.names == ("animal", "vehicle", "dog", "cat", "car", "husky")
    assert tree.parent.tolist() == [-1, -1, 0, 0, 1, 2]
    assert tree.group.tolist() == [0, 0, 1, 1, 2, 3]
    assert tree.group_offset.tolist() == [0, 2, 4, 5]
    assert tree.group_size.tolist() == [2, 2, 1, 1]
    assert tree.child.tolist() == [1, 2, 3, -1, -1, -1]
    assert tree.leaf.tolist() == [False, False, False, True, True, True]
    assert (tree.n, tree.groups) == (6, 4)
    assert (tree.path(5), tree.path(1)) == ([0, 2, 5], [1])


DARKNETS = {  # sha256 of the int32 arrays that read_tree of Darknet's own library gives
    "reference/data/9k.tree": {
        "parent": "cafecbc8fab5bf99e13433713dd1b591abffe74c4b665bb694b041fb49246a51",
        "group": "377fc07d2d6577d6fcfe08b36cb848e2eed34c5d7d85b315e8e82e9855f20207",
        "group_offset": "e08696ffa0add1177e2321f900ba3d2219cd212401b725cf9ecc3091340129d4",
        "group_size": "da78919396f5f014589eb4bd2d71362bef1b0063f41c2be00c1a986b8a0fac06",
        "child": "8d44fd4207856a4ebe0a49161931fbf83296b1083af80787a159f86ca9764a21",
        "leaf": "1e5b8f3b0be10c5440b54d448bb9ce853fb622aad255faf3e16f0a250f22be86",
    },
    "cfg/tree-small.tree": {
        "parent": "f0160e99591ed78342aad68203b24a7ca46b5dda976a2789fdcaa573441da916",
        "group": "208a373c24f30e3f788fbe5da3c472dc96fe507ff4663db30f1ac25e02a273bb",
        "group_offset": "c6f8580f4316e72be454c100179c4656b4c10f7c2af5e6f3027b8f1dd1d9f660",
        "group_size": "3675d60d792f172ecc218f96780478515631e191bb19609f706d16914a76764c",
        "child": "4e759eae1a2ee9458b657752e045699d5893c561d81270f04f3b78119b03b7e1",
        "leaf": "9cea6b99f33c25557fcd539fb5d290c11ac4673a8554c28fd41c305320607937",
    },
}


@pytest.mark.parametrize("name", DARKNETS)
def test_the_arrays_are_darknets(oracle: Path, name: str) -> None:
    tree = read_tree(oracle / name)
    found = {
        field: hashlib.sha256(np.ascontiguousarray(getattr(tree, field), "<i4").tobytes()).hexdigest()
        for field in DARKNETS[name]
    }
    assert found == DARKNETS[name]


def test_yolo9000s_tree(oracle: Path) -> None:
    tree = read_tree(oracle / "reference" / "data" / "9k.tree")
    assert (tree.n, tree.groups, int(tree.leaf.sum())) == (9418, 1846, 7573)
    for node in (0, 5177, 9417):
        way = tree.path(node)
        assert way[-1] == node and tree.parent[way[0]] == -1
        assert all(tree.parent[below] == above for above, below in pairwise(way))


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("a -1\nb 1\n", 2, "node 1 (b) is its own parent"),
        ("a -1\nb 2\nc 1\n", 2, "node 1 (b) has parent 2, which does not come before it"),
        ("a -1\nb 99\n", 2, "node 1 (b) has parent 99, which does not come before it"),
        ("a 0\n", 1, "node 0 (a) is its own parent"),
        ("a -1\nb 0\nc 1\nd 0\n", 4, "node 3: the children of 0 must stand side by side"),
        ("a -1\nb 0\nc -1\n", 3, "node 2: the children of -1 must stand side by side"),
        ("a -1\nb\n", 2, "node 1: 'b' must be a name and its parent's number"),
        ("a -1\n\nb 0\n", 2, "node 1: '' must be a name and its parent's number"),
        ("a -1\nb zero\n", 2, "node 1: 'zero' is not a node's number (-1 for a root)"),
        ("a -1\nb -2\n", 2, "node 1: '-2' is not a node's number (-1 for a root)"),
        ("a -1\nb 0.5\n", 2, "node 1: '0.5' is not a node's number (-1 for a root)"),
        ("a -1\nb 0_0\n", 2, "node 1: '0_0' is not a node's number (-1 for a root)"),
        (f"a -1\nb {'9' * 5000}\n", 2, f"node 1: '{'9' * 5000}' is not a node's number (-1 for a root)"),
    ],
)
def test_errors_name_the_line(tmp_path: Path, text: str, line: int, says: str) -> None:
    with pytest.raises(DataError) as caught:
        tree_of(tmp_path, text)
    assert str(caught.value) == f"{tmp_path / 'small.tree'}:{line}: {printable(says)}"


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has no nodes"):
        tree_of(tmp_path, "\n\n")
    with pytest.raises(DataError, match="No such file"):
        read_tree(tmp_path / "no.tree")
    with pytest.raises(DataError, match="Is a directory"):
        read_tree(tmp_path)
