"""Connecting within a time, however long it takes.

A socket's timeout does not count while its host's name is resolved: where a name has just gone, as in a container
network when its server was killed, the resolver may take 5 s (resolv.conf(5)), and a batch would wait for it. So a
connection is opened on a thread of its own, which nobody has to wait for to the end.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait

import redis


class Dialer:
    """Opens one connection, at most one attempt at a time; for one thread.

    Args:
        connect: Opens it, or raises.
    """

    def __init__(self, connect: Callable[[], None]) -> None:
        self._connect = connect
        self._under_way: Future[None] | None = None

    @property
    def is_under_way(self) -> bool:
        """Whether an attempt was begun whose end nobody has seen: until then the connection is its own."""
        return self._under_way is not None

    def dial(self, timeout_s: float) -> None:
        """Open the connection, or go on waiting for the attempt that an earlier call gave up waiting for.

        Raises:
            redis.TimeoutError: it is not open yet; the attempt goes on.
            redis.RedisError: it could not be opened.
        """
        if self._under_way is None:
            self._under_way = Future()
            threading.Thread(target=self._run, args=(self._under_way,), name="dial", daemon=True).start()
        if not wait([self._under_way], timeout_s).done:
            raise redis.TimeoutError(f"no connection within {timeout_s:g} s")
        opened, self._under_way = self._under_way, None
        opened.result()

    def _run(self, opened: Future[None]) -> None:
        try:
            self._connect()
        except BaseException as error:  # whatever it is, it belongs to whoever waits
            opened.set_exception(error)
        else:
            opened.set_result(None)
