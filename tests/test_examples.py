"""What stands in ``examples/`` runs: the scripts with small networks, the notebook's cells one after the other."""

from __future__ import annotations

import csv
import hashlib
import importlib.util
import json
import re
import shutil
import subprocess
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from darknet_py.image.load import load_image
from darknet_py.network import read_network
from darknet_py.synth import write_synth

from .program import run
from .test_wordtree import TEXT as TREE_CFG
from .test_wordtree import TREE

REPOSITORY = Path(__file__).parent.parent
EXAMPLES = REPOSITORY / "examples"
PHOTOS = REPOSITORY / "tests" / "data" / "photos"
THRESH = "0.3"


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Options for a small network with stand-in weights."""
    folder = tmp_path_factory.mktemp("network")
    cfg = folder / "small.cfg"
    shutil.copy(REPOSITORY / "tests" / "data" / "golden" / "yolo-two-scales.cfg", cfg)
    network = write_synth(cfg, folder / "small.weights")
    (folder / "small.names").write_text("".join(f"thing/{i}\n" for i in range(network.classes)))
    return ["--model", str(cfg), "--weights", str(folder / "small.weights"), "--names", str(folder / "small.names")]


def example(name: str) -> ModuleType:
    """An example, imported."""
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_detect(network: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    example("detect").main([str(PHOTOS / "coffee.jpg"), *network, "--thresh", THRESH])
    first, *others = capsys.readouterr().out.splitlines()
    count = re.fullmatch(r".*coffee\.jpg: (\d+) objects, [\d.]+ ms", first)
    assert count and len(others) == int(count[1]) > 0
    assert all(re.fullmatch(r"  thing/\d+ \d+% from \(-?\d+, -?\d+\) to \(-?\d+, -?\d+\)", line) for line in others)


def test_folder_to_csv(network: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for photo in PHOTOS.glob("*.jpg"):
        shutil.copy(photo, tmp_path)
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    table = tmp_path / "found.csv"
    example("folder_to_csv").main([str(tmp_path), str(table), *network, "--thresh", THRESH])
    rows = list(csv.DictReader(table.open()))
    assert {row["file"] for row in rows} == {"astronaut.jpg", "chelsea.jpg", "coffee.jpg"}
    assert all(float(row["confidence"]) >= float(THRESH) and float(row["left"]) < float(row["right"]) for row in rows)
    assert "broken.jpg" in capsys.readouterr().err


def test_archive(network: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("pyarrow")
    fsspec = pytest.importorskip("fsspec")
    for photo in PHOTOS.glob("*.jpg"):
        (tmp_path / "photos" / photo.stem).mkdir(parents=True)
        shutil.copy(photo, tmp_path / "photos" / photo.stem)
        with fsspec.open(f"memory://examples/{photo.name}", "wb") as file:
            file.write(photo.read_bytes())
    (tmp_path / "photos" / "broken.jpg").write_bytes(b"no picture")
    words = [*network, "--thresh", THRESH]
    example("archive").main([str(tmp_path / "photos"), str(tmp_path / "a"), *words])
    example("archive").main([str(tmp_path / "photos"), str(tmp_path / "a"), *words, "--resume"])
    example("archive").main(["memory://examples", str(tmp_path / "b"), *words])
    first, again, store = capsys.readouterr().out.splitlines()
    assert first.startswith("4 pictures") and first.endswith("4 new, 1 could not be read")
    assert again.startswith("4 pictures") and again.endswith("0 new, 0 could not be read")
    assert store.startswith("3 pictures") and store.endswith("3 new, 0 could not be read")
    with pytest.raises(SystemExit, match="go on with it"):
        example("archive").main([str(tmp_path / "photos"), str(tmp_path / "a"), *words])


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.parametrize("engine", ["dask", "ray"])
def test_archive_on_a_cluster(
    network: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], engine: str
) -> None:
    module = pytest.importorskip({"dask": "distributed"}.get(engine, engine))
    example("archive").main([str(PHOTOS), str(tmp_path / "a"), *network, f"--{engine}", "local", "--workers", "2"])
    assert "3 pictures" in capsys.readouterr().out
    if engine == "ray":
        module.shutdown()


def test_crop_objects(network: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    example("crop_objects").main([str(PHOTOS / "coffee.jpg"), str(tmp_path / "crops"), *network, "--thresh", THRESH])
    named = capsys.readouterr().out.splitlines()
    assert named and {Path(line) for line in named} == set((tmp_path / "crops").iterdir())


def test_video_to_json_lines(network: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cv2 = pytest.importorskip("cv2")
    path = str(tmp_path / "video.avi")
    writer = cv2.VideoWriter(path, cv2.VideoWriter_fourcc(*"MJPG"), 10, (96, 64))
    for frame in np.random.default_rng(5).integers(0, 256, (3, 64, 96, 3)).astype(np.uint8):
        writer.write(frame)
    writer.release()
    example("video_to_json_lines").main([path, *network, "--thresh", "0.1"])
    frames = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [frame["seconds"] for frame in frames] == [0.0, 0.1, 0.2]
    assert any(frame["objects"] for frame in frames)
    with pytest.raises(SystemExit, match="OpenCV cannot read this video"):
        example("video_to_json_lines").main([str(tmp_path / "missing.avi"), *network])


def test_compare_profiles(network: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    example("compare_profiles").main([str(PHOTOS / "coffee.jpg"), *network[:4]])
    ieee, fast, *heads = capsys.readouterr().out.splitlines()
    assert ieee.startswith("ieee: ") and fast.startswith("fast: ") and len(heads) == 2
    for line in heads:
        difference = re.search(r"largest difference ([\d.e+-]+),", line)
        assert difference and float(difference[1]) < 1e-3


def test_yolo9000_tree(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "small.tree").write_text(TREE)
    (tmp_path / "tree.cfg").write_text(TREE_CFG)
    photo = str(PHOTOS / "coffee.jpg")
    example("yolo9000_tree").main([photo, "--model", "tree.cfg", "--thresh", "0.2", "--hier-thresh", "0.2"])
    count, *lines = capsys.readouterr().out.splitlines()
    assert count == f"{len(lines)} objects" and lines
    assert all(re.match(r"\d+% (thing|being) \d+%( > \w+ \d+%)*$", line) for line in lines)


def test_opencv_dropin(network: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    cv2 = pytest.importorskip("cv2")
    for name, value in vars(cv2.dnn).items():  # what `install` replaces is put back afterwards
        monkeypatch.setattr(cv2.dnn, name, value)
    cfg, weights = network[1], network[3]
    example("opencv_dropin").main([cfg, weights, str(PHOTOS / "coffee.jpg"), "0.2"])
    lines = capsys.readouterr().out.splitlines()
    assert lines and all(re.fullmatch(r"class \d+ \d+% \[-?\d+, -?\d+, \d+, \d+\]", line) for line in lines)


def cells() -> list[str]:
    """The notebook's code."""
    notebook = json.loads((EXAMPLES / "tour.ipynb").read_text(encoding="utf-8"))
    return ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]


