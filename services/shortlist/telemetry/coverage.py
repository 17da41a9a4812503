"""How many different items the answers of the last minutes held."""

import threading
import time
from collections.abc import Callable

import numpy as np

from shortlist.core.arrays import I32

PERIOD_S = 600.0


class DistinctItems:
    """Remembers the items of this period and of the last one, in a byte an item each; thread-safe.

    Args:
        rows: Rows of the release's arrays.
        clock: Monotonic seconds.
        period_s: After how long the older half is forgotten: what is counted is one to two periods old.
    """

    def __init__(self, rows: int, clock: Callable[[], float] = time.monotonic, period_s: float = PERIOD_S) -> None:
        self._clock, self._period_s = clock, period_s
        self._this, self._last = np.zeros(rows, np.bool_), np.zeros(rows, np.bool_)
        self._period = self._now()
        self._lock = threading.Lock()

    def add(self, rows: I32) -> None:
        """Mark the items of answers, by row."""
        with self._lock:
            self._turn()
            self._this[rows] = True

    def count(self) -> int:
        """Count the items that were marked in this period or the last one."""
        with self._lock:
            self._turn()
            return int(np.count_nonzero(self._this | self._last))

    def _turn(self) -> None:
        """Forget what is too old."""
        passed = self._now() - self._period
        if not passed:
            return
        self._period += passed
        self._this, self._last = self._last, self._this
        self._this[:] = False
        if passed > 1:
            self._last[:] = False

    def _now(self) -> int:
        return int(self._clock() // self._period_s)
