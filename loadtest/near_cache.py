"""What the near cache spares Redis, and how soon a write is seen.

Reads in batches of 32, users by Zipf's law as in the workload; a row that is written is told to the cache by Redis
itself. The bound beside each share is what a cache of as many rows could reach that always held the most read ones.
"""

import argparse
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import numpy as np
from prometheus_client import CollectorRegistry
from rich.console import Console

from loadtest.arrivals import USERS, ZIPF_EXPONENT, user_id
from loadtest.machine import describe
from shortlist.core.arrays import F64
from shortlist.features.config import FeatureSettings
from shortlist.features.invalidation import PROTOCOL, Invalidations
from shortlist.features.near_cache import ENTRY_BYTES, ROW_BYTES, NearCache
from shortlist.features.redis_line import open_pool
from shortlist.features.redis_store import RedisUserStore
from shortlist.features.row import EVENT_DTYPE, UserRow
from shortlist.local.parts import Part
from shortlist.local.ports import Ports
from shortlist.local.probes import LOOPBACK
from shortlist.local.process import Process
from shortlist.local.valkey import valkey_part
from shortlist.resilience.deadline import NEVER, Deadline
from shortlist.telemetry.near_cache import NearCacheMetrics

HELD_ROWS = 20_000
EVENTS = 50
BATCH = 32
WRITE_SHARES = (0.0, 0.1)
READS = "shortlist_features_near_cache_reads_total"
WHENEVER = Deadline(NEVER)
START_S = 30.0


class TimedCache(NearCache):
    """Tells when it was told of a change."""

    told_at = 0.0
    has_been_told: threading.Event

    def changed(self, user_ids: Sequence[str]) -> None:
        """Drop rows; see the near cache."""
        super().changed(user_ids)
        self.told_at = time.perf_counter()
        self.has_been_told.set()


def row_of(version: int) -> UserRow:
    """Make a row of 50 views."""
    events = np.zeros(EVENTS, EVENT_DTYPE)
    events["type"] = 2
    return UserRow(events, version)


def settings_for(port: int) -> FeatureSettings:
    """Name the Valkey on a port; the cache holds so many of the workload's rows."""
    row_bytes = ENTRY_BYTES + len(user_id(0)) + ROW_BYTES + EVENTS * EVENT_DTYPE.itemsize
    return FeatureSettings(
        redis_url=f"redis://{LOOPBACK}:{port}/0", timeout_s=5.0, near_cache_bytes=HELD_ROWS * row_bytes
    )


def tracked_cache(settings: FeatureSettings, registry: CollectorRegistry, stack: ExitStack) -> TimedCache:
    """Run a cache, and wait until it is told of changes."""
    metrics = NearCacheMetrics(registry)
    store = stack.enter_context(closing(RedisUserStore.connect(settings, 2)))
    cache = TimedCache(store, settings.near_cache_bytes, settings.max_stale_s, settings.timeout_s, metrics)
    cache.has_been_told = threading.Event()
    listener = Invalidations(open_pool(settings, 1, PROTOCOL), cache, metrics.losses.inc)
    listener.start()
    stack.callback(listener.stop)
    ends = time.monotonic() + START_S
    while not cache.is_tracked:
        if time.monotonic() > ends:
            raise TimeoutError("Valkey does not tell of changes")
        time.sleep(0.01)
    return cache


def share_without_redis(settings: FeatureSettings, write_share: float, calls: int) -> float:
    """Play calls, of which as many warm the cache up before; the share of reads that were hits."""
    generator = np.random.default_rng(7)
    law = zipf()
    registry = CollectorRegistry()
    with ExitStack() as stack:
        cache = tracked_cache(settings, registry, stack)
        writer = stack.enter_context(closing(RedisUserStore.connect(settings, 1)))
        counted: list[tuple[float, float]] = []
        for _ in range(2):
            users = generator.choice(USERS, size=(calls // BATCH, BATCH), p=law)
            is_write = generator.random(users.shape) < write_share
            for batch, written in zip(users, is_write, strict=True):
                if written.any():
                    writer.write((user_id(user), row_of(2)) for user in batch[written].tolist())
                cache.read([user_id(user) for user in batch[~written].tolist()], WHENEVER)
            counts = {
                outcome: registry.get_sample_value(READS, {"outcome": outcome}) or 0.0 for outcome in ("hit", "read")
            }
            counted.append((counts["hit"], counts["read"]))
    (hits, reads), (all_hits, all_reads) = counted
    return (all_hits - hits) / (all_hits - hits + all_reads - reads)


def zipf() -> F64:
    """List the shares of the users in the calls, the most frequent first: (USERS,) float64."""
    weights = np.arange(1, USERS + 1, dtype=np.float64) ** -ZIPF_EXPONENT
    return weights / weights.sum()


def seconds_to_be_seen(settings: FeatureSettings, writes: int) -> F64:
    """Write rows that two caches hold, one at a time; how long until both have dropped the old one: (writes,)."""
    took = np.empty(writes)
    with ExitStack() as stack:
        caches = [tracked_cache(settings, CollectorRegistry(), stack) for _ in range(2)]
        writer = stack.enter_context(closing(RedisUserStore.connect(settings, 1)))
        for version in range(writes):
            user = user_id(version % 1000)
            for cache in caches:
                cache.read([user], WHENEVER)
                cache.has_been_told.clear()
            started = time.perf_counter()
            writer.write([(user, row_of(version + 2))])
            for cache in caches:
                if not cache.has_been_told.wait(START_S):
                    raise TimeoutError("a write was not told")
            took[version] = max(cache.told_at for cache in caches) - started
            for cache in caches:
                (row,) = cache.read([user], WHENEVER).rows
                if row is None or row.version != version + 2:
                    raise ValueError("an old row was served after its change was told")
    return took


def report(settings: FeatureSettings, calls: int, writes: int) -> Iterator[str]:
    """Measure, and write the figures as Markdown."""
    with closing(RedisUserStore.connect(settings, 1)) as store:
        store.write((user_id(user), row_of(1)) for user in range(USERS))
    bound = float(zipf()[:HELD_ROWS].sum())
    yield f"{HELD_ROWS:,} of {USERS:,} rows held, users by Zipf({ZIPF_EXPONENT}), {calls:,} calls after as many more.\n"
    yield "| writes | reads without Redis | bound |"
    yield "| --- | --- | --- |"
    for share in WRITE_SHARES:
        measured = share_without_redis(settings, share, calls)
        yield f"| {share:.0%} | {measured:.1%} | {bound * (1 - share):.1%} |"
    median_ms, p99_ms = np.percentile(seconds_to_be_seen(settings, writes), (50, 99)) * 1e3
    yield f"\nA write is seen in two caches after {median_ms:.2f} ms, p99 {p99_ms:.2f} ms ({writes:,} writes, no load)."


def main() -> None:
    """Run a Valkey, measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=200_000)
    parser.add_argument("--writes", type=int, default=3_000)
    arguments = parser.parse_args()
    console, machine = Console(width=160), describe()
    port = Ports(0, 0, 0, 0, 0, 0).resolve(("redis",)).redis
    with tempfile.TemporaryDirectory() as run_dir:
        part: Part = valkey_part(port, Path(run_dir))
        process = Process("valkey", part.command, {}, Path(run_dir) / "valkey.log")
        try:
            process.wait_ready(part.probe, START_S)
            console.print(f"{machine}.\n", markup=False)
            for line in report(settings_for(port), arguments.calls, arguments.writes):
                console.print(line, markup=False)
        finally:
            process.stop(5.0)


if __name__ == "__main__":
    main()
