"""Programs that live long, share a network, fork, spawn, or are interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from darknet_py.detector import Detector
from darknet_py.loading import load
from darknet_py.synth import write_synth

from .nets import net, write_cfg
from .systems import POSIX

REPOSITORY = Path(__file__).parent.parent

NET = net(
    3, 96, 96, "conv batch_normalize=1 filters=16 size=3 stride=1 pad=1 activation=leaky", "maxpool size=2 stride=2",
    "conv batch_normalize=1 filters=32 size=3 stride=2 pad=1 activation=leaky",
    "conv filters=24 size=1 activation=linear", "yolo classes=3 num=3 anchors=9,9,20,30,50,50",
)  # fmt: skip

OTHER = net(
    3, 64, 64, "conv filters=8 size=3 stride=2 pad=1 activation=leaky", "conv filters=24 size=1 activation=linear",
    "region classes=3 num=3 softmax=1 anchors=1,1,2,2,3,3",
)  # fmt: skip


def make(folder: Path, text: str = NET, name: str = "net", **options: int) -> Detector:
    """A network with stand-in weights."""
    cfg = write_cfg(folder, text, f"{name}.cfg")
    write_synth(cfg, folder / f"{name}.weights")
    return load(cfg, folder / f"{name}.weights", **options)


def script(folder: Path, text: str, **environment: str) -> subprocess.Popen[str]:
    """A Python program in a process of its own, in a folder with ``net.cfg`` and ``net.weights``."""
    (folder / "program.py").write_text(textwrap.dedent(text))
    return subprocess.Popen(
        [sys.executable, "program.py"], cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), **environment},
        preexec_fn=allow_interrupts if os.name == "posix" else None,
    )  # fmt: skip


def allow_interrupts() -> None:
    """In the child: a shell that runs the tests in the background has it ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def output(process: subprocess.Popen[str], seconds: float = 240) -> str:
    """What a program prints; it must end well."""
    out, err = process.communicate(timeout=seconds)
    assert process.returncode == 0, err
    return out


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_thousand_images_need_no_more_memory_than_a_hundred(tmp_path: Path) -> None:
    make(tmp_path)
    photo = REPOSITORY / "tests" / "data" / "photos" / "chelsea.jpg"
    program = f"""
        import numpy as np
        import darknet_py
        from darknet_py.image.load import load_image

        def rss():
            return int(open("/proc/self/statm").read().split()[1]) * 4096

        net = darknet_py.load("net.cfg", "net.weights")
        random = np.random.RandomState(7)
        images = [random.randint(0, 256, (60 + i, 90 - i, 3), np.uint8) for i in range(20)]
        for i in range(1000):
            net.detect(images[i % 20], thresh=0.1)
            if i % 10 == 0:
                net.detect({str(photo)!r})
            if i == 100:
                before = rss()
        print(rss() - before)
    """
    assert int(output(script(tmp_path, program))) < 3_000_000


def test_two_networks_side_by_side(tmp_path: Path) -> None:
    first, second = make(tmp_path), make(tmp_path, OTHER, "other")
    random = np.random.RandomState(1)
    a, b = random.rand(3, 96, 96).astype(np.float32), random.rand(3, 64, 64).astype(np.float32)
    alone = first.predict(a)[0].copy(), second.predict(b)[0].copy()
    for _ in range(5):
        np.testing.assert_array_equal(second.predict(b)[0], alone[1])
        np.testing.assert_array_equal(first.predict(a)[0], alone[0])


def test_several_threads_get_what_each_would_get_alone(tmp_path: Path) -> None:
    nets = [make(tmp_path, threads=2), make(tmp_path, OTHER, "other", threads=2)]
    random = np.random.RandomState(2)
    images = [random.randint(0, 256, (50, 70, 3), np.uint8) for _ in range(4)]
    wanted = [[net.detect(image, thresh=0.1) for image in images] for net in nets]
    assert all(len(found) for row in wanted for found in row)
    failures: list[str] = []

    def work(number: int) -> None:
        for i in range(20):
            which, image = (number + i) % 2, (number * 3 + i) % 4
            found = nets[which].detect(images[image], thresh=0.1)
            if not np.array_equal(found.box, wanted[which][image].box):
                failures.append(f"thread {number}, image {i}")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert not any(thread.is_alive() for thread in threads)
    assert failures == []


def test_other_python_threads_go_on_while_a_network_runs(tmp_path: Path) -> None:
    # One long kernel per step: if it held the GIL, the counting thread would stand still meanwhile.
    detector = make(tmp_path, net(64, 256, 256, "conv filters=256 size=3 stride=1 pad=1 activation=linear"), threads=1)
    x = np.zeros((64, 256, 256), np.float32)
    detector.predict(x)
    ticks: list[float] = []
    done = threading.Event()

    def tick() -> None:
        while not done.is_set():
            ticks.append(time.perf_counter())
            time.sleep(0.001)

    thread = threading.Thread(target=tick)
    thread.start()
    start = time.perf_counter()
    detector.predict(x)
    end = time.perf_counter()
    done.set()
    thread.join()
    during = sum(start < moment < end for moment in ticks)
    assert during > (end - start) / 0.001 / 20


