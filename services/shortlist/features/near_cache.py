"""The near cache: user rows that this process has read, held until Redis says that they changed.

A row is fresh while the epoch lasts in which it was read. An epoch begins when invalidations begin to come, and none
of its rows is fresh once they have stopped. A read under way when its key changes is used and not held.
"""

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from shortlist.core.errors import UnavailableError
from shortlist.features.port import UserRows, UserStore
from shortlist.features.row import UserRow
from shortlist.resilience.deadline import Deadline
from shortlist.telemetry.near_cache import NearCacheMetrics

LEASE_S = 2.5
"""How long rows stay fresh after the last sign that invalidations still come."""
ENTRY_BYTES, ROW_BYTES = 220, 350
"""What a held user takes besides the id, and beyond that a row besides its events; as tracemalloc counts it."""
_NEVER = -math.inf


@dataclass(slots=True, eq=False)
class _Held:
    row: UserRow | None
    version: int
    size_bytes: int
    epoch: int
    read_at: float


@dataclass(slots=True, eq=False)
class _Flight:
    """A read under way; whoever else misses one of its users waits for it."""

    epoch: int
    read_at: float
    user_ids: list[str] = field(default_factory=list)
    rows: dict[str, UserRow | None] | None = None
    has_landed: threading.Event = field(default_factory=threading.Event)


class NearCache:
    """Implements the port in front of a store; the least recently used rows leave first.

    Args:
        store: Asked for what is not held.
        limit_bytes: The most that is held.
        max_stale_s: How long a row is used, while the store does not answer, after it was last known to be right.
        wait_s: The longest wait for a read that another thread has under way.
        metrics: Counts.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        store: UserStore,
        limit_bytes: int,
        max_stale_s: float,
        wait_s: float,
        metrics: NearCacheMetrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._metrics, self._clock = store, metrics, clock
        self._limit_bytes, self._max_stale_s, self._wait_s = limit_bytes, max_stale_s, wait_s
        self._held: OrderedDict[str, _Held] = OrderedDict()
        self._flights: dict[str, _Flight] = {}
        self._size_bytes = 0
        self._epoch, self._heard_at, self._fresh_until = 0, _NEVER, _NEVER
        self._lock = threading.Lock()
        metrics.watch(lambda: self._size_bytes, lambda: len(self._held), lambda: self.is_tracked)

    @property
    def is_tracked(self) -> bool:
        """Whether what is held is fresh."""
        return self._clock() < self._fresh_until

    def read(self, user_ids: Sequence[str], deadline: Deadline, min_versions: Sequence[int] = ()) -> UserRows:
        """Read the rows of a batch; see the port. It never raises: what is not known is `unread`."""
        now = self._clock()
        rows: list[UserRow | None] = [None] * len(user_ids)
        ages_s: list[float] = []
        missed: list[int] = []
        versions = min_versions or [0] * len(user_ids)
        own = None
        with self._lock:
            epoch = self._epoch if now < self._fresh_until else None
            for place, user_id in enumerate(user_ids):
                held = self._held.get(user_id)
                if held is None or held.epoch != epoch or held.version < versions[place]:
                    missed.append(place)
                else:
                    self._held.move_to_end(user_id)
                    rows[place] = held.row
                    ages_s.append(now - held.read_at)
            if missed:
                own = _Flight(self._epoch, now)
                flights = {place: self._boarded(user_ids[place], own, versions[place]) for place in missed}
        self._metrics.hit(ages_s)
        if own is None:
            return UserRows(rows)
        if own.user_ids:
            self._fly(own, deadline)
        wait = Deadline.after(min(self._wait_s, deadline.remaining_s()))
        failed: list[int] = []
        joined = 0
        for place, flight in flights.items():
            if flight.has_landed.wait(wait.remaining_s()) and flight.rows is not None:
                rows[place] = flight.rows[user_ids[place]]
                joined += flight is not own
            else:
                failed.append(place)
        self._metrics.read(len(missed) - len(failed) - joined, joined)
        return self._with_held(rows, user_ids, failed) if failed else UserRows(rows)

    def _boarded(self, user_id: str, own: _Flight, min_version: int) -> _Flight:
        """Choose the flight that brings a row: one under way, or `own`. A demand for a version joins no old one."""
        flight = self._flights.get(user_id)
        if flight is None or (min_version and flight is not own):
            flight = self._flights[user_id] = own
            own.user_ids.append(user_id)
        return flight

    def _fly(self, flight: _Flight, deadline: Deadline) -> None:
        try:
            read = self._store.read(flight.user_ids, deadline)
            flight.rows = dict(zip(flight.user_ids, read.rows, strict=True))
        except UnavailableError:
            pass  # the rows that it should bring count as failed, here and where they are waited for
        finally:
            with self._lock:
                for user_id in flight.user_ids:
                    if self._flights.get(user_id) is flight:  # otherwise its key has changed since
                        del self._flights[user_id]
                        if flight.rows is not None:
                            self._hold(user_id, flight.rows[user_id], flight)
                while self._size_bytes > self._limit_bytes:
                    self._size_bytes -= self._held.popitem(last=False)[1].size_bytes
            flight.has_landed.set()

    def _hold(self, user_id: str, row: UserRow | None, flight: _Flight) -> None:
        self._drop(user_id)
        size_bytes = ENTRY_BYTES + len(user_id) + (ROW_BYTES + row.events.nbytes if row else 0)
        self._held[user_id] = _Held(row, row.version if row else 0, size_bytes, flight.epoch, flight.read_at)
        self._size_bytes += size_bytes

    def _drop(self, user_id: str) -> None:
        held = self._held.pop(user_id, None)
        if held is not None:
            self._size_bytes -= held.size_bytes

    def _with_held(self, rows: list[UserRow | None], user_ids: Sequence[str], failed: Sequence[int]) -> UserRows:
        """Fill in held rows that are not too old, for want of better ones."""
        now = self._clock()
        stale, unread = set(), set()
        with self._lock:
            for place in failed:
                held = self._held.get(user_ids[place])
                if held is not None and now - self._right_at(held) <= self._max_stale_s:
                    rows[place] = held.row
                    stale.add(place)
                else:
                    unread.add(place)
        self._metrics.failed(len(stale), len(unread))
        return UserRows(rows, stale, unread)

    def _right_at(self, held: _Held) -> float:
        """Tell when a held row was last known to be right."""
        return max(held.read_at, self._heard_at) if held.epoch == self._epoch else held.read_at

    def tracked(self, at: float) -> None:
        """Begin an epoch: every change from `at` on will be told, and a row read from now on is fresh."""
        with self._lock:
            self._epoch += 1
        self.heard(at)

    def heard(self, at: float) -> None:
        """Note that every change up to `at` has been told."""
        with self._lock:
            self._heard_at, self._fresh_until = at, at + LEASE_S

    def lost(self) -> None:
        """Note that changes are not told any more: nothing that is held is fresh again."""
        with self._lock:
            self._fresh_until = _NEVER

    def changed(self, user_ids: Sequence[str]) -> None:
        """Drop rows that have changed."""
        with self._lock:
            for user_id in user_ids:
                self._flights.pop(user_id, None)
                self._drop(user_id)

    def all_changed(self) -> None:
        """Drop every row."""
        with self._lock:
            dropped, self._held = self._held, OrderedDict()
            self._size_bytes = 0
            self._flights.clear()
        dropped.clear()  # outside the lock: it takes milliseconds

    def check(self) -> None:
        """Check the store behind it."""
        self._store.check()

    def close(self) -> None:
        """Close the store behind it."""
        self._store.close()
