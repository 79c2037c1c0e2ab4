"""Where files are looked for, and where fetched ones go."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import ModelError
from .registry_file import remote_file

FOLDER_VARIABLE = "DARKNET_PY_WEIGHTS"
"""Environment variable that names a folder of weights."""

PACKAGE = Path(__file__).resolve().parent.parent


def cache_folder() -> Path:
    """The user's cache; of a user who has no home folder (a container's number), a place where nothing can be."""
    import platformdirs

    try:
        return Path(platformdirs.user_cache_dir("darknet-py", appauthor=False))
    except RuntimeError:
        return Path(os.devnull) / "no-home-folder"


def fetch_folder() -> Path:
    """Where fetched files go: the folder that DARKNET_PY_WEIGHTS names, or the user's cache.

    Raises:
        ModelError: it names a file.
    """
    named = os.environ.get(FOLDER_VARIABLE)
    if not named:
        return cache_folder()
    folder = Path(os.path.expanduser(named))  # Path's own raises where a user is unknown
    if is_file(folder):
        raise ModelError(f"{FOLDER_VARIABLE} names a file ({folder}); let it name the folder that holds the weights")
    return folder


def weights_folders() -> list[Path]:
    """Where weights and data files are looked for, in this order."""
    return list(dict.fromkeys((Path("weights"), fetch_folder(), cache_folder())))


def resource_folders() -> list[Path]:
    """Where the cfg and names files are that come with darknet-py: in an installation, or in a source tree."""
    return [PACKAGE / "_data" / "cfg", PACKAGE.parent / "cfg"]


def find_file(name: str, explicit: str | Path | None = None) -> Path | None:
    """A weights or data file.

    Looked for at the explicit path (which then must exist), in ``weights/`` of the working directory, in the folder
    that DARKNET_PY_WEIGHTS names, in the user's cache; also by other names that it was released under, if its size is
    right.
    """
    if explicit is not None:
        if not is_file(Path(explicit)):
            raise ModelError(f"{explicit}: there is no such file")
        return Path(explicit)
    file = remote_file(name)
    for folder in weights_folders():
        if is_file(folder / name):
            return folder / name
        for other in file.also if file else ():
            path = folder / other
            if file and is_file(path) and path.stat().st_size in file.sizes:
                return path
    return None


def find_cfg(name: str) -> Path:
    """A cfg or names file that comes with darknet-py. Raises `ModelError` if the installation lacks it."""
    for folder in resource_folders():
        if is_file(folder / name):
            return folder / name
    raise ModelError(f"{name} is missing from this installation of darknet-py; install it again")


def is_file(path: Path) -> bool:
    """Whether there is such a file, as far as one may look."""
    try:
        return path.is_file()
    except OSError:
        return False
