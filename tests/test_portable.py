"""What differs from system to system: cores, the C library, disks that do not tell names by case, files in use."""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import re
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from llvmlite import binding

from darknet_py import cli
from darknet_py.bench.machine import processor_name
from darknet_py.errors import DarknetError, FileError
from darknet_py.evaluate.found import Found
from darknet_py.evaluate.valid import write_results
from darknet_py.formats import distinct
from darknet_py.formats.distinct import refuse_same
from darknet_py.kernels.runtime import libm, libmvec
from darknet_py.kernels.vector import dots
from darknet_py.kernels.vector.dots import usable_dots
from darknet_py.kernels.vector.pairs import has_bf16_products
from darknet_py.loading import load
from darknet_py.numeric.arithmetic import PROFILES
from darknet_py.plan import cores
from darknet_py.plan.cores import usable_cores
from darknet_py.synth import write_synth
from darknet_py.validate.environment import environment
from darknet_py.video import http
from darknet_py.warmup import need_profiles, usable_profiles
from tests.nets import build, net, ramp, write_cfg
from tests.program import run
from tests.systems import POSIX

CONVOLUTION = net(3, 8, 8, "convolutional filters=4 size=3 pad=1 activation=leaky")
CONNECTED = net(3, 8, 8, "connected output=4 activation=linear")


# ------------------------------------------------------------------------------------------------------------- cores


def mac(answer: int | None) -> Callable[[Any], Any]:
    """macOS's C library, as far as it is asked: how many fast cores there are; None: it does not know the question."""

    def ask(name: bytes, value: Any, size: Any, new: None, length: Any) -> int:
        assert name == b"hw.perflevel0.logicalcpu"
        if answer is None:
            return -1
        value._obj.value = answer
        return 0

    return lambda name: type("C", (), {"sysctlbyname": staticmethod(ask)})


@pytest.mark.parametrize(("answer", "wanted"), [(4, 4), (None, 10), (0, 10), (16, 10)])
def test_of_a_mac_the_fast_cores_count(monkeypatch: pytest.MonkeyPatch, answer: int | None, wanted: int) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.delattr(os, "process_cpu_count", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 10)
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(cores.ctypes, "CDLL", mac(answer))
    assert usable_cores() == wanted


