"""Times training steps of yolov2-tiny-voc, and those of the same network in plain PyTorch.

    python benchmarks/training_speed.py [--size 416] [--batch 8] [--threads 1] [--json FILE]
                                        [--torch PYTHON] [--darknet PROGRAM]

A step is forward, backward and update of one batch of random images. All are measured in turn, several rounds; what is
printed is the least CPU time (all threads together) and the least wall-clock time of a step, and billions of
multiply-adds a second of CPU time. PyTorch runs in the Python that ``--torch`` names, if that has it; its loss is a sum
of squares, which costs less than [region]'s. ``--darknet`` names a `darknet` program that somebody has built (its
Makefile as it is builds it for one thread): its own `detector train` learns from eight pictures made here; its
wall-clock time is the one it prints, its CPU time is that of the whole process, loading included.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from PIL import Image  # noqa: E402

from darknet_py.network import read_network  # noqa: E402
from darknet_py.synth import write_synth  # noqa: E402
from darknet_py.train import Trainer  # noqa: E402

CFG = ROOT / "cfg" / "yolov2-tiny-voc.cfg"

PRINTED = re.compile(r"^\d+: .* avg, .* rate, ([\d.]+) seconds, \d+ images", re.MULTILINE)
"""Darknet's line of an iteration."""

Times = tuple[float, float]
"""CPU and wall-clock seconds of a step."""

TORCH = """
import sys, time, torch
from torch import nn
size, batch, threads, rounds, last = map(int, sys.argv[1:6])
torch.set_num_threads(threads)
layers, channels = [], 3
for number, filters in enumerate((16, 32, 64, 128, 256, 512, 1024, 1024)):
    layers += [nn.Conv2d(channels, filters, 3, 1, 1, bias=False), nn.BatchNorm2d(filters), nn.LeakyReLU(.1)]
    if number < 5:
        layers.append(nn.MaxPool2d(2))
    elif number == 5:
        layers += [nn.ReplicationPad2d((0, 1, 0, 1)), nn.MaxPool2d(2, 1)]
    channels = filters
form = torch.channels_last if last else torch.contiguous_format
net = nn.Sequential(*layers, nn.Conv2d(channels, 125, 1)).to(memory_format=form)
learn = torch.optim.SGD(net.parameters(), lr=1e-6, momentum=.9, weight_decay=5e-4)
x = torch.rand(batch, 3, size, size).to(memory_format=form)
y = torch.rand(batch, 125, size // 32, size // 32)
for _ in range(rounds):
    cpu, wall = time.process_time(), time.perf_counter()
    learn.zero_grad()
    ((net(x) - y) ** 2).sum().backward()
    learn.step()
    print(time.process_time() - cpu, time.perf_counter() - wall)
"""


def write_network(folder: Path, name: str, size: int, batch: int, **more: object) -> tuple[Path, Path]:
    """A cfg and weights to train."""
    text = CFG.read_text(encoding="utf-8")
    for key, value in {"batch": batch, "subdivisions": 1, "width": size, "height": size, **more}.items():
        lines = [f"{key}={value}" if line.partition("=")[0].strip() == key else line for line in text.split("\n")]
        text = "\n".join(lines)
    cfg, weights = folder / f"{name}.cfg", folder / f"{name}.weights"
    cfg.write_text(text, encoding="utf-8")
    write_synth(cfg, weights, 7)
    return cfg, weights


def ours(folder: Path, math: str, size: int, batch: int, threads: int) -> Callable[[int], list[Times]]:
    """Measures steps of this engine."""
    cfg, weights = write_network(folder, math, size, batch)
    trainer = Trainer.open(cfg, weights, math=math, threads=threads)
    x = np.random.default_rng(1).uniform(0, 1, (batch, 3, size, size)).astype(np.float32)
    y = np.zeros((batch, trainer.truth.length), np.float32)
    y[:, :5] = 0.5, 0.5, 0.3, 0.4, 3
    trainer.step(x, y)  # compiles the kernels

    def measure(rounds: int) -> list[Times]:
        times = []
        for _ in range(rounds):
            cpu, wall = time.process_time(), time.perf_counter()
            trainer.step(x, y)
            times.append((time.process_time() - cpu, time.perf_counter() - wall))
        return times

    return measure


