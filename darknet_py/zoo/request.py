"""Asking the web for a file, or for the rest of one; what a server answers is not trusted."""

from __future__ import annotations

import contextlib
import http.client
import re
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import Any

from ..version import __version__
from .patience import Handler, PatientResponse, SecureHandler

_SHOWN = 300
"""Characters of a server's text that a message shows."""

TIMEOUT = 20
"""Seconds without an answer after which a source is given up."""


class DownloadError(Exception):
    """Why a source did not give the file."""


@dataclass(frozen=True)
class Refused:
    """The server has no bytes from where they were asked for (416). ``total``: how many it has, if it says so."""

    total: int | None


class SaferRedirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects on the web, but not from https to plain http."""

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        if req.full_url.startswith("https:") and not newurl.startswith("https:"):
            raise DownloadError(f"redirects to {newurl[:_SHOWN]}, which is not encrypted")
        if not newurl.startswith(("http:", "https:")):
            raise DownloadError(f"redirects to what is no web address ({newurl[:_SHOWN]})")
        if fp is not None:
            fp.close()  # urllib would read what stands around the redirect, however much
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def ask(url: str, begin: int) -> PatientResponse | Refused:
    """Ask for a URL's bytes from ``begin`` on.

    Returns:
        An answer whose body is the file (`continues` tells from where on), as far as its head can tell.

    Raises:
        DownloadError: in words.
    """
    if not url.startswith(("http://", "https://")):
        raise DownloadError("is no http or https address")
    headers = {"User-Agent": f"darknet-py/{__version__}", "Accept-Encoding": "identity"}
    if begin > 0:
        headers["Range"] = f"bytes={begin}-"
    try:
        request = urllib.request.Request(urllib.parse.quote(url, safe="%/:?#[]@!$&'()*+,;=~"), headers=headers)
        opener = urllib.request.build_opener(SaferRedirects, Handler, SecureHandler)
        answer: PatientResponse = opener.open(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        with contextlib.closing(error):
            if error.code == 416 and begin > 0:
                return Refused(_content_range(error.headers.get("Content-Range", ""))[1])
            raise DownloadError(_refusal(error)) from None
    except urllib.error.URLError as error:
        raise DownloadError(f"cannot be reached: {error_text(error.reason)}") from None
    except (http.client.HTTPException, OSError) as error:
        raise DownloadError(f"gave no answer: {error_text(error)}") from None
    except ValueError as error:
        raise DownloadError(f"is no address: {error}") from None
    try:
        _refuse_what_is_no_file(answer)
    except DownloadError:
        answer.close()
        raise
    return answer


def read_some(answer: PatientResponse, count: int) -> bytes:
    """Up to ``count`` bytes of a body, as they come; none at the end.

    Raises:
        OSError, http.client.HTTPException: none came for a while, or there was no end of what stands between them.
    """
    answer.guard.allow(TIMEOUT)
    return answer.read1(count)


def continues(answer: http.client.HTTPResponse, begin: int) -> bool:
    """Whether the body starts at byte ``begin``, as asked for, and not with the whole file's first."""
    if answer.status == 200:
        return False
    if answer.status == 206 and begin > 0 and _content_range(answer.headers.get("Content-Range", ""))[0] == begin:
        return True
    raise DownloadError(f"answered {answer.status} with other bytes than were asked for")


def total_size(answer: http.client.HTTPResponse) -> int | None:
    """How many bytes the URL has in all, if the answer says so."""
    if answer.status == 200:
        return answer.length
    return _content_range(answer.headers.get("Content-Range", ""))[1]


def error_text(error: Any) -> str:
    """The message of a system error, without its number."""
    return getattr(error, "strerror", None) or str(error)[:_SHOWN] or type(error).__name__


def _content_range(header: str) -> tuple[int | None, int | None]:
    """First byte and total of ``bytes 5-9/10``, ``bytes 5-9/*`` or ``bytes */10``; None for what is missing."""
    match = re.fullmatch(r"bytes (?:([0-9]{1,18})-[0-9]{1,18}|\*)/(?:([0-9]{1,18})|\*)", header.strip())
    begin, total = match.groups() if match else (None, None)
    return None if begin is None else int(begin), None if total is None else int(total)


def _refusal(error: urllib.error.HTTPError) -> str:
    if 300 <= error.code < 400:  # what urllib does not follow
        return f"redirects without end, or to nowhere ({str(error.headers.get('Location'))[:_SHOWN]})"
    return f"answered {error.code} {str(error.reason)[:_SHOWN]}"


def _refuse_what_is_no_file(answer: http.client.HTTPResponse) -> None:
    if answer.headers.get_content_type() in ("text/html", "application/xhtml+xml"):
        raise DownloadError("answered with a web page instead of the file")
    encoding = answer.headers.get("Content-Encoding", "identity")
    if encoding.lower() != "identity":
        raise DownloadError(f"sent the file in an encoding that was not asked for ({encoding[:_SHOWN]})")
