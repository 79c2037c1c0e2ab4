"""What one server takes from its clients, and how it refuses the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import DarknetError


@dataclass(frozen=True)
class Limits:
    """Bounds on what clients can make the server do.

    Attributes:
        body: bytes of a request's body.
        bodies: bytes of all bodies that are in memory at a time.
        pixels: of a picture.
        queue: requests for detections that are worked on or wait.
        connections: at a time; the one that has waited longest for its client goes first.
        seconds: within which a whole request must have arrived.
        rows: detections in an answer; the most probable ones.
    """

    body: int = 32 << 20
    bodies: int = 256 << 20
    pixels: int = 25_000_000
    queue: int = 64
    connections: int = 1000
    seconds: float = 20.0
    rows: int = 1000


LEAST_THRESH = 0.005
"""Lower thresholds are taken as this one, as in Darknet's own evaluation: they name every box of the network."""


class Refused(DarknetError):
    """A request that is not answered, with the HTTP status that says why.

    Attributes:
        status: 400 to 599.
        headers: of the answer.
    """

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.headers = status, dict(headers or {})


class Gone(Exception):
    """The client has closed its connection: nobody waits for the answer."""
