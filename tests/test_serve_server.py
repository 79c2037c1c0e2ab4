"""`darknet-py serve` as a program: keys, addresses, faults, its log, its end, its options, what stands beside it."""

from __future__ import annotations

import http.client
import json
import logging
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from darknet_py.errors import DarknetError
from darknet_py.loading import load
from darknet_py.synth import write_synth

from .nets import net, write_cfg
from .program import failure
from .serving import PHOTO, Answer, Held, Limits, Model, Running, make_models, multipart, running, waiting, write_files
from .waiting import wait_until
from .web import Page
from .web import serve as serve_web

IMAGE = PHOTO.read_bytes()
REPOSITORY = Path(__file__).parent.parent
DETECT = "/api/detect?model=net"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Model]:
    return make_models(tmp_path_factory.mktemp("serve"))


# keys


def ask_all(server: Running, headers: dict[str, str]) -> list[Answer]:
    """A detection by every protocol."""
    picture = {"data": "aaaa", "detect": {"*": 50}}
    return [
        server.form("/v1/vision/detection", headers=headers, image=IMAGE),
        server.form("/infer", {"type": "object"}, headers, image=IMAGE),
        server.post("/detect", picture, headers),
        server.post("/v2/models/net/infer", {"inputs": []}, headers),
        server.ask("POST", "/api/detect", IMAGE, headers),
        *(server.get(path, **headers) for path in ("/detectors", "/models", "/v2/models/net", "/metrics", "/api/models",
                                                   "/v1/vision/custom/list")),
    ]  # fmt: skip


def test_a_key(models: dict[str, Model]) -> None:
    with running(models, key="söme key") as server:
        assert {answer.status for answer in ask_all(server, {})} == {401}
        assert {answer.status for answer in ask_all(server, {"Authorization": "Bearer nope"})} == {401}
        assert {answer.status for answer in ask_all(server, {"Authorization": "Bearer 99999999999.abc"})} == {401}
        for encoding in ("utf-8", "latin-1"):
            spelled = "Bearer söme key".encode(encoding).decode("latin-1")
            assert server.get("/models", Authorization=spelled).status == 200
        for open_page in ("/", "/health", "/v1/status/ping", "/v2/health/ready", "/openapi.json"):
            assert server.get(open_page).status == 200
    with running(models, key="key") as server:
        for name, value in (("Authorization", "Bearer key"), ("X-API-Key", "key"), ("doods-auth-key", "key")):
            assert 401 not in {answer.status for answer in ask_all(server, {name: value})}
        assert server.form("/v1/vision/detection", {"api_key": "key"}, image=IMAGE).status == 200
        wrong = server.form("/v1/vision/detection", {"api_key": "kex"}, image=IMAGE)
        assert wrong.status == 401 and wrong.json["error"] == "Incorrect api key"
        assert server.post("/login", {"username": "zm", "password": "x"}).status == 401
        token = server.post("/login", {"username": "zm", "password": "key"}).json["access_token"]
        assert (
            server.form("/infer", {"type": "object"}, {"Authorization": f"Bearer {token}"}, image=IMAGE).status == 200
        )
        changed = token[:-1] + ("0" if token[-1] != "0" else "1")
        assert server.get("/models", Authorization=f"Bearer {changed}").status == 401


# addresses


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("http://cam.lan/shots/1.jpg", 200), ("http://CAM.lan:80/shots/", 200), ("http://cam.lan/shots?x=1", 200),
        ("http://cam.lan/shotsx", 403), ("http://cam.lan/other", 403), ("https://cam.lan/shots/1", 403),
        ("http://cam.lan:81/shots/1", 403), ("http://cam.lan.evil/shots/1", 403), ("http://cam.lan@evil/shots/1", 403),
        ("http://evil/#http://cam.lan/shots/", 403), ("http://cam.lan/shots/../x", 403),
        ("http://cam.lan/shots/%2e%2e/x", 403),
        ("http://cam.lan/shots/..", 403), ("http://cam.lan\\@evil/shots/1", 403), ("http://cam.lan/shots/a b", 403),
        ("http://cam.lan/shots/\r\nX: y", 403), ("file:///etc/passwd", 403), ("//cam.lan/shots/1", 403), ("", 403),
        ("http://[::1/shots/", 403), ("http://cam.lan:x/shots/", 403), ("http://cäm.lan/shots/", 403),
    ],
)  # fmt: skip
def test_only_addresses_on_the_list(url: str, status: int) -> None:
    from darknet_py.serve.limits import Refused
    from darknet_py.serve.urls import Urls

    urls = Urls(["http://cam.lan/shots"], 1000, 1)
    if status == 200:
        urls.check(url)
        return
    with pytest.raises(Refused) as refused:
        urls.check(url)
    assert refused.value.status == status


