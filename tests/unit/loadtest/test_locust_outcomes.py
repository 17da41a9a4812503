"""How a call of a load test counts."""

from collections.abc import Callable
from typing import NoReturn

import grpc
import pytest
from loadtest.locusting.outcomes import Answer, Outcome, call_outcome, not_sent

from shortlist.v1.events_pb2 import (
    EVENT_OUTCOME_ACCEPTED,
    EVENT_OUTCOME_DUPLICATE,
    EVENT_OUTCOME_REJECTED,
    EventOutcome,
    EventResult,
    RecordEventsResponse,
)
from shortlist.v1.recommender_pb2 import DEGRADED_RANKER_UNAVAILABLE, RecommendedItem, RecommendResponse

ITEMS = [RecommendedItem(item_id="item-1", rank=1)]


class Refusal(grpc.RpcError):
    """Ends a call with a status."""

    def __init__(self, code: grpc.StatusCode) -> None:
        self._code = code

    def code(self) -> grpc.StatusCode:
        return self._code


class Clock:
    """Stands still until a call moves it."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s

    def answering(self, answer: Answer, seconds: float = 0.25) -> Callable[[], Answer]:
        """Send a call that takes so long."""

        def send() -> Answer:
            self.now_s += seconds
            return answer

        return send

    def refusing(self, code: grpc.StatusCode, seconds: float = 0.25) -> Callable[[], Answer]:
        """Send a call that is refused after so long."""

        def send() -> NoReturn:
            self.now_s += seconds
            raise Refusal(code)

        return send


def test_a_whole_answer_counts_under_its_method_with_its_size() -> None:
    clock, answer = Clock(), RecommendResponse(items=ITEMS)
    assert call_outcome("Recommend", clock.answering(answer), None, clock) == Outcome(
        "Recommend", 250.0, None, answer.ByteSize()
    )


def test_a_degraded_answer_counts_apart_and_is_no_failure() -> None:
    clock, answer = Clock(), RecommendResponse(items=ITEMS, degraded=[DEGRADED_RANKER_UNAVAILABLE])
    outcome = call_outcome("Recommend", clock.answering(answer), None, clock)
    assert (outcome.name, outcome.failure) == ("Recommend (degraded)", None)


def test_latency_begins_when_a_call_was_due() -> None:
    clock = Clock()
    outcome = call_outcome("Rank", clock.answering(RecommendResponse(items=ITEMS)), 98.0, clock)
    assert outcome.latency_ms == pytest.approx(2250.0)


def test_an_answer_without_items_is_a_failure() -> None:
    clock = Clock()
    assert call_outcome("Recommend", clock.answering(RecommendResponse()), None, clock).failure is not None


@pytest.mark.parametrize(
    ("outcomes", "is_failure"),
    [
        ([EVENT_OUTCOME_ACCEPTED], False),
        ([EVENT_OUTCOME_ACCEPTED, EVENT_OUTCOME_REJECTED], True),
        ([EVENT_OUTCOME_DUPLICATE], True),
    ],
)
def test_an_event_that_was_not_taken_in_is_a_failure(outcomes: list[EventOutcome], is_failure: bool) -> None:
    clock = Clock()
    answer = RecordEventsResponse(results=[EventResult(outcome=outcome) for outcome in outcomes])
    outcome = call_outcome("RecordEvents", clock.answering(answer), None, clock)
    assert (outcome.latency_ms, outcome.failure is not None) == (250.0, is_failure)


@pytest.mark.parametrize(
    "code", [code for code in grpc.StatusCode if code not in (grpc.StatusCode.OK, grpc.StatusCode.DEADLINE_EXCEEDED)]
)
def test_every_refusal_fails_under_its_status_and_has_no_latency(code: grpc.StatusCode) -> None:
    clock = Clock()
    assert call_outcome("Recommend", clock.refusing(code), None, clock) == Outcome("Recommend", None, code.name)


def test_a_call_that_ran_out_of_time_counts_with_the_time_it_waited() -> None:
    clock = Clock()
    outcome = call_outcome("Recommend", clock.refusing(grpc.StatusCode.DEADLINE_EXCEEDED), 99.0, clock)
    assert outcome == Outcome("Recommend", 1250.0, "DEADLINE_EXCEEDED")


def test_an_arrival_that_was_not_sent_fails_with_the_time_it_was_overdue() -> None:
    outcome = not_sent(3.0)
    assert (outcome.name, outcome.latency_ms) == ("not sent", 3000.0)
    assert outcome.failure is not None
