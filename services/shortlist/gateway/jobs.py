"""The unit that the micro-batcher queues: one request of one call, and where its outcome goes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from shortlist.core.errors import ShortlistError
from shortlist.core.types import Query, SimilarQuery
from shortlist.gateway.slate import Slate
from shortlist.resilience.deadline import Deadline
from shortlist.rpc.front import Call
from shortlist.telemetry.tracing import NOT_TRACED, RequestSpan

Stages: TypeAlias = Sequence[tuple[str, float]]


@dataclass(frozen=True, slots=True)
class Timings:
    """Where a request's time went.

    Args:
        stages: Names and seconds, in order of execution, the queue first.
        batch_size: Requests in its batch; 0 where it came into none.
    """

    stages: Stages = ()
    batch_size: int = 0


NOT_RUN = Timings()


AnyQuery: TypeAlias = Query | SimilarQuery
Outcome: TypeAlias = Slate | ShortlistError


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """A request that waits.

    Args:
        query: What is asked.
        call: The call that it came with.
        deadline: When its answer is worth nothing any more.
        arrived: Monotonic seconds.
        is_low_priority: Whether it may wait for the others.
        settle: Takes the outcome and where the time went, once.
        span: The span of the call.
    """

    query: AnyQuery
    call: Call
    deadline: Deadline
    arrived: float
    is_low_priority: bool
    settle: Callable[[Outcome, Timings], None]
    span: RequestSpan = NOT_TRACED

    @property
    def is_cancelled(self) -> bool:
        """Whether the caller is gone."""
        return self.call.is_cancelled
