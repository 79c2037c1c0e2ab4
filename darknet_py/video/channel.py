"""A short queue between two stages."""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Channel(Generic[Item]):
    """Hands items from one thread to another, in order, and blocks the producer when it is full.

    Attributes:
        dropped: how many items were left out because newer ones came.
    """

    def __init__(self, size: int) -> None:
        """A channel for ``size`` items."""
        self._items: deque[Item] = deque()
        self._size = size
        self._drops = False
        self._closed = False
        self._changed = threading.Condition()
        self.dropped = 0

    def drop_oldest(self, size: int | None = None) -> None:
        """From now on `put` does not wait: in a full channel a new item takes the place of the oldest one."""
        with self._changed:
            self._size, self._drops = size or self._size, True
            self._changed.notify_all()

    def put(self, item: Item) -> bool:
        """Give an item, waiting for room. False if there is no consumer any more."""
        with self._changed:
            while len(self._items) >= self._size and not self._closed and not self._drops:
                self._changed.wait()
            if self._closed:
                return False
            while len(self._items) >= self._size:
                self._items.popleft()
                self.dropped += 1
            self._items.append(item)
            self._changed.notify_all()
            return True

    def get(self) -> Item | None:
        """The next item, waiting for one; None when the channel is closed and empty."""
        with self._changed:
            while not self._items and not self._closed:
                self._changed.wait()
            if not self._items:
                return None
            item = self._items.popleft()
            self._changed.notify_all()
            return item

    def close(self, drop: bool = False) -> None:
        """Nothing more comes; what waits is still handed out, unless it is to be dropped."""
        with self._changed:
            self._closed = True
            if drop:
                self._items.clear()
            self._changed.notify_all()
