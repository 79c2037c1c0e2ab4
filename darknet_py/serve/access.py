"""Who may ask: a key that the server was started with, or a token that was given for it."""

from __future__ import annotations

import hashlib
import hmac
import time
from typing import TYPE_CHECKING

from .limits import Refused

if TYPE_CHECKING:
    from starlette.requests import Request

TOKEN_SECONDS = 24 * 3600


class Access:
    """Checks keys; without a key everybody may ask."""

    def __init__(self, key: str | None) -> None:
        self._key = key or None

    @property
    def open(self) -> bool:
        """Whether no key is needed."""
        return self._key is None

    def check(self, request: Request, *given: str | None, message: str = "a key is needed") -> None:
        """Raise `Refused` (401) if none of the keys given, nor one in the request's headers, is right.

        Args:
            request: ``Authorization: Bearer KEY``, ``X-API-Key`` and ``doods-auth-key`` are looked at.
            given: keys from the body.
            message: what the protocol says.
        """
        if self._key is None:
            return
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        headers = [request.headers.get("x-api-key"), request.headers.get("doods-auth-key")]
        if scheme.lower() == "bearer":
            headers.append(bearer.strip())
            if self._is_token(bearer.strip()):
                return
        if not any(key is not None and self.is_key(key) for key in (*given, *headers)):
            raise Refused(401, message, {"WWW-Authenticate": "Bearer"})

    def is_key(self, key: str) -> bool:
        """Whether it is the key, in a time that says nothing about it."""
        if self._key is None:
            return True
        # Headers come as Latin-1, whatever the client has encoded them as.
        spellings = [key.encode(encoding, "replace") for encoding in ("utf-8", "latin-1")]
        return any([hmac.compare_digest(spelling, self._key.encode()) for spelling in spellings])

    def token(self) -> str:
        """A token that is good for a day."""
        end = str(int(time.time()) + TOKEN_SECONDS)
        return f"{end}.{self._sign(end)}"

    def _is_token(self, text: str) -> bool:
        end, _, signature = text.partition(".")
        good = hmac.compare_digest(signature.encode("utf-8", "replace"), self._sign(end).encode())
        return good and int(end) > time.time()

    def _sign(self, text: str) -> str:
        return hmac.new(
            (self._key or "").encode(), f"token {text}".encode("utf-8", "replace"), hashlib.sha256
        ).hexdigest()
