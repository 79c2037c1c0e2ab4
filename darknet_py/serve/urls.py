"""Pictures that a client names by address: fetched only where the user has listed what the address begins with."""

from __future__ import annotations

import asyncio
import http.client
import re
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn
from urllib.parse import SplitResult, urlsplit

from ..errors import DarknetError
from ..version import __version__
from ..zoo.patience import Handler, SecureHandler
from .limits import Refused

_PLAIN = re.compile(r"[!#-;=?-\[\]_a-z~%]+")
"""Printable ASCII without spaces, quotes, backslashes and angle brackets."""
_TRICKS = re.compile(r"%(2e|2f|5c|00)|/\.{1,2}(/|$)", re.IGNORECASE)
_PORTS = {"http": 80, "https": 443}
_PART = 1 << 16

FETCHERS = 8
"""Addresses that are fetched at a time."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """An address that was allowed must not lead to one that was not."""

    def redirect_request(self, *_: Any) -> NoReturn:
        raise Refused(502, "the address redirects to another, which is not followed")


class Urls:
    """The addresses that may be fetched, and fetching them."""

    def __init__(self, allowed: Sequence[str], body: int, seconds: float) -> None:
        """Raises `DarknetError` if a prefix is no http or https address."""
        self._allowed = [_checked(prefix) for prefix in allowed]
        self._body, self._seconds = body, seconds
        self._pool = ThreadPoolExecutor(FETCHERS, thread_name_prefix="serve-fetch")

    def check(self, url: str) -> None:
        """Raise `Refused` (403) if an address is not on the list."""
        if not any(_begins(url, prefix) for prefix in self._allowed):
            raise Refused(403, "this address is not among those that the server may fetch (--allow-url)")

    async def get(self, url: str) -> bytes:
        """`fetch` in a thread: an address that answers slowly holds up nobody but those that ask for one."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, self.fetch, url)

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def fetch(self, url: str) -> bytes:
        """The bytes at an address. No redirects, no proxies, certificates are checked.

        Raises:
            Refused: it is not on the list, or it cannot be had (502), or it is too large (413).
        """
        self.check(url)
        opener = urllib.request.build_opener(_NoRedirects, Handler, SecureHandler, urllib.request.ProxyHandler({}))
        headers = {"User-Agent": f"darknet-py/{__version__}", "Accept-Encoding": "identity"}
        end = time.monotonic() + self._seconds
        try:
            with opener.open(urllib.request.Request(url, headers=headers), timeout=self._seconds) as answer:
                parts: list[bytes] = []
                size = 0
                while time.monotonic() < end:
                    answer.guard.allow(end - time.monotonic())
                    if not (part := answer.read1(_PART)):
                        return b"".join(parts)
                    parts.append(part)
                    size += len(part)
                    if size > self._body:
                        raise Refused(413, f"the picture at the address has more than {self._body} bytes")
                raise TimeoutError("timed out")
        except urllib.error.HTTPError as error:
            raise Refused(502, f"the address answers {error.code}") from None
        except (OSError, ValueError, http.client.HTTPException) as error:
            reason: Any = getattr(error, "reason", None) or error
            raise Refused(
                502, f"the address cannot be fetched: {getattr(reason, 'strerror', None) or reason}"
            ) from None


def _checked(prefix: str) -> SplitResult:
    parts = urlsplit(prefix)
    if parts.scheme not in _PORTS or not parts.hostname or parts.query or parts.fragment or _port(parts) is None:
        raise DarknetError(
            f"--allow-url {prefix}: write what addresses begin with, such as http://camera.lan/snapshots/"
        )
    return parts


def _begins(url: str, prefix: SplitResult) -> bool:
    """Whether an address is at the same place as a prefix, or below it; nothing about it may be ambiguous."""
    if _PLAIN.fullmatch(url) is None:
        return False
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return False
    if parts.username is not None or parts.password is not None or "#" in url or _TRICKS.search(parts.path):
        return False
    same = parts.scheme == prefix.scheme and host == prefix.hostname and _port(parts) == _port(prefix)
    path = prefix.path or "/"
    own = parts.path or "/"
    return same and (own == path or own.startswith(path if path.endswith("/") else path + "/"))


def _port(parts: SplitResult) -> int | None:
    try:
        return parts.port or _PORTS[parts.scheme]
    except (ValueError, KeyError):
        return None
