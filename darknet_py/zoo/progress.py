"""Progress of a download."""

from __future__ import annotations


class Progress:
    """Override what you want to hear of; this one listens to nothing."""

    def start(self, name: str, total: int, origin: str) -> None:
        """A download of file ``name`` from ``origin`` starts; it has ``total`` bytes."""

    def at(self, position: int) -> None:
        """So many bytes are there. It may be fewer than before, when a download starts over."""

    def finish(self) -> None:
        """This origin is done with: the file is there and checked, or the next origin is tried."""

    def waiting(self, name: str) -> None:
        """Another process is fetching the same file; this one waits for it."""
