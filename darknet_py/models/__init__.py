"""Released Darknet models: which files they need, where those are, and where they can be had."""

from __future__ import annotations

from .fetching import complain, fetch, fetch_file, fetch_files, part_file
from .located import Located, locate
from .naming import find_model, find_network, known_model, model_cfg, network_names
from .places import cache_folder, fetch_folder, find_cfg, find_file, resource_folders
from .progress import Progress
from .records import Model, PackageSource, RemoteFile, Source, UrlSource, get_model, registry, remote_file

__all__ = [
    "Located", "Model", "PackageSource", "Progress", "RemoteFile", "Source", "UrlSource", "cache_folder", "complain",
    "fetch", "fetch_file", "fetch_files", "fetch_folder", "find_cfg", "find_file", "find_model", "find_network",
    "get_model", "known_model", "locate", "model_cfg", "network_names", "part_file", "registry", "remote_file",
    "resource_folders",
]  # fmt: skip
