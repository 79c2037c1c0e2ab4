"""Released Darknet models: which files they need, where those are, and where to download them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .fetching import fetch, fetch_file, fetch_files, mismatch, part_file
    from .folders import cache_folder, fetch_folder, find_cfg, find_file, resource_folders
    from .model_files import ModelFiles, locate
    from .naming import find_model, find_network, known_model, model_cfg, network_names
    from .progress import Progress
    from .registry_file import Model, PackageSource, RemoteFile, Source, UrlSource, get_model, registry, remote_file

_PLACES = {
    **dict.fromkeys(("mismatch", "fetch", "fetch_file", "fetch_files", "part_file"), "fetching"),
    **dict.fromkeys(("ModelFiles", "locate"), "model_files"),
    **dict.fromkeys(("find_model", "find_network", "known_model", "model_cfg", "network_names"), "naming"),
    **dict.fromkeys(("cache_folder", "fetch_folder", "find_cfg", "find_file", "resource_folders"), "folders"),
    "Progress": "progress",
    **dict.fromkeys(
        ("Model", "PackageSource", "RemoteFile", "Source", "UrlSource", "get_model", "registry", "remote_file"),
        "registry_file",
    ),
}


def __getattr__(name: str) -> Any:
    """Import the names when they are first used: who has all files needs nothing that downloads."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_PLACES[name]}", __name__), name)


__all__ = [
    "Model",
    "ModelFiles",
    "PackageSource",
    "Progress",
    "RemoteFile",
    "Source",
    "UrlSource",
    "cache_folder",
    "fetch",
    "fetch_file",
    "fetch_files",
    "fetch_folder",
    "find_cfg",
    "find_file",
    "find_model",
    "find_network",
    "get_model",
    "known_model",
    "locate",
    "mismatch",
    "model_cfg",
    "network_names",
    "part_file",
    "registry",
    "remote_file",
    "resource_folders",
]  # fmt: skip
