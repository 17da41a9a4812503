"""How often and how soon a part that died may be started again."""

from collections import deque


class RestartBudget:
    """Allows `limit` restarts in any `window_s` seconds, each after twice the delay of the one before.

    Args:
        limit: Restarts within the window; one more is refused.
        window_s: After this long a restart is forgotten, and with it its doubling of the delay.
        first_delay_s: The delay where no restart is remembered.
    """

    def __init__(self, limit: int = 5, window_s: float = 60.0, first_delay_s: float = 0.2) -> None:
        self._limit = limit
        self._window_s = window_s
        self._first_delay_s = first_delay_s
        self._times: deque[float] = deque()

    def take(self, now: float) -> float | None:
        """Take one restart at `now` (monotonic seconds); the delay before it, or None where the budget is spent."""
        while self._times and now - self._times[0] >= self._window_s:
            self._times.popleft()
        if len(self._times) == self._limit:
            return None
        self._times.append(now)
        return float(self._first_delay_s * 2 ** (len(self._times) - 1))
