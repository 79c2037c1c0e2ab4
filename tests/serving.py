"""A server of ours in this process, and what asks it, byte for byte."""

from __future__ import annotations

import http.client
import json
import re
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from darknet_py.detect.detections import Detections
from darknet_py.image.reading import reading
from darknet_py.loading import load
from darknet_py.synth import write_synth

from .nets import net, write_cfg
from .waiting import wait_until

for package in ("starlette", "uvicorn", "python_multipart", "prometheus_client"):
    pytest.importorskip(package, reason="the extra [serve] is not installed")

from darknet_py.serve.app import make_service  # noqa: E402
from darknet_py.serve.limits import Limits  # noqa: E402
from darknet_py.serve.models import Model, Thresholds  # noqa: E402
from darknet_py.serve.protocol import Service  # noqa: E402
from darknet_py.serve.server import Server, bind  # noqa: E402

PHOTO = Path(__file__).parent / "data" / "photos" / "astronaut.jpg"
IMAGE = PHOTO.read_bytes()
NAMES = ["ant", "bee", "cat"]

NET = net(
    3, 96, 96, "conv batch_normalize=1 filters=16 size=3 stride=1 pad=1 activation=leaky", "maxpool size=2 stride=2",
    "conv batch_normalize=1 filters=32 size=3 stride=2 pad=1 activation=leaky",
    "conv filters=24 size=1 activation=linear", "yolo classes=3 num=3 anchors=9,9,20,30,50,50",
)  # fmt: skip

TREE = "thing -1\nother -1\ndog 0\ncat 0\nterrier 2\ncollie 2\n"

TREE_NET = net(
    3, 64, 64, "conv filters=8 size=3 stride=4 pad=1 activation=leaky", "conv filters=22 size=1 activation=linear",
    "region classes=6 num=2 softmax=1 tree=words.tree anchors=1,1,2,2",
)  # fmt: skip


def write_files(folder: Path) -> None:
    """Two small networks: ``net.cfg`` with names, and ``tree.cfg`` with a WordTree."""
    (folder / "words.tree").write_text(TREE)
    (folder / "net.names").write_text("\n".join(NAMES) + "\n")
    for name, text in (("net", NET), ("tree", TREE_NET)):
        write_synth(write_cfg(folder, text, f"{name}.cfg"), folder / f"{name}.weights")


def make_models(folder: Path) -> dict[str, Model]:
    """Both networks, loaded."""
    write_files(folder)
    plain = load(folder / "net.cfg", folder / "net.weights", names=NAMES, threads=1)
    tree = load(folder / "tree.cfg", folder / "tree.weights", threads=1)
    models = {"net": Model("net", plain), "tree": Model("tree", tree, Thresholds(thresh=0.1, hier_thresh=0.2))}
    for model in models.values():  # what has to be compiled is compiled here, where nobody waits for an answer
        model.warm()
        model.detector.detect(PHOTO)
    return models


class Held:
    """A model whose network waits until it is let go; ``sizes``: how many pictures ran together."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, model: Model) -> None:
        self.sizes: list[int] = []
        self._go = threading.Event()
        run = model.run

        def wait(inputs: Any) -> Any:
            self.sizes.append(len(inputs))
            assert self._go.wait(60)
            return run(inputs)

        monkeypatch.setattr(model, "run", wait)

    def let_go(self) -> None:
        self._go.set()


def waiting(server: Running) -> float:
    found = re.search(rb"^darknet_waiting_pictures (\S+)", server.service.metrics.text(), re.MULTILINE)
    assert found is not None
    return float(found[1])


def expected(server: Running, thresh: float, name: str = "net") -> Detections:
    """What the library finds, the most probable first, clipped."""
    found = server.service.engine.models[name].detector.detect(IMAGE, thresh=thresh)
    found = found[np.argsort(-found.confidence, kind="stable")].clip()
    assert 3 <= len(found) < 1000
    return found


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Running:
    """A server that listens."""

    service: Service
    server: Server
    port: int

    def connect(self, timeout: float = 30) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout)

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=240)
        try:
            connection.request(method, path, body, dict(headers or {}))
            answer = connection.getresponse()
            found = Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
        finally:
            connection.close()
        assert b"Traceback" not in found.body and b".py" not in found.body.replace(b"darknet-py", b"")
        return found

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, headers=headers)

    def post(self, path: str, document: Any, headers: Mapping[str, str] | None = None) -> Answer:
        """JSON."""
        return self.ask(
            "POST", path, json.dumps(document).encode(), {"Content-Type": "application/json", **(headers or {})}
        )

    def form(
        self, path: str, fields: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None,
        **files: bytes,
    ) -> Answer:  # fmt: skip
        """A form, its files without a content type, as camera systems send them."""
        body, kind = multipart(fields or {}, files)
        return self.ask("POST", path, body, {"Content-Type": kind, **(headers or {})})


def multipart(fields: Mapping[str, str], files: Mapping[str, bytes]) -> tuple[bytes, str]:
    """A form's body and content type."""
    parts = [
        f'--XyZ\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    for name, data in files.items():
        head = f'--XyZ\r\nContent-Disposition: form-data; name="{name}"; filename="{name}"\r\n\r\n'
        parts.append(head.encode() + data + b"\r\n")
    return b"".join(parts) + b"--XyZ--\r\n", "multipart/form-data; boundary=XyZ"


@contextmanager
def running(models: Mapping[str, Model], limits: Limits | None = None, **options: Any) -> Iterator[Running]:
    """Serve on a free port of this machine; it is stopped gracefully at the end."""
    service = make_service(models, limits, **options)
    listening = bind("127.0.0.1", 0)
    server = Server(service)
    thread = threading.Thread(target=server.run, args=([listening],), name="test-serve", daemon=True)
    with listening, reading(most_pixels=service.limits.pixels):
        port = listening.getsockname()[1]
        thread.start()
        wait_until(lambda: server.started)
        try:
            yield Running(service, server, port)
        finally:
            server.stop()
            thread.join(60)
            service.close()
            assert not thread.is_alive()
