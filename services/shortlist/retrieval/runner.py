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
from shortlist.retrieval.kept import Kept
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
        kept: What its filter keeps; None: everything.
        call: The call that they came with.
        deadline: When its answer is worth nothing any more.
        settle: Takes the outcome, once.
        is_low_priority: No: all gateways are alike.
    """

    queries: F32
    limit: int
    kept: Kept | None
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
        """Search once for all calls of one limit and filter, which decide how: no answer depends on others."""
        alike: defaultdict[tuple[int, Kept | None], list[Job]] = defaultdict(list)
        for job in jobs:
            alike[job.limit, job.kept].append(job)
        for (limit, kept), together in alike.items():
            self._search(together, limit, kept)

    def _search(self, jobs: Sequence[Job], limit: int, kept: Kept | None) -> None:
        queries = np.concatenate([job.queries for job in jobs])
        self._metrics.batch_size.observe(len(queries))
        try:
            found = self._index.search(queries, limit, kept)
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
