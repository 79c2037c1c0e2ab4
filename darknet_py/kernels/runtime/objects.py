"""Compiled kernels as object files: their names, where they are kept, and how they are linked without Numba.

A file is believed only if it is what was written: a hash stands before its content, and what cannot be read, is of
something else or was damaged (a power cut, a full disk, a flipped bit) counts as not there. It says what all the code
depends on: the kernel and the types of its arguments, all files with kernels, the processor, the
versions of Numba and LLVM's binding, and Numba's variables of the environment. Several processes may write at a time:
a file appears whole. (They rarely do, see `turns`.)
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import json
import os
import shutil
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import llvmlite
from llvmlite import binding

from .processor import host

PACKAGE = Path(__file__).resolve().parents[2]

SUFFIX = ".kernel"


def _hash_of_sources() -> str:
    """One hash of all modules in which kernels are."""
    digest = hashlib.sha256()
    for folder in ("kernels", "image"):
        for path in _sources_in(str(PACKAGE / folder)):
            with open(path, "rb", buffering=0) as file:
                digest.update(file.read())
    return digest.hexdigest()


def _sources_in(folder: str) -> Iterator[str]:
    """All modules below a folder, always in the same order; in a quarter of the time that `Path.rglob` takes."""
    with os.scandir(folder) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        if entry.name.endswith(".py"):
            yield entry.path
        elif entry.name != "__pycache__" and entry.is_dir():
            yield from _sources_in(entry.path)


SOURCES = _hash_of_sources()


class Name(NamedTuple):
    """Of an object.

    Attributes:
        symbol: its function's: of all that the code depends on.
        file: the file's: of the same but the sources, so that an upgraded kernel takes the place of the old one.
        about: all that the code depends on, in words.
        folders: where it may be.
    """

    symbol: str
    file: str
    about: str
    folders: tuple[Path, ...]


class Made(NamedTuple):
    """An object file; how the block for its function is packed, and what that returns (see `jit.Native`); which
    functions of other libraries it calls."""

    code: bytes
    parts: str
    result: str
    needed: tuple[str, ...]


@cache
def _environment() -> str:
    """What all code of this process depends on, besides the sources."""
    ignored = {"NUMBA_CACHE_DIR", "NUMBA_NUM_THREADS"}
    numbas = sorted(item for item in os.environ.items() if item[0].startswith("NUMBA_") and item[0] not in ignored)
    return repr((host(), llvmlite.__version__, _numbas_version(), sys.version_info[:2], numbas))


def _numbas_version() -> str:
    """Of the Numba that would compile, which need not be imported."""
    found = find_spec("numba")
    own = None if found is None or found.origin is None else Path(found.origin).with_name("_version.py")
    return "" if own is None else _hash_of_file(str(own)) or ""


@cache
def _hash_of_file(path: str) -> str | None:
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError:
        return None


def name_of(function: Callable[..., Any], forceinline: bool, kinds: tuple[Any, ...]) -> Name | None:
    """Of the object for a kernel and arguments of some kinds; None if it could not be told from others."""
    code = function.__code__
    source = _hash_of_file(code.co_filename)
    if source is None or function.__closure__ or not _finds(_ALWAYS):
        return None
    place = f"{function.__module__}.{function.__qualname__}"
    line = code.co_firstlineno
    basic = repr((place, line if "<" in place else 0, forceinline, kinds, _environment()))
    about = repr((basic, line, source, SOURCES))
    symbol, file = (f"{function.__name__}.{hashlib.sha256(text.encode()).hexdigest()[:32]}" for text in (about, basic))
    return Name(symbol, f"{file}{SUFFIX}", about, _folders(Path(code.co_filename)))


def _folders(source: Path) -> tuple[Path, ...]:
    """Where a source's kernels are kept: the first folder that can be written to is written to."""
    named = os.environ.get("NUMBA_CACHE_DIR")
    if named:
        return (Path(named) / "darknet-py",)
    own = PACKAGE if PACKAGE in source.parents else source.parent
    base = os.environ.get("XDG_CACHE_HOME")
    if not base:
        try:
            base = str(Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache"))
        except RuntimeError:  # a user without a home folder: a container's number
            return (own / "__pycache__",)
    return own / "__pycache__", Path(base) / "darknet-py" / "kernels"


def folder() -> Path | None:
    """Where this package's kernels are kept; None if they are not."""
    for place in _folders(PACKAGE / "kernels" / "kernel.py"):
        with contextlib.suppress(OSError):
            place.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=place):
                return place
    return None


