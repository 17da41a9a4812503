"""What the near cache spares Redis, and how soon a write or an event is seen.

The cache holds 20,000 of the workload's rows. The shares are those of one cache, read in batches of 32 without load,
users by Zipf's law; a row that is written is told to the cache by Valkey itself, and read again when it is asked for.
How soon both are seen is measured in two gateways at half of their highest rate: see `near_cache_sight`.
"""

import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from typing import Any

import numpy as np
from prometheus_client import CollectorRegistry
from rich.console import Console

from loadtest.arrivals import ordered, user_id
from loadtest.scenarios import command
from loadtest.scenarios.near_cache_sight import highest_rate_of, pair, record, seconds_until_seen, writing
from loadtest.scenarios.testbed import SEED, NotMeasuredError, Testbed, testbed
from loadtest.workload import Workload
from shortlist.features.config import FeatureSettings
from shortlist.features.invalidation import PROTOCOL, Invalidations
from shortlist.features.near_cache import ENTRY_BYTES, ROW_BYTES, NearCache
from shortlist.features.redis_line import open_pool
from shortlist.features.redis_store import RedisUserStore
from shortlist.features.row import EVENT_DTYPE, UserRow
from shortlist.resilience.deadline import NEVER, Deadline
from shortlist.telemetry.near_cache import NearCacheMetrics

HELD_ROWS = 20_000
WRITE_SHARES = (0.0, 0.1)
CALLS = 200_000
"""That count, after as many that fill the cache."""
SECONDS, STEP_S = 15.0, 2.0
_BATCH = 32
_READS = "shortlist_features_near_cache_reads_total"
_TIMEOUT_S = 5.0


def measure(
    work: Workload,
    console: Console,
    *,
    calls: int = CALLS,
    seconds: float = SECONDS,
    rate: float | None = None,
    held_rows: int = HELD_ROWS,
) -> dict[str, Any]:
    """Measure all of it.

    Args:
        work: The workload.
        console: Says where it is.
        calls: That count for a share.
        seconds: Of load while the probe is written, and again while its events are recorded; a step of the search for
            the highest rate takes at most 2.
        rate: Of the two gateways together, calls a second; None: half of the highest.
        held_rows: What each cache has room for.
    """
    row_bytes = ENTRY_BYTES + len(user_id(0)) + ROW_BYTES + _events(work) * EVENT_DTYPE.itemsize
    with testbed(work) as bed:
        with pair(bed, held_rows * row_bytes) as both:
            rate = rate or highest_rate_of(both, min(seconds, STEP_S)) / 2
            console.print(f"near cache: writes under {rate:,.0f} calls a second")
            with writing(bed) as write:
                writes = seconds_until_seen(both, rate, seconds, write)
            console.print(f"near cache: events under {rate:,.0f} calls a second")
            # The rows of the writes go on: there were as many as were counted, and the first.
            events = seconds_until_seen(both, rate, seconds, record, version=len(writes) + 1)
        console.print("near cache: shares of reads without Redis")
        shares = {str(share): share_without_redis(bed, held_rows * row_bytes, share, calls) for share in WRITE_SHARES}
    return {
        "held_rows": held_rows,
        "shares": shares,
        "seen_ms": _percentiles_ms([seen.since_sent for seen in writes]),
        "event_seen_ms": _percentiles_ms([seen.since_acknowledged for seen in events]),
        "event_sent_ms": _percentiles_ms([seen.since_sent for seen in events]),
        "rate": rate,
    }


def _percentiles_ms(seconds: Sequence[float]) -> dict[str, float]:
    median_ms, p99_ms = (np.percentile(seconds, (50, 99)) * 1e3).tolist()
    return {"median": median_ms, "p99": p99_ms, "writes": len(seconds)}


def _events(work: Workload) -> int:
    """Count the events of a row."""
    return len(UserRow.decode(work.rows()[0].tobytes()).events)


def share_without_redis(bed: Testbed, near_cache_bytes: int, write_share: float, calls: int) -> float:
    """Read and write by way of a cache of so many bytes; the share of the later half's reads that were hits."""
    settings = FeatureSettings(redis_url=bed.store.url, timeout_s=_TIMEOUT_S, near_cache_bytes=near_cache_bytes)
    arrivals = ordered(2 * calls, SEED, users=bed.work.users, write_share=write_share)
    rows, registry = bed.work.rows(), CollectorRegistry()
    counted_from = calls // _BATCH * _BATCH
    before = (0.0, 0.0)
    with ExitStack() as stack:
        cache = _tracked(settings, registry, stack)
        writer = stack.enter_context(closing(RedisUserStore.connect(settings, 1)))
        for start in range(0, len(arrivals), _BATCH):
            if start == counted_from:
                before = _reads(registry)
            users, is_write = (part[start : start + _BATCH] for part in (arrivals.users, arrivals.is_write))
            if is_write.any():
                written = users[is_write].tolist()
                writer.write((user_id(user), UserRow.decode(rows[user].tobytes())) for user in written)
            cache.read([user_id(user) for user in users[~is_write].tolist()], Deadline(NEVER))
        hits, misses = np.subtract(_reads(registry), before).tolist()
    return float(hits / (hits + misses))


def _tracked(settings: FeatureSettings, registry: CollectorRegistry, stack: ExitStack) -> NearCache:
    """Run a cache, and wait until it is told of changes."""
    metrics = NearCacheMetrics(registry)
    store = stack.enter_context(closing(RedisUserStore.connect(settings, 1)))
    cache = NearCache(store, settings.near_cache_bytes, settings.max_stale_s, settings.timeout_s, metrics)
    listener = Invalidations(open_pool(settings, 1, PROTOCOL), cache, metrics.losses.inc)
    listener.start()
    stack.callback(listener.stop)
    ends = Deadline.after(_TIMEOUT_S)
    while not cache.is_tracked:
        if ends.has_passed():
            raise NotMeasuredError("Valkey does not tell of changes")
        time.sleep(0.01)
    return cache


def _reads(registry: CollectorRegistry) -> tuple[float, float]:
    """Count the reads so far that were hits, and that asked Valkey."""
    hits, read = (registry.get_sample_value(_READS, {"outcome": outcome}) for outcome in ("hit", "read"))
    return hits or 0.0, read or 0.0


if __name__ == "__main__":
    sys.exit(command.run(measure, __doc__))