WORKERS = """
    import multiprocessing as mp
    import numpy as np
    import darknet_py

    def load():
        return darknet_py.load("net.cfg", "net.weights", threads=2)

    x = np.random.RandomState(3).rand(3, 96, 96).astype(np.float32)

    def forked(number):
        return net.predict(x)[0].tobytes()

    def spawned(number):
        return load().predict(x)[0].tobytes()

    if __name__ == "__main__":
        net = load()
        wanted = net.predict(x)[0].tobytes()
        with mp.get_context({method!r}).Pool(2) as pool:
            found = pool.map({method!r} == "fork" and forked or spawned, range(4))
        assert found == [wanted] * 4
        assert net.predict(x)[0].tobytes() == wanted
        print("same")
"""


@POSIX
def test_forked_workers_use_the_network_of_their_parent(tmp_path: Path) -> None:
    make(tmp_path)
    assert output(script(tmp_path, WORKERS.format(method="fork"))).strip() == "same"


def test_spawned_workers_load_their_own(tmp_path: Path) -> None:
    make(tmp_path)
    assert output(script(tmp_path, WORKERS.format(method="spawn"))).strip() == "same"


@POSIX
def test_a_network_can_be_used_again_after_ctrl_c(tmp_path: Path) -> None:
    make(tmp_path)
    program = """
        import os, random, signal, threading, time
        import numpy as np
        import darknet_py

        net = darknet_py.load("net.cfg", "net.weights", threads=2)
        x = np.random.RandomState(3).rand(3, 96, 96).astype(np.float32)
        wanted = net.predict(x)[0].tobytes()
        go, noticed = threading.Event(), threading.Event()

        def press():
            while True:
                go.wait()
                time.sleep(random.uniform(0, 0.004))
                while go.is_set():  # again, as a person would, where Python itself has lost one (in a finaliser, say)
                    noticed.clear()
                    os.kill(os.getpid(), signal.SIGINT)
                    noticed.wait(1)

        threading.Thread(target=press, daemon=True).start()
        interrupted = 0
        while interrupted < 200:
            try:
                go.set()
                while True:
                    assert net.predict(x)[0].tobytes() == wanted
            except KeyboardInterrupt:
                go.clear()
                noticed.set()
                interrupted += 1
        print(interrupted)
    """
    assert output(script(tmp_path, program)).strip() == "200"


BEGINNING = """
import sys
from darknet_py.__main__ import main
print("begun", file=sys.stderr, flush=True)
main()
"""
"""The program, and when Python itself has started: before that, which takes long on a busy machine, nobody is there."""


@POSIX
@pytest.mark.parametrize("delay", [0.3, pytest.param(1.0, marks=pytest.mark.slow), 2.5])
@pytest.mark.parametrize("cache", ["cold", "warm"])
def test_ctrl_c_ends_a_command_within_a_second(cache: str, delay: float, tmp_path: Path) -> None:
    # Cold: it strikes while kernels are compiled; warm: while photographs are read and networks run, again and again.
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    if cache == "cold":
        environment["NUMBA_CACHE_DIR"] = str(tmp_path)
        command = ["warmup"]
    else:
        make(tmp_path)
        photo = REPOSITORY / "tests" / "data" / "photos" / "chelsea.jpg"
        command = ["detect", *[str(photo)] * 4000, "--cfg", "net.cfg", "--weights", "net.weights"]
    process = subprocess.Popen(
        [sys.executable, "-c", BEGINNING, *command], env=environment, cwd=tmp_path, text=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, preexec_fn=allow_interrupts if os.name == "posix" else None,
    )  # fmt: skip
    assert process.stderr is not None and process.stderr.readline() == "begun\n"
    time.sleep(delay)
    assert process.poll() is None
    start = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    took = time.monotonic() - start
    assert process.returncode == 130
    assert err.split("\n")[-2] == "Interrupted." and "Traceback" not in err
    assert took < 1.0 + os.getloadavg()[0]  # a busy machine gives it less


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads Linux' account of a process's memory")
def test_no_second_copy_of_the_weights(tmp_path: Path) -> None:
    """Peak memory of a detector: one and a half times the weights file and 150 MB."""
    (tmp_path / "net.cfg").write_bytes((REPOSITORY / "cfg" / "yolo-voc.cfg").read_bytes())
    write_synth(tmp_path / "net.cfg", tmp_path / "net.weights")
    program = """
        import numpy as np
        from darknet_py.loading import load
        detector = load("net.cfg", "net.weights")
        detector.detect(np.zeros((100, 100, 3), np.uint8))
        [line] = [line for line in open("/proc/self/status") if line.startswith("VmHWM")]
        print(1024 * int(line.split()[1]))
    """
    script(tmp_path, program).communicate()  # compiles what is not compiled yet
    peak = int(script(tmp_path, program).communicate()[0])
    assert peak < 1.5 * (tmp_path / "net.weights").stat().st_size + 150e6
