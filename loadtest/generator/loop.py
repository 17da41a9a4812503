"""The loop: sends each call when it is due (open), or as soon as there is room (closed), and notes when it ends."""

import math
import select
import selectors
import time
from collections import deque

import numpy as np

from loadtest.generator.calls import Calls
from loadtest.generator.connection import Connection, Outcome
from loadtest.generator.pool import Pool
from loadtest.generator.tally import Record

_LONGEST_WAIT_S = 0.05


class Loop:
    """One run.

    Args:
        calls: In the order of their due times.
        reads: Where slates are asked for.
        writes: Where rows are written; None where no call is a write.
        selector: Watches the sockets of both.
    """

    def __init__(self, calls: Calls, reads: Pool, writes: Pool | None, selector: selectors.EpollSelector) -> None:
        self._pools = [reads] if writes is None else [reads, writes]
        self._pool_of = [writes if is_write and writes else reads for is_write in calls.is_write.tolist()]
        self._due_s = calls.due_s.tolist()
        self._selector = selector
        self._sent_s = [math.nan] * len(calls)
        self._done_s = [math.nan] * len(calls)
        self._outcomes: list[Outcome] = [""] * len(calls)
        self._in_flight = 0  # sent or waiting for room, and without an end
        self._reads_in_flight = 0  # of those
        self._started_s = 0.0

    def open(self, drain_s: float) -> Record:
        """Send each call when it is due; then wait for answers, so long at most."""
        self._started_s = time.perf_counter()
        end_s = (self._due_s[-1] if self._due_s else 0.0) + drain_s
        upcoming = deque(range(len(self._due_s)))
        while (now_s := self._now()) < end_s and (upcoming or self._in_flight):
            while upcoming and self._due_s[upcoming[0]] <= now_s:
                self._submit(upcoming.popleft())
            self._step(self._due_s[upcoming[0]] if upcoming else end_s)
        return self._record(len(self._due_s))

    def closed(self, in_flight: int, seconds: float, drain_s: float) -> Record:
        """Keep so many reads in flight for so many seconds, or until there are no more; each is due when it is sent.

        Writes go out between them in their order, and take no read's place.
        """
        self._started_s = time.perf_counter()
        submitted = 0
        while (now_s := self._now()) < seconds + drain_s:
            if now_s < seconds:
                while self._reads_in_flight < in_flight and submitted < len(self._due_s):
                    self._due_s[submitted] = now_s
                    self._submit(submitted)
                    submitted += 1
            if not self._in_flight:
                break
            self._step(seconds if now_s < seconds else seconds + drain_s)
        return self._record(submitted)

    def _now(self) -> float:
        return time.perf_counter() - self._started_s

    def _submit(self, call: int) -> None:
        pool = self._pool_of[call]
        pool.submit(call)
        self._in_flight += 1
        self._reads_in_flight += pool is self._pools[0]

    def _step(self, until_s: float) -> None:
        """Send what waits, then wait for sockets until the next call is due, and take in what came."""
        now_s = self._now()
        for pool in self._pools:
            pool.reopen(now_s)
            for call in pool.send():
                self._sent_s[call] = now_s
            pool.flush()
        wait_s = min(until_s - self._now(), _LONGEST_WAIT_S)
        # Python's epoll rounds up to milliseconds, which is too late for the next call; select on it does not.
        select.select([self._selector.fileno()], [], [], max(0.0, wait_s))
        for key, events in self._selector.select(0):
            pool, connection = key.data
            self._take(pool, connection, events)

    def _take(self, pool: Pool, connection: Connection, events: int) -> None:
        finished = pool.ready(connection, events, self._now())
        if finished:
            now_s = self._now()
            for call, outcome in finished:
                self._done_s[call], self._outcomes[call] = now_s, outcome
            self._in_flight -= len(finished)
            self._reads_in_flight -= len(finished) if pool is self._pools[0] else 0

    def _record(self, calls: int) -> Record:
        due_s, sent_s, done_s = (np.array(values[:calls]) for values in (self._due_s, self._sent_s, self._done_s))
        return Record(due_s, sent_s, done_s, self._outcomes[:calls])
