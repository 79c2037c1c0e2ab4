"""Writes the tables and the chart of docs/benchmarks.md from what `darknet-py bench --json` left in `results/`.

    python benchmarks/figures.py

docs/benchmarks.md says which command makes which of these files.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from darknet_py.bench.plot import write_plot

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent / "docs" / "benchmarks.md"
CHART = HERE.parent / "docs" / "images" / "benchmarks.svg"
BEGIN, END = "<!-- tables: benchmarks/figures.py -->\n", "<!-- end of the tables -->\n"

ZEN_4 = (
    "yolo-voc", "yolov2-tiny-voc", "yolov3-tiny", "yolov3", "darknet19", "yolo9000", "yolov4-tiny", "yolov7-tiny",
    "yolov4", "yolo-fastest-1.1",
)  # fmt: skip
"""Networks measured on a Zen 4, each in runs of its own, with one thread and with two; the other files are of a Zen 5,
from before `REGISTERS`."""

AVX2 = ("yolo-voc", "yolov2-tiny-voc", "yolov3-tiny", "yolov3", "darknet19", "yolo9000")
"""Of these, networks measured with what AVX2 has alone."""

AVX2_NOTE = (
    "This is no processor without AVX-512: caches, clock rates and units are a Zen 4's. Our kernels were compiled for\n"
    "AVX2, OpenCV and OpenVINO told to use no more (how: below); ONNX Runtime has no such switch and used AVX-512.\n"
    "In the small table, this engine before and after what its commits changed for these vectors, in turn.\n"
)
"""What is to be known of that."""

REGISTERS = "zen4-"
"""Files from the time since when the ceiling is what registers alone do; what the others have is another ceiling."""

G = 1e9

Document = dict[str, Any]


def read(name: str) -> Document:
    """A file of results."""
    document: Document = json.loads((HERE / "results" / f"{name}.json").read_text(encoding="utf-8"))
    return document


def main() -> None:
    """Replace what stands between the marks, and the chart."""
    everything = read("exact")
    everything["networks"] += read("yolo9000")["networks"]
    write_plot(everything, CHART)
    page = PAGE.read_text(encoding="utf-8")
    pattern = re.compile(f"(?<={re.escape(BEGIN)}).*(?={re.escape(END)})", re.DOTALL)
    PAGE.write_text(pattern.sub(lambda match: "\n".join(tables()), page), encoding="utf-8")


def tables() -> Iterator[str]:
    """All lines."""
    everything, quick = read("exact"), read("fast")
    documents = [read(f"{REGISTERS}{name}") for name in ZEN_4]
    yield "### Zen 4, one thread\n"
    yield from quickest(documents)
    yield "### Zen 4, two threads\n"
    yield from quickest([read(f"{REGISTERS}two-threads-{name}") for name in ZEN_4])
    yield "### AVX2 forced on a Zen 4, one thread: the profile `fast`\n"
    yield AVX2_NOTE
    yield from quickest([read(f"{REGISTERS}avx2-fast-{name}") for name in AVX2])
    yield from before_and_after(read(f"{REGISTERS}avx2-fast-before-after"))
    yield "### yolo-voc on Zen 4, layer by layer\n"
    yield from layers(documents[0]["networks"][0])
    yield "### Zen 4, before and after\n"
    yield from before_and_after(read(f"{REGISTERS}before-after"))
    yield "### Zen 5, two threads: the exact profile\n"
    yield from machine(everything)
    yield from against(everything["networks"] + read("yolo9000")["networks"])
    yield "### Zen 5, two threads: the profile `fast`\n"
    yield from against(quick["networks"])
    yield "### Processors with shorter vectors\n"
    yield from vectors()
    yield "### Input sizes\n"
    yield from sizes(read("sizes"))


def machine(document: Document) -> Iterator[str]:
    """What it was measured on."""
    about = document["machine"]
    caches = ", ".join(f"{name} {size}" for name, size in about["caches"].items())
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    yield (
        f"{about['processor']} ({about['compiled_for']}), {about['usable_cores']} cores, {caches}; {about['system']}; "
        f"{versions}.\n"
    )


def ceiling_of(document: Document) -> Iterator[str]:
    """What no exact engine goes beyond there."""
    ceiling = document["ceiling"]["single"] / G
    yield f"Ceiling: {ceiling:.1f} thousand million multiply-adds per second and thread.\n"


def against(networks: list[Document]) -> Iterator[str]:
    """A row for each network, a column for each engine; times are medians in milliseconds, then that by ours."""
    names = list(dict.fromkeys(column(engine) for network in networks for engine in network["engines"]))
    own = networks[0]
    first = f"`{own['math']}`, {own['threads']} threads"
    yield "| network | multiply-adds | " + " | ".join([first, *names]) + " |"
    yield "|---|---:|---:|" + "---:|" * len(names)
    for network in networks:
        engines = {column(engine): engine for engine in network["engines"]}
        width, height, _ = network["input"]
        cells = [
            f"{Path(network['cfg']).stem}, {width} x {height}", f"{network['multiply_adds'] / G:.2f} G",
            f"**{ms(network)}**",
            *(other(engines[name]) if name in engines else "" for name in names),
        ]  # fmt: skip
        yield "| " + " | ".join(cells) + " |"
    yield ""


def quickest(documents: list[Document]) -> Iterator[str]:
    """A row for each network, measured in a run of its own; times are the least ones, then that by ours."""
    best = max(documents, key=lambda document: float(document["ceiling"]["single"]))
    ceiling = best["ceiling"]["single"]
    yield from machine(best)
    yield from ceiling_of(best)
    networks = [document["networks"][0] for document in documents]
    names = list(dict.fromkeys(column(engine) for network in networks for engine in network["engines"]))
    threads = networks[0]["threads"]
    first = f"`{networks[0]['math']}`, {threads} thread{'s' * (threads > 1)}"
    yield "| network | multiply-adds | " + " | ".join([first, "of the ceiling", *names]) + " |"
    yield "|---|---:|---:|---:|" + "---:|" * len(names)
    for network in networks:
        engines = {column(engine): engine for engine in network["engines"]}
        width, height, _ = network["input"]
        cells = [f"{Path(network['cfg']).stem}, {width} x {height}", f"{network['multiply_adds'] / G:.2f} G"]
        share = network["multiply_adds"] / network["least"] / (ceiling * threads)
        cells += [f"**{network['least'] * 1e3:.1f}**", f"{100 * share:.0f}%"]
        for name in names:
            least = engines[name]["least"] if name in engines else 0.0
            star = r"\*" if least and engines[name]["same"] is False else ""
            cells.append(f"{least * 1e3:.1f} ({least / network['least']:.2f}x){star}" if least else "")
        yield "| " + " | ".join(cells) + " |"
    yield ""


def column(engine: Document) -> str:
    """An engine's heading."""
    name = str(engine["engine"])
    if name.startswith("darknet-py, math "):
        name = "`" + name.removeprefix("darknet-py, math ").replace(",", "`,", 1)
        name += "`" if name.count("`") == 1 else ""
    return f"{name}, 1 thread" if engine["threads"] == 1 else name


