"""Stand-in weights: the same bytes for good."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from darknet_py.errors import WeightsError
from darknet_py.synth import write_synth

from .nets import net, write_cfg


def test_the_stream_never_changes(tmp_path: Path) -> None:
    text = net(
        3, 9, 7, "conv filters=4 size=3 batch_normalize=1 groups=1 activation=leaky",
        "deconv filters=2 size=2 stride=2", "batchnorm", "local filters=2 size=3 pad=1",
        "connected output=5 batch_normalize=1 activation=linear",
    )  # fmt: skip
    write_synth(write_cfg(tmp_path, text), tmp_path / "w", seed=11)
    data = (tmp_path / "w").read_bytes()
    assert np.frombuffer(data[:12], "<i4").tolist() == [0, 2, 0]
    assert np.frombuffer(data[12:20], "<u8").tolist() == [32013312]
    assert hashlib.sha256(data).hexdigest() == "a9552f633bf556d06703f37c727e47951aaecec7b9914704770ee9263123b791"


@pytest.mark.parametrize("minor", [1, 2])
def test_same_bytes_as_the_recipe_of_the_goldens(oracle: Path, tmp_path: Path, minor: int) -> None:
    cfgs = [*sorted((oracle / "cfg").glob("*.cfg")), oracle / "reference" / "cfg" / "yolov2-tiny.cfg"]
    for cfg in cfgs:
        options = ["--seed", "3", "--minor", str(minor)]
        subprocess.run([sys.executable, oracle / "synth.py", cfg, tmp_path / "theirs", *options], check=True)
        write_synth(cfg, tmp_path / "ours", seed=3, minor=minor)
        assert (tmp_path / "ours").read_bytes() == (tmp_path / "theirs").read_bytes(), cfg.name


RECURRENT = net(
    3, 4, 4, "crnn output=3 hidden=2 pad=1", "conv_lstm output=2 pad=1 peephole=1",
    "conv_lstm output=2 pad=1 activation=linear", "lstm output=3", "gru output=2", "lstm output=2 activation=linear",
    "gru output=2 batch_normalize=1", "rnn output=2 hidden=3",
)  # fmt: skip


def test_gates_are_drawn_by_the_activation_that_their_section_says(tmp_path: Path) -> None:
    write_synth(write_cfg(tmp_path, RECURRENT), tmp_path / "w", minor=5, dialect="alexeyab")
    digest = hashlib.sha256((tmp_path / "w").read_bytes()).hexdigest()
    assert digest == "fc07848980ba12a67da13e20aebf645f802df67414f4ad727fdc994ea5254b92"


def test_gates_are_drawn_as_in_the_recipe_of_the_goldens(oracle: Path, tmp_path: Path) -> None:
    cfg = write_cfg(tmp_path, RECURRENT)
    options = ["--minor", "5", "--dialect", "alexeyab"]
    subprocess.run([sys.executable, oracle / "synth.py", cfg, tmp_path / "theirs", *options], check=True)
    write_synth(cfg, tmp_path / "ours", minor=5, dialect="alexeyab")
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "theirs").read_bytes()


def test_nothing_is_left_of_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    cfg = write_cfg(tmp_path, net(3, 8, 8, "conv filters=2"))
    with pytest.raises(WeightsError, match="cannot write"):
        write_synth(cfg, tmp_path / "nowhere" / "w")
    (tmp_path / "taken").mkdir()
    with pytest.raises(WeightsError, match="cannot write"):
        write_synth(cfg, tmp_path / "taken")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net.cfg", "taken"]
