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

ALEXEYAB = ("yolov4-tiny", "yolov7-tiny", "yolo-fastest-1.1", "yolov4")
"""Networks of AlexeyAB's, each of which has a file of results."""

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
    yield from machine(everything)
    yield "### The exact profile\n"
    yield from against(everything["networks"] + read("yolo9000")["networks"])
    yield "### The profile `fast`\n"
    yield from against(quick["networks"])
    yield "### Processors with shorter vectors\n"
    yield from vectors()
    yield "### Input sizes\n"
    yield from sizes(read("sizes"))
    yield "### yolo-voc, layer by layer\n"
    yield from layers(everything["networks"][0], everything["ceiling"])
    yield "### AlexeyAB's networks, on Zen 4\n"
    yield from quickest([read(f"zen4-{name}") for name in ALEXEYAB])


def machine(document: Document) -> Iterator[str]:
    """What it was measured on."""
    about, ceiling = document["machine"], document["ceiling"]
    caches = ", ".join(f"{name} {size}" for name, size in about["caches"].items())
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    yield (
        f"{about['processor']} ({about['compiled_for']}), {about['usable_cores']} cores, {caches}; {about['system']}; "
        f"{versions}. Ceiling: {ceiling['single'] / G:.1f} thousand million multiply-adds per second and thread, "
        f"{ceiling['limit'] / G:.0f} for {ceiling['threads']} thread{'s' * (ceiling['threads'] > 1)}.\n"
    )


def against(networks: list[Document]) -> Iterator[str]:
    """A row for each network, a column for each engine; times are medians in milliseconds, then that by ours."""
    names = list(dict.fromkeys(column(engine) for network in networks for engine in network["engines"]))
    own = networks[0]
    first = f"`{own['math']}`, {own['threads']} threads"
    yield "| network | multiply-adds | " + " | ".join([first, "of the ceiling", *names]) + " |"
    yield "|---|---:|---:|---:|" + "---:|" * len(names)
    for network in networks:
        engines = {column(engine): engine for engine in network["engines"]}
        width, height, _ = network["input"]
        cells = [
            f"{Path(network['cfg']).stem}, {width} x {height}", f"{network['multiply_adds'] / G:.2f} G",
            f"**{ms(network)}**", f"{100 * network['of_ceiling']:.0f}%",
            *(other(engines[name]) if name in engines else "" for name in names),
        ]  # fmt: skip
        yield "| " + " | ".join(cells) + " |"
    yield ""


def quickest(documents: list[Document]) -> Iterator[str]:
    """A row for each network, measured in a run of its own; times are the least ones, then that by ours."""
    yield from machine(max(documents, key=lambda document: float(document["ceiling"]["single"])))
    networks = [document["networks"][0] for document in documents]
    names = list(dict.fromkeys(column(engine) for network in networks for engine in network["engines"]))
    threads = networks[0]["threads"]
    first = f"`{networks[0]['math']}`, {threads} thread{'s' * (threads > 1)}"
    yield "| network | multiply-adds | " + " | ".join([first, *names]) + " |"
    yield "|---|---:|---:|" + "---:|" * len(names)
    for network in networks:
        engines = {column(engine): engine for engine in network["engines"]}
        width, height, _ = network["input"]
        cells = [f"{Path(network['cfg']).stem}, {width} x {height}", f"{network['multiply_adds'] / G:.2f} G"]
        cells.append(f"**{network['least'] * 1e3:.1f}**")
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
    """yolo-voc as compiled for other processors, each with the ceiling of its own vectors."""
    yield "| vectors | time | multiply-adds per second | of its own ceiling |"
    yield "|---|---:|---:|---:|"
    for name, title in (("exact", "AVX-512"), ("avx2", "AVX2"), ("sse", "SSE")):
        network = read(name)["networks"][0]
        speed = network["multiply_adds"] / network["median"] / G
        yield f"| {title} | {ms(network)} ms | {speed:.1f} G | {100 * network['of_ceiling']:.0f}% |"
    yield ""


def sizes(document: Document) -> Iterator[str]:
    """One network at several sizes."""
    yield f"{Path(document['networks'][0]['cfg']).stem}, `{document['networks'][0]['math']}`:\n"
    yield "| size | time | images per second | multiply-adds | of the ceiling |"
    yield "|---|---:|---:|---:|---:|"
    for network in document["networks"]:
        width, height, _ = network["input"]
        yield (
            f"| {width} x {height} | {ms(network)} ms | {1 / network['median']:.1f} | "
            f"{network['multiply_adds'] / G:.1f} G | {100 * network['of_ceiling']:.0f}% |"
        )
    yield ""


def layers(network: Document, ceiling: Document) -> Iterator[str]:
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
