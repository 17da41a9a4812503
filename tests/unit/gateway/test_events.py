import time
from collections.abc import Sequence

import grpc
import pytest
from prometheus_client import CollectorRegistry

from shortlist.core.errors import OverloadedError, UnavailableError
from shortlist.features.events import Recorded, UserEvent
from shortlist.gateway.events import EventJob, EventRunner, reject
from shortlist.gateway.observer import CallObserver
from shortlist.gateway.reply import Reply
from shortlist.release.bundle import Release
from shortlist.resilience.deadline import NEVER, Deadline
from shortlist.telemetry.events import OUTCOMES, EventMetrics
from shortlist.telemetry.tracing import NO_TRACING
from shortlist.v1 import events_pb2
from support.pipelines import METHODS, kitchen
from support.played_calls import PlayedCall

ACCEPTED, DUPLICATE, REJECTED = (
    events_pb2.EVENT_OUTCOME_ACCEPTED,
    events_pb2.EVENT_OUTCOME_DUPLICATE,
    events_pb2.EVENT_OUTCOME_REJECTED,
)
NOW_S = 1_700_000_000.0


class Shelf:
    """Keeps events; does not record those of a user in `lost`."""

    def __init__(self) -> None:
        self.batches: list[list[UserEvent]] = []
        self.lost: set[str] = set()

    def record(self, events: Sequence[UserEvent]) -> list[Recorded | UnavailableError]:
        """Record events."""
        known = {event.event_id for batch in self.batches for event in batch}
        self.batches.append(list(events))
        return [
            UnavailableError("redis", "full")
            if event.user_id in self.lost
            else Recorded(len(self.batches), is_duplicate=event.event_id in known)
            for event in events
        ]


class Desk:
    """A runner over a shelf, and its metrics."""

    def __init__(self, release: Release) -> None:
        place = kitchen(release)
        self.registry = CollectorRegistry()
        self.shelf = Shelf()
        self.failures = 0
        self._observer = CallObserver(place.metrics, NO_TRACING, "tiny", 0.0)
        self._runner = EventRunner(self.shelf, EventMetrics(self.registry), self._count_failure, lambda: NOW_S)

    def _count_failure(self) -> None:
        self.failures += 1

    def job(self, *events: events_pb2.Event) -> tuple[EventJob, PlayedCall]:
        """Make a call with events."""
        call = PlayedCall(METHODS[0], b"")
        return EventJob(events, Reply(call, time.monotonic(), self._observer), Deadline(NEVER)), call

    def run(self, *calls: Sequence[events_pb2.Event]) -> list[PlayedCall]:
        """Run calls as one batch."""
        jobs, played = zip(*(self.job(*events) for events in calls), strict=True)
        self._runner.run(jobs)
        return list(played)

    def counted(self) -> dict[str, float]:
        """Read the events by outcome."""
        return {
            outcome: count
            for outcome in OUTCOMES
            if (count := self.registry.get_sample_value("shortlist_gateway_events_total", {"outcome": outcome}))
        }

    def value(self, name: str) -> float | None:
        """Read a metric."""
        return self.registry.get_sample_value(f"shortlist_gateway_{name}")


@pytest.fixture
def desk(tiny_release: Release) -> Desk:
    """Make a runner."""
    return Desk(tiny_release)


def event(event_id: str, user_id: str = "ann", item_id: str = "item-003") -> events_pb2.Event:
    """Make an event."""
    return events_pb2.Event(event_id=event_id, user_id=user_id, item_id=item_id, type=events_pb2.EVENT_TYPE_CLICK)


def results(call: PlayedCall) -> list[tuple[int, int]]:
    """Read outcomes and row versions."""
    response = events_pb2.RecordEventsResponse.FromString(call.answer)
    return [(result.outcome, result.row_version) for result in response.results]


def test_every_event_has_a_result_in_its_place(desk: Desk) -> None:
    desk.run([event("old")])
    (call,) = desk.run([event("new"), event("wrong", item_id=""), event("old")])
    assert results(call) == [(ACCEPTED, 2), (REJECTED, 0), (DUPLICATE, 2)]
    reasons = [result.reason for result in events_pb2.RecordEventsResponse.FromString(call.answer).results]
    assert (reasons[0], reasons[2]) == ("", "")
    assert reasons[1].startswith("item_id: ")
    assert desk.counted() == {"accepted": 2, "duplicate": 1, "rejected": 1}


def test_the_calls_of_a_batch_are_one_trip(desk: Desk) -> None:
    first, second = desk.run([event("a"), event("b", "bo")], [event("c")])
    assert [[taken.event_id for taken in batch] for batch in desk.shelf.batches] == [["a", "b", "c"]]
    assert results(first) == [(ACCEPTED, 1)] * 2
    assert results(second) == [(ACCEPTED, 1)]
    assert desk.value("event_batch_size_events_sum") == 3
    assert desk.value("event_batch_seconds_count") == 1


def test_a_call_with_an_event_that_was_not_recorded_fails_and_no_other_does(desk: Desk) -> None:
    desk.shelf.lost = {"bo"}
    failed, fine = desk.run([event("a"), event("b", "bo"), event("c", item_id="")], [event("d")])
    assert failed.status.code is grpc.StatusCode.UNAVAILABLE
    assert results(fine) == [(ACCEPTED, 1)]
    assert desk.counted() == {"failed": 3, "accepted": 1}
    assert desk.failures == 1


def test_events_that_are_all_wrong_cost_no_trip(desk: Desk) -> None:
    (call,) = desk.run([event(""), event("a", user_id="")])
    assert results(call) == [(REJECTED, 0)] * 2
    assert desk.shelf.batches == []
    assert desk.value("event_batch_seconds_count") == 0


def test_a_call_that_was_never_run_is_told_why(desk: Desk) -> None:
    job, call = desk.job(event("a"))
    reject(job, OverloadedError("too many", 0.1))
    assert call.status.code is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_a_call_whose_caller_is_gone_is_cancelled(desk: Desk) -> None:
    job, call = desk.job(event("a"))
    assert not job.is_cancelled
    call.is_cancelled = True
    assert job.is_cancelled
