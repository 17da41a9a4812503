"""Adds up what is derived in all shards, and publishes trending items and co-visits for the gateways.

The lists are a function of the shards, so it does not matter who merges, nor whether two do: a key with a lifetime
lets one process do it at a time.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import redis

from shortlist.core.arrays import Structured
from shortlist.core.errors import UnavailableError
from shortlist.features.counters import ItemCounters
from shortlist.features.covisits import Pairs, covisits
from shortlist.features.derived import ITEM_DTYPE, PAIR_DTYPE
from shortlist.features.keys import DERIVED, SHARDS, derived_key
from shortlist.features.live_lists import LiveLists
from shortlist.features.redis_line import Command, Lines, without_errors
from shortlist.features.redis_store import DEPENDENCY
from shortlist.features.trending import trending
from shortlist.telemetry.features import DerivationMetrics

TURN_KEY = f"{DERIVED}merger"
_REST = 9
"""Rests so many times as long as a merge took: it has a tenth of a core at most."""
_SHARDS_A_TRIP = 16


@dataclass(frozen=True, slots=True)
class ShardState:
    """What one shard holds.

    Args:
        version: Changes with every batch that is applied, and where the store lost what it had: how many events, up to
            which.
        items: Fields of the items.
        item_records: `ITEM_DTYPE`, as many.
        pairs: Fields of the pairs.
        pair_records: `PAIR_DTYPE`, as many.
    """

    version: Sequence[bytes | None]
    items: Sequence[bytes]
    item_records: Structured
    pairs: Sequence[bytes]
    pair_records: Structured

    @classmethod
    def of(cls, version: Sequence[bytes | None], items: Sequence[bytes], pairs: Sequence[bytes]) -> Self:
        """Take fields and values in turn, as HGETALL answers; what are no records is passed over."""
        return cls(version, *_records(items, 8, ITEM_DTYPE), *_records(pairs, 16, PAIR_DTYPE))


def _records(answer: Sequence[bytes], key_bytes: int, dtype: np.dtype[np.void]) -> tuple[Sequence[bytes], Structured]:
    held = [
        (field, value)
        for field, value in zip(answer[::2], answer[1::2], strict=True)
        if len(field) == key_bytes and len(value) == dtype.itemsize
    ]
    return [field for field, _ in held], np.frombuffer(b"".join(value for _, value in held), dtype)


def counters_of(shards: Sequence[ShardState], at_s: float) -> ItemCounters:
    """Add up the counters of items."""
    records = np.concatenate([np.zeros(0, ITEM_DTYPE), *(shard.item_records for shard in shards)])
    return ItemCounters.added_up((field for shard in shards for field in shard.items), records, at_s)


def pairs_of(shards: Sequence[ShardState], at_s: float) -> Pairs:
    """Add up the weights of pairs."""
    records = np.concatenate([np.zeros(0, PAIR_DTYPE), *(shard.pair_records for shard in shards)])
    return Pairs.added_up((field for shard in shards for field in shard.pairs), records, at_s)


class Merger:
    """Merges and publishes; for one thread.

    Args:
        lines: Connections.
        name: This process, among those that merge.
        interval_s: Between two publications, in seconds.
        metrics: Counts.
        clock: Seconds since 1970.
    """

    def __init__(
        self,
        lines: Lines,
        name: str,
        interval_s: float,
        metrics: DerivationMetrics,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._lines, self._name, self._interval_s = lines, name, interval_s
        self._metrics, self._clock = metrics, clock
        self._held: dict[int, ShardState] = {}

    def step(self) -> float:
        """Merge and publish, if it is this process's turn; give the seconds until the next step.

        Raises:
            UnavailableError: Redis did not answer, or would not take the lists.
        """
        started = time.monotonic()
        try:
            turn = self._asked([("SET", TURN_KEY, self._name, "NX", "PX", round(1000 * self._interval_s))])
            if turn[0] is None:
                return self._interval_s
            self._publish(self.shards())
        except redis.RedisError as error:
            raise UnavailableError(DEPENDENCY, str(error)) from error
        took_s = time.monotonic() - started
        self._metrics.merge_seconds.observe(took_s)
        return max(self._interval_s, _REST * took_s)

    def shards(self) -> Sequence[ShardState]:
        """Read the shards that changed since the last time; give all of them.

        Raises:
            redis.RedisError: Redis did not answer.
        """
        versions = self._asked([("HMGET", derived_key(shard, "state"), "applied", "last") for shard in range(SHARDS)])
        self._held = {shard: held for shard, held in self._held.items() if versions[shard] == held.version}
        changed = [
            shard for shard, version in enumerate(versions) if version[0] is not None and shard not in self._held
        ]
        for start in range(0, len(changed), _SHARDS_A_TRIP):
            some = changed[start : start + _SHARDS_A_TRIP]
            parts = ("items", "pairs")
            read = self._asked([("HGETALL", derived_key(shard, part)) for shard in some for part in parts])
            for place, shard in enumerate(some):
                self._held[shard] = ShardState.of(versions[shard], *read[2 * place : 2 * place + 2])
        return list(self._held.values())

    def _publish(self, shards: Sequence[ShardState]) -> None:
        now_s = self._clock()
        lists = LiveLists(
            f"{self._name} {now_s}".encode(),
            trending(counters_of(shards, now_s)),
            covisits(pairs_of(shards, now_s)),
        )
        self._asked(lists.commands())
        self._metrics.listed.labels("trending").set(len(lists.trending.keys))
        self._metrics.listed.labels("covisits").set(len(lists.covisits.keys))

    def _asked(self, commands: Sequence[Command]) -> Sequence[Any]:
        """Ask for all in one round trip; the first error of one is raised."""
        return without_errors(self._lines.line().ask(commands))
