"""A folder of Parquet files with a row for each picture, to which a run adds, and another run after it goes on.

``run.json`` says what the rows are made of; ``part-000001.parquet`` and so on hold them. Each file appears at once and
whole. Whatever ends a run: a row that is there is there once, and a picture without one is done by the next run.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from ..errors import FileError
from ..formats.atomic import signals_held, whole_file, write_text
from ..formats.json_file import read_json
from ..formats.text import as_unicode
from .facts import Facts, difference
from .node import try_lock
from .rows import arrow, schema

if TYPE_CHECKING:
    from .rows import Row

PICTURES = 1000
"""Rows of a part, at most."""

SECONDS = 60.0
"""Rows wait so long, at most, before they are written, as pictures come: a run that is killed loses no more."""

RUN = "run.json"
PART = re.compile(r"part-(\d{6,})\.parquet")


class Archive:
    """The folder, open for one run; use it as a context. At its end, however it comes, all rows are written.

    Attributes:
        done: the paths of all pictures that have a row, as rows have them.
        added: how many rows this run has added, and how many of these failed.
    """

    def __init__(self, folder: str | Path, facts: Facts, resume: bool = False) -> None:
        """Open a folder, or make it.

        Args:
            folder: where.
            facts: what the rows of this run are made of.
            resume: go on with what is there. A folder that has nothing yet is begun.

        Raises:
            FileError: it has results and ``resume`` was not said; or they are of another network or other settings;
                another run writes to it; it cannot be written; a file in it is not whole.
        """
        self.folder = Path(folder)
        self.facts = facts
        self.done: set[str] = set()
        self.added = self.failed = 0
        self._rows: list[Row] = []
        self._since = 0.0
        self._pa = arrow()
        self._stack = ExitStack()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._begin(resume)
        except OSError as error:
            self._stack.close()
            raise FileError(f"cannot be written: {error.strerror or error}", folder) from None
        except BaseException:
            self._stack.close()
            raise

    def _begin(self, resume: bool) -> None:
        lock = self._stack.enter_context((self.folder / ".lock").open("a"))
        if not try_lock(lock.fileno()):
            raise FileError("another run writes to this archive", self.folder)
        parts = sorted(path for path in self.folder.iterdir() if PART.fullmatch(path.name))
        run = self.folder / RUN
        if run.exists() or parts:
            if not resume:
                raise FileError(
                    "has results of an earlier run: go on with it (--resume), or name another folder", self.folder
                )
            self._check(run)
            for part in parts:
                self._take(part)
        else:
            self._relative_to = as_unicode(str(Path.cwd()))
            document = {**self.facts.to_json(), "working_folder": self._relative_to}
            write_text(run, json.dumps(document, indent=1) + "\n")
        for left in self.folder.glob("part-*.parquet.*.part"):  # of a run that was killed while it wrote
            left.unlink(missing_ok=True)
        self._next = 1 + max((int(match[1]) for part in parts if (match := PART.fullmatch(part.name))), default=0)

    def _check(self, run: Path) -> None:
        """Raise `FileError` if the results that are there are made of something else."""
        if not run.exists():
            raise FileError(f"has parts of an archive, but no {RUN}, which says what they are made of", self.folder)
        before = read_json(run)
        before = before if isinstance(before, dict) else {}
        what = difference(before, self.facts)
        if what:
            raise FileError(f"its results are made of something else: {what}; name another folder", self.folder)
        self._relative_to = str(before.get("working_folder", ""))

    def _take(self, part: Path) -> None:
        """Note the pictures of a part. Raises `FileError` if it is not whole, or names a picture once more."""
        from pyarrow import parquet

        try:
            paths = parquet.read_table(part, columns=["path"])["path"].to_pylist()
        except (OSError, ValueError, KeyError, self._pa.ArrowException) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise FileError(
                f"is no whole part of an archive ({reason}): delete it, its pictures are done anew", part
            ) from None
        before = len(self.done)
        self.done.update(paths)
        if len(self.done) != before + len(paths):
            raise FileError("has rows of pictures that other parts have, too", part)

    def missing(self, paths: Iterable[str | Path]) -> list[str]:
        """The paths that have no row yet, each once, in their order.

        Raises:
            FileError: a path is relative, and the archive was begun in another working folder.
        """
        missing: dict[str, str] = {}
        moved = self._relative_to != as_unicode(str(Path.cwd()))
        for path in map(str, paths):
            name = as_unicode(path)
            if moved and "://" not in path and not Path(path).is_absolute():
                raise FileError(
                    f"was begun in the folder {self._relative_to}, which relative paths such as {path} are of: start "
                    "this there, too, or give absolute paths from the beginning",
                    self.folder,
                )
            if name not in self.done:
                missing.setdefault(name, path)
        return list(missing.values())

    def add(self, row: Row) -> None:
        """Take the row of a picture; one of a picture that has a row is left out."""
        if row["path"] in self.done:
            return
        if (row["model"], row["settings"]) != self.facts.hashes:
            raise FileError(
                f"a row is made of something else ({row['path']}): the workers have other files", self.folder
            )
        if not self._rows:
            self._since = time.monotonic()
        self.done.add(row["path"])
        self._rows.append(row)
        self.added += 1
        self.failed += not row["ok"]
        if len(self._rows) >= PICTURES or time.monotonic() - self._since >= SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write the rows that wait. Raises `FileError` if they cannot be written; they wait on."""
        if not self._rows:
            return
        from pyarrow import parquet

        path = self.folder / f"part-{self._next:06d}.parquet"
        table = self._pa.Table.from_pylist(self._rows, schema())
        try:
            with signals_held(), whole_file(path) as part:
                parquet.write_table(table, part, compression="zstd")
                self._rows = []
                self._next += 1
        except OSError as error:
            raise FileError(f"cannot be written: {error.strerror or error}", path) from None

    def __enter__(self) -> Archive:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self.flush()
            else:
                with suppress(FileError):  # the first error counts
                    self.flush()
        finally:
            self._stack.close()


def read_archive(folder: str | Path) -> Any:
    """All rows of an archive, as a ``pyarrow.Table``. Raises `FileError` if it is none."""
    from pyarrow import dataset

    arrow()
    parts = sorted(str(path) for path in Path(folder).glob("part-*.parquet"))
    if not parts:
        raise FileError("has no part of an archive", folder)
    return dataset.dataset(parts, schema=schema(), format="parquet").to_table()
