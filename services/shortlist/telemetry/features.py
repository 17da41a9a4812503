"""The metrics of what derives counters from events: every name. Every label set exists from the start."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from shortlist.telemetry.buckets import EVENTS, LATENCY_S

FAILING = ("apply", "merge")
LISTS = ("trending", "covisits")


class DerivationMetrics:
    """What consumers and the merger count.

    Args:
        registry: Where the metrics are registered.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.applied = Counter(
            "shortlist_features_applied_events", "Events that this process applied.", registry=registry
        )
        self.unreadable = Counter(
            "shortlist_features_unreadable_events",
            "Entries of streams that are no events and were passed over.",
            registry=registry,
        )
        self.taken_over = Counter(
            "shortlist_features_taken_over_events",
            "Events that another process had read and not applied, or this one before a failure.",
            registry=registry,
        )
        self.forgotten = Counter(
            "shortlist_features_forgotten_records",
            "Items, pairs and users that left for want of room, those with the oldest events first.",
            registry=registry,
        )
        self.failures = Counter(
            "shortlist_features_failures",
            "Times that applying events or merging what is derived failed and was tried again.",
            ["step"],
            registry=registry,
        )
        self.lag_events = Gauge(
            "shortlist_features_lag_events", "Events that are recorded and not applied yet.", registry=registry
        )
        self.lag_seconds = Gauge(
            "shortlist_features_lag_seconds",
            "How long the oldest event that is not applied yet has waited; 0 where none waits.",
            registry=registry,
        )
        self.dropped = Gauge(
            "shortlist_features_dropped_events",
            "Events that left the streams before they were applied, since the streams began.",
            registry=registry,
        )
        self.batch_size = Histogram(
            "shortlist_features_batch_size_events",
            "Events applied in one round trip to the store.",
            buckets=EVENTS,
            registry=registry,
        )
        self.merge_seconds = Histogram(
            "shortlist_features_merge_seconds",
            "Time to read what changed of what is derived, to merge it and to publish the lists.",
            buckets=LATENCY_S,
            registry=registry,
        )
        self.listed = Gauge(
            "shortlist_features_listed_items",
            "Items in a list that this process published last.",
            ["list"],
            registry=registry,
        )
        self.info = Gauge(
            "shortlist_features_info", "1; the label says what is running.", ["version"], registry=registry
        )
        for step in FAILING:
            self.failures.labels(step)
        for name in LISTS:
            self.listed.labels(name)
