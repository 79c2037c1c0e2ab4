"""What a user may say instead of files: names of models and networks; a file that exists comes first."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from pathlib import Path

import pytest

from darknet_py.errors import CfgError, DarknetError, ModelError, WeightsError
from darknet_py.formats.atomic import whole_file
from darknet_py.loading import load
from darknet_py.network import read_network
from darknet_py.synth import write_synth
from darknet_py.weights import convert
from darknet_py.zoo import (
    RemoteFile,
    find_model,
    find_network,
    get_model,
    identify,
    model_cfg,
    network_names,
    registry,
)

from .nets import write_cfg
from .program import ask
from .test_cli import NET, PHOTOS, REPOSITORY


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, outside of the source tree and without any fetched file."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DARKNET_PY_WEIGHTS", str(tmp_path / "none"))
    monkeypatch.setattr("darknet_py.zoo.folders.cache_folder", lambda: tmp_path / "none")
    return tmp_path


@pytest.mark.parametrize("name", ["yolov3-tiny.cfg", "yolov3-tiny", "YOLOv3-tiny.cfg", "yolo"])
def test_a_cfg_file_comes_before_a_model(here: Path, name: str) -> None:
    write_synth(write_cfg(here, NET, name), "w")
    assert find_network(name) == Path(name)
    assert load(name, "w").network.layers[0].out.h == 16
    assert model_cfg(name) == Path(name)
    Path("w").rename(Path(name).with_suffix(".weights"))
    assert find_model(name).weights == Path(name).with_suffix(".weights")
    assert len(load(name).network.layers) == 3, "its own weights beside it, not the released ones"


def test_every_command_takes_the_file_that_exists(here: Path) -> None:
    write_synth(write_cfg(here, NET, "yolov3-tiny.cfg"), "yolov3-tiny.weights")
    photo = PHOTOS / "chelsea.jpg"
    pair = ("--cfg", "yolov3-tiny.cfg", "--weights", "yolov3-tiny.weights")
    for words in (
        ("summary", "yolov3-tiny.cfg"),
        ("synth", "yolov3-tiny.cfg", "w"),
        ("trace", "yolov3-tiny.cfg", "yolov3-tiny.weights", photo),
        ("trace", "yolov3-tiny.cfg", photo),
        ("detect", photo, *pair, "--no-picture"),
        ("detect", photo, "--model", "yolov3-tiny.cfg", "--no-picture"),
        ("detect", photo, "--model", "yolov3-tiny.weights", "--no-picture"),
        ("record", photo, *pair, "--json", "r.json"),
        ("weights", "info", "yolov3-tiny.weights", "--cfg", "yolov3-tiny.cfg"),
        ("weights", "info", "yolov3-tiny.weights", "--model", "yolov3-tiny.cfg"),
        ("weights", "convert", "yolov3-tiny.weights", "w.npz", "--cfg", "yolov3-tiny.cfg"),
        ("weights", "extract", "yolov3-tiny.cfg", "yolov3-tiny.weights", "part", "--layers", "1"),
    ):
        answer = ask(*words, cwd=here)
        assert answer.code == 0, (words, answer.err)
    assert Path("w").stat().st_size == Path("yolov3-tiny.weights").stat().st_size == 16 + 4 + 440 * 4


def test_weights_of_a_models_name_come_before_the_released_ones(here: Path) -> None:
    Path("yolov3-tiny.weights").write_bytes(b"\0" * 100)
    found = find_model("yolov3-tiny.weights")
    assert (found.weights, found.cfg.name) == (Path("yolov3-tiny.weights"), "yolov3-tiny.cfg")
    with pytest.raises(WeightsError, match=r"^yolov3-tiny\.weights"):
        load("yolov3-tiny.weights")


def test_a_cfg_alone_needs_its_weights(here: Path) -> None:
    write_cfg(here, NET, "mine.cfg")
    with pytest.raises(ModelError, match=r"mine\.cfg: a cfg and its weights go together"):
        load("mine.cfg")
    write_cfg(here, NET, "yolov3-tiny.cfg")
    with pytest.raises(ModelError, match=r"yolov3-tiny\.weights is not on this machine"):
        find_model("yolov3-tiny.cfg")


def test_a_detector_says_what_it_is(here: Path) -> None:
    write_synth(write_cfg(here, NET), "w")
    assert repr(load("net.cfg", "w", threads=2)) == (
        "Detector(net.cfg, 64 x 64 x 3, 3 classes without names, math=ieee, 2 threads)"
    )
    net = load("net.cfg", "w", names=["a", "b", "c"], math="fast", threads=1)
    assert "3 classes, math=fast" in repr(net)
    with pytest.raises(DarknetError, match="thresh=2 must be a number from 0 to 1"):
        net.detect(PHOTOS / "chelsea.jpg", thresh=2)
    with pytest.raises(DarknetError, match="nms=nan must be a number from 0 to 1"):
        net.detect_batch([PHOTOS / "chelsea.jpg"], nms=float("nan"))
    (found,) = net.detect_batch([PHOTOS / "chelsea.jpg"], thresh=0.3)
    assert found == net.detect(PHOTOS / "chelsea.jpg", thresh=0.3) and found.plot().size == found.image_size


def test_names_mean_the_cfg_that_comes_with_us(here: Path) -> None:
    assert find_network("yolov3").samefile(REPOSITORY / "cfg" / "yolov3.cfg")
    assert find_network("YOLO").name == "yolov2.cfg"
    assert find_network("resnet18").samefile(REPOSITORY / "cfg" / "resnet18.cfg")
    assert set(network_names()) == {path.stem for path in (REPOSITORY / "cfg").glob("*.cfg")}
    assert "106 yolo" in ask("summary", "yolov3", cwd=here).out
    assert ask("synth", "cifar", "w", cwd=here).code == 0
    assert ask("weights", "info", "w", "--cfg", "cifar", cwd=here).code == 0


@pytest.mark.parametrize("name", ["yolov3.cfg", "cfg/yolov3.cfg", "nowhere/yolov3"])
def test_a_mistyped_path_never_becomes_another_file(here: Path, name: str) -> None:
    with pytest.raises(CfgError, match="No such file or directory"):
        find_network(name)
    answer = ask("summary", name, cwd=here)
    assert answer.code == 1 and answer.err.startswith(f"Error: {name}: cannot read this cfg") and "yolov3" in answer.err


@pytest.mark.parametrize(
    "name",
    [
        "yolov5s", "yolov6n", "yolov8n", "YOLOv8x-seg", "yolov9c", "yolov10b", "yolo11n", "yolov12s", "yolox-s",
        "yolo-nas-m", "yolo_nas_s", "rt-detr", "yolov8n.pt", "best.onnx", "weights/best.pt",
    ],
)  # fmt: skip
def test_other_families_are_refused_by_what_they_are(name: str) -> None:
    with pytest.raises(ModelError, match=r"framework.*darknet-py runs Darknet's \.cfg and \.weights: YOLOv1"):
        get_model(name)


@pytest.mark.parametrize("name", ["yolov4-csp-swish", "yolov4-p6", "yolov7x", "csdarknet53-omega", "yolo-fastest-xl"])
def test_alexeyabs_other_networks_are_run_from_their_files(name: str) -> None:
    with pytest.raises(ModelError, match=r"AlexeyAB's Darknet .* runs from its \.cfg and \.weights, given by path"):
        get_model(name)


def test_released_names_are_of_no_other_family() -> None:
    for model in registry().values():
        for name in (model.name, *model.aliases):
            assert get_model(name) is model
    for name in ("yolo900", "yolov3-tin", "yolo4-tiny", "yolov7-tinny"):
        with pytest.raises(ModelError, match="did you mean"):
            get_model(name)


def test_names_are_known_by_the_weights_hash(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_synth(write_cfg(here, NET), "net.weights")
    data = Path("net.weights").read_bytes()
    assert load("net.cfg", "net.weights").names == []
    model = registry()["yolov3-tiny"]
    file = RemoteFile(model.weights, (len(data),), {"sha256": hashlib.sha256(data).hexdigest()}, ())
    released = type(model)(**{**vars(model), "files": (file,), "names": "three.names"})
    monkeypatch.setattr(identify, "registry", lambda: {"yolov3-tiny": released})
    monkeypatch.setattr(identify, "find_file", lambda name: here / name)
    Path("three.names").write_text("ant\nbee\ncat\n")
    assert load("net.cfg", "net.weights").names == ["ant", "bee", "cat"]
    assert load("net.cfg", "net.weights", names=()).names == []
    answer = ask("detect", PHOTOS / "chelsea.jpg", "--cfg", "net.cfg", "--weights", "net.weights", "--json", "-",
                 "--thresh", ".3", "--no-picture", cwd=here)  # fmt: skip
    assert {found["name"] for found in json.loads(answer.out)[0]["objects"]} <= {"ant", "bee", "cat"}
    assert "--names" not in answer.err
    Path("net.weights").write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert load("net.cfg", "net.weights").names == [], "as long, but another file"
    Path("net.weights").write_bytes(data)
    Path("three.names").write_text("ant\nbee\n")
    assert load("net.cfg", "net.weights").names == [], "names that do not fit are no names"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no umask")
def test_written_files_have_the_usual_mode(here: Path) -> None:
    def mode(path: Path) -> int:
        return stat.S_IMODE(path.stat().st_mode)

    write_synth(write_cfg(here, NET), "net.weights")
    before = os.umask(0o027)
    try:
        for suffix in (".weights", ".npz", ".safetensors"):
            out = here / f"out{suffix}"
            if suffix == ".safetensors":
                pytest.importorskip("safetensors")
            convert("net.weights", out, "net.cfg")
            assert mode(out) == 0o640, suffix
        with whole_file(here / "secret") as part:  # some libraries replace the file by one of their own
            part.unlink()
            part.touch(0o600)
        assert mode(here / "secret") == 0o640
        out.chmod(0o604)
        convert("net.weights", out, "net.cfg")
        assert mode(out) == 0o604, "a file that was there keeps its mode"
    finally:
        os.umask(before)


def test_shells_complete_commands_options_and_models(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def complete(*words: str) -> set[str]:
        from click.shell_completion import ShellComplete

        from darknet_py.cli import cli

        *before, last = words
        return {item.value for item in ShellComplete(cli, {}, "darknet-py", "X").get_completions(before, last)}

    assert complete("de") == {"detect", "demo"}
    assert "--thresh" in complete("detect", "--th")
    assert complete("detect", "--model", "yolov3-t") == {"yolov3-tiny", "yolov3-tiny-prn"}
    assert complete("summary", "yolov3-o") == {"yolov3-openimages"}
    assert "yolov3" in complete("fetch", "yolov") & complete("bench", "yolov") & complete("trace", "yolov")
    assert complete("detect", "--math", "ma") == {"make", "make-own"}
    assert complete("summary", "nowhere.cfg") == {"nowhere.cfg"}
    assert read_network(find_network("yolov3-openimages")).classes == 601
