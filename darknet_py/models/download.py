"""One URL into a file, resumable."""

from __future__ import annotations

import http.client
import os
import re
import urllib.error
import urllib.request
from typing import BinaryIO

from .. import __version__

TIMEOUT = 20
"""Seconds without an answer after which a source is given up."""

_CHUNK = 1 << 18


class DownloadError(Exception):
    """Why a source did not give the file."""


class Progress:
    """What a caller wants to know about downloads; this one wants to know nothing."""

    def start(self, name: str, total: int, done: int) -> None:
        """A download of ``total`` bytes begins, ``done`` of which are there already."""

    def advance(self, count: int) -> None:
        """``count`` more bytes have come."""

    def finish(self) -> None:
        """The file is there and checked."""


def append_url(url: str, part: BinaryIO, begin: int, limit: int, progress: Progress) -> int:
    """Bring what ``url`` has into ``part``, from byte ``begin`` of the file on; what is there already is kept.

    Args:
        url: http or https.
        part: the file, open for appending.
        begin: where this URL's bytes begin in the file.
        limit: the file never grows beyond this many bytes.
        progress: is told about every chunk.

    Returns:
        The number of bytes that the URL has.

    Raises:
        DownloadError: in one line.
    """
    have = part.seek(0, os.SEEK_END) - begin
    request = urllib.request.Request(url, headers={"User-Agent": f"darknet-py/{__version__}"})
    if have > 0:
        request.add_header("Range", f"bytes={have}-")
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
            _refuse_pages(answer)
            if have > 0 and not _continues(answer, have):
                part.truncate(begin)
                have = 0
            expected = _length(answer)
            if expected is not None and begin + have + expected > limit:
                raise DownloadError(f"offers {begin + have + expected} bytes, more than {limit}")
            return have + _copy(answer, part, expected, limit, progress)
    except urllib.error.HTTPError as error:
        if error.code == 416:
            return _whole(error, part, begin, have)
        raise DownloadError(f"answered {error.code} {error.reason}") from None
    except urllib.error.URLError as error:
        raise DownloadError(f"cannot be reached: {error.reason}") from None
    except (http.client.HTTPException, TimeoutError, ConnectionError, ValueError) as error:
        raise DownloadError(f"broke off: {error or type(error).__name__}") from None


def _refuse_pages(answer: http.client.HTTPResponse) -> None:
    kind = answer.headers.get_content_type()
    if kind in ("text/html", "application/xhtml+xml"):
        raise DownloadError("answered with a web page instead of the file")


def _continues(answer: http.client.HTTPResponse, have: int) -> bool:
    """Whether the server sends the rest from byte ``have`` on (and not the whole file again)."""
    return answer.status == 206 and answer.headers.get("Content-Range", "").startswith(f"bytes {have}-")


def _length(answer: http.client.HTTPResponse) -> int | None:
    text = answer.headers.get("Content-Length", "")
    return int(text) if text.isdigit() else None


def _whole(error: urllib.error.HTTPError, part: BinaryIO, begin: int, have: int) -> int:
    """The answer to a Range beyond the end tells how many bytes there are."""
    match = re.fullmatch(r"bytes \*/(\d+)", error.headers.get("Content-Range", ""))
    if match and int(match[1]) <= have:
        return int(match[1])
    part.truncate(begin)
    raise DownloadError("refused to go on where the last download stopped") from None


def _copy(
    answer: http.client.HTTPResponse, part: BinaryIO, expected: int | None, limit: int, progress: Progress
) -> int:
    """Append the answer's body; returns its length."""
    count = 0
    while chunk := answer.read(_CHUNK):
        if count == 0 and part.tell() == 0 and chunk.lstrip()[:1] == b"<":
            raise DownloadError("answered with a web page instead of the file")
        if part.tell() + len(chunk) > limit:
            part.truncate(0)
            raise DownloadError(f"sent more than {limit} bytes")
        part.write(chunk)
        count += len(chunk)
        progress.advance(len(chunk))
    part.flush()
    if expected is not None and count < expected:
        raise DownloadError(f"broke off after {count} of {expected} bytes")
    return count