def other(engine: Document) -> str:
    """Its time, and that by ours; with a star if its result is another one."""
    return f"{ms(engine)} ({engine['ratio']:.2f}x)" + (r"\*" if engine["same"] is False else "")


def ms(times: Document) -> str:
    """The median, in milliseconds."""
    return f"{times['median'] * 1e3:.1f}"


def vectors() -> Iterator[str]:
    """yolo-voc as compiled for other processors."""
    yield "| vectors | time | multiply-adds per second |"
    yield "|---|---:|---:|"
    for name, title in (("exact", "AVX-512"), ("avx2", "AVX2"), ("sse", "SSE")):
        network = read(name)["networks"][0]
        speed = network["multiply_adds"] / network["median"] / G
        yield f"| {title} | {ms(network)} ms | {speed:.1f} G |"
    yield ""


def sizes(document: Document) -> Iterator[str]:
    """One network at several sizes."""
    yield f"{Path(document['networks'][0]['cfg']).stem}, `{document['networks'][0]['math']}`:\n"
    yield "| size | time | images per second | multiply-adds |"
    yield "|---|---:|---:|---:|"
    for network in document["networks"]:
        width, height, _ = network["input"]
        yield (
            f"| {width} x {height} | {ms(network)} ms | {1 / network['median']:.1f} | "
            f"{network['multiply_adds'] / G:.1f} G |"
        )
    yield ""


def before_and_after(document: Document) -> Iterator[str]:
    """A row for each network and profile: least milliseconds of two commits, measured in turn."""
    first, second = document["commits"]
    yield f"| network | profile | at {first} | at {second} | |"
    yield "|---|---|---:|---:|---:|"
    for row in document["rows"]:
        old, new = min(row["before"]), min(row["after"])
        yield f"| {row['network']} | `{row['math']}` | {old * 1e3:.1f} | {new * 1e3:.1f} | {old / new:.2f}x |"
    yield ""


def layers(network: Document) -> Iterator[str]:
    """Every layer that has a step of its own."""
    yield "| | layer | output | ms | multiply-adds per second | of the ceiling |"
    yield "|---:|---|---|---:|---:|---:|"
    for layer in network["layers"]:
        width, height, channels = layer["output"]
        speed, share = "", ""
        if layer["multiply_adds"]:
            speed = f"{layer['multiply_adds'] / layer['seconds'] / G:.0f} G"
            share = f"{100 * layer['of_ceiling']:.0f}%"
        yield (
            f"| {layer['index']} | {layer['layer']} | {width} x {height} x {channels} | {layer['seconds'] * 1e3:.2f} | "
            f"{speed} | {share} |"
        )
    yield ""


if __name__ == "__main__":
    main()
