"""How many events are recorded, and what a user of very many costs: `python -m loadtest.scenarios.events`.

Calls of 50 events, of users by Zipf's law and any items; four callers each send one when the last was acknowledged.
Only what was accepted counts. Then all is about one user: the median time of a call after some events of theirs, all
of different items, and after very many.
"""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import grpc
import numpy as np
from rich.console import Console

from loadtest.arrivals import ordered, user_id
from loadtest.scenarios import command
from loadtest.scenarios.testbed import SEED, NotMeasuredError, testbed
from loadtest.serving import Server
from loadtest.workload import Workload
from shortlist.gateway.servicer import RECORD_EVENTS
from shortlist.release.bundle import Release
from shortlist.rpc.channels import open_channel
from shortlist.v1.events_pb2 import EVENT_OUTCOME_ACCEPTED, EVENT_TYPE_CLICK, Event
from shortlist.v1.events_pb2 import RecordEventsRequest as Request
from shortlist.v1.events_pb2 import RecordEventsResponse as Response

ROUNDS, SECONDS = 3, 5.0
EVENTS_A_CALL, CALLERS = 50, 4
SOME, VERY_MANY = 1_000, 100_000
_MOST_PER_S = 60_000
"""Callers that run out of calls end early."""
_TIMED_CALLS = 40
_LARGEST_CALL = 1_000
_TIMEOUT_S = 10.0
_WARM_UP_S = 0.5

Record = Callable[[bytes], Response]


def measure(
    work: Workload,
    console: Console,
    *,
    rounds: int = ROUNDS,
    seconds: float = SECONDS,
    very_many: int = VERY_MANY,
) -> dict[str, Any]:
    """Measure both.

    Args:
        work: The workload.
        console: Says where it is.
        rounds: Of calls of many users.
        seconds: Of each.
        very_many: Events of the one user.
    """
    items = Release.open(work.release_dir).vocabulary.ids
    events = _Events(items)
    with testbed(work) as bed, bed.gateways(near_cache_bytes=None) as server, open_channel(server.address) as channel:
        record = _recording(channel)
        _round(server, record, events.of_many(work.users, _WARM_UP_S), _WARM_UP_S)
        found = []
        for number in range(rounds):
            console.print(f"events, round {number + 1} of {rounds}")
            found.append(_round(server, record, events.of_many(work.users, seconds), seconds))
        console.print(f"events: {very_many:,} of one user")
        return {"rounds": found, "one_user": _one_user(record, events, very_many)}


class _Events:
    """Makes calls with events, each under an id of its own."""

    def __init__(self, items: Sequence[str]) -> None:
        self._items, self._ids = items, count()

    def of_many(self, users: int, seconds: float) -> list[bytes]:
        """Encode as many calls as could be sent in the time."""
        drawn = ordered(round(_MOST_PER_S * seconds), SEED, users=users, write_share=0.0).users.tolist()
        starts = range(0, len(drawn), EVENTS_A_CALL)
        return [self._call(user_id(user) for user in drawn[start : start + EVENTS_A_CALL]) for start in starts]

    def of_one(self, events: int) -> bytes:
        """Encode a call of one user."""
        return self._call("of-very-many" for _ in range(events))

    def _call(self, users: Iterable[str]) -> bytes:
        events = (self._event(user, number) for user, number in zip(users, self._ids, strict=False))
        return Request(events=events).SerializeToString()

    def _event(self, user: str, number: int) -> Event:
        item = self._items[number % len(self._items)]
        return Event(event_id=f"{number}", user_id=user, item_id=item, type=EVENT_TYPE_CLICK)


def _recording(channel: grpc.Channel) -> Record:
    send = channel.unary_unary(RECORD_EVENTS)  # bytes as they are

    def record(call: bytes) -> Response:
        try:
            answer = Response.FromString(send(call, timeout=_TIMEOUT_S))
        except grpc.RpcError as error:
            raise NotMeasuredError(f"events were refused: {error.code().name}") from None
        if any(result.outcome != EVENT_OUTCOME_ACCEPTED for result in answer.results):
            raise NotMeasuredError("an event was not accepted")
        return answer

    return record


def _round(server: Server, record: Record, calls: Sequence[bytes], seconds: float) -> dict[str, float]:
    """Send calls from all callers for a time."""
    shared, cpu_s, began = iter(calls), server.cpu_s(), time.monotonic()
    with ThreadPoolExecutor(CALLERS) as pool:
        callers = [pool.submit(_timed, record, _until(shared, began + seconds)) for _ in range(CALLERS)]
        took_s = np.concatenate([caller.result() for caller in callers])
    lasted_s, cpu_s = time.monotonic() - began, server.cpu_s() - cpu_s
    p50_ms, p99_ms = (np.percentile(took_s, (50, 99)) * 1e3).tolist()
    events = len(took_s) * EVENTS_A_CALL
    return {
        "events_per_s": events / lasted_s,
        "server_cpu_ms_an_event": cpu_s * 1e3 / events,
        "p50_ms": p50_ms,
        "p99_ms": p99_ms,
    }


def _until(calls: Iterator[bytes], ends: float) -> Iterator[bytes]:
    """Pass calls on until a moment of the monotonic clock."""
    while time.monotonic() < ends and (call := next(calls, None)) is not None:
        yield call


def _timed(record: Record, calls: Iterable[bytes]) -> Sequence[float]:
    """Send one call after another; the seconds that each took."""
    took_s = []
    for call in calls:
        sent = time.monotonic()
        record(call)
        took_s.append(time.monotonic() - sent)
    return took_s


def _one_user(record: Record, events: _Events, very_many: int) -> dict[str, float]:
    """Time calls of a user who has some events, and again when there are very many."""

    def median_ms() -> float:
        calls = [events.of_one(EVENTS_A_CALL) for _ in range(_TIMED_CALLS)]
        return float(np.median(_timed(record, calls)) * 1e3)

    record(events.of_one(SOME))
    some_ms = median_ms()
    for _ in range(0, very_many - SOME - _TIMED_CALLS * EVENTS_A_CALL, _LARGEST_CALL):
        record(events.of_one(_LARGEST_CALL))
    return {"some": SOME, "some_ms": some_ms, "very_many": very_many, "very_many_ms": median_ms()}


if __name__ == "__main__":
    sys.exit(command.run(measure, __doc__))
