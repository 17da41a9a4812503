"""Invalidations: Redis says which user rows change, on one connection that is both tracked and subscribed.

Tracking in BCAST mode tells of every key under the prefix, whoever read it, so the connections that read need none.
It is redirected to the very connection that asks for it: when that dies, so does the tracking, and nothing is left
that looks alive. RESP2 has no other way to hand a push to a client; redis-py handles RESP3's in private.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import redis

from shortlist.features.keys import ROWS, user_of

_LOGGER = logging.getLogger(__name__)
CHANNEL = "__redis__:invalidate"
PROTOCOL = 2
PING_S = 1.0
PONG_S = 1.0
"""The longest wait for the answer to a ping; with the interval it is less than the cache's lease."""
_RETRY_S = 0.2
_TICK_S = 0.1
_STOP_S = 2.0


class Invalidated(Protocol):
    """What is told of changes; see the near cache."""

    def tracked(self, at: float) -> None:
        """Note that every change from `at` on is told."""

    def heard(self, at: float) -> None:
        """Note that every change up to `at` has been told."""

    def lost(self) -> None:
        """Note that changes are not told any more."""

    def changed(self, user_ids: Sequence[str]) -> None:
        """Drop these users' rows."""

    def all_changed(self) -> None:
        """Drop every row."""


class Invalidations:
    """Listens on a thread of its own between `start` and `stop`; a lost connection is opened again.

    Args:
        pool: Makes the one connection; it speaks RESP2.
        cache: Is told of changes.
        on_loss: Called for every connection that was lost or could not be had.
        clock: Monotonic seconds, the cache's.
    """

    def __init__(
        self, pool: Any, cache: Invalidated, on_loss: Callable[[], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._connection = pool.make_connection()
        self._cache, self._on_loss, self._clock = cache, on_loss, clock
        self._is_down = False
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="invalidations", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread; one that waits for a name to be resolved is left to end with the process."""
        self._stopped.set()
        self._thread.join(_STOP_S)

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self.listen()
            except redis.RedisError as error:
                self._report(error)
            except Exception:
                _LOGGER.exception("listening for changed user rows failed; it goes on")
                self._on_loss()
            self._stopped.wait(_RETRY_S)

    def _report(self, error: redis.RedisError) -> None:
        self._on_loss()
        if not self._is_down:
            _LOGGER.warning("changes of user rows are not told, so that each row is read: %s", error)
        self._is_down = True

    def listen(self) -> None:
        """Listen on one connection until it is lost or the listener is stopped.

        Raises:
            redis.RedisError: the connection was lost or could not be had.
        """
        try:
            own_id = self._ask("CLIENT", "ID")
            self._ask("CLIENT", "TRACKING", "ON", "REDIRECT", own_id, "BCAST", "PREFIX", ROWS)
            subscribed_at = self._clock()
            self._ask("SUBSCRIBE", CHANNEL)
            self._cache.tracked(subscribed_at)
            if self._is_down:
                _LOGGER.info("changes of user rows are told again")
            self._is_down = False
            self._follow()
        finally:
            self._cache.lost()
            self._connection.disconnect()

    def _follow(self) -> None:
        asked_at: float | None = None
        ping_at = self._clock()
        while not self._stopped.is_set():
            now = self._clock()
            if asked_at is not None and now - asked_at > PONG_S:
                raise redis.TimeoutError("a ping was not answered")
            if asked_at is None and now >= ping_at:
                self._connection.send_command("PING")
                asked_at, ping_at = now, now + PING_S
            try:
                kind, *_, told = self._connection.read_response(timeout=_TICK_S, disconnect_on_error=False)
            except redis.TimeoutError:
                continue
            if kind == b"pong":
                if asked_at is not None:
                    self._cache.heard(asked_at)
                asked_at = None
            elif told is None:
                self._cache.all_changed()
            else:
                self._cache.changed([user_of(key) for key in told])

    def _ask(self, *command: object) -> Any:
        self._connection.send_command(*command)  # connects where it is not connected
        return self._connection.read_response()
