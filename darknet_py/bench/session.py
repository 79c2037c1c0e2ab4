"""One benchmark: a network on this engine and others, turn by turn in one session."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from ..calibration import find_calibration
from ..dialect import AUTO
from ..errors import DarknetError
from ..loading import load_trees
from ..network import read_network
from ..numeric.arithmetic import PROFILES, get_arithmetic
from ..parameters import load_parameters
from ..plan.build import Plan
from .against import ONE_THREAD, Peer, PeerError, PeerSpec
from .files import SEED, Files, bench_files
from .peers.serve import CLOCKS

if TYPE_CHECKING:
    from ..layers import Layer
    from ..network import Network
    from ..typing import Floats
    from .ceiling import Ceiling


TOLERANCE = 1e-3
"""How far another engine's outputs may be from ours, of the largest of ours or of 1: then it runs the same network."""

ROUGH = 0.25
"""The same for engines that round to 8 bits."""

TURN, LONGEST = 0.2, 5
"""An engine's turn takes about so many seconds, and has at most so many runs."""

PAUSE = 0.05
"""Seconds between turns: engines whose threads wait actively stop doing so meanwhile."""


@dataclass
class LayerTime:
    """One layer's share, and that of the ``others`` that its step computes, too."""

    layer: Layer
    seconds: float
    others: tuple[Layer, ...] = ()

    @property
    def multiply_adds(self) -> int:
        """Those of all its layers."""
        return sum(layer.multiply_adds for layer in (self.layer, *self.others))

    @property
    def pooled(self) -> bool:
        """Whether its step only pools besides."""
        return len(self.others) == 1 and self.others[0].kind == "maxpool"

    @property
    def shown(self) -> Layer:
        """The layer whose output is shown: of a chain the last one, as nobody sees the others'."""
        return self.layer if self.pooled or not self.others else self.others[-1]

    @property
    def speed(self) -> float:
        """Multiply-adds per second."""
        return self.multiply_adds / self.seconds if self.seconds else 0.0


@dataclass
class EngineTime:
    """Another engine's times.

    Attributes:
        name: what the user calls it.
        engine: name and version.
        threads: how many it used.
        turns: seconds of its runs, turn by turn.
        ratios: turn by turn, its median time by ours.
        difference: largest difference of its outputs from ours; None if it can show none.
        scale: what that is to be compared with: the largest of our outputs, at least 1.
        tolerance: by how much of that they may differ.
    """

    name: str
    engine: str
    threads: int
    turns: list[list[float]] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)
    difference: float | None = None
    scale: float = 1.0
    tolerance: float = TOLERANCE

    @property
    def seconds(self) -> list[float]:
        """All its times."""
        return [value for turn in self.turns for value in turn]

    @property
    def same(self) -> bool | None:
        """Whether it computes the same network; None if that is not known."""
        return None if self.difference is None else self.difference <= self.tolerance * self.scale


@dataclass
class Result:
    """What a benchmark found out. ``seconds``: of our runs; ``failures``: why engines could not be measured; ``clock``:
    what seconds were counted."""

    network: Network
    math: str
    threads: int
    weights: str
    arena_bytes: int
    seconds: list[float]
    layers: list[LayerTime]
    engines: list[EngineTime]
    failures: list[str]
    clock: str = "wall"

    @property
    def speed(self) -> float:
        """Multiply-adds per second, in the median run."""
        return self.network.multiply_adds / median(self.seconds)


