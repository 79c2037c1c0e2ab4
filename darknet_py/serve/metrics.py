"""Counters for Prometheus (``/metrics``)."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, PlatformCollector, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """What one server counts.

    Attributes:
        requests: by protocol and status.
        seconds: of requests, by protocol.
        waiting: pictures that wait or are worked on.
        refused: requests for which there was no place.
        connections: open ones.
    """

    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        registry = self._registry
        self.requests = Counter("darknet_requests", "Requests answered.", ["protocol", "status"], registry=registry)
        self.seconds = Histogram(
            "darknet_request_seconds", "Time to answer a request.", ["protocol"], buckets=_SECONDS, registry=registry
        )
        self.waiting = Gauge("darknet_waiting_pictures", "Pictures that wait or are worked on.", registry=registry)
        self.refused = Counter("darknet_queue_full", "Requests refused because the queue was full.", registry=registry)
        self.connections = Gauge("darknet_connections", "Open connections.", registry=registry)
        self._pictures = Counter("darknet_pictures", "Pictures run through a network.", ["model"], registry=registry)
        self._objects = Counter("darknet_objects", "Objects found.", ["model"], registry=registry)
        self._run = Histogram(
            "darknet_network_seconds", "The network's time for a picture.", ["model"], buckets=_SECONDS,
            registry=registry,
        )  # fmt: skip
        self._batch = Histogram(
            "darknet_batch_pictures", "Pictures that ran together.", ["model"], buckets=(1, 2, 3, 4), registry=registry
        )

    def picture(self, model: str, seconds: float, objects: int) -> None:
        """A picture went through a network."""
        self._pictures.labels(model).inc()
        self._objects.labels(model).inc(objects)
        self._run.labels(model).observe(seconds)

    def batch(self, model: str, count: int) -> None:
        """So many pictures went through a network together."""
        self._batch.labels(model).observe(count)

    def text(self) -> bytes:
        """All of it in Prometheus' text form."""
        return generate_latest(self._registry)
