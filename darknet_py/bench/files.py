"""The files that a benchmark runs: a cfg that every engine reads alike, and weights."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..formats.cfg import KINDS
from ..loading import find_data_file
from ..synth import write_synth
from .peers.serve import Job

if TYPE_CHECKING:
    from ..network import Network

SEED = 7
"""Of the stand-in weights."""


@dataclass(frozen=True)
class Files:
    """Files in a temporary ``folder``: what the engines run.

    Attributes:
        stand_ins: the weights are nobody's.
        calibration: where it is, if not beside the weights.
    """

    folder: Path
    cfg: Path
    weights: Path
    dialect: str
    stand_ins: bool
    calibration: Path | None = None

    @property
    def input(self) -> Path:
        """Where the network's input is, as an .npy file."""
        return self.folder / "input.npy"

    def job(self, threads: int, clock: str) -> Job:
        """What an engine's process gets as its first line."""
        return Job(str(self.cfg), str(self.weights), str(self.input), threads, dialect=self.dialect, clock=clock)


@contextmanager
def bench_files(
    cfg: Path, weights: Path | None, calibration: Path | None, network: Network, report: Callable[[str], None]
) -> Iterator[Files]:
    """A cfg with its final size that takes one image at a time, and the given weights or stand-ins."""
    with tempfile.TemporaryDirectory(prefix="darknet-py-bench-") as name:
        folder = Path(name)
        own_cfg = folder / cfg.name
        own_cfg.write_text(settled(cfg.read_text(encoding="utf-8", errors="replace"), cfg, network), encoding="utf-8")
        stand_ins = weights is None
        if weights is None:
            report("making weights")
            weights = folder / "synthetic.weights"
            write_synth(own_cfg, weights, SEED, dialect=network.dialect.key)
        yield Files(folder, own_cfg, weights.absolute(), network.dialect.key, stand_ins, calibration)


def settled(text: str, cfg: Path, network: Network) -> str:
    """A cfg's text with its final size and one image per batch, without short names, trees by their whole paths."""
    values = {"width": network.input.w, "height": network.input.h, "batch": 1, "subdivisions": 1}
    lines = []
    sections = 0
    for line in text.splitlines():
        key = re.sub(r"\s", "", line.partition("=")[0])
        if line.lstrip().startswith("["):
            sections += 1
            name = re.sub(r"[#;].*|[\s\[\]]", "", line)
            lines.append(f"[{KINDS.get(name, name)}]")
            if sections == 1:
                lines += [f"{option}={value}" for option, value in values.items()]
        elif sections == 1 and key in values:
            continue
        elif key == "tree":
            tree = re.sub(r"\s[#;].*|\s", "", line.partition("=")[2])
            lines.append(f"tree={find_data_file(tree, cfg).absolute()}")
        else:
            lines.append(line)
    return "\n".join(lines) + "\n"