class Own:
    """This engine, in this process; keeps the time of every step, of runs that are made for that alone."""

    def __init__(self, plan: Plan, x: Floats, clock: str = "wall") -> None:
        self.plan = plan
        self.clock = clock
        self.x = x.reshape(-1)
        self.seconds: list[float] = []
        self.steps: list[list[float]] = []

    def turn(self, first: int, count: int) -> list[float]:
        """As `Peer.turn`."""
        for _ in range(first):
            self._run()
        self.seconds += [self._run() / self.plan.images for _ in range(count)]
        return self.seconds[-count:]

    def time_steps(self) -> None:
        """Another run, step by step: with looks at the clock, and so with Python, between them."""
        clock = CLOCKS[self.clock]
        self._fill()
        times = [clock()]
        self.plan.run(lambda step: times.append(clock()))
        self.steps.append([float(seconds) for seconds in np.diff(times)])

    def _run(self) -> float:
        clock = CLOCKS[self.clock]
        start = clock()
        self._fill()
        self.plan.run()
        return clock() - start

    def _fill(self) -> None:
        for image in range(self.plan.images):
            self.plan.input(image)[:] = self.x

    def layer_times(self) -> list[LayerTime]:
        """The median time of every layer that has steps of its own."""
        network, layout = self.plan.network, self.plan.layout
        others: dict[int, list[Layer]] = {}
        for layer in network.layers:
            head = layout.head_of(layer.index)
            if head is not None:
                others.setdefault(head, []).append(layer)
        middle = np.median(np.array(self.steps), axis=0)
        times: dict[int, float] = {}
        for step, seconds in zip(self.plan.steps, middle, strict=True):
            number = max(step.layer, 0)  # what the input is converted by counts as the first layer's
            times[number] = times.get(number, 0.0) + float(seconds)
        return [
            LayerTime(layer, times[layer.index], tuple(others.get(layer.index, ())))
            for layer in network.layers
            if layer.index in times
        ]


class OwnPeer(Own):
    """This engine with another arithmetic, on one thread or on several images at a time, as a peer of itself."""

    def outputs(self) -> dict[int, Floats]:
        """As `Peer.outputs`."""
        return {number: self.plan.output(number) for number in self.plan.kept}


Running = tuple[Peer | OwnPeer, EngineTime]
"""Another engine, and its times."""


def bench(
    cfg: Path,
    weights: Path | None,
    ceiling: Ceiling,
    *,
    size: tuple[int, int] | None = None,
    math: str = "ieee",
    calibration: Path | None = None,
    runs: int = 10,
    peers: Sequence[PeerSpec] = (),
    report: Callable[[str], None] = lambda text: None,
    dialect: str = AUTO,
    clock: str = "wall",
) -> Result:
    """Measure a network.

    Args:
        cfg, weights: its files; stand-in weights if there are none.
        ceiling: is measured again in every round; also has the number of threads.
        size, math: as for `load`.
        calibration: as for `load`; of this engine as a peer, too.
        runs: rounds; in each one every engine has a turn.
        peers: other engines, measured in turns with this one on the same input.
        report: called with a line about what is being done.
        dialect: as for `load`.
        clock: what seconds are counted (`peers.serve.CLOCKS`).

    Raises:
        DarknetError: something is wrong with the files. (Engines that fail are in the result.)
    """
    network = read_network(cfg, size=size, dialect=dialect)
    get_arithmetic(math, network.dialect).filled_in(network).check_covers(network)
    own_maths = {math, *(spec.name for spec in peers if spec.name in PROFILES)}
    if calibration is not None and not any(PROFILES[each].calibrated for each in own_maths):
        raise DarknetError(f"math={math} takes no calibration; use math=int8")
    if not network.input.image:
        raise DarknetError(f"{cfg}: the network's input ({network.input}) is not a picture")
    with bench_files(cfg, weights, calibration, network, report) as files, ExitStack() as stack:
        report("loading")
        shape = (network.input.c, network.input.h, network.input.w)
        x: Floats = np.random.RandomState(SEED).uniform(0, 1, shape).astype(np.float32)
        np.save(files.input, x)
        own = Own(make_plan(files, math, ceiling.threads), x, clock)
        running: list[Running] = []
        failures: list[str] = []
        for spec in peers:
            report(f"starting {spec.name}")
            try:
                running.append(_start(spec, files, own, stack))
            except DarknetError as error:
                failures.append(str(error))
        _take_turns(own, running, ceiling, runs, failures, report)
        report("comparing outputs")
        for peer, engine in running:
            _compare(peer, engine, own.plan, failures)
        return Result(
            network, math, ceiling.threads, str(weights) if weights else f"stand-ins, seed {SEED}",
            own.plan.arena_bytes, own.seconds, own.layer_times(), [engine for _, engine in running], failures, clock,
        )  # fmt: skip


