"""How `darknet-py serve` bears load: speed beside the network's own, memory, hostile clients, and its end.

    python benchmarks/serve_load.py speed --model yolov3-tiny photo.jpg
    python benchmarks/serve_load.py memory photo.jpg        # 20,000 requests to a small network
    python benchmarks/serve_load.py hostile photo.jpg
    python benchmarks/serve_load.py stop photo.jpg

Each starts servers of its own, speaks to 127.0.0.1 only, and prints a table in Markdown.
"""

from __future__ import annotations

import argparse
import http.client
import os
import re
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

SMALL = """[net]
channels=3
height=96
width=96
[convolutional]
batch_normalize=1
filters=16
size=3
stride=4
pad=1
activation=leaky
[convolutional]
filters=24
size=1
activation=linear
[yolo]
classes=3
num=3
anchors=9,9,20,30,50,50
"""


@contextmanager
def server(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A server's process and its port."""
    command = [sys.executable, "-m", "darknet_py", "serve", "--port", "0", "--quiet", *arguments]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        port = None
        for line in process.stderr:
            if port := re.search(r"at http://127\.0\.0\.1:(\d+)/", line):
                break
        if port is None:
            raise SystemExit("the server did not start")
        yield process, int(port[1])
    finally:
        process.terminate()
        process.wait(60)


def form(image: bytes) -> tuple[bytes, dict[str, str]]:
    """The request of a DeepStack client."""
    head = b'--B\r\nContent-Disposition: form-data; name="image"; filename="image"\r\n\r\n'
    return head + image + b"\r\n--B--\r\n", {"Content-Type": "multipart/form-data; boundary=B"}


class Clients:
    """Clients that ask one after the other, each on its own connection, until they are stopped."""

    def __init__(self, port: int, image: bytes, count: int, fresh: bool = False) -> None:
        self.latencies: list[float] = []
        self.outcomes: Counter[str] = Counter()
        self._port, (self._body, self._headers), self._fresh = port, form(image), fresh
        self._go = True
        self._threads = [threading.Thread(target=self._ask, daemon=True) for _ in range(count)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._go = False
        for thread in self._threads:
            thread.join(60)

    def _ask(self) -> None:
        connection: http.client.HTTPConnection | None = None
        while self._go:
            start = time.perf_counter()
            if connection is None:
                connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
                try:
                    connection.connect()
                except OSError:
                    self.outcomes["refused"] += 1
                    return
            try:
                connection.request("POST", "/v1/vision/detection", self._body, self._headers)
                answer = connection.getresponse()
                answer.read()
                self.outcomes[str(answer.status)] += 1
                self.latencies.append(time.perf_counter() - start)
            except (OSError, http.client.HTTPException) as error:
                self.outcomes[f"lost: {type(error).__name__}"] += 1
                connection.close()
                connection = None
                continue
            if self._fresh:
                connection.close()
                connection = None


def table(rows: list[tuple[str, ...]]) -> None:
    """Print rows, the first of which is the head."""
    head, *others = rows
    for row in (head, ("---",) * len(head), *others):
        print("| " + " | ".join(row) + " |")


def milliseconds(values: list[float]) -> tuple[str, ...]:
    """Median, 90%, 99%, most."""
    if len(values) < 2:
        return ("-",) * 4
    cuts = statistics.quantiles(values, n=100)
    return tuple(f"{1000 * value:.0f} ms" for value in (cuts[49], cuts[89], cuts[98], max(values)))


OWN = """
import sys, time
import darknet_py
from darknet_py.image.load import load_image
model, path = sys.argv[1:3]
name, _, files = model.partition("=")
detector = darknet_py.load(*(files.split(",")[:2] if files else [name]))
image = open(path, "rb").read()
x = detector.prepare(load_image(image))
detector.detect(image)
for line in sys.stdin:
    for work in (lambda: detector.predict(x), lambda: detector.detect(image)):
        start, began, count = time.perf_counter(), time.process_time(), 0
        while time.perf_counter() - start < float(line):
            work()
            count += 1
        print(count / (time.perf_counter() - start), (time.process_time() - began) / count, flush=True)
"""
"""Pictures per second, and seconds of the processor for each: of the network alone, and of `detect`."""


def speed(model: str, photo: Path, clients: int, seconds: float, rounds: int) -> None:
    """The network alone, `Detector.detect` in a loop (files decoded one by one), and the server, in turn."""
    command = [sys.executable, "-c", OWN, model, str(photo)]
    alone = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert alone.stdin is not None and alone.stdout is not None
    image, rates, times = photo.read_bytes(), [], []
    with server("--model", model) as (process, port):
        latencies: list[float] = []
        for _ in range(rounds):
            alone.stdin.write(f"{seconds}\n")
            alone.stdin.flush()
            found = [tuple(map(float, alone.stdout.readline().split())) for _ in range(2)]
            many = Clients(port, image, clients)
            time.sleep(seconds / 4)
            before, spent, start = len(many.latencies), processor_seconds(process), time.perf_counter()
            time.sleep(seconds)
            count = len(many.latencies) - before
            found.append((count / (time.perf_counter() - start), (processor_seconds(process) - spent) / count))
            many.stop()
            latencies += many.latencies
            rates.append([rate for rate, _ in found])
            times.append([1000 * each for _, each in found])
    alone.stdin.close()
    alone.wait(60)
    rows = [
        (model.partition("=")[0], "pictures per second", "processor's time for each", "of the network", "of `detect`")
    ]
    for at, name in enumerate(("network alone", "`detect` in a loop", f"server, {clients} clients")):
        ratios = [statistics.median(round[at] / round[other] for round in rates) for other in (0, 1)]
        rate, spent = (statistics.median(round[at] for round in values) for values in (rates, times))
        rows.append((name, f"{rate:.1f}", f"{spent:.1f} ms", *(f"{ratio:.0%}" for ratio in ratios)))
    table(rows)
    print(f"\nlatencies of the server (median, 90%, 99%, most): {', '.join(milliseconds(latencies))}")


def processor_seconds(process: subprocess.Popen[str]) -> float:
    """The processor's time that a process has had."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_of(process: subprocess.Popen[str]) -> float:
    """Resident memory in MB."""
    text = Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", text)[1]) / 1024  # type: ignore[index]


@contextmanager
def small_server(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A server with a network so small that the server itself is what is measured."""
    from darknet_py.synth import write_synth

    with tempfile.TemporaryDirectory() as folder:
        cfg, weights = Path(folder) / "small.cfg", Path(folder) / "small.weights"
        cfg.write_text(SMALL)
        write_synth(cfg, weights)
        with server("--cfg", str(cfg), "--weights", str(weights), "--thresh", ".99", *arguments) as started:
            yield started


def memory(photo: Path, requests: int, clients: int) -> None:
    """Resident memory while many requests come."""
    image = photo.read_bytes()
    rows = [("requests", "memory", "requests per second")]
    with small_server() as (process, port):
        many, start, last = Clients(port, image, clients), time.perf_counter(), 0
        for share in (0.05, 0.1, 0.25, 0.5, 0.75, 1):
            while len(many.latencies) < share * requests:
                time.sleep(0.05)
            done, now = len(many.latencies), time.perf_counter()
            rows.append((f"{done:,}", f"{memory_of(process):.1f} MB", f"{(done - last) / (now - start):.0f}"))
            last, start = done, now
        many.stop()
    table(rows)
    print(f"\nanswers: {dict(many.outcomes)}")


def bomb() -> bytes:
    """A PNG file of 200 KB with 200 million pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head, side = struct.pack(">IIBBBBB", 14_000, 14_000, 8, 0, 0, 0, 0), 14_001 * 14_000
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(bytes(side), 9))
        + chunk(b"IEND", b"")
    )


class Hostile:
    """Many connections that do the same harm, renewed when they are closed."""

    def __init__(self, port: int, count: int, first: bytes, drip: bytes = b"", every: float = 0.5) -> None:
        self._port, self._count, self._first, self._drip, self._every = port, count, first, drip, every
        self._go = True
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._go = False
        self._thread.join(60)
        for each in self._open:
            each.close()

    def _run(self) -> None:
        while self._go:
            while len(self._open) < self._count and self._go:
                with suppress(OSError):
                    each = socket.create_connection(("127.0.0.1", self._port), 5)
                    each.setblocking(False)
                    self._open.append(each)
                    if self._first:
                        each.send(self._first)
            time.sleep(self._every)
            self._open = [each for each in self._open if self._lives(each)]

    def _lives(self, each: socket.socket) -> bool:
        try:
            if self._drip:
                each.send(self._drip)
            if each.recv(65536) and self._drip:
                return True
        except BlockingIOError:
            return True
        except OSError:
            pass
        each.close()
        return False


def hostile(photo: Path, seconds: float) -> None:
    """The latencies of one good client beside strangers of every kind."""
    image, big = photo.read_bytes(), bomb()
    post = (
        "POST /v1/vision/detection HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=B\r\n"
        "Content-Length: {}\r\n\r\n"
    )
    body, _ = form(big)
    kinds: dict[str, Callable[[int], Hostile | None]] = {
        "nobody": lambda port: None,
        "1,000 idle connections": lambda port: Hostile(port, 1000, b""),
        "200 headers that drip": lambda port: Hostile(port, 200, b"POST / HTTP/1.1\r\nX: ", b"y"),
        "200 bodies that drip": lambda port: Hostile(port, 200, post.format(1 << 20).encode(), b"y"),
        "50 that say 100 GB": lambda port: Hostile(port, 50, post.format(100 << 30).encode(), bytes(1000), 0.05),
        "10 that send less than they say": lambda port: Hostile(port, 10, post.format(1 << 20).encode() + image, b""),
        "20 with bombs of 196 million pixels": lambda port: Hostile(port, 20, post.format(len(body)).encode() + body),
    }
    rows = [("beside", "good requests", "failed", "median", "90%", "99%", "most", "memory")]
    with small_server("--timeout", "5") as (process, port):
        for name, start in kinds.items():
            harm = start(port)
            time.sleep(1)
            good = Clients(port, image, 1, fresh=True)
            time.sleep(seconds)
            good.stop()
            if harm is not None:
                harm.stop()
            failed = sum(good.outcomes.values()) - good.outcomes["200"]
            rows.append(
                (
                    name,
                    str(good.outcomes["200"]),
                    str(failed),
                    *milliseconds(good.latencies),
                    f"{memory_of(process):.0f} MB",
                )
            )
    table(rows)


def stop(photo: Path, clients: int, rounds: int) -> None:
    """A termination signal while clients ask: what became of their requests."""
    image, total, codes = photo.read_bytes(), Counter[str](), []
    for _ in range(rounds):
        with small_server() as (process, port):
            many = Clients(port, image, clients, fresh=True)
            while len(many.latencies) < 200:
                time.sleep(0.01)
            process.send_signal(signal.SIGTERM)
            codes.append(process.wait(60))
            many.stop()
        total += many.outcomes
    lost = sum(count for name, count in total.items() if name.startswith("lost"))
    row = (rounds, total["200"], total["refused"], lost, ", ".join(map(str, sorted(set(codes)))))
    table([("stops", "answered", "refused", "lost", "exit codes"), tuple(map(str, row))])
    print(f"\n{dict(total)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["speed", "memory", "hostile", "stop"])
    parser.add_argument("photo", type=Path)
    parser.add_argument("--model", default="yolov3-tiny", help="as for darknet-py serve")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=8, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=20_000, help="of memory")
    options = parser.parse_args()
    if options.what == "speed":
        speed(options.model, options.photo, options.clients, options.seconds, options.rounds)
    elif options.what == "memory":
        memory(options.photo, options.requests, options.clients)
    elif options.what == "hostile":
        hostile(options.photo, options.seconds)
    else:
        stop(options.photo, options.clients, options.rounds)


if __name__ == "__main__":
    main()
