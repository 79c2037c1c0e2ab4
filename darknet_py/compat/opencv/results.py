"""``cv2.AsyncArray``: a result that is being computed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ...errors import DarknetError
from .errors import opencv_surface

if TYPE_CHECKING:
    from ...typing import Array

NANOSECONDS = 1_000_000_000


@opencv_surface
class AsyncArray:
    """The array that a call gives, computed by a thread of its own. It can be fetched once, as OpenCV's."""

    def __init__(self, compute: Callable[[], Array] | None = None) -> None:
        """Start computing. Without ``compute`` there is nothing to fetch."""
        self._done = threading.Event()
        self._compute = compute
        self._result: Array | None = None
        self._error: Exception | None = None
        if compute is not None:
            threading.Thread(target=self._run, args=(compute,), daemon=True).start()

    def _run(self, compute: Callable[[], Array]) -> None:
        try:
            self._result = compute()
        except Exception as error:
            self._error = error
        self._done.set()

    def valid(self) -> bool:
        """Whether there is something to fetch, now or later."""
        return self._compute is not None

    def wait_for(self, timeoutNs: float) -> bool:
        """Whether the result is there, after at most so many nanoseconds (below 0: for ever)."""
        self._check()
        return self._done.wait(None if timeoutNs < 0 else timeoutNs / NANOSECONDS)

    def get(self, timeoutNs: float | None = None, dst: object = None) -> Any:
        """The result; with ``timeoutNs``, whether it came within that time, and the result (or None).

        Raises:
            DarknetError: what the computation raised; or there is nothing (any more).
        """
        if timeoutNs is not None and not self.wait_for(timeoutNs):
            return False, None
        self._check()
        self._done.wait()
        result, error = self._result, self._error
        self.release()
        if error is not None:
            raise error
        return result if timeoutNs is None else (True, result)

    def release(self) -> None:
        """Let the result go."""
        self._compute = self._result = self._error = None

    def _check(self) -> None:
        if self._compute is None:
            raise DarknetError("AsyncArray: there is no result, or it has been fetched")