def _start(spec: PeerSpec, files: Files, own: Own, stack: ExitStack) -> Running:
    if not spec.command:
        math = spec.name if spec.name in PROFILES else own.plan.profile.name
        threads = 1 if spec.name == ONE_THREAD else own.plan.threads
        get_arithmetic(math, own.plan.network.dialect).filled_in(own.plan.network).check_covers(own.plan.network)
        together = f", {spec.images} images at a time" if spec.images > 1 else ""
        narrow = math != own.plan.profile.name and any(PROFILES[each].narrow for each in (math, own.plan.profile.name))
        tolerance = ROUGH if narrow else TOLERANCE
        engine = EngineTime(spec.name, f"darknet-py, math {math}{together}", threads, tolerance=tolerance)
        return OwnPeer(make_plan(files, math, threads, spec.images), own.x, own.clock), engine
    peer = stack.enter_context(Peer(spec, files.job(own.plan.threads, own.clock), files.folder))
    narrow = spec.rounds or own.plan.profile.narrow is not None
    tolerance = ROUGH if narrow else TOLERANCE
    return peer, EngineTime(spec.name, peer.engine, peer.threads, tolerance=tolerance)


def make_plan(files: Files, math: str, threads: int, images: int = 1) -> Plan:
    """The network ready to run, with the outputs kept that engines are compared by."""
    network = read_network(files.cfg, dialect=files.dialect)
    keep = [head.sources[0] for head in network.heads]
    parameters, profile = load_parameters(network, files.weights), get_arithmetic(math, network.dialect)
    if profile.calibrated and files.stand_ins:
        profile = profile.filled_in(network)
    elif profile.calibrated:
        calibration = find_calibration(network, files.weights, files.calibration)
        parameters, profile = calibration.balanced(network, parameters), profile.quantized(calibration.whole)
    return Plan(network, parameters, profile, threads, load_trees(network), keep, images)


def _take_turns(
    own: Own, running: list[Running], ceiling: Ceiling, rounds: int, failures: list[str], report: Callable[[str], None]
) -> None:
    """A round is a turn of ours, then one of every other engine, each after a pause."""
    report("warming up")
    ours = own.turn(0, 2)[-1]  # the first may compile
    own.seconds.clear()
    for number in range(1, rounds + 1):
        report(f"round {number} of {rounds}")
        ceiling.measure()
        time.sleep(PAUSE)
        ours = median(own.turn(*_plan_turn(ours)))
        own.time_steps()
        for entry in list(running):
            peer, engine = entry
            time.sleep(PAUSE)
            try:
                last = engine.turns[-1] if engine.turns else peer.turn(1, 1)
                engine.turns.append(peer.turn(*_plan_turn(median(last))))
            except PeerError as error:
                failures.append(str(error))
                running.remove(entry)
                continue
            engine.ratios.append(median(engine.turns[-1]) / ours)


def _plan_turn(seconds: float) -> tuple[int, int]:
    """For runs of so many seconds: how many come first without the clock, and how many with it."""
    return int(seconds < TURN), max(1, min(LONGEST, round(TURN / seconds)))


def _compare(peer: Peer | OwnPeer, engine: EngineTime, plan: Plan, failures: list[str]) -> None:
    try:
        outputs = peer.outputs()
    except PeerError as error:
        failures.append(f"{error} (its outputs cannot be compared)")
        return
    for number, theirs in outputs.items():
        ours = plan.output(number)
        engine.scale = max(engine.scale, float(np.abs(ours).max()))
        with np.errstate(invalid="ignore"):
            difference = np.abs(theirs.reshape(-1) - ours).max() if theirs.size == ours.size else np.inf
        engine.difference = max(engine.difference or 0.0, float(np.nan_to_num(difference, nan=np.inf)))
