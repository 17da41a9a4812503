"""A circuit breaker: a dependency that keeps failing is left alone for a while instead of being waited for."""

import threading
import time
from collections.abc import Callable
from enum import IntEnum

FAILURES_TO_OPEN = 5
OPEN_S = 1.0


class BreakerState(IntEnum):
    """State; the numbers are those of the metric."""

    CLOSED = 0
    HALF_OPEN = 1
    OPEN = 2


class Breaker:
    """Opens after consecutive failures; after a pause lets one try through, which decides.

    Thread-safe. Whoever got True from `allows` reports `succeeded` or `failed`, or `abandoned` when it never asked
    the dependency after all. A try that nobody reports is followed by another one after a pause.

    Args:
        failures_to_open: Consecutive failures that open it.
        open_s: Seconds it stays open before a single try.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        failures_to_open: int = FAILURES_TO_OPEN,
        open_s: float = OPEN_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._failures_to_open, self._open_s, self._clock = failures_to_open, open_s, clock
        self._failures = 0
        self._waits_since = 0.0
        self._state = BreakerState.CLOSED
        self._lock = threading.Lock()

    @property
    def state(self) -> BreakerState:
        """The state as of the last report."""
        return self._state

    def allows(self) -> bool:
        """Tell whether the dependency may be asked now."""
        with self._lock:
            if self._state is BreakerState.CLOSED:
                return True
            now = self._clock()
            if now - self._waits_since >= self._open_s:
                self._state = BreakerState.HALF_OPEN
                self._waits_since = now
                return True
            return False

    def succeeded(self) -> None:
        """Report an answer: closes."""
        with self._lock:
            self._failures = 0
            self._state = BreakerState.CLOSED

    def failed(self) -> None:
        """Report a failure: opens at the limit, and at once where it was the single try."""
        with self._lock:
            self._failures += 1
            if self._state is BreakerState.HALF_OPEN or self._failures >= self._failures_to_open:
                self._state = BreakerState.OPEN
                self._waits_since = self._clock()

    def abandoned(self) -> None:
        """Report that the dependency was not asked: the single try is free again."""
        with self._lock:
            if self._state is BreakerState.HALF_OPEN:
                self._state = BreakerState.OPEN
                self._waits_since -= self._open_s
