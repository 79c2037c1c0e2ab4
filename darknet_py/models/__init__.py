"""Released Darknet models: which files they need, where those are, and where they can be had."""

from __future__ import annotations

from .fetching import complain, fetch, fetch_file, fetch_files, part_file
from .located import Located, locate
from .places import cache_folder, fetch_folder, find_cfg, find_file, resource_folders
from .progress import Progress
from .records import Model, PackageSource, RemoteFile, Source, UrlSource, get_model, registry, remote_file

__all__ = [
    "Located", "Model", "PackageSource", "Progress", "RemoteFile", "Source", "UrlSource", "cache_folder", "complain",
    "fetch", "fetch_file", "fetch_files", "fetch_folder", "find_cfg", "find_file", "get_model", "locate", "part_file",
    "registry", "remote_file", "resource_folders",
]  # fmt: skip
