"""A connection that takes long to open costs each caller its own patience, and is opened once."""

import threading

import pytest
import redis

from shortlist.features.dial import Dialer
from shortlist.features.redis_line import Line
from support.running_cluster import wait_until


class Slow:
    """A connection that opens when it is let, or fails with `error`."""

    def __init__(self, error: Exception | None = None) -> None:
        self.may_open, self.attempts, self.is_connected = threading.Event(), 0, False
        self._error = error

    def connect(self) -> None:
        """Wait, as for a name that nobody knows."""
        self.attempts += 1
        self.may_open.wait()
        if self._error is not None:
            raise self._error
        self.is_connected = True

    def send_command(self, *_: str) -> None:
        """Send nothing."""

    def read_response(self) -> list[bytes | None]:
        """Answer."""
        return [b"1"]

    def disconnect(self) -> None:
        """Refuse: nobody else may touch it while it opens."""
        assert self.is_connected


def test_a_reader_waits_no_longer_than_its_time_and_the_next_one_for_the_same_attempt() -> None:
    slow = Slow()
    line = Line(slow, 0.01)
    for _ in range(2):
        with pytest.raises(redis.TimeoutError, match=r"no connection within 0\.01 s"):
            line.mget(["a"])
    slow.may_open.set()
    wait_until(lambda: slow.is_connected, "it is open")
    assert line.mget(["a"]) == [b"1"]
    assert slow.attempts == 1


def test_what_went_wrong_is_told_once_and_then_tried_again() -> None:
    slow = Slow(redis.ConnectionError("nobody of that name"))
    slow.may_open.set()
    dialer = Dialer(slow.connect)
    for _ in range(2):
        with pytest.raises(redis.ConnectionError, match="nobody of that name"):
            dialer.dial(5.0)
    assert slow.attempts == 2
