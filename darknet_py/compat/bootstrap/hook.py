"""The import hook of processes below ``darknet-py run-script``: their ``cv2`` or ``darknet`` is that of the first one.

It works by itself, without ``darknet_py``, until a process imports what it waits for: a process that has nothing to do
with Darknet is not held up, and one that cannot have the engine prints so.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from typing import Any

VARIABLE = "DARKNET_PY_RUN_SCRIPT"
"""``FLAVOUR PREFIX``: what the first process runs, and the folder of its Python (``sys.prefix``)."""

_LOAD = (
    "import importlib.util as u\n"
    "s = u.spec_from_file_location('darknet_py_hook', {file!r})\nm = u.module_from_spec(s)\n"
    "s.loader.exec_module(m)\nm.start({value!r}, carry_on=True)\n"
)


def begin(flavour: str) -> None:
    """Let all processes that this one starts run as it does."""
    folder = os.path.dirname(os.path.abspath(__file__))
    paths = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path and path != folder]
    os.environ["PYTHONPATH"] = os.pathsep.join([folder, *paths])
    os.environ[VARIABLE] = f"{flavour} {sys.prefix}"
    _carry(os.environ[VARIABLE])


def start(value: str, carry_on: bool = False) -> None:
    """Wait for the import, in a process below; ``carry_on``: its own worker processes inherit it through `_carry`."""
    if any(getattr(finder, "carries_engine", False) for finder in sys.meta_path):
        return  # through the environment and through multiprocessing
    flavour, _, prefix = value.partition(" ")
    finder = Finder(flavour, prefix)
    if finder.name in sys.modules:
        finder.take_place()
    else:
        sys.meta_path.insert(0, finder)
    if carry_on:
        _carry(value)


class _Start:
    """Pickled in one process, `start` in the next."""

    def __init__(self, value: str) -> None:
        self.value = value

    def __reduce__(self) -> Any:
        return exec, (_LOAD.format(file=os.path.abspath(__file__), value=self.value),)


def _carry(value: str) -> None:
    """Send `start` along with what multiprocessing prepares its processes with: ``python -I`` reads no variables."""
    from multiprocessing import spawn

    prepare = spawn.get_preparation_data

    def get_preparation_data(name: str) -> Any:
        data = prepare(name)
        data["darknet_py"] = _Start(value)
        return data

    spawn.get_preparation_data = get_preparation_data


class Finder:
    """Stands first on ``sys.meta_path`` until ``cv2`` or ``darknet`` is imported."""

    carries_engine = True

    def __init__(self, flavour: str, prefix: str) -> None:
        self.flavour, self.prefix = flavour, prefix
        self.name = "cv2" if flavour.startswith("opencv") else "darknet"
        self.busy = False

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """The module's place, with a loader that does `take_place`, too."""
        if name != self.name or self.busy:
            return None
        self.busy = True  # OpenCV imports its library under the same name
        try:
            if self.name == "darknet":
                loader: Any = Replaced(self)
                return importlib.util.spec_from_loader(name, loader) if self.has_engine() else None
            spec: Any = importlib.util.find_spec(name)
        finally:
            self.busy = False
        if spec is not None and spec.loader is not None:
            spec.loader = Changed(self, spec.loader)
        return spec

    def has_engine(self) -> bool:
        """Whether darknet_py can be imported here; if not, prints that to standard error."""
        if importlib.util.find_spec("darknet_py") is None and sys.prefix == self.prefix:
            # The first process ran in the source tree.
            sys.path.append(os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", "..")))
        if importlib.util.find_spec("darknet_py") is None or sys.version_info < (3, 10):
            self.warn("has no darknet_py")
            return False
        return True

    def warn(self, reason: str) -> None:
        """One line: this process computes with something else."""
        sys.stderr.write(
            f"darknet-py: {sys.executable}, started by a script under run-script, {reason}; "
            f"its {self.name} is the original, not this engine\n"
        )

    def take_place(self) -> None:
        """Replace what is imported."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        if not self.has_engine():
            return
        try:
            from darknet_py.compat.flavours import take_place
        except ImportError as error:
            self.warn(f"cannot import darknet_py ({error})")
            return
        take_place(self.flavour)


class Changed:
    """OpenCV's loader, and then `Finder.take_place`."""

    def __init__(self, finder: Finder, loader: Any) -> None:
        self.finder, self.loader = finder, loader

    def __getattr__(self, name: str) -> Any:
        return getattr(self.loader, name)

    def create_module(self, spec: Any) -> Any:
        """As OpenCV's."""
        return self.loader.create_module(spec)

    def exec_module(self, module: Any) -> None:
        """As OpenCV's, then the change."""
        module.__spec__.loader = module.__loader__ = self.loader
        self.finder.busy = True
        try:
            self.loader.exec_module(module)
        finally:
            self.finder.busy = False
        self.finder.take_place()


class Replaced:
    """A loader that returns ours instead of the module."""

    def __init__(self, finder: Finder) -> None:
        self.finder = finder

    def create_module(self, spec: Any) -> None:
        """An empty module, which `exec_module` replaces."""

    def exec_module(self, module: Any) -> None:
        """Put ours there."""
        self.finder.take_place()