def torch_steps(python: str, size: int, batch: int, threads: int, last: int) -> Callable[[int], list[Times]]:
    """Measures steps of PyTorch; ``last``: 1 with channels last in memory."""

    def measure(rounds: int) -> list[Times]:
        numbers = [str(number) for number in (size, batch, threads, rounds + 1, last)]
        run = subprocess.run([python, "-c", TORCH, *numbers], capture_output=True, text=True, check=True)
        rows = [line.split() for line in run.stdout.splitlines()][1:]
        return [(float(cpu), float(wall)) for cpu, wall in rows]

    return measure


def darknet_steps(program: str, folder: Path, size: int, batch: int) -> Callable[[int], list[Times]]:
    """Measures steps of a Darknet program, which learns from pictures with one box each."""
    program = str(Path(program).resolve())
    random = np.random.default_rng(1)
    for kind in ("images", "labels"):
        (folder / kind).mkdir()
    for number in range(8):
        pixels = random.integers(0, 256, (size, size, 3), np.uint8)
        Image.fromarray(pixels).save(folder / "images" / f"{number}.jpg")
        (folder / "labels" / f"{number}.txt").write_text("3 0.5 0.5 0.3 0.4\n", encoding="utf-8")
    (folder / "list.txt").write_text("".join(f"{folder}/images/{n}.jpg\n" for n in range(8)), encoding="utf-8")
    data = folder / "own.data"
    data.write_text(f"classes=20\ntrain={folder}/list.txt\nbackup={folder}\n", encoding="utf-8")

    def measure(rounds: int) -> list[Times]:
        # One size (random=0), and so many updates that the program ends by itself.
        cfg, weights = write_network(folder, "darknet", size, batch, max_batches=rounds, random=0, learning_rate=1e-6)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        run = subprocess.run(
            [program, "detector", "train", str(data), str(cfg), str(weights), "-clear"],
            capture_output=True, text=True, check=True, cwd=folder,
        )  # fmt: skip
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds = [float(found) for found in PRINTED.findall(run.stdout)]
        cpu = (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / len(seconds)
        return [(cpu, wall) for wall in seconds]

    return measure


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("size", 416), ("batch", 8), ("threads", 1), ("rounds", 3), ("steps", 2)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--torch", metavar="PYTHON", help="a Python that has PyTorch")
    parser.add_argument("--darknet", metavar="PROGRAM", help="a darknet program to train with")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    sizes = asked.size, asked.batch, asked.threads
    network = read_network(CFG, size=(asked.size, asked.size))
    products = 3 * network.multiply_adds - network.layers[0].multiply_adds  # the first layer has no gradient below
    with tempfile.TemporaryDirectory() as folder:
        engines = {f"darknet-py, {math}": ours(Path(folder), math, *sizes) for math in ("ieee", "fast")}
        if asked.torch:
            engines |= {
                f"PyTorch{form}": torch_steps(asked.torch, *sizes, last)
                for last, form in enumerate(("", ", channels last"))
            }
        if asked.darknet:
            engines["Darknet"] = darknet_steps(asked.darknet, Path(folder), asked.size, asked.batch)
        found: dict[str, list[Times]] = {name: [] for name in engines}
        for _ in range(asked.rounds):
            for name, measure in engines.items():
                found[name] += measure(asked.steps)
    rows = {name: [min(column) for column in zip(*times, strict=True)] for name, times in found.items()}
    print("| | CPU seconds a step | seconds a step | images a second | GMAC per CPU second |\n|---|---|---|---|---|")
    for name, (cpu, wall) in rows.items():
        rate = products * asked.batch / cpu / 1e9
        print(f"| {name} | {cpu:.2f} | {wall:.2f} | {asked.batch / wall:.1f} | {rate:.1f} |")
    if asked.json:
        asked.json.write_text(json.dumps({"asked": vars(asked), "rows": rows}, default=str, indent=1) + "\n")


if __name__ == "__main__":
    main()
