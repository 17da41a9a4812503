"""The retrieval service's metrics: every name, label and bucket. Every label set exists from the start."""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from shortlist.telemetry.buckets import BATCH_SIZE, LATENCY_S


class RetrievalMetrics:
    """Implements the micro-batcher's observer, and what servicer and runner count.

    Args:
        registry: Where the metrics are registered.
        codes: Names of the gRPC statuses.
    """

    def __init__(self, registry: CollectorRegistry, codes: Sequence[str]) -> None:
        self.requests = Counter(
            "shortlist_retrieval_requests", "Calls answered, by gRPC status.", ["code"], registry=registry
        )
        self.request_seconds = Histogram(
            "shortlist_retrieval_request_seconds",
            "Time from a call's arrival to its answer, queue included.",
            buckets=LATENCY_S,
            registry=registry,
        )
        self.batch_size = Histogram(
            "shortlist_retrieval_batch_size_queries",
            "Queries in a search, those of several calls together.",
            buckets=BATCH_SIZE,
            registry=registry,
        )
        self.waiting_requests = Gauge(
            "shortlist_retrieval_waiting_requests", "Calls that wait for a search.", registry=registry
        )
        self.info = Gauge(
            "shortlist_retrieval_info",
            "1; the labels say what is running.",
            ["version", "release", "device"],
            registry=registry,
        )
        for code in codes:
            self.requests.labels(code)

    def batch_started(self, size: int) -> None:
        """Count nothing: a batch is as many searches as it has limits, and each counts its queries."""

    def waiting(self, jobs: int) -> None:
        """Set the queue's length."""
        self.waiting_requests.set(jobs)

    def dropped(self, reason: str, jobs: int) -> None:
        """Count nothing: each of the calls is counted by its status."""

    def refused(self, jobs: int) -> None:
        """Count nothing: each of the calls is counted by its status."""
