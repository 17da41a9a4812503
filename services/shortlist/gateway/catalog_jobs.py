"""A call of the catalogue that waits, and how it is answered, counted once."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from shortlist.core.errors import ShortlistError, UnavailableError
from shortlist.features.catalog import Records
from shortlist.gateway.jobs import Timings
from shortlist.gateway.reply import Reply
from shortlist.resilience.deadline import Deadline
from shortlist.telemetry.catalogue import CatalogueMetrics
from shortlist.v1 import catalog_pb2

Answer: TypeAlias = catalog_pb2.UpsertItemsResponse | catalog_pb2.DeleteItemsResponse | catalog_pb2.GetItemsResponse


@dataclass(frozen=True, slots=True)
class ItemsQuery:
    """A request for what the catalogue says of items, checked."""

    item_ids: tuple[str, ...]


Asked: TypeAlias = Records | ItemsQuery | catalog_pb2.UpsertItemsRequest


@dataclass(frozen=True, slots=True, eq=False)
class CatalogJob:
    """A call of the catalogue that waits.

    Args:
        kind: "upsert", "delete" or "read".
        asked: Checked, but for items to upsert.
        reply: The answer to the call.
        deadline: When its answer is worth nothing any more.
        is_low_priority: No: all are alike.
    """

    kind: str
    asked: Asked
    reply: Reply
    deadline: Deadline
    is_low_priority: bool = False

    @property
    def is_cancelled(self) -> bool:
        """Whether the caller is gone."""
        return self.reply.call.is_cancelled

    @property
    def items(self) -> int:
        """Count the items that it is about."""
        match self.asked:
            case ItemsQuery():
                return len(self.asked.item_ids)
            case catalog_pb2.UpsertItemsRequest():
                return len(self.asked.items)
            case _:
                return len(self.asked)


class CatalogDesk:
    """Answers calls.

    Args:
        metrics: Counts.
        on_failure: Called for every call for which the store gave no usable answer.
    """

    def __init__(self, metrics: CatalogueMetrics, on_failure: Callable[[], None]) -> None:
        self._metrics, self._on_failure = metrics, on_failure

    def answer(self, job: CatalogJob, message: Answer, started: float) -> None:
        """Answer with a message; `started` is when it was taken out of the queue, in monotonic seconds."""
        self._metrics.count(job.kind, "done", job.items)
        job.reply.message(message.SerializeToString(), _timings(job, started))

    def fail(self, job: CatalogJob, error: ShortlistError, started: float) -> None:
        """Answer with an error."""
        self._metrics.count(job.kind, "failed", job.items)
        if isinstance(error, UnavailableError):
            self._on_failure()
        job.reply.error(error, _timings(job, started))


def reject(job: CatalogJob, error: ShortlistError) -> None:
    """Settle a call that was never run."""
    job.reply.error(error)


def _timings(job: CatalogJob, started: float) -> Timings:
    return Timings([("queue", started - job.reply.arrived), ("catalogue", time.monotonic() - started)], 1)
