"""Applies recorded events to what is derived from them, each once, however often this process or another one dies.

A batch is read for this consumer by the streams' group and stays pending until one function in Redis applies it and
acknowledges it in the same step; what is not pending any more is not applied again. So whoever dies loses nothing, and
whoever is taken for dead and comes back doubles nothing.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

import redis

from shortlist.core.errors import UnavailableError
from shortlist.features.derived import GROUP, LIBRARY, Shard, packed
from shortlist.features.keys import SHARDS
from shortlist.features.redis_line import Command, Line, without_errors
from shortlist.features.redis_store import DEPENDENCY
from shortlist.telemetry.features import DerivationMetrics

BATCH = 32
"""Events of a shard in one call: while it runs, for two milliseconds at most, Redis does nothing else."""
BLOCK_S = 0.5
"""How long a read waits for events; a stop waits as long."""
GATHER_S = 0.02
"""The pause after a batch: events come together meanwhile, and there are at most 50 reads a second."""
TEND_S = 5.0
TAKEN_OVER_S = 10.0
"""Pending for so long: whoever read it is dead, or failed."""
FORGOTTEN_S = 3600.0
"""A consumer that has not asked for so long, and has nothing pending, is struck off."""

Entries: TypeAlias = Sequence[tuple[bytes, Sequence[bytes]]]
"""Ids of entries, and their fields with their values."""
_SHARDS = [Shard(number) for number in range(SHARDS)]
_STREAMS = {shard.keys[0].encode(): shard for shard in _SHARDS}


class AsksLines(Protocol):
    """What gives this thread its connection."""

    def line(self) -> Line:
        """Give it."""


class Consumer:
    """One consumer of every shard's events; for one thread.

    Args:
        lines: Connections that wait longer for an answer than `BLOCK_S`.
        name: Its name in the groups; no other consumer that lives has it.
        counted_items: Items that a shard counts.
        keep_s: How long applied events stay in the streams, in seconds.
        metrics: Counts.
        taken_over_s: After how long others' pending events are taken over.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        lines: AsksLines,
        name: str,
        counted_items: int,
        keep_s: float,
        metrics: DerivationMetrics,
        taken_over_s: float = TAKEN_OVER_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lines, self._name, self._metrics, self._clock = lines, name, metrics, clock
        self._counted_items, self._keep_s, self._taken_over_s = counted_items, keep_s, taken_over_s
        self._tend_at = clock()
        streams = [shard.keys[0] for shard in _SHARDS]
        block = ("COUNT", BATCH, "BLOCK", round(1000 * BLOCK_S))
        self._read: Command = ("XREADGROUP", "GROUP", GROUP, name, *block, "STREAMS", *streams, *(">" for _ in streams))

    def step(self) -> float:
        """Wait for events and apply a batch of each shard's; give the seconds until the next step.

        Raises:
            UnavailableError: Redis did not do it; what was read and not applied is taken over later.
        """
        try:
            if self._clock() >= self._tend_at:
                taken = self.tend()
                self._tend_at = self._clock() + (0.0 if taken else TEND_S)  # there may be more to take over
                self.apply(taken)
            self.apply(self._new())
        except redis.RedisError as error:
            raise UnavailableError(DEPENDENCY, str(error)) from error
        return GATHER_S

    def tend(self) -> Mapping[Shard, Entries]:
        """Look after the streams: make groups, drop what is old, measure the lag; take over what others left pending.

        Raises:
            redis.RedisError: Redis did not do it.
        """
        (seconds, _), *_ = self._asked([("TIME",)])
        too_old = f"{max(0, int(seconds) - int(self._keep_s)) * 1000}-0"
        calls = [shard.call("tend", too_old, round(1000 * FORGOTTEN_S)) for shard in _SHARDS]
        found = self._asked(calls)
        waiting = [int(oldest.partition(b"-")[0]) / 1000 for *_, oldest in found if oldest]
        self._metrics.lag_events.set(sum(lag for lag, *_ in found))
        self._metrics.dropped.set(sum(dropped for _, dropped, *_ in found))
        self._metrics.lag_seconds.set(max(0.0, int(seconds) - min(waiting)) if waiting else 0.0)
        return self._take_over([shard for shard, found in zip(_SHARDS, found, strict=True) if found[2]])

    def _take_over(self, shards: Sequence[Shard]) -> Mapping[Shard, Entries]:
        idle = (round(1000 * self._taken_over_s), "0-0", "COUNT", BATCH)
        claimed = self._asked([("XAUTOCLAIM", shard.keys[0], GROUP, self._name, *idle) for shard in shards])
        taken = {shard: entries for shard, (_, entries, *_) in zip(shards, claimed, strict=True) if entries}
        self._metrics.taken_over.inc(sum(map(len, taken.values())))
        return taken

    def _new(self) -> Mapping[Shard, Entries]:
        try:
            (read,) = self._asked([self._read])
        except redis.ResponseError as error:
            if "NOGROUP" in str(error):
                self._tend_at = self._clock()  # Redis was emptied: the groups are made again
            raise
        return {_STREAMS[stream]: entries for stream, entries in read or ()}

    def apply(self, batches: Mapping[Shard, Entries]) -> None:
        """Apply a batch of some shards in one round trip.

        Raises:
            redis.RedisError: some were not applied, as far as is known.
        """
        if not batches:
            return
        calls = []
        for shard, entries in batches.items():
            events = [(entry_id, packed(fields[1]) if fields else b"") for entry_id, fields in entries]
            self._metrics.unreadable.inc(sum(not event for _, event in events))
            calls.append(shard.call("apply", self._counted_items, *(part for event in events for part in event)))
        outcomes = self._asked(calls)
        applied = sum(count for count, _ in outcomes)
        self._metrics.applied.inc(applied)
        self._metrics.batch_size.observe(applied)
        self._metrics.forgotten.inc(sum(left for _, left in outcomes))

    def _asked(self, commands: Sequence[Command]) -> Sequence[Any]:
        """Ask for all in one round trip; the first error of one is raised when all are answered."""
        return without_errors(LIBRARY.ask(self._lines.line(), commands)) if commands else []
