"""One URL into a file, resumable."""

from __future__ import annotations

import http.client
import os
import re
import urllib.error
import urllib.request
from typing import Any, BinaryIO

from ..version import __version__
from .progress import Progress

TIMEOUT = 20
"""Seconds without an answer after which a source is given up."""

_CHUNK = 1 << 18


class DownloadError(Exception):
    """Why a source did not give the file."""


class _BrokenOffError(DownloadError):
    """The connection ended before the file did."""


class _SaferRedirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but not from https to plain http."""

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        if req.full_url.startswith("https:") and not newurl.startswith("https:"):
            raise DownloadError(f"redirects to {newurl}, which is not encrypted")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def append_url(
    url: str, part: BinaryIO, begin: int, limit: int, progress: Progress, accepted: tuple[int, ...] = ()
) -> int:
    """Bring what ``url`` has into ``part``, from byte ``begin`` of the file on; what is there already is kept.

    A connection that breaks off is taken up again as long as every try brings something.

    Args:
        url: http or https.
        part: the file, open for appending.
        begin: where this URL's bytes begin in the file.
        limit: the file never grows beyond this many bytes.
        progress: is told where the download is.
        accepted: how many bytes the URL may have; empty if unknown (a part of a file).

    Returns:
        The number of bytes that the URL has.

    Raises:
        DownloadError: in one line.
        OSError: ``part`` cannot be written.
    """
    best = -1
    while True:
        try:
            return _append_once(url, part, begin, limit, progress, accepted)
        except _BrokenOffError:
            size = part.seek(0, os.SEEK_END)
            if size <= best + _CHUNK:
                raise
            best = size


def _append_once(
    url: str, part: BinaryIO, begin: int, limit: int, progress: Progress, accepted: tuple[int, ...]
) -> int:
    have = part.seek(0, os.SEEK_END) - begin
    try:
        answer = _open(url, have)
    except urllib.error.HTTPError as error:
        with error:
            if error.code != 416:  # "range not satisfiable"
                raise DownloadError(_refusal(error)) from None
            total = _total(error)
        if total is not None and (total == have or (total < have and not accepted)):
            return total  # everything is there; of a split file, also bytes of the next part
        part.truncate(begin)
        return _append_once(url, part, begin, limit, progress, accepted)
    with answer:
        _refuse_what_is_no_file(answer)
        continues = _continues(answer, have)
        total = _total(answer)
        if total is not None and accepted and total not in accepted:
            raise DownloadError(f"offers {total} bytes, not {' or '.join(map(str, accepted))}")
        if total is not None and begin + total > limit:
            raise DownloadError(f"offers {begin + total} bytes, more than {limit}")
        if not continues:
            part.truncate(begin)
        _copy(answer, part, begin, begin + total if total is not None else None, limit, progress)
    return part.tell() - begin


def _open(url: str, have: int) -> http.client.HTTPResponse:
    """Ask for a URL, from byte ``have`` on."""
    if not url.startswith(("http://", "https://")):
        raise DownloadError("is no http or https address")
    headers = {"User-Agent": f"darknet-py/{__version__}", "Accept-Encoding": "identity"}
    if have > 0:
        headers["Range"] = f"bytes={have}-"
    try:
        request = urllib.request.Request(url, headers=headers)
        opener = urllib.request.build_opener(_SaferRedirects)
        answer: http.client.HTTPResponse = opener.open(request, timeout=TIMEOUT)
    except urllib.error.HTTPError:
        raise
    except urllib.error.URLError as error:
        raise DownloadError(f"cannot be reached: {_words(error.reason)}") from None
    except (http.client.HTTPException, OSError) as error:
        raise DownloadError(f"gave no answer: {_words(error)}") from None
    except ValueError as error:
        raise DownloadError(f"is no address: {error}") from None
    return answer


def _refusal(error: urllib.error.HTTPError) -> str:
    if 300 <= error.code < 400:  # what urllib does not follow
        return f"redirects without end, or to what is no web address ({error.headers.get('Location')})"
    return f"answered {error.code} {error.reason}"


def _words(error: Any) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _refuse_what_is_no_file(answer: http.client.HTTPResponse) -> None:
    if answer.headers.get_content_type() in ("text/html", "application/xhtml+xml"):
        raise DownloadError("answered with a web page instead of the file")
    encoding = answer.headers.get("Content-Encoding", "identity")
    if encoding != "identity":
        raise DownloadError(f"sent the file in an encoding that was not asked for ({encoding})")


def _continues(answer: http.client.HTTPResponse, have: int) -> bool:
    """Whether the server sends the rest from byte ``have`` on, and not the whole file again."""
    if answer.status == 200:
        return False
    if answer.status == 206 and have > 0 and answer.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
        return True
    raise DownloadError(f"answered {answer.status} with other bytes than were asked for")


def _total(answer: http.client.HTTPResponse | urllib.error.HTTPError) -> int | None:
    """How many bytes the URL has in all, if the answer says so."""
    if answer.status == 200:
        length = answer.headers.get("Content-Length", "")
        return int(length) if length.isdigit() else None
    match = re.fullmatch(r"bytes [^/]*/(\d+)", answer.headers.get("Content-Range", ""))
    return int(match[1]) if match else None


def _copy(
    answer: http.client.HTTPResponse, part: BinaryIO, begin: int, end: int | None, limit: int, progress: Progress
) -> None:
    """Append the answer's body."""
    position = part.seek(0, os.SEEK_END)
    progress.at(position)
    while chunk := _read(answer, part):
        if position == begin and chunk.lstrip()[:1] == b"<":
            raise DownloadError("answered with a web page instead of the file")
        if position + len(chunk) > limit:
            part.truncate(begin)
            raise DownloadError(f"sent more than {limit} bytes")
        part.write(chunk)
        position += len(chunk)
        progress.at(position)
    part.flush()
    if end is not None and position < end:
        raise _BrokenOffError(f"broke off after {position - begin} of {end - begin} bytes")


def _read(answer: http.client.HTTPResponse, part: BinaryIO) -> bytes:
    try:
        return answer.read1(_CHUNK)
    except (http.client.HTTPException, OSError) as error:
        part.flush()
        raise _BrokenOffError(f"broke off: {_words(error)}") from None
