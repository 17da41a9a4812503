"""How a call counts: whole, degraded or failed, and which of them has a latency."""

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

import grpc

from shortlist.v1.events_pb2 import EVENT_OUTCOME_ACCEPTED, RecordEventsResponse
from shortlist.v1.recommender_pb2 import RankResponse, RecommendResponse, SimilarItemsResponse

DEGRADED = " (degraded)"
NOT_SENT = "not sent"
_NO_ITEMS = "answered without items"
_NOT_ACCEPTED = "an event was not accepted"

Answer = RecommendResponse | SimilarItemsResponse | RankResponse | RecordEventsResponse


@dataclass(frozen=True, slots=True)
class Outcome:
    """One line of Locust's count.

    Args:
        name: The method; with `DEGRADED` where the answer stands on a step of the ladder, so that such answers are
            neither hidden among the whole ones nor failures.
        latency_ms: None where the call was refused: a server that refuses at once has not become faster.
        failure: The name of the gRPC status, or what else is wrong; None: answered.
        size_bytes: Of the answer.
    """

    name: str
    latency_ms: float | None
    failure: str | None = None
    size_bytes: int = 0


def call_outcome(
    method: str, send: Callable[[], Answer], due_s: float | None, clock: Callable[[], float] = monotonic
) -> Outcome:
    """Send a call and judge it.

    Args:
        method: Its name.
        send: Sends it and waits; raises grpc.RpcError.
        due_s: Where the latency begins on the clock, in seconds; None: now.
        clock: Tells the time.
    """
    since_s = clock() if due_s is None else due_s
    try:
        answer = send()
    except grpc.RpcError as error:
        code = error.code()
        waited_in_vain = code is grpc.StatusCode.DEADLINE_EXCEEDED
        return Outcome(method, (clock() - since_s) * 1e3 if waited_in_vain else None, code.name)
    latency_ms = (clock() - since_s) * 1e3
    if isinstance(answer, RecordEventsResponse):
        is_accepted = all(result.outcome == EVENT_OUTCOME_ACCEPTED for result in answer.results)
        return Outcome(method, latency_ms, None if is_accepted else _NOT_ACCEPTED, answer.ByteSize())
    if not answer.items:
        return Outcome(method, latency_ms, _NO_ITEMS)
    return Outcome(method + DEGRADED * bool(answer.degraded), latency_ms, size_bytes=answer.ByteSize())


def not_sent(overdue_s: float) -> Outcome:
    """Count an arrival that nobody was free to send."""
    return Outcome(NOT_SENT, overdue_s * 1e3, "the backlog was full, or the test ended")