def test_the_notebook_is_saved_without_output() -> None:
    notebook = json.loads((EXAMPLES / "tour.ipynb").read_text(encoding="utf-8"))
    assert all(not cell.get("outputs") and not cell.get("execution_count") for cell in notebook["cells"])
    for cell in cells():
        compile(cell, "tour.ipynb", "exec")


@pytest.mark.network
@pytest.mark.usefixtures("released")
def test_the_notebook_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(REPOSITORY)
    names: dict[str, object] = {"__name__": "__main__"}
    for number, cell in enumerate(cells(), start=1):
        exec(compile(cell, f"tour.ipynb, cell {number}", "exec"), names)
    assert "cup" in capsys.readouterr().out


def test_every_example_is_listed_and_tested() -> None:
    listed = set(re.findall(r"\]\(([^)]+)\)", (EXAMPLES / "README.md").read_text(encoding="utf-8")))
    programs = {path for path in EXAMPLES.rglob("*") if path.suffix in (".py", ".js", ".ipynb")}
    listed = {name for name in listed if not name.startswith("..") and not name.endswith("/")}
    assert listed == {path.relative_to(EXAMPLES).as_posix() for path in programs}
    tests = Path(__file__).read_text(encoding="utf-8")
    for name in listed - {"tour.ipynb"}:
        called = (
            f'example("{Path(name).with_suffix("").as_posix()}")' if name.endswith(".py") else f'EXAMPLES / "{name}"'
        )
        assert called in tests, name


