"""Records the events of calls, beside the pipeline: on a worker of its own, several calls in one round trip."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from shortlist.core.errors import InvalidRequestError, ShortlistError, UnavailableError
from shortlist.features.events import EventStore, Recorded, UserEvent
from shortlist.gateway.event_requests import user_event
from shortlist.gateway.jobs import Timings
from shortlist.gateway.reply import Reply
from shortlist.resilience.deadline import Deadline
from shortlist.telemetry.events import EventMetrics
from shortlist.v1 import events_pb2

MAX_CALLS = 8
"""Calls in one round trip: 8,000 events at most, a tenth of a second of Redis' time."""
MAX_WAITING = 64
"""Calls that wait; more are refused. Where all are as large as the front door lets in by default that is 256 MB."""

Outcome: TypeAlias = Recorded | InvalidRequestError | UnavailableError


@dataclass(frozen=True, slots=True, eq=False)
class EventJob:
    """A call with events that waits.

    Args:
        events: Not checked yet.
        reply: The answer to the call.
        deadline: When its answer is worth nothing any more.
        is_low_priority: No: all events are alike.
    """

    events: Sequence[events_pb2.Event]
    reply: Reply
    deadline: Deadline
    is_low_priority: bool = False

    @property
    def is_cancelled(self) -> bool:
        """Whether the caller is gone."""
        return self.reply.call.is_cancelled


class EventRunner:
    """Settles calls with events.

    Args:
        store: Records them.
        metrics: Counts.
        on_failure: Called for every batch of which the store did not record all.
        clock: Seconds since 1970.
    """

    def __init__(
        self,
        store: EventStore,
        metrics: EventMetrics,
        on_failure: Callable[[], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store, self._metrics, self._on_failure, self._clock = store, metrics, on_failure, clock

    def run(self, jobs: Sequence[EventJob]) -> None:
        """Check the events of all calls, record them together, and answer each call."""
        started = time.monotonic()
        now_s = self._clock()
        checked = [[_checked(event, now_s) for event in job.events] for job in jobs]
        outcomes = iter(self._recorded([event for own in checked for event in own if isinstance(event, UserEvent)]))
        took = time.monotonic() - started
        for job, own in zip(jobs, checked, strict=True):
            settled = [next(outcomes) if isinstance(event, UserEvent) else event for event in own]
            stages = [("queue", started - job.reply.arrived), ("events", took)]
            self._settle(job.reply, settled, Timings(stages, len(jobs)))

    def _recorded(self, events: Sequence[UserEvent]) -> Sequence[Recorded | UnavailableError]:
        if not events:
            return ()
        started = time.monotonic()
        recorded = self._store.record(events)
        self._metrics.batch_seconds.observe(time.monotonic() - started)
        self._metrics.batch_size.observe(len(events))
        if any(isinstance(outcome, UnavailableError) for outcome in recorded):
            self._on_failure()
        return recorded

    def _settle(self, reply: Reply, outcomes: Sequence[Outcome], timings: Timings) -> None:
        for outcome in outcomes:
            # One answer for all: the caller sends the call again, and what was recorded is told by its id.
            if isinstance(outcome, UnavailableError):
                self._metrics.count("failed", len(outcomes))
                reply.error(outcome, timings)
                return
        results = [_result(outcome) for outcome in outcomes]
        for number, events in Counter(result.outcome for result in results).items():
            name = events_pb2.EventOutcome.Name(number).removeprefix("EVENT_OUTCOME_").lower()
            self._metrics.count(name, events)
        reply.message(events_pb2.RecordEventsResponse(results=results).SerializeToString(), timings)


def reject(job: EventJob, error: ShortlistError) -> None:
    """Settle a call that was never run."""
    job.reply.error(error)


def _checked(event: events_pb2.Event, now_s: float) -> UserEvent | InvalidRequestError:
    try:
        return user_event(event, now_s)
    except InvalidRequestError as error:
        return error


def _result(outcome: Outcome) -> events_pb2.EventResult:
    if isinstance(outcome, Recorded):
        kind = events_pb2.EVENT_OUTCOME_DUPLICATE if outcome.is_duplicate else events_pb2.EVENT_OUTCOME_ACCEPTED
        return events_pb2.EventResult(outcome=kind, row_version=outcome.row_version)
    return events_pb2.EventResult(outcome=events_pb2.EVENT_OUTCOME_REJECTED, reason=str(outcome))
