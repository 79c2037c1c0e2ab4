"""Compiling kernels ahead of their use, and telling when that happens.

A kernel is compiled when it is first called with arguments of new types, and what was made is kept on disk: for the
version of the source, of Numba and of Python, and for the processor. This module knows what there is to call.
"""

from __future__ import annotations

import atexit
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np

from . import warmup_samples as samples
from .dialect import ALEXEYAB, PJREDDIE
from .errors import DarknetError
from .kernels.runtime import objects
from .kernels.runtime.jit import Kernel
from .kernels.runtime.later import Listener, listeners
from .numeric.arithmetic import ARITHMETICS, PROFILES, get_arithmetic
from .plan.cores import usable_cores
from .terminal import control
from .view import View

if TYPE_CHECKING:
    import subprocess

    from .detector import Detector
    from .kernels.conv.winograd_code import Winograd
    from .numeric.arithmetic import Arithmetic

NOTICE = "Compiling kernels for this processor (once; it may take a minute or two)..."
NOTICE_EACH = "Compiling kernels, each time anew: no folder can be written to (NUMBA_CACHE_DIR may name one)..."

USUAL = 100
"""About how many kernels the first command compiles: a JPEG through yolov3-tiny. The bar's length, no promise."""

_BAR = 30
"""Characters of the bar."""


class _Counter:
    """Counts the kernels that are compiled, not read from disk; may say something at the first."""

    def __init__(self, first: Callable[[], None] = lambda: None) -> None:
        self.count = 0
        self._first = first

    def on_start(self) -> None:
        """A kernel, or one that it calls, is being compiled."""
        if self.count == 0:
            self._first()
        self.count += 1

    def on_end(self) -> None:
        """It was compiled."""


class _Bar(_Counter):
    """Shows in one line of a terminal how many kernels were compiled; the line is empty whenever none is."""

    def __init__(self, first: Callable[[], None], write: Callable[[str], None]) -> None:
        super().__init__(first)
        self._write = write
        self._depth = 0
        """A kernel compiles those that it calls."""

    def on_start(self) -> None:
        super().on_start()
        self._depth += 1
        self._write(f"\r\033[K{bar_text(self.count)}")

    def on_end(self) -> None:
        self._depth -= 1
        if self._depth <= 0:
            self._write("\r\033[K")


def bar_text(count: int) -> str:
    """``[###---] 12 of about 90 kernels``; beyond the usual number only the count is known."""
    if count > USUAL:
        return f"[{'#' * _BAR}] {count} kernels"
    done = _BAR * count // USUAL
    return f"[{'#' * done}{'-' * (_BAR - done)}] {count} of about {USUAL} kernels"


@dataclass
class Announcing:
    """Who hears of compilations in this process, and whether the notice was given."""

    listener: Listener | None = None
    given: bool = False


ANNOUNCING = Announcing()


def announce_compiling(report: Callable[[str], None], terminal: TextIO | None = None) -> None:
    """From now on, when the first kernel has to be compiled in this process: say so. (Never, if all are cached.)

    ``terminal``, if it is one, shows the progress of that.
    """

    def first() -> None:
        if not ANNOUNCING.given:
            ANNOUNCING.given = True
            report(NOTICE if cache_folder() else NOTICE_EACH)
            compile_aside()

    screen = None if terminal is None else control(terminal)

    def write(text: str) -> None:
        if screen is not None:
            screen.write(text)
            screen.flush()

    if ANNOUNCING.listener is not None:
        listeners.remove(ANNOUNCING.listener)
    ANNOUNCING.listener = _Bar(first, write) if terminal is not None and terminal.isatty() else _Counter(first)
    listeners.append(ANNOUNCING.listener)


def compile_aside() -> subprocess.Popen[bytes] | None:
    """Let another process compile `all_but_convolutions`, while this one does so with its network; None where none can.

    It ends with this process at the latest.
    """
    frozen = getattr(sys, "frozen", False)  # then the program there is not Python
    if frozen or not sys.executable or usable_cores() < 2 or cache_folder() is None:
        return None
    import subprocess

    package = Path(__file__).resolve().parent
    program = f"import sys; sys.path.insert(0, {str(package.parent)!r}); "
    program += f"from {package.name}.warmup import all_but_convolutions; all_but_convolutions()"
    none = subprocess.DEVNULL
    try:
        aside = subprocess.Popen([sys.executable, "-c", program], stdin=none, stdout=none, stderr=none)
    except OSError:
        return None
    atexit.register(_end, aside)
    return aside


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait()


