"""Lines about single requests: few a second, no raw user id, no features."""

import hashlib
import logging
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from typing import TypeAlias

_LOGGER = logging.getLogger("shortlist.requests")
_KEY = secrets.token_bytes(32)
"""Of this process and nowhere else: its lines about one user can be found together, and nobody can try out ids."""
MAX_LINES_A_SECOND = 10

Fields: TypeAlias = Mapping[str, object]


def hashed(user_id: str) -> str:
    """Stand in for a user id: 16 hexadecimal digits, the same for the same user until the process ends."""
    return hashlib.blake2b(user_id.encode(), digest_size=8, key=_KEY).hexdigest()


class RequestLog:
    """Writes at most 10 lines a second, and says how many it left out; thread-safe.

    Args:
        clock: Monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._second, self._lines, self._left_out = 0, 0, 0
        self._lock = threading.Lock()

    def write(self, level: int, message: str, fields: Fields) -> None:
        """Write a line, or leave it out."""
        with self._lock:
            second = int(self._clock())
            if second != self._second:
                self._second, self._lines = second, 0
            if self._lines == MAX_LINES_A_SECOND:
                self._left_out += 1
                return
            self._lines += 1
            left_out, self._left_out = self._left_out, 0
        _LOGGER.log(level, message, extra={"fields": {**fields, "left_out": left_out} if left_out else fields})
