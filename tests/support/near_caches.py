"""Near caches: over a store that does as it is told, on a clock that a test moves, and over a real Redis."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager

from prometheus_client import CollectorRegistry

from shortlist.core.errors import UnavailableError
from shortlist.features.config import FeatureSettings
from shortlist.features.invalidation import PROTOCOL, Invalidations
from shortlist.features.near_cache import NearCache
from shortlist.features.port import UserRows
from shortlist.features.redis_line import open_pool
from shortlist.features.redis_store import RedisUserStore
from shortlist.features.row import UserRow
from shortlist.resilience.deadline import NEVER, Deadline
from shortlist.telemetry.near_cache import NearCacheMetrics
from support.running_cluster import wait_until

WHENEVER = Deadline(NEVER)
MAX_STALE_S = 60.0


class PlayedStore:
    """Holds versions; calls `under_way` between looking them up and answering, as a slow network would let happen."""

    def __init__(self) -> None:
        self.versions: dict[str, int] = {}
        self.asked: list[list[str]] = []
        self.is_down = False
        self.under_way: Callable[[], None] = lambda: None

    def read(
        self,
        user_ids: Sequence[str],
        deadline: Deadline,  # noqa: ARG002  # the port's
        min_versions: Sequence[int] = (),  # noqa: ARG002  # the port's
    ) -> UserRows:
        """Read rows of the versions."""
        self.asked.append(list(user_ids))
        if self.is_down:
            raise UnavailableError("redis", "down")
        found = [self.versions.get(user_id) for user_id in user_ids]
        under_way, self.under_way = self.under_way, lambda: None
        under_way()
        return UserRows([None if version is None else UserRow(version=version) for version in found])

    def check(self) -> None:
        """Answer."""

    def close(self) -> None:
        """Do nothing."""


class Observed:
    """A cache and its metrics."""

    def __init__(self, cache: NearCache, registry: CollectorRegistry) -> None:
        self.cache, self._registry = cache, registry

    def read(self, *user_ids: str, min_versions: Sequence[int] = ()) -> UserRows:
        """Read rows."""
        return self.cache.read(user_ids, WHENEVER, min_versions)

    def versions(self, *user_ids: str, min_versions: Sequence[int] = ()) -> list[int | None]:
        """Read rows; their versions."""
        return [row.version if row else None for row in self.read(*user_ids, min_versions=min_versions).rows]

    def count(self, name: str, **labels: str) -> float:
        """Read a metric."""
        value = self._registry.get_sample_value(f"shortlist_features_near_cache_{name}", labels)
        assert value is not None
        return value

    def outcomes(self) -> dict[str, float]:
        """Read how often each outcome came."""
        names = ("hit", "joined", "read", "stale", "unread")
        return {name: found for name in names if (found := self.count("reads_total", outcome=name))}


class Place(Observed):
    """A cache that is tracked from the start, its store and its clock."""

    def __init__(self, limit_bytes: int = 1_000_000, wait_s: float = 10.0) -> None:
        self.store, registry = PlayedStore(), CollectorRegistry()
        self.now = 1000.0
        metrics = NearCacheMetrics(registry)
        super().__init__(NearCache(self.store, limit_bytes, MAX_STALE_S, wait_s, metrics, lambda: self.now), registry)
        self.cache.tracked(self.now)

    def write(self, user_id: str, version: int, *, is_told: bool = True) -> None:
        """Write a row, and push its change unless that is lost."""
        self.store.versions[user_id] = version
        if is_told:
            self.cache.changed([user_id])


@contextmanager
def live_cache(settings: FeatureSettings) -> Iterator[Observed]:
    """Run a cache over a Redis until the end of the `with`; it is tracked when it comes."""
    registry = CollectorRegistry()
    metrics = NearCacheMetrics(registry)
    with closing(RedisUserStore.connect(settings, 4)) as store:
        cache = NearCache(store, settings.near_cache_bytes, settings.max_stale_s, settings.timeout_s, metrics)
        listener = Invalidations(open_pool(settings, 1, PROTOCOL), cache, metrics.losses.inc)
        listener.start()
        try:
            wait_until(lambda: cache.is_tracked, "Redis to tell of changes")
            yield Observed(cache, registry)
        finally:
            listener.stop()