@dataclass
class Warmth:
    """What a warm-up did: how many kernels were compiled, how long all took, and below which folder they are kept."""

    compiled: int
    seconds: float
    folder: Path | None


def warm_up(
    math: Sequence[str] = ("ieee",), report: Callable[[str], None] = lambda text: None, threads: int | None = None,
    more: Iterable[tuple[str, Callable[[], None]]] = (),
) -> Warmth:  # fmt: skip
    """Compile every kernel that networks, pictures and boxes need, unless it is in the cache already.

    Args:
        math: the arithmetic profiles to prepare.
        report: called with a line after each step.
        threads: as for `load`.
        more: other steps: a name, and what is to be run.

    Raises:
        DarknetError: a profile is unknown, or this machine cannot run it.
    """
    steps = [*_steps(math, threads), *more]
    counter = _Counter()
    listeners.append(counter)
    start = time.perf_counter()
    try:
        for number, (name, run) in enumerate(steps, 1):
            before, began = counter.count, time.perf_counter()
            run()
            seconds = time.perf_counter() - began
            report(f"[{number}/{len(steps)}] {name}: {counter.count - before} compiled, {seconds:.1f} s")
    finally:
        listeners.remove(counter)
    return Warmth(counter.count, time.perf_counter() - start, cache_folder())


def _steps(math: Sequence[str], threads: int | None) -> Iterator[tuple[str, Callable[[], None]]]:
    yield "pictures", read_pictures
    for name in dict.fromkeys(math):
        profile = get_arithmetic(name)
        texts = samples.DETECTORS + samples.ONLY_IEEE if profile.covers_all else samples.DETECTORS
        texts = texts if profile.narrow is None else (*texts, samples.NARROW)
        yield f"networks, math {name}", partial(_run_all, texts, name, threads)
        if profile.transforms:
            yield f"tiles, math {name}", partial(_run_tiles, profile, threads)
        if name in ARITHMETICS[ALEXEYAB.key]:
            yield f"{ALEXEYAB.name}, math {name}", partial(_run_all, samples.ALEXEYABS, name, threads, ALEXEYAB.key)


def usable_profiles() -> list[str]:
    """Names of the arithmetic profiles that this machine can run."""
    return [name for name, profile in PROFILES.items() if profile.why_not_here() is None]


def all_but_convolutions() -> None:
    """Compile what most detectors need besides convolutions, which take longest: first what reads and fits a photo."""
    from .detector import Detector
    from .image.letterbox import letterbox_pixels
    from .image.load import load_image
    from .network import read_network
    from .parameters import zero_parameters

    pixels = load_image(next(samples.pictures()))
    for side in (32, 128):
        letterbox_pixels(pixels, side, side)
    with tempfile.TemporaryDirectory(prefix="darknet-py-warmup-") as name:
        cfg = Path(name) / "few.cfg"
        cfg.write_text(samples.FEW, encoding="utf-8")
        network = read_network(cfg)
    detector = Detector(network, zero_parameters(network), threads=1)
    detector.candidates(detector.predict(np.zeros((24, 8, 8), np.float32)), (1, 1), View(thresh=0.0))


def read_pictures() -> None:
    """Compile what reads and fits pictures."""
    from .image.letterbox import letterbox, resize, to_planar
    from .image.load import load_image
    from .kernels.runtime.libm import fingerprint

    fingerprint()  # of the C library, for what describes this environment
    for content in samples.pictures():
        planes = to_planar(load_image(content))
        for channels in (1, 4):
            load_image(content, channels=channels)
    for side in (32, 128):
        letterbox(planes, side, side)
        resize(planes, side, side)


def _run_all(texts: Sequence[str], math: str, threads: int | None, dialect: str = PJREDDIE.key) -> None:
    with tempfile.TemporaryDirectory(prefix="darknet-py-warmup-") as name:
        folder = Path(name)
        (folder / "warmup.tree").write_text(samples.TREE, encoding="utf-8")
        for number, text in enumerate(texts):
            cfg = folder / f"{number}.cfg"
            cfg.write_text(text, encoding="utf-8")
            _run_one(cfg, math, threads, dialect)


