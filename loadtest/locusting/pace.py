"""When a caller sends its next call: after thinking, or when the next arrival is due.

A closed loop slows down with the server: callers who wait do not send, and what they did not send is in no percentile.
An open loop is what a crowd does to a server: arrivals come at their own times, and a call's latency begins when it was
due, not when somebody was free to send it. So a stall shows in the latency of every call that fell into it.
"""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np


@dataclass(frozen=True, slots=True)
class Turn:
    """A caller's next call.

    Args:
        wait_s: How long to wait before sending.
        due_s: When it is due on the clock, and where its latency begins; None: when it is sent.
    """

    wait_s: float
    due_s: float | None = None


class Pace(Protocol):
    """Hands out turns to callers that each have one call in flight; times are seconds on one monotonic clock."""

    def next_turn(self, now_s: float) -> Turn | None:
        """Tell a free caller when to send; None: never again in this test."""

    def give_back(self, turn: Turn) -> None:
        """Take back the turn of a caller that leaves before sending."""

    def stop(self, now_s: float) -> None:
        """End the test: what is due and was not handed out is not sent any more."""


class ClosedLoop:
    """Callers think between calls, half to one and a half times `think_s`, evenly spread, and stop at `end_s`."""

    def __init__(self, think_s: float, rng: np.random.Generator, end_s: float = math.inf) -> None:
        self._think_s, self._rng, self._end_s = think_s, rng, end_s

    def next_turn(self, now_s: float) -> Turn | None:
        """Let the caller think."""
        wait_s = self._think_s * self._rng.uniform(0.5, 1.5)
        return Turn(wait_s) if now_s + wait_s < self._end_s else None

    def give_back(self, turn: Turn) -> None:
        """Forget it: nobody was promised that call."""

    def stop(self, now_s: float) -> None:
        """Owe nothing."""


class OpenLoop:
    """Poisson arrivals, whatever the server does; one schedule for all callers.

    The callers bound what is in flight. While none is free, arrivals wait; beyond `backlog` of them the one that has
    waited longest is given up and reported, so no arrival vanishes.

    Args:
        rate: Arrivals a second at the peak.
        backlog: Most arrivals that wait for a caller.
        share_of_peak: From seconds since the beginning to the share of the rate, above 0 to 1.
        on_not_sent: Called with how long the arrival had been due, in seconds, for each that is given up.
        rng: Where chance comes from.
        begin_s: The clock at the beginning.
        end_s: The clock when arrivals end; those of before are handed out still.
    """

    def __init__(
        self,
        rate: float,
        backlog: int,
        share_of_peak: Callable[[float], float],
        on_not_sent: Callable[[float], None],
        rng: np.random.Generator,
        begin_s: float,
        end_s: float = math.inf,
    ) -> None:
        self._mean_gap_s, self._backlog = 1.0 / rate, backlog
        self._share_of_peak, self._on_not_sent = share_of_peak, on_not_sent
        self._rng, self._begin_s, self._end_s = rng, begin_s, end_s
        self._overdue: deque[float] = deque()
        self._next_s = self._after(begin_s)

    def next_turn(self, now_s: float) -> Turn | None:
        """Hand out the arrival that has been due longest, or the next one to come."""
        self._look(now_s)
        if self._overdue:
            due_s = self._overdue.popleft()
        elif math.isfinite(self._next_s):
            due_s, self._next_s = self._next_s, self._after(self._next_s)
        else:
            return None
        return Turn(max(due_s - now_s, 0.0), due_s)

    def give_back(self, turn: Turn) -> None:
        """Let another caller have it."""
        if turn.due_s is not None:
            self._overdue.append(turn.due_s)

    def stop(self, now_s: float) -> None:
        """Report what is due and nobody was free for."""
        self._look(now_s)
        while self._overdue:
            if (due_s := self._overdue.popleft()) <= now_s:
                self._on_not_sent(now_s - due_s)

    def _look(self, now_s: float) -> None:
        while self._next_s <= now_s:
            self._overdue.append(self._next_s)
            self._next_s = self._after(self._next_s)
            if len(self._overdue) > self._backlog:
                self._on_not_sent(now_s - self._overdue.popleft())

    def _after(self, arrival_s: float) -> float:
        """Draw the next arrival: a process at the peak rate, of which a share is kept, is Poisson at that share."""
        while True:
            arrival_s += self._rng.exponential(self._mean_gap_s)
            if arrival_s >= self._end_s:
                return math.inf
            if self._rng.random() < self._share_of_peak(arrival_s - self._begin_s):
                return arrival_s
