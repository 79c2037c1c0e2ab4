"""What may be given instead of files: a released model's name, or that of a network that comes with darknet-py."""

from __future__ import annotations

from pathlib import Path

from ..errors import CfgError, ModelError
from .folders import find_cfg, is_file, resource_folders
from .model_files import ModelFiles, locate
from .progress import Progress
from .registry_file import Model, get_model, known_models


def find_network(name: str | Path) -> Path:
    """The cfg file that a user names.

    A file that exists is taken, whatever it is called. Otherwise a released model's name (``yolov3``) or that of
    another network in ``cfg/`` (``resnet18``) means the cfg that comes with darknet-py. Anything with a folder or a
    suffix is a path, even if nothing is there: a mistyped path never becomes another file.

    Raises:
        CfgError: there is no such file.
        ModelError: there is no such network; with names that are close.
    """
    text, path = str(name), Path(name)
    if is_file(path):
        return path
    if not text or "/" in text or "\\" in text or path.suffix.lower() in {".cfg", ".weights", ".txt"}:
        if path.exists():
            return path  # a folder, a pipe: reading it will do, or say what it is
        known = path.stem in network_names() or known_model(path.stem)
        hint = f"; {path.stem}, without a suffix, is the one that comes with darknet-py" if known else ""
        raise CfgError(f"cannot read this cfg: No such file or directory{hint}", text)
    if text in network_names():
        return find_cfg(f"{text}.cfg")
    try:
        return find_cfg(get_model(text).cfg)
    except ModelError as error:
        raise ModelError(f"there is no file {text}, and {error}") from None


def network_names() -> list[str]:
    """Names of all networks that come with darknet-py, in the order of the alphabet."""
    for folder in resource_folders():
        if found := sorted(path.stem for path in folder.glob("*.cfg")):
            return found
    return []


def known_model(name: str) -> Model | None:
    """The released model of exactly that name or alias; case does not matter."""
    return known_models().get(name.casefold())


def find_model(name: str, fetch_missing: bool = False, progress: Progress | None = None) -> ModelFiles:
    """The files that a single name means; those of a released model are fetched if they are nowhere and may be.

    A file that exists is taken, whatever it is called: for a cfg the weights are those of its name beside it, else the
    released ones of its name; for a weights file the cfg likewise. Otherwise it is a released model's name.

    Raises:
        ModelError: with what is missing and where to put it.
    """
    path = Path(name)
    if not is_file(path):
        return locate(get_model(name), fetch_missing, progress)
    own_weights = path.suffix.lower() == ".weights"
    other = path.with_suffix(".cfg" if own_weights else ".weights")
    model = known_model(path.stem)
    if is_file(other) and other != path:
        return ModelFiles(*((other, path) if own_weights else (path, other)), None)
    if model is None:
        raise ModelError(f"{name}: a cfg and its weights go together: name both (there is no {other} beside it)")
    if own_weights:
        return ModelFiles(find_cfg(model.cfg), path, None, model.dialect)
    found = locate(model, fetch_missing, progress)
    return ModelFiles(path, found.weights, found.names, model.dialect)


def model_cfg(name: str) -> Path:
    """The cfg alone of what `find_model` would find."""
    path = Path(name)
    if not is_file(path):
        return find_cfg(get_model(name).cfg)
    return path if path.suffix.lower() != ".weights" else find_cfg(get_model(path.name).cfg)
