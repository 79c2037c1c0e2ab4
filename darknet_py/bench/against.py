"""Other engines to measure against: each one a process of its own, in whatever environment it is installed."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from ..errors import DarknetError
from ..numeric.arithmetic import PROFILES
from .peers import serve

if TYPE_CHECKING:
    from ..typing import Floats


START = Path(serve.__file__).with_name("start.py")

INTERPRETED = {
    "opencv": "opencv", "onnxruntime": "onnxruntime", "openvino": "openvino", "openvino-int8": "openvino_int8",
    "openvino-bf16": "openvino_bf16",
}  # fmt: skip
"""Engines that are Python packages -> their module in `peers`."""

ROUNDING = {"openvino-int8", "openvino-bf16"}
"""Those of them that compute in narrow numbers."""

LIBRARIES = {"darknet": "darknet"}
"""Engines that are shared libraries."""


ONE_THREAD = "one-thread"
"""This engine on one thread."""


MOST_IMAGES = 64
"""Images at a time, at most."""


class PeerError(DarknetError):
    """An engine that cannot be measured."""


@dataclass(frozen=True)
class PeerSpec:
    """An engine to measure against, as the user names it.

    Attributes:
        name: what the user wrote.
        command: how its process is started; empty: this engine itself, with the arithmetic profile ``name``, on one
            thread, or on several images at a time.
        images: how many.
        rounds: it computes in narrow numbers, so its outputs are near ours only.
    """

    name: str
    command: tuple[str, ...] = ()
    images: int = 1
    rounds: bool = False


def parse_peers(text: str) -> list[PeerSpec]:
    """``opencv,onnxruntime=/path/to/python,darknet=/path/to/libdarknet.so`` -> engines.

    Packages run in the interpreter that is named, else in this one.

    Raises:
        DarknetError: there is no such engine, or it needs a path.
    """
    return [_parse_peer(part.strip()) for part in text.split(",") if part.strip()]


def _parse_peer(text: str) -> PeerSpec:
    name, _, path = text.partition("=")
    if text == ONE_THREAD or text in PROFILES:
        return PeerSpec(text)
    if name == "batch" and path.isascii() and path.isdigit() and 2 <= int(path) <= MOST_IMAGES:
        return PeerSpec(text, images=int(path))
    if name in INTERPRETED:
        command = path or sys.executable, "-B", str(START), INTERPRETED[name]
        return PeerSpec(text, command, rounds=name in ROUNDING)
    if name in LIBRARIES:
        if not path:
            raise DarknetError(f"--against {name} needs the library that you built: {name}=PATH/libdarknet.so")
        return PeerSpec(text, (sys.executable, "-B", str(START), LIBRARIES[name], str(Path(path).absolute())))
    known = ", ".join([*INTERPRETED, ONE_THREAD, *PROFILES, "batch=2 to 64", *(f"{other}=PATH" for other in LIBRARIES)])
    raise DarknetError(f"--against knows no engine '{name}'; choose from {known}")


def _temporary_text() -> IO[str]:
    """A file without a name, which is gone when it is closed."""
    return tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")


class Peer:
    """A running engine with a network loaded. Use as a context manager.

    Attributes:
        name: what the user calls it.
        engine: name and version, as it reports them.
        threads: how many threads it uses.
    """

    def __init__(self, spec: PeerSpec, job: serve.Job, folder: Path) -> None:
        """Start it; returns when the network is loaded. ``folder``: for temporary files."""
        self.name = spec.name
        self._folder = folder
        self._log = _temporary_text()
        try:
            self._process = subprocess.Popen(
                spec.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, text=True,
                encoding="utf-8",
            )  # fmt: skip
        except OSError as error:
            raise PeerError(f"{spec.name}: cannot start {spec.command[0]}: {error.strerror}") from None
        try:
            settings = {key: value for key, value in asdict(job).items() if key != "library"}
            answer = self._ask(**settings)
            self.engine, self.threads = str(answer["engine"]), int(answer["threads"])
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def turn(self, first: int, count: int) -> list[float]:
        """Run ``first`` times, then ``count`` times: seconds of the latter."""
        return [float(value) for value in self._ask(run=count, first=first)["seconds"]]

    def outputs(self) -> dict[int, Floats]:
        """Outputs by layer number, of the layers that the engine can show."""
        path = self._folder / "outputs.npz"
        self._ask(outputs=str(path))
        with np.load(path) as arrays:
            return {int(name): arrays[name] for name in arrays.files}

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None and self._process.stdout is not None
        with contextlib.suppress(OSError):  # it may have gone, with a line unread
            self._process.stdin.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._log.close()

    def _ask(self, **request: Any) -> dict[str, Any]:
        assert self._process.stdin is not None and self._process.stdout is not None
        with contextlib.suppress(OSError):  # it may have ended: its answer is still there
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        line = self._process.stdout.readline()
        try:
            answer: dict[str, Any] = json.loads(line)
        except ValueError:
            raise PeerError(f"{self.name}: {self._exit_reason()}") from None
        if "error" in answer:
            raise PeerError(f"{self.name}: {str(answer['error']).splitlines()[0]}")
        return answer

    def _exit_reason(self) -> str:
        """Why the process ended: its last line, if there is one."""
        code = self._process.wait()
        self._log.seek(0)
        lines = [line for line in self._log.read().splitlines() if line.strip()]
        return f"ended with exit code {code}" + (f": {lines[-1].strip()}" if lines else "")
