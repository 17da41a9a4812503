"""The calls that wait for their answer, for both front doors: who may answer, how many fit, how a drain ends.

It decides; how an answer reaches the wire is each adapter's own and comes in as a function.
"""

import logging
import threading
from collections.abc import Callable, Sequence

import grpc

from shortlist.core.errors import OverloadedError
from shortlist.resilience.deadline import Deadline
from shortlist.rpc.front import Metadata, Sink
from shortlist.rpc.status import Status, status_of

SHUTTING_DOWN = Status(grpc.StatusCode.UNAVAILABLE, "server is shutting down")
CROWDED = status_of(OverloadedError("too many calls in flight", retry_after_s=0.1))
INTERNAL = Status(grpc.StatusCode.INTERNAL, "internal error")

Answer = bytes | Status

_log = logging.getLogger(__name__)


class PendingCall:
    """A call as both adapters make it; `send` puts an answer on its way and is False where it cannot."""

    __slots__ = ("_in_flight", "deadline", "is_cancelled", "key", "metadata", "method", "payload", "send")

    def __init__(
        self,
        in_flight: "InFlight",
        key: int,
        method: str,
        payload: bytes,
        metadata: Metadata,
        remaining_s: float | None,
        send: Callable[[Answer], bool],
    ) -> None:
        self._in_flight = in_flight
        self.key = key
        self.method = method
        self.payload = payload
        self.metadata = metadata
        self.deadline = None if remaining_s is None else Deadline.after(remaining_s)
        self.is_cancelled = False
        self.send = send

    def respond(self, payload: bytes) -> bool:
        """Answer with a message."""
        return self._in_flight.take(self.key) is not None and self.send(payload)

    def fail(self, status: Status) -> bool:
        """Answer with a status other than OK."""
        return self._in_flight.take(self.key) is not None and self.send(status)


class InFlight:
    """A bounded map of calls by key.

    Whoever takes a call out is the one who may answer it: so the first answer wins, a cancelled call cannot be
    answered, and no call is left behind.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._calls: dict[int, PendingCall] = {}
        self._is_draining = False
        self._changed = threading.Condition()

    def __len__(self) -> int:
        return len(self._calls)

    def admit(self, call: PendingCall) -> Status | None:
        """Keep the call, or say with which status it is refused."""
        with self._changed:
            if self._is_draining:
                return SHUTTING_DOWN
            if len(self._calls) >= self._limit:
                return CROWDED
            self._calls[call.key] = call
            return None

    def take(self, key: int) -> PendingCall | None:
        """Take the call out; None when it is out already."""
        with self._changed:
            call = self._calls.pop(key, None)
            if self._is_draining and not self._calls:
                self._changed.notify_all()
            return call

    def cancel(self, key: int) -> None:
        """Take the call out, unanswered, and let those who work on it see that its caller is gone."""
        call = self.take(key)
        if call is not None:
            call.is_cancelled = True

    def drain(self, timeout_s: float) -> None:
        """Admit no more, wait up to `timeout_s` until all are answered, and end the rest with UNAVAILABLE."""
        with self._changed:
            self._is_draining = True
            self._changed.wait_for(lambda: not self._calls, timeout_s)
            remaining = list(self._calls.values())
            self._calls.clear()
        for call in remaining:
            call.send(SHUTTING_DOWN)


def hand_over(sink: Sink, calls: Sequence[PendingCall]) -> None:
    """Give calls to the sink; where it breaks its promise and raises, they end with INTERNAL and the door stays."""
    try:
        sink(calls)
    except Exception:
        _log.exception("the sink raised; of the %d calls it was given, the unanswered end now", len(calls))
        for call in calls:
            call.fail(INTERNAL)
