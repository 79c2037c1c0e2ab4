"""One URL into a file, resumable."""

from __future__ import annotations

import http.client
import os
import time
from dataclasses import dataclass
from typing import BinaryIO

from . import request
from .patience import PatientResponse
from .progress import Progress
from .request import DownloadError, Refused, ask, continues, error_text, read_some, total_size

OVERLAP = 1 << 16
"""A resumed download asks for so many bytes that are there already: if they differ, what is there is of another file.

Of a file whose hash is not known, only this can tell that it would be put together from two releases."""

SLOWEST = 100
"""Bytes per second below which a server is given up."""

_CHUNK = 1 << 18


class _BrokenOffError(DownloadError):
    """The connection ended before the file did."""


class _UnfitError(DownloadError):
    """What is there cannot be continued with what the server has."""


def append_url(
    url: str, part: BinaryIO, begin: int, limit: int, progress: Progress, accepted: tuple[int, ...] = ()
) -> int:
    """Bring what ``url`` has into ``part``, from byte ``begin`` of the file on; what is there already is kept.

    A connection that breaks off is taken up again as long as every try brings something. Bytes that are there are only
    thrown away once the server has begun to send others in their place.

    Args:
        url: http or https.
        part: the file, open for reading and appending.
        begin: where this URL's bytes begin in the file.
        limit: the file never grows beyond this many bytes.
        progress: notified of the position in the download.
        accepted: how many bytes the URL may have; empty if unknown (a part of a file).

    Returns:
        The number of bytes that the URL has.

    Raises:
        DownloadError: in words.
        OSError: ``part`` cannot be written.
    """
    download = _Download(url, part, begin, limit, progress, accepted)
    best = -1
    resume, unfit = True, False
    while True:
        try:
            return download.once(resume)
        except _UnfitError:
            if unfit:
                raise
            resume, unfit = False, True
        except _BrokenOffError:
            size = _size(part)
            if size <= best + _CHUNK:
                raise
            best, resume = size, True


@dataclass(frozen=True)
class _Download:
    """The arguments of `append_url`."""

    url: str
    part: BinaryIO
    begin: int
    limit: int
    progress: Progress
    accepted: tuple[int, ...]

    def once(self, resume: bool) -> int:
        """Ask once, for the rest or for all. Returns how many bytes the URL has."""
        have = max(0, _size(self.part) - self.begin) if resume else 0
        first = have - min(have, OVERLAP)
        answer = ask(self.url, first)
        if isinstance(answer, Refused):
            return self._refused(answer.total, first)
        with answer:
            total = total_size(answer)
            self._demand_total(total)
            if continues(answer, first):
                stop = None if answer.length is None else first + answer.length
                self._compare(answer, first, have if total is None else min(have, total))
            elif not self.accepted and total is not None and 0 < total <= have:
                return total  # all of this part is there, and bytes of the next; the whole is checked in the end
            else:
                stop, have = answer.length, 0
            self._copy(answer, have, stop, total)
        return _size(self.part) - self.begin if total is None else total

    def _refused(self, total: int | None, first: int) -> int:
        """The server has no bytes from ``first`` on."""
        self._demand_total(total)
        if total is not None and total <= first:
            return total  # all of this part is there, and bytes of the next
        raise _UnfitError("refuses to send what it has")

    def _demand_total(self, total: int | None) -> None:
        if total is not None and self.accepted and total not in self.accepted:
            raise DownloadError(f"offers {total} bytes, not {' or '.join(map(str, self.accepted))}")
        if total is not None and self.begin + total > self.limit:
            raise DownloadError(f"offers {self.begin + total} bytes, more than {self.limit}")

    def _compare(self, answer: PatientResponse, first: int, end: int) -> None:
        """Read the answer up to byte ``end`` of this URL; raise if what is there since ``first`` is something else."""
        self.part.seek(self.begin + first)
        mark = time.monotonic(), first
        while first < end:
            came = _read(answer, end - first)
            if not came:
                raise _BrokenOffError("broke off at once")
            if came != self.part.read(len(came)):
                raise _UnfitError("sends another file at each time of asking")
            first += len(came)
            mark = _demand_speed(mark, first)

    def _copy(self, answer: PatientResponse, position: int, stop: int | None, total: int | None) -> None:
        """Append the answer's body, which is at byte ``position`` of this URL.

        Args:
            answer: read as far as that.
            position: if 0, what is there is replaced.
            stop: where the body ends, if known.
            total: where the file ends, if known.
        """
        self.progress.at(self.begin + position)
        fresh = position == 0
        mark = time.monotonic(), position
        while chunk := _read(answer, _CHUNK):
            if fresh:
                if _looks_like_a_page(chunk, self.begin):
                    raise DownloadError("answered with a web page instead of the file")
                self.part.truncate(self.begin)
                fresh = False
            if self.begin + position + len(chunk) > self.limit:
                self.part.truncate(self.begin)
                raise DownloadError(f"sent more than {self.limit} bytes")
            self.part.write(chunk)
            self.part.flush()  # what was reported as received is on disk, also if this process is killed
            position += len(chunk)
            self.progress.at(self.begin + position)
            mark = _demand_speed(mark, position)
        end = stop if total is None else total
        if end is not None and position < end:
            raise _BrokenOffError(f"broke off after {position} of {end} bytes")
        if fresh:
            raise DownloadError("sent nothing")


def _demand_speed(mark: tuple[float, int], position: int) -> tuple[float, int]:
    """Time and place from which speed is measured; raise if a server has sent next to nothing since ``mark``."""
    now = time.monotonic()
    seconds = now - mark[0]
    if seconds < request.TIMEOUT:
        return mark
    if position - mark[1] < SLOWEST * seconds:
        raise _BrokenOffError(f"sends less than {SLOWEST} bytes per second")
    return now, position


def _looks_like_a_page(chunk: bytes, begin: int) -> bool:
    """No weights file and none of our data files begins with "<"; the later parts of a split file may."""
    text = chunk.lstrip()[:9].lower()
    return text.startswith((b"<!doctype", b"<html") if begin else b"<")


def _size(part: BinaryIO) -> int:
    return part.seek(0, os.SEEK_END)


def _read(answer: PatientResponse, count: int) -> bytes:
    """Up to ``count`` bytes, as they come; none at the end."""
    try:
        return read_some(answer, count)
    except (http.client.HTTPException, OSError) as error:
        raise _BrokenOffError(f"broke off: {error_text(error)}") from None
