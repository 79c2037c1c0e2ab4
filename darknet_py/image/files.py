"""Which files are images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..errors import DarknetError

SUFFIXES = {
    ".jpg",
    ".jpeg",
    ".jpe",
    ".jfif",
    ".png",
    ".bmp",
    ".gif",
    ".tga",
    ".ppm",
    ".pgm",
    ".pnm",
    ".psd",
    ".hdr",
    ".pic",
    ".webp",
    ".avif",
    ".tif",
    ".tiff",
}
"""What counts as an image in a directory."""


def find_images(arguments: Sequence[Path]) -> list[Path]:
    """The files, and the images of the directories in the order of their names."""
    files: list[Path] = []
    for argument in arguments:
        if argument.is_dir():
            inside = sorted(path for path in argument.iterdir() if path.suffix.lower() in SUFFIXES and _is_meant(path))
            if not inside:
                raise DarknetError(f"{argument}: there is no image in this directory")
            files += inside
        elif argument.exists():
            files.append(argument)
        else:
            raise DarknetError(f"{argument}: there is no such file or directory")
    return files


def _is_meant(path: Path) -> bool:
    """A file, or a link to one that is not there, which is an image that cannot be read."""
    return path.is_file() or (path.is_symlink() and not path.exists())
