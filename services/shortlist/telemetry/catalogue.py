"""The metrics of the live catalogue in a gateway: names, labels, buckets. Every label set exists from the start."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from shortlist.telemetry.buckets import LATENCY_S

KINDS = ("upsert", "delete", "read")
OUTCOMES = ("done", "failed")


class CatalogueMetrics:
    """Implements the micro-batcher's observer for calls of the catalogue, and counts what follows it.

    Args:
        registry: Where the metrics are registered.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._items = Counter(
            "shortlist_gateway_catalogue_changes",
            "Items in calls of the catalogue that were not refused, by what was asked, and whether it was answered.",
            ["kind", "outcome"],
            registry=registry,
        )
        self.delete_seconds = Histogram(
            "shortlist_gateway_catalogue_delete_seconds",
            "Time from a deletion in the store until every live server had applied it.",
            buckets=LATENCY_S,
            registry=registry,
        )
        self.apply_seconds = Histogram(
            "shortlist_gateway_catalogue_apply_seconds",
            "Time to apply what changed in the meantime to this process.",
            buckets=LATENCY_S,
            registry=registry,
        )
        self.sequence = Gauge(
            "shortlist_gateway_catalogue_sequence", "Number of the last change that is applied.", registry=registry
        )
        self._new = Gauge(
            "shortlist_gateway_catalogue_new_items", "Items that came after the release.", registry=registry
        )
        self._gone = Gauge(
            "shortlist_gateway_catalogue_gone_items", "Items that were taken off or cannot be had.", registry=registry
        )
        self.unplaced = Counter(
            "shortlist_gateway_catalogue_unplaced",
            "New items for which there was no room: they are stored, and not recommended.",
            registry=registry,
        )
        self.bad_records = Counter(
            "shortlist_gateway_catalogue_bad_records",
            "Records of items that could not be read, and change nothing.",
            registry=registry,
        )
        self.losses = Counter(
            "shortlist_gateway_catalogue_losses",
            "Times that the store had lost the catalogue; what was applied before stays until the process ends.",
            registry=registry,
        )
        self._standing = Gauge(
            "shortlist_gateway_catalogue_in_standing",
            "1 while this server has a lease and all that was acknowledged; 0 while its answers say stale_catalogue.",
            registry=registry,
        )
        self._waiting = Gauge(
            "shortlist_gateway_waiting_catalogue_calls", "Calls of the catalogue that wait.", registry=registry
        )
        for kind in KINDS:
            for outcome in OUTCOMES:
                self._items.labels(kind, outcome)

    def stands(self, is_in_standing: Callable[[], bool]) -> None:
        """Ask for the standing whenever it is scraped."""
        self._standing.set_function(lambda: float(is_in_standing()))

    def shows(self, new: int, gone: int) -> None:
        """Say what is applied."""
        self._new.set(new)
        self._gone.set(gone)

    def count(self, kind: str, outcome: str, items: int) -> None:
        """Count items by one of `KINDS` and one of `OUTCOMES`."""
        self._items.labels(kind, outcome).inc(items)

    def batch_started(self, size: int) -> None:
        """Count nothing: what is counted is items."""

    def waiting(self, jobs: int) -> None:
        """Set the queue's length."""
        self._waiting.set(jobs)

    def dropped(self, reason: str, jobs: int) -> None:
        """Count nothing: each of the calls is counted by its status."""

    def refused(self, jobs: int) -> None:
        """Count nothing: each of the calls is counted by its status."""