def load(name: Name) -> tuple[int, str, str] | None:
    """What `link` gives for an object that was saved; None if there is none, or it is damaged."""
    for place in name.folders:
        made = _read(place / name.file, name.about)
        if made is not None:
            return link(name, made)
    return None


def _read(path: Path, about: str) -> Made | None:
    try:
        if not path.is_file():  # a pipe in its place would be waited for
            return None
        content = path.read_bytes()
    except OSError:
        return None
    body = content[_SEAL:]
    if content[:_SEAL] != seal(body):
        return None
    header, _, code = body.partition(b"\n")
    try:
        found, parts, result, needed = json.loads(header)
    except (ValueError, TypeError):
        return None
    return Made(code, parts, result, tuple(needed)) if found == about else None


def save(name: Name, made: Made) -> None:
    """Keep an object where that can be done; one that cannot be kept serves this process all the same."""
    body = json.dumps([name.about, made.parts, made.result, made.needed]).encode() + b"\n" + made.code
    for place in name.folders:
        path = place / name.file
        part = path.with_name(f"{path.name}.tmp.{uuid.uuid4().hex[:16]}")
        try:
            place.mkdir(parents=True, exist_ok=True)
            part.write_bytes(seal(body) + body)
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)  # no file takes the place of a folder
            os.replace(part, path)
            return
        except OSError:
            continue
        finally:
            with contextlib.suppress(OSError):
                part.unlink()


def seal(body: bytes) -> bytes:
    """What stands before the content of a file: its hash."""
    return hashlib.sha256(body).hexdigest().encode()


_SEAL = len(seal(b""))


@cache
def _engine() -> Any:
    """LLVM's linker of this process."""
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    triple, name, features = host()
    static = triple.startswith(("x86", "i386", "i686", "amd64"))
    machine = binding.Target.from_triple(triple).create_target_machine(
        cpu=name, features=features, opt=0, reloc="static" if static else "default", codemodel="jitdefault", jit=True
    )
    if sys.platform == "win32":  # several C libraries may be loaded there; Python's own is meant, as by Numba
        library = ctypes.CDLL("ucrtbase")
        for function in ("exp", "expf", "pow", "powf", "log", "logf", "sin", "cos", "tanhf"):
            binding.add_symbol(function, ctypes.cast(getattr(library, function), ctypes.c_void_p).value)
    return binding.create_mcjit_compiler(binding.parse_assembly(""), machine)


_ALWAYS = ("exp", "expf", "pow", "memcpy", "memset")
"""What the compiler may call without being asked, and where something is missing if the C library cannot be found."""


def _finds(names: Iterable[str]) -> bool:
    """Whether other libraries' functions can be found in this process: the linker would end it otherwise."""
    _engine()  # makes LLVM look for them
    return all(map(binding.address_of_symbol, names))


_linked: dict[str, tuple[int, str, str]] = {}


def link(name: Name, made: Made) -> tuple[int, str, str] | None:
    """Link an object: (the address of its function, and how its block is packed); None if that cannot be done here."""
    if not _finds(made.needed):
        return None
    if name.symbol not in _linked:
        engine = _engine()
        engine.add_object_file(binding.ObjectFileRef.from_data(made.code))
        engine.finalize_object()
        address = engine.get_function_address(name.symbol)
        if address == 0:
            raise RuntimeError(f"the compiled {name.symbol} cannot be linked")
        _linked[name.symbol] = address, made.parts, made.result
    return _linked[name.symbol]


_CALL = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p)


def function_at(address: int) -> Callable[[int], int]:
    """``int32 f(void*)``, called without Python's lock."""
    return _CALL(address)


def address_of(block: bytearray) -> int:
    """Where a block lies."""
    return ctypes.addressof(ctypes.c_char.from_buffer(block))