def _run_tiles(profile: Arithmetic, threads: int | None) -> None:
    """A convolution with every transform: which ones networks use depends on their shapes and on the processor."""
    from .kernels.conv.winograd_code import F2, F4, F4_HALVING
    from .network import read_network
    from .plan.context import LayerContext
    from .plan.convolution import convolution_steps
    from .plan.pool import Schedule, get_pool

    with tempfile.TemporaryDirectory(prefix="darknet-py-warmup-") as name:
        cfg = Path(name) / "tiled.cfg"
        cfg.write_text(samples.TILED, encoding="utf-8")
        layers: Any = read_network(cfg).layers
    pool = get_pool(threads)
    for transform in (F2, F4, F4_HALVING):
        layer = layers[transform.stride - 1]
        arrays = {"weights": np.ones((layer.n, layer.c, 3, 3), np.float32), "biases": np.ones(layer.n, np.float32)}
        x, out = np.zeros(layer.c * layer.h * layer.w, np.float32), np.zeros(layer.out.size, np.float32)
        context = LayerContext([x], out, arrays, profile, pool.threads)
        steps = convolution_steps(layer, context, partial(_always, transform))
        with pool:
            pool.run(Schedule(steps, pool.threads))
    for transform in _word_transforms(profile):
        steps = _word_tile_steps(layers[transform.stride - 1], transform, profile, pool.threads)
        with pool:
            pool.run(Schedule(steps, pool.threads))


def _word_transforms(profile: Arithmetic) -> tuple[Winograd, ...]:
    """Those that convolutions of its narrow numbers can go through on this processor."""
    from .kernels.conv.winograd_code import F2, F4, F4_HALVING
    from .kernels.vector.tile import HALVES, PAIRS, host_tile

    tile = host_tile() if profile.narrow is None else profile.narrow.kernels.tile(host_tile())
    if tile.words == PAIRS:
        return F2, F4, F4_HALVING
    return (F2,) if tile.bytes == HALVES else ()


def _word_tile_steps(layer: Any, transform: Winograd, profile: Arithmetic, threads: int) -> list[Any]:
    """The same in narrow numbers."""
    from .numeric.quantization import Scale
    from .plan.context import LayerContext
    from .plan.ops import NARROW

    assert profile.narrow is not None
    scale, arrays = Scale(1 / 255, 0), {"weights": np.ones((layer.n, layer.c, 3, 3), np.float32)}
    arrays["biases"] = np.ones(layer.n, np.float32)
    x, out = (np.zeros(profile.narrow.words(m.c, m.h * m.w), np.float32) for m in (layer.input, layer.out))
    context = LayerContext(
        [x], out, arrays, profile, threads, narrow=profile.narrow, writes_narrow=True, scales=[scale], scale=scale
    )
    make_steps: Any = NARROW[profile.narrow.name][type(layer)]
    return list(make_steps(layer, context, partial(_always, transform)))


def _always(choice: Any, *_: Any) -> Any:
    return choice


def _run_one(cfg: Path, math: str, threads: int | None, dialect: str) -> None:
    from .detector import Detector
    from .loading import load_trees
    from .parameters import load_parameters
    from .synth import write_synth

    weights = cfg.with_suffix(".weights")
    network = write_synth(cfg, weights, dialect=dialect)
    quantization = get_arithmetic(math, network.dialect).filled_in(network).quantization
    detector = Detector(
        network, load_parameters(network, weights), trees=load_trees(network), math=math, threads=threads,
        quantization=quantization,
    )  # fmt: skip
    pixels = np.random.RandomState(7).randint(0, 256, (40, 60, 3), np.uint8)
    try:
        _use(detector, pixels)
    finally:
        del detector  # it maps the file, which a folder on Windows could not be rid of otherwise


def _use(detector: Detector, pixels: Any) -> None:
    if not detector.network.heads:
        detector.classify(pixels)
        return
    detector.detect(pixels, thresh=0.0, hier_thresh=0.1)
    if detector.trees:
        detector.detect(pixels, thresh=0.0, tree_path=True)
        detector.view = View(class_map=(2, 3))
        detector.detect(pixels, thresh=0.0)


def kernels() -> dict[str, Kernel]:
    """All kernels of the modules that are loaded, by their full name."""
    found = {}
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == __package__:
            for value in vars(module).values():
                if isinstance(value, Kernel) and value.py_func.__module__ == name:
                    found[f"{name}.{value.py_func.__qualname__}"] = value
    return found


def cache_folder() -> Path | None:
    """The folder below which compiled kernels are kept; None if they are not kept."""
    return objects.folder()


def need_profiles(names: Sequence[str]) -> list[str]:
    """``all`` means all that this machine can run."""
    if "all" in names:
        return usable_profiles()
    unknown = [name for name in names if name not in PROFILES]
    if unknown:
        raise DarknetError(f"unknown arithmetic profile '{unknown[0]}'; choose from {', '.join(PROFILES)}, all")
    for name in names:
        PROFILES[name].check_here()
    return list(names)