def test_frames_by_address(models: dict[str, Model]) -> None:
    limits = Limits(body=1_000_000, seconds=2)
    with serve_web() as web, running(models, limits, allow_urls=[web.url("zm")]) as server:
        web.pages["zm/1.jpg?token=abc"] = web.pages["zm/1.jpg"] = Page(IMAGE)
        web.pages["zm/moved"] = Page(status=302, headers={"Location": web.url("secret")})
        web.pages["zm/large"] = Page(bytes(1_000_001))
        web.pages["zm/drip"] = Page(bytes(100), drip=0.2)
        web.pages["zm/no.jpg"] = Page(b"no picture")
        frame = {"type": "object", "url": web.url("zm/1.jpg"), "zm_auth": "token=abc"}
        assert server.form("/infer", frame).json == server.form("/infer", {"type": "object"}, image=IMAGE).json
        assert [path for path, _ in web.requests] == ["zm/1.jpg?token=abc"]
        assert server.ask("POST", f"/api/detect?url={web.url('zm/1.jpg')}").status == 200
        for path in ("zm/moved", "zm/large", "zm/drip", "zm/no.jpg", "zm/none"):
            answer = server.form("/infer", {**frame, "url": web.url(path)})
            assert answer.status == 200 and answer.json["error"].startswith("fetch failed")
            assert b"token" not in answer.body
        assert server.form("/infer", {**frame, "zm_auth": "a\r\nb"}).json["error"].startswith("fetch failed")
        assert "secret" not in [path for path, _ in web.requests]
        web.requests.clear()
        for path in ("secret", "zmx"):
            assert "not among those" in server.form("/infer", {**frame, "url": web.url(path)}).json["error"]
        assert not web.requests


# what goes wrong inside