def test_elsewhere_all_cores_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 3, 5}, raising=False)
    assert usable_cores() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(cores.ctypes, "CDLL", None)
    monkeypatch.delattr(os, "process_cpu_count", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert usable_cores() == 1


def test_a_mac_without_the_question(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(name: None) -> ctypes.CDLL:
        raise OSError

    monkeypatch.setattr(cores.ctypes, "CDLL", fails)
    assert cores.fast_cores_of_mac() is None


# --------------------------------------------------------------------------------------------------------- C library


@pytest.mark.parametrize("math", [name for name, profile in PROFILES.items() if not profile.covers_all])
def test_make_is_refused_by_name_where_there_is_no_glibc_on_x86(
    math: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(libmvec, "AVAILABLE", False)
    cfg = write_cfg(tmp_path, CONVOLUTION)
    write_synth(cfg, tmp_path / "net.weights")
    with pytest.raises(DarknetError, match=rf"math={math} needs .* glibc on x86-64 .*; use math=ieee"):
        load(cfg, tmp_path / "net.weights", math=math)
    narrow = {"int8": bool(usable_dots()), "bf16": has_bf16_products()}
    assert usable_profiles() == ["ieee", "fast", *(name for name, there in narrow.items() if there)]
    load(cfg, tmp_path / "net.weights", math="fast")


@pytest.mark.parametrize(
    ("math", "host"),
    [
        ("bf16", ("x86_64-unknown-linux-gnu", "skylake", "+avx2,+fma,+avx512f")),
        ("int8", ("aarch64-unknown-linux-gnu", "cortex-a72", "+neon")),
    ],
)
def test_narrow_numbers_are_refused_by_name_where_the_processor_has_no_products_of_them(
    math: str, host: tuple[str, str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Before a file is read, with the better choice, however the network is opened."""
    monkeypatch.setattr(dots, "host", lambda: host)
    refusal = rf"math={math} needs .*; use math=fast$"
    with pytest.raises(DarknetError, match=refusal):
        load(tmp_path / "none.cfg", tmp_path / "none.weights", math=math)
    with pytest.raises(DarknetError, match=refusal):
        need_profiles([math])
    assert math not in usable_profiles()
    cfg = write_cfg(tmp_path, CONVOLUTION)
    for command in (
        ["detect", cfg, "--cfg", cfg, "--weights", cfg],
        ["bench", cfg],
        ["trace", "none", cfg],
        ["warmup"],
    ):
        error = run(*command, "--math", math, code=1).stderr
        assert re.search(refusal, error.strip()) and "Traceback" not in error, command


def test_the_functions_of_the_c_library_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    found = environment()["C library"]
    assert "exp, expf and pow: " in found
    if "glibc" in found.split(";")[0]:
        assert "fused multiply-add" in found.split(": ")[1]
    monkeypatch.setattr("darknet_py.validate.environment.fingerprint", lambda: "another")
    assert "of no known kind: last bits may differ" in environment()["C library"]


def test_the_fingerprint_sees_a_last_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    first = libm.fingerprint()
    evaluate = libm.evaluate

    def off(exps: Any, expfs: Any, pows: Any, x: Any) -> None:
        evaluate(exps, expfs, pows, x)
        expfs[777] = np.nextafter(expfs[777], np.float32(np.inf))

    monkeypatch.setattr(libm, "evaluate", off)
    assert libm.fingerprint() != first and len(first) == 64


# -------------------------------------------------------------------------------------------------------------- disks


def test_results_of_the_same_name_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_same([tmp_path / "dog.txt", tmp_path / "cat.txt"])
    with pytest.raises(FileError, match=r"dog\.txt: two results would be written to this file"):
        refuse_same([tmp_path / "dog.txt", tmp_path / "cat.txt", tmp_path / "dog.txt"])
    monkeypatch.setattr(distinct, "ignores_case", lambda folder: True)
    with pytest.raises(FileError, match=r"DOG\.txt: would be the same file as dog\.txt: this disk"):
        refuse_same([tmp_path / "dog.txt", tmp_path / "DOG.txt"])
    monkeypatch.setattr(distinct, "ignores_case", lambda folder: False)
    refuse_same([tmp_path / "dog.txt", tmp_path / "DOG.txt"])


def test_the_disk_is_asked(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    assert distinct.ignores_case(tmp_path) == (tmp_path / "A").exists()
    assert not distinct.ignores_case(tmp_path / "nowhere")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_result_files_of_classes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nothing: list[Found] = []
    with pytest.raises(FileError, match=r"comp4_a\.txt: two results"):
        write_results("voc", tmp_path, "comp4_", ["a", "b", "a"], [], nothing)
    monkeypatch.setattr(distinct, "ignores_case", lambda folder: True)
    with pytest.raises(FileError, match="does not tell names by their case"):
        write_results("voc", tmp_path, "comp4_", ["a", "A"], [], nothing)
    assert list(tmp_path.iterdir()) == []


# -------------------------------------------------------------------------------------------------------------- pipes


@pytest.mark.parametrize(("windows", "says"), [(True, ""), (False, "Error: Invalid argument\n")])
def test_a_reader_that_goes_away_on_windows(
    windows: bool, says: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(standalone_mode: bool) -> None:
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(cli.interrupt, "watch", lambda: None)
    monkeypatch.setattr(sys, "argv", ["darknet-py"])
    monkeypatch.setattr(cli, "WINDOWS", windows)
    monkeypatch.setattr(cli.cli, "main", fails)
    with open(tmp_path / "out", "w") as out:
        monkeypatch.setattr(sys, "stdout", out)
        with warnings.catch_warnings(), pytest.raises(SystemExit) as end:
            cli.main()
    assert end.value.code == 1 and capsys.readouterr().err == says


# ------------------------------------------------------------------------------------------------------ files in use


def overwrite(path: Path) -> None:
    """Write a file anew where it stands, as a training program does."""
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    with open(path, "r+b") as file:
        file.write(content)
    state = path.stat()
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns + 1_000_000_000))


@POSIX
def test_a_file_that_is_replaced_stays_what_it_was(tmp_path: Path) -> None:
    detector, weights = build(tmp_path, CONNECTED), tmp_path / "net.weights"
    before = detector.predict(ramp(3, 8, 8))[0]
    other = tmp_path / "other"
    other.write_bytes(bytes(weights.stat().st_size))
    os.replace(other, weights)
    assert np.array_equal(detector.predict(ramp(3, 8, 8))[0], before)


@POSIX
def test_a_file_that_is_written_to_is_never_read_on(tmp_path: Path) -> None:
    """Or else weights of two trainings would be mixed, without a sign of it."""
    x, weights = ramp(3, 8, 8), tmp_path / "net.weights"
    connected = build(tmp_path, CONNECTED)
    connected.predict(x)
    overwrite(weights)
    with pytest.raises(FileError, match=r"net\.weights: was written to since it was loaded; load it again"):
        connected.predict(x)
    convolution = build(tmp_path, CONVOLUTION)
    before = convolution.predict(x)[0]
    overwrite(weights)
    assert np.array_equal(convolution.predict(x)[0], before), "what is packed needs the file no more"
    for needs_the_file in (lambda: convolution.predict(np.stack([x, x])), lambda: convolution.resize((16, 16))):
        with pytest.raises(FileError, match="was written to"):
            needs_the_file()
    assert np.array_equal(convolution.predict(x)[0], before)


def test_two_programs_never_share_a_port_on_windows() -> None:
    assert http.Server.allow_reuse_address == (os.name != "nt")


# ------------------------------------------------------------------------------------------------------ architectures


def test_a_32_bit_python_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    import darknet_py
    from darknet_py.__main__ import main

    monkeypatch.setattr(sys, "maxsize", 2**31 - 1)
    with pytest.raises(SystemExit, match=r"^Error: this Python is a 32-bit one.*install a 64-bit system"):
        main()
    monkeypatch.delitem(vars(darknet_py), "load", raising=False)
    with pytest.raises(ImportError, match=r"darknet-py: this Python is a 32-bit one"):
        _ = darknet_py.load


PI = """processor\t: 0
BogoMIPS\t: 108.00
CPU implementer\t: 0x41
CPU part\t: 0xd08
"""


@pytest.mark.skipif(sys.platform != "linux", reason="of Linux")
def test_the_processors_name(tmp_path: Path) -> None:
    """An ARM has no model name; a board may have one; a server has neither."""
    described = tmp_path / "cpuinfo"
    described.write_text("processor\t: 0\nmodel name\t: AMD EPYC\n")
    assert processor_name(described) == "AMD EPYC"
    described.write_text(f"{PI}\nHardware\t: BCM2835\nModel\t\t: Raspberry Pi 4 Model B Rev 1.4\n")
    assert processor_name(described) == "Raspberry Pi 4 Model B Rev 1.4"
    described.write_text(PI)
    assert processor_name(described) == f"{platform.machine()}, {binding.get_host_cpu_name()}"
