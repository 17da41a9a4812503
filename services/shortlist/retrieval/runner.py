"""Runs what the micro-batcher hands over: the queries of several calls in one search, each call settled once."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from shortlist.core.arrays import F32
from shortlist.core.errors import ShortlistError, UnavailableError
from shortlist.core.types import SourceList
from shortlist.resilience.deadline import Deadline
from shortlist.retrieval.port import ItemIndex
from shortlist.rpc.front import Call
from shortlist.telemetry.retrieval import RetrievalMetrics

Outcome: TypeAlias = SourceList | ShortlistError


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """A call that waits.

    Args:
        queries: (B, D) float32, checked.
        limit: Items a query.
        call: The call that they came with.
        deadline: When its answer is worth nothing any more.
        settle: Takes the outcome, once.
        is_low_priority: No: all gateways are alike.
    """

    queries: F32
    limit: int
    call: Call
    deadline: Deadline
    settle: Callable[[Outcome], None]
    is_low_priority: bool = False

    @property
    def is_cancelled(self) -> bool:
        """Whether the caller is gone."""
        return self.call.is_cancelled


class SearchRunner:
    """Settles batches; safe to call from several workers."""

    def __init__(self, index: ItemIndex, metrics: RetrievalMetrics) -> None:
        self._index, self._metrics = index, metrics

    def run(self, jobs: Sequence[Job]) -> None:
        """Search once for all calls of one limit, which decides how much is searched: no answer depends on others."""
        by_limit: defaultdict[int, list[Job]] = defaultdict(list)
        for job in jobs:
            by_limit[job.limit].append(job)
        for limit, together in by_limit.items():
            self._search(together, limit)

    def _search(self, jobs: Sequence[Job], limit: int) -> None:
        queries = np.concatenate([job.queries for job in jobs])
        self._metrics.batch_size.observe(len(queries))
        try:
            found = self._index.search(queries, limit)
        except UnavailableError as error:
            for job in jobs:
                job.settle(error)
            return
        start = 0
        for job in jobs:
            part = slice(start, start + len(job.queries))
            job.settle(SourceList(found.rows[part], found.scores[part]))
            start = part.stop


def reject(job: Job, error: ShortlistError) -> None:
    """Settle a job that was never run."""
    job.settle(error)
