"""The metrics of events that come in: every name, label and bucket. Every label set exists from the start."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from shortlist.telemetry.buckets import EVENTS, LATENCY_S

OUTCOMES = ("accepted", "duplicate", "rejected", "failed")


class EventMetrics:
    """Implements the micro-batcher's observer for calls with events, and what their runner counts.

    Args:
        registry: Where the metrics are registered.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._events = Counter(
            "shortlist_gateway_events",
            "Events sent in calls that were not refused: recorded now (accepted) or before (duplicate), wrong "
            "(rejected), or in a call that failed because the store did not say that it has them (failed).",
            ["outcome"],
            registry=registry,
        )
        self.batch_seconds = Histogram(
            "shortlist_gateway_event_batch_seconds",
            "Time of one round trip to the store with the events of one or several calls.",
            buckets=LATENCY_S,
            registry=registry,
        )
        self.batch_size = Histogram(
            "shortlist_gateway_event_batch_size_events",
            "Events in one round trip to the store.",
            buckets=EVENTS,
            registry=registry,
        )
        self._waiting = Gauge(
            "shortlist_gateway_waiting_event_calls", "Calls with events that wait for a round trip.", registry=registry
        )
        for outcome in OUTCOMES:
            self._events.labels(outcome)

    def count(self, outcome: str, events: int) -> None:
        """Count events by one of `OUTCOMES`."""
        self._events.labels(outcome).inc(events)

    def batch_started(self, size: int) -> None:
        """Count nothing: what is counted of a batch is its events."""

    def waiting(self, jobs: int) -> None:
        """Set the queue's length."""
        self._waiting.set(jobs)

    def dropped(self, reason: str, jobs: int) -> None:
        """Count nothing: each of the calls is counted by its status."""

    def refused(self, jobs: int) -> None:
        """Count nothing: each of the calls is counted by its status."""