def test_nothing_of_the_inside_gets_out(
    models: dict[str, Model], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(inputs: Any) -> Any:
        raise RuntimeError("/secret/path\nsecond line")

    monkeypatch.setattr(models["net"], "run", fail)
    forms: dict[str, Callable[[Running], Answer]] = {
        "success": lambda server: server.form("/v1/vision/detection", image=IMAGE),
        "detail": lambda server: server.form("/infer", {"type": "object"}, image=IMAGE),
        "detections": lambda server: server.post("/detect", {"data": "UDYgMSAxIDI1NQoAAAA=", "detect": {"*": 1}}),
        "error": lambda server: server.ask("POST", DETECT, IMAGE),
    }
    with running(models) as server, caplog.at_level(logging.ERROR, "darknet_py.serve"):
        for key, ask in forms.items():
            answer = ask(server)
            assert answer.status == 500 and key in answer.json and b"secret" not in answer.body
    assert "RuntimeError: /secret/path" in caplog.text and "path\nsecond" not in caplog.text


def test_the_access_log_has_neither_queries_nor_control_characters(
    models: dict[str, Model], caplog: pytest.LogCaptureFixture
) -> None:
    with running(models) as server, caplog.at_level(logging.INFO, "darknet_py.serve.access"):
        server.get("/nothing%0Ahere%1b[1m?key=secret")
        wait_until(lambda: caplog.records)
    [line] = [record.getMessage() for record in caplog.records]
    assert re.fullmatch(r"\S+Z 127\.0\.0\.1 GET /nothing\\nhere\\x1b\[1m 404 \d+ [\d.]+ms", line)


# the end


def refused(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 5):
            return False
    except OSError:
        return True


def test_a_stop_answers_what_was_accepted(models: dict[str, Model], monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held(monkeypatch, models["net"])
    with running(models) as server, ThreadPoolExecutor(6) as clients:
        try:
            asked = [clients.submit(server.ask, "POST", DETECT, IMAGE) for _ in range(6)]
            wait_until(lambda: waiting(server) == 6)
            server.server.stop()
            wait_until(lambda: refused(server.port))
        finally:
            held.let_go()
        assert [future.result().status for future in asked] == [200] * 6


@contextmanager
def program(folder: Path, *arguments: object) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """`darknet-py serve` in a process of its own, and its port."""
    command = [sys.executable, "-m", "darknet_py", "serve", "--port", "0", *map(str, arguments)]
    process = subprocess.Popen(
        command, cwd=folder, text=True, stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(REPOSITORY)}
    )
    try:
        assert process.stderr is not None
        said = ""
        while not (found := re.search(r"Serving .* at http://[^/]*:(\d+)/", said)):
            line = process.stderr.readline()
            assert line, said
            said += line
        assert ("Note: whoever reaches" in said) == ("0.0.0.0" in command)
        yield process, int(found[1])
    finally:
        process.kill()
        process.communicate()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM that a program could catch")
def test_an_open_server_says_so_and_has_its_own_thresholds(tmp_path: Path) -> None:
    write_files(tmp_path)
    words = ("-m", "net=net.cfg,net.weights", "-m", "other=net.cfg,net.weights,net.names", "--thresh", ".3", "--thresh",
             "other=.55", "--classes", "2", "--host", "0.0.0.0", "--threads", 1, "--quiet")  # fmt: skip
    with program(tmp_path, *words) as (process, port):
        answers = []
        for model in ("net", "other"):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
            with closing(connection):
                connection.request("POST", f"/api/detect?model={model}", IMAGE)
                answers.append(json.loads(connection.getresponse().read()))
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    names = [{each["name"] for each in answer["objects"]} for answer in answers]
    assert names == [{"2"}, {"cat"}]
    assert [min(each["confidence"] for each in answer["objects"]) > least
            for answer, least in zip(answers, (0.3, 0.55), strict=True)] == [True, True]  # fmt: skip
    assert len(answers[0]["objects"]) > len(answers[1]["objects"])


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM that a program could catch")
def test_sigterm_in_the_middle_loses_no_accepted_request(tmp_path: Path) -> None:
    write_files(tmp_path)
    body, kind = multipart({}, {"image": IMAGE})
    model = ("-m", "net=net.cfg,net.weights,net.names", "--threads", 1)
    with program(tmp_path, *model) as (process, port):
        clients = [http.client.HTTPConnection("127.0.0.1", port, timeout=60) for _ in range(4)]
        for client in clients:
            client.putrequest("POST", "/v1/vision/detection")
            for name, value in (("Content-Type", kind), ("Content-Length", str(len(body))), ("Expect", "100-continue")):
                client.putheader(name, value)
            client.endheaders()
            assert client.sock.recv(100).startswith(b"HTTP/1.1 100 "), "it is accepted"
        process.send_signal(signal.SIGTERM)
        wait_until(lambda: refused(port))
        for client in clients:
            client.send(body)
        for client in clients:
            with closing(client), client.getresponse() as answer:
                assert answer.status == 200 and b'"success":true' in answer.read()
        assert process.wait(60) == 0
        assert process.stderr is not None
        said = process.stderr.read()
    assert "Stopped" in said and said.count("POST /v1/vision/detection 200") == 4 and "Traceback" not in said


# the command


def test_the_command_says_what_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_files(tmp_path)
    model = ("-m", "net=net.cfg,net.weights")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert "cannot listen on port" in failure("serve", *model, "--port", taken.getsockname()[1], cwd=tmp_path)
    for arguments, message in (
        ((*model, *model), "two models are called net"),
        ((*model, "--thresh", "other=.5"), "thresholds for the model other"),
        ((*model, "--allow-url", "ftp://x/"), "--allow-url ftp://x/"),
        (("-m", "a=b,c,d,e"), "write NAME"),
        (("-m", "a b=net.cfg,net.weights"), "stands in addresses"),
        (("-m", "net=none.cfg,net.weights"), "none.cfg"),
    ):
        assert message in failure("serve", *arguments, "--port", 0, cwd=tmp_path)
    for arguments in (("--thresh", "2"), ("--thresh", "net=x"), ("--cfg", "net.cfg"), ("--names", "x")):
        assert "Error" in failure("serve", *arguments, cwd=tmp_path, code=2)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert "not installed: pip install uvicorn\n" in failure("serve", *model, cwd=tmp_path)


def test_thresholds_by_model() -> None:
    from darknet_py.serve.models import Choice, Thresholds, by_name

    found = by_name(thresh=[("a", 0.1), (None, 0.3)], nms=[(None, 0.2)])
    assert found == {None: Thresholds(0.3, None, 0.2), "a": Thresholds(0.1, None, 0.2)}
    assert Choice.parse("x/my.cfg") == Choice("my", "x/my.cfg")
    assert Choice.parse("b=yolov3-tiny") == Choice("b", "yolov3-tiny")
    assert Choice.parse("b=c.cfg,c.weights,c.names") == Choice("b", "c.cfg", "c.weights", "c.names")
    with pytest.raises(DarknetError):
        Choice.parse("b=")


def test_only_networks_that_detect(tmp_path: Path) -> None:
    write_synth(write_cfg(tmp_path, net(3, 8, 8, "connected output=4", "softmax")), tmp_path / "net.weights")
    with pytest.raises(DarknetError, match="gives no boxes"):
        Model("net", load(tmp_path / "net.cfg", tmp_path / "net.weights"))


# what stands beside it


@pytest.mark.parametrize("name", ["Dockerfile", "darknet-py.service"])
def test_the_examples_use_options_that_there_are(name: str) -> None:
    from darknet_py.cli.serve import serve

    text = (REPOSITORY / "examples" / "serve" / name).read_text(encoding="utf-8")
    known = {option for parameter in serve.params for option in parameter.opts}
    [line] = [line for line in text.splitlines() if re.match("ENTRYPOINT|ExecStart=", line)]
    used = set(re.findall(r"--[a-z-]+", line))
    assert len(used) >= 2 and used <= known
    assert "USER darknet" in text or "DynamicUser=yes" in text, "not as root"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd on this machine")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    text = (REPOSITORY / "examples" / "serve" / "darknet-py.service").read_text(encoding="utf-8")
    unit = tmp_path / "darknet-py.service"
    unit.write_text(text.replace("/opt/darknet-py/bin/darknet-py serve", "/bin/true"), encoding="utf-8")
    result = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0 and "darknet-py.service" not in result.stderr, result.stderr


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="it reads /proc")
def test_the_load_script(tmp_path: Path) -> None:
    script = [sys.executable, str(REPOSITORY / "benchmarks" / "serve_load.py")]
    results = {}
    for words in (("stop", "--rounds", "2"), ("memory", "--requests", "2000"), ("hostile", "--seconds", "2")):
        command = [*script, words[0], str(PHOTO), *words[1:]]
        result = subprocess.run(command, capture_output=True, text=True, timeout=600, cwd=tmp_path)
        assert result.returncode == 0, result.stderr
        results[words[0]] = [line.strip("| ").split(" | ") for line in result.stdout.splitlines() if line[:1] == "|"][
            2:
        ]
    [[_, answered, _, lost, codes]] = results["stop"]
    assert int(answered) >= 400 and (lost, codes) == ("0", "0")
    sizes = [float(row[1].removesuffix(" MB")) for row in results["memory"]]
    assert sizes[-1] < sizes[1] + 20
    assert len(results["hostile"]) == 7
    assert all(int(row[1]) > 0 and row[2] == "0" for row in results["hostile"])