def node_with(*packages: str) -> bool:
    """Whether Node is here, and finds these packages (``NODE_PATH`` says where they are installed)."""
    wanted = ";".join(f"require.resolve('{package}')" for package in packages)
    node = shutil.which("node")
    return node is not None and subprocess.run([node, "-e", wanted], capture_output=True).returncode == 0


@pytest.mark.slow
@pytest.mark.skipif(
    not node_with("@opencvjs/node", "onnxruntime-node"), reason="needs Node with @opencvjs/node and onnxruntime-node"
)
def test_decoded_boxes_in_javascript(tmp_path: Path) -> None:
    """The objects that both engines find are those of the same loop over `compat.opencv`'s rows."""
    from darknet_py.compat import opencv

    cfg = REPOSITORY / "cfg" / "yolov4-tiny.cfg"
    write_synth(cfg, tmp_path / "w")
    run("weights", "convert", "w", "m.onnx", "--cfg", cfg, "--decoded", cwd=tmp_path)
    picture = Image.open(PHOTOS / "chelsea.jpg").convert("RGB").resize((416, 416))
    picture.save(tmp_path / "p.ppm")
    net = opencv.readNetFromDarknet(str(cfg), str(tmp_path / "w"))
    net.setInput(np.asarray(picture, np.float32).transpose(2, 0, 1)[None] / np.float32(255))
    rows = np.concatenate(net.forward(net.getUnconnectedOutLayersNames()))
    scores = rows[:, 5:].max(axis=1)
    best = rows[scores > 0.68][np.argsort(-scores[scores > 0.68])]
    command = ["node", str(EXAMPLES / "decoded_boxes.js"), "m.onnx", "p.ppm", "--thresh", "0.68", "--nms", "1"]
    for words in ([], ["--onnxruntime"]):
        done = subprocess.run([*command, *words], cwd=tmp_path, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        found = np.array([[float(number) for number in line.split()] for line in done.stdout.splitlines()])
        assert len(found) == len(best) > 2
        assert found[:, 0].tolist() == best[:, 5:].argmax(axis=1).tolist()
        np.testing.assert_allclose(found[:, 1], best[:, 5:].max(axis=1), atol=2e-4)
        left, top = best[:, 0] - best[:, 2] / 2, best[:, 1] - best[:, 3] / 2
        wanted = 416 * np.stack([left, top, best[:, 2], best[:, 3]], axis=1)
        np.testing.assert_allclose(found[:, 2:], wanted, rtol=1e-3, atol=0.2)


def test_coloured_shapes_are_the_same_everywhere(tmp_path: Path) -> None:
    shapes = example("training/shapes")
    shapes.main([str(tmp_path), "--train", "2", "--valid", "1", "--joint", "1"])
    labels = "".join(path.read_text() for path in sorted((tmp_path / "labels").iterdir()))
    # Rows of random numbers and sums of float64, rounded to bytes: no library may change them.
    digest = hashlib.sha256(labels.encode())
    for path in sorted((tmp_path / "images").iterdir()):
        digest.update(load_image(path).tobytes())
    assert digest.hexdigest() == "d256712ca0abb9372c37cbe2b0d48e5fa1463d185ea681cf319d3d2a42506931"
    assert (tmp_path / "labels/class_0000.txt").read_text().split()[1:] == ["0"] * 4
    network = read_network(EXAMPLES / "training/shapes-tree.cfg")
    assert network.classes == len(shapes.TREE) == 13
    for name in ("yolo", "region"):
        assert read_network(EXAMPLES / f"training/shapes-{name}.cfg").classes == len(shapes.NAMES)
