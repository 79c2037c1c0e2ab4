"""``warmup --training``: that it compiles every kernel is tested in ``test_warmup.py``."""

from __future__ import annotations

from pathlib import Path

from darknet_py.network import read_network
from darknet_py.train.layers import HANDLERS
from darknet_py.train.warming import NETWORKS, training_steps
from darknet_py.warmup_samples import TREE


def test_every_layer_that_learns_is_among_its_networks(tmp_path: Path) -> None:
    (tmp_path / "warmup.tree").write_text(TREE)
    kinds = set()
    for number, text in enumerate(NETWORKS):
        (tmp_path / f"{number}.cfg").write_text(text)
        kinds |= {type(layer) for layer in read_network(tmp_path / f"{number}.cfg").layers}
    assert kinds == set(HANDLERS)


def test_only_arithmetics_that_can_train() -> None:
    assert [name for name, _ in training_steps(["make", "ieee"])] == ["pictures for training", "training, math ieee"]
