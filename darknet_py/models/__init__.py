"""Released Darknet models: which files they need, where those are, and where they can be had."""

from __future__ import annotations

from .fetch import Progress, fetch_file, fetch_model
from .registry import Located, Model, RemoteFile, cache_folder, find_cfg, find_file, get_model, locate, registry

__all__ = [
    "Located", "Model", "Progress", "RemoteFile", "cache_folder", "fetch_file", "fetch_model", "find_cfg", "find_file",
    "get_model", "locate", "registry",
]  # fmt: skip
