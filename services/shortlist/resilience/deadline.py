"""A deadline is a point in monotonic time, passed to every stage; a timeout is what is left of it."""

import math
import time
from dataclasses import dataclass

NEVER = math.inf


@dataclass(frozen=True, slots=True, order=True)
class Deadline:
    """A point on the clock of `time.monotonic()`, in seconds."""

    at: float

    @classmethod
    def after(cls, timeout_s: float, now: float | None = None) -> "Deadline":
        """Set the deadline `timeout_s` seconds from `now` (default: the monotonic clock)."""
        return cls((time.monotonic() if now is None else now) + timeout_s)

    def remaining_s(self, now: float | None = None) -> float:
        """Tell how many seconds are left; 0 once the deadline has passed."""
        return max(0.0, self.at - (time.monotonic() if now is None else now))

    def has_passed(self, now: float | None = None) -> bool:
        """Tell whether no time is left."""
        return (time.monotonic() if now is None else now) >= self.at
