"""The unit that the micro-batcher queues: one request of one call, and where its outcome goes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from shortlist.core.errors import ShortlistError
from shortlist.core.types import Query, SimilarQuery
from shortlist.gateway.slate import Slate
from shortlist.resilience.deadline import Deadline
from shortlist.rpc.front import Call

Stages: TypeAlias = Sequence[tuple[str, float]]


@dataclass(frozen=True, slots=True)
class ItemsQuery:
    """A request for what the catalogue says of items, checked."""

    item_ids: tuple[str, ...]


AnyQuery: TypeAlias = Query | SimilarQuery | ItemsQuery
Outcome: TypeAlias = Slate | ItemsQuery | ShortlistError


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """A request that waits.

    Args:
        query: What is asked.
        call: The call that it came with.
        deadline: When its answer is worth nothing any more.
        arrived: Monotonic seconds.
        is_low_priority: Whether it may wait for the others.
        settle: Takes the outcome and the stages, once.
    """

    query: AnyQuery
    call: Call
    deadline: Deadline
    arrived: float
    is_low_priority: bool
    settle: Callable[[Outcome, Stages], None]

    @property
    def is_cancelled(self) -> bool:
        """Whether the caller is gone."""
        return self.call.is_cancelled
