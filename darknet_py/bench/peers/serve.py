"""What an engine's process writes: lines of JSON, one for each request line.

First line in: a `Job` as JSON; out: ``{"engine": name with version, "threads": n}``. Then

- ``{"run": n, "first": m}``: run m times, then n times with the clock; out: ``{"seconds": [...]}``;
- ``{"outputs": path}``: write what can be compared to an .npz file; out: ``{"layers": [numbers]}``.

Whatever goes wrong is ``{"error": message}``. The end of the input ends the process.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from dataclasses import dataclass
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Any, Protocol, TextIO

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ...network import Network
    from ...typing import Floats


CLOCKS = {"wall": perf_counter, "processor": process_time}
"""What seconds are counted: those that pass, or those in which a core works for the process, of all its threads: other
programs on a busy machine take none of the latter away."""


@dataclass
class Job:
    """What to run: files of cfg and weights (the cfg with its final size), of the input, and on how many threads.

    ``library``: a shared library, for engines that are one. ``dialect``: whose Darknet the cfg is for. ``clock``: of
    `CLOCKS`.
    """

    cfg: str
    weights: str
    input: str
    threads: int
    library: str = ""
    dialect: str = "auto"
    clock: str = "wall"


class Engine(Protocol):
    """One engine with a network loaded.

    Attributes:
        engine: its name and version.
        threads: how many threads it really uses.
    """

    engine: str
    threads: int

    def run(self, x: Floats) -> None:
        """From the input (channels, height, width) to all outputs of the network."""

    def outputs(self, x: Floats, network: Network) -> Mapping[int, Floats]:
        """Outputs by layer number: of layers that this engine can show, and that show that it runs this network."""


def main(engine: str, library: str = "") -> None:
    """Serve on standard input and output with the engine of the module of that name."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # engines print what they like
    try:
        _serve(engine, library, answers)
    except Exception as error:
        _answer(answers, error=f"{type(error).__name__}: {error}" if not str(error).strip() else str(error).strip())


def _serve(engine: str, library: str, answers: TextIO) -> None:
    job = Job(**json.loads(sys.stdin.readline()), library=library)
    x = np.load(job.input)
    module = importlib.import_module(f"{__package__}.{engine}")
    loaded: Engine = module.load(job)
    _answer(answers, engine=loaded.engine, threads=loaded.threads)
    for line in sys.stdin:
        request = json.loads(line)
        if "run" in request:
            for _ in range(request["first"]):
                loaded.run(x)
            _answer(answers, seconds=[_clocked(loaded, x, CLOCKS[job.clock]) for _ in range(request["run"])])
        else:
            from ...network import read_network

            outputs = loaded.outputs(x, read_network(job.cfg, dialect=job.dialect))
            arrays: dict[str, Any] = {str(number): array for number, array in outputs.items()}
            np.savez(request["outputs"], **arrays)
            _answer(answers, layers=sorted(outputs))


def _clocked(engine: Engine, x: Floats, clock: Callable[[], float]) -> float:
    start = clock()
    engine.run(x)
    return clock() - start


def _answer(answers: TextIO, **message: Any) -> None:
    answers.write(json.dumps(message) + "\n")
    answers.flush()
