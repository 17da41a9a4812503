"""The near cache's metrics: every name, label and bucket. Every label set exists from the start."""

from collections.abc import Callable, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge

from shortlist.telemetry.array_histogram import ArrayHistogram
from shortlist.telemetry.buckets import AGE_S

OUTCOMES = ("hit", "joined", "read", "stale", "unread")


class NearCacheMetrics:
    """Counts what became of the reads of user rows.

    Args:
        registry: Where the metrics are registered.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        reads = Counter(
            "shortlist_features_near_cache_reads",
            "User rows asked of the near cache: held (hit), on their way already (joined), read from Redis (read), "
            "or, where Redis did not answer, held and perhaps outdated (stale) or not known (unread).",
            ["outcome"],
            registry=registry,
        )
        self._hit, self._joined, self._read, self._stale, self._unread = map(reads.labels, OUTCOMES)
        self._ages = ArrayHistogram(
            "shortlist_features_near_cache_age_seconds",
            "Time since a held row was read from Redis, when it was used.",
            AGE_S,
            registry,
        )
        self._size = Gauge("shortlist_features_near_cache_bytes", "What the held rows take.", registry=registry)
        self._rows = Gauge("shortlist_features_near_cache_rows", "Users whose rows are held.", registry=registry)
        self._is_tracked = Gauge(
            "shortlist_features_near_cache_tracked",
            "1 while Redis tells which rows change; 0: no held row is fresh.",
            registry=registry,
        )
        self.losses = Counter(
            "shortlist_features_near_cache_tracking_losses",
            "Connections for invalidations that were lost or could not be had.",
            registry=registry,
        )

    def watch(self, size_bytes: Callable[[], float], rows: Callable[[], float], is_tracked: Callable[[], bool]) -> None:
        """Take the gauges from a cache, at each scrape."""
        self._size.set_function(size_bytes)
        self._rows.set_function(rows)
        self._is_tracked.set_function(is_tracked)

    def hit(self, ages_s: Sequence[float]) -> None:
        """Count rows that were held, by their ages."""
        if ages_s:
            self._hit.inc(len(ages_s))
            self._ages.observe_each(ages_s)

    def read(self, read: int, joined: int) -> None:
        """Count rows that came from Redis."""
        self._read.inc(read)
        self._joined.inc(joined)

    def failed(self, stale: int, unread: int) -> None:
        """Count rows that Redis did not answer for."""
        self._stale.inc(stale)
        self._unread.inc(unread)
