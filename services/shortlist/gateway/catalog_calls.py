"""Runs the calls of the catalogue, beside the pipeline, on workers of its own."""

import time
from collections.abc import Sequence

from shortlist.core.errors import OverloadedError, ShortlistError, UnavailableError
from shortlist.core.types import FIRST_ITEM_ROW
from shortlist.features.catalog import CatalogStore, Position, Records
from shortlist.gateway.catalog import LiveCatalogue
from shortlist.gateway.catalog_items import items_of
from shortlist.gateway.catalog_jobs import CatalogDesk, CatalogJob, ItemsQuery
from shortlist.gateway.catalog_requests import upserted
from shortlist.gateway.catalog_waiting import Deletions
from shortlist.v1 import catalog_pb2

WORKERS = 1
"""The store is one server."""
MAX_CALLS = 8
"""Calls in one round trip: 8,000 items at most."""
MAX_WAITING = 64
_NO_ROOM_RETRY_S = 60.0


class CatalogRunner:
    """Settles calls of the catalogue, but for the deletions that are stored: these wait for every server.

    Args:
        store: Holds the catalogue.
        live: What this process has applied.
        desk: Answers the calls.
        deletions: Wait there.
    """

    def __init__(self, store: CatalogStore, live: LiveCatalogue, desk: CatalogDesk, deletions: Deletions) -> None:
        self._store, self._live, self._desk, self._deletions = store, live, desk, deletions

    def run(self, jobs: Sequence[CatalogJob]) -> None:
        """Make all changes in one round trip, and answer."""
        started = time.monotonic()
        changes: list[tuple[CatalogJob, Records]] = []
        for job in jobs:
            match job.asked:
                case ItemsQuery():
                    self._read(job, job.asked, started)
                case catalog_pb2.UpsertItemsRequest():
                    try:
                        changes.append((job, self._records(job.asked)))
                    except ShortlistError as error:
                        self._desk.fail(job, error, started)
                case _:
                    changes.append((job, job.asked))
        if not changes:
            return
        for (job, _), outcome in zip(changes, self._store.change([records for _, records in changes]), strict=True):
            if not isinstance(outcome, Position):
                self._desk.fail(job, outcome, started)
            elif job.kind == "delete":
                self._deletions.add(job, outcome, started)
            else:
                self._desk.answer(job, catalog_pb2.UpsertItemsResponse(sequence=outcome.sequence), started)

    def _read(self, job: CatalogJob, query: ItemsQuery, started: float) -> None:
        """Read from the store; where it does not answer, what was never changed is as the release has it."""
        shelf = self._live()
        try:
            records, sequence = self._store.read(query.item_ids)
        except UnavailableError as error:
            if self._live.has_changed(query.item_ids):
                self._desk.fail(job, error, started)
                return
            records, sequence = [None] * len(query.item_ids), shelf.sequence
        self._desk.answer(job, items_of(query.item_ids, records, sequence, shelf), started)

    def _records(self, request: catalog_pb2.UpsertItemsRequest) -> Records:
        """Check items, and that this server has room for what is new.

        Raises:
            InvalidRequestError: a field is wrong.
            OverloadedError: there is no room.
        """
        release = self._live().release
        records = upserted(request, release.manifest.embedding_dimension)
        new = int((release.vocabulary.rows_of_ids(records) < FIRST_ITEM_ROW).sum())
        if new > self._live.room:
            reason = f"items: {new} are new, and there is room for {self._live.room}: they come with the next release"
            raise OverloadedError(reason, _NO_ROOM_RETRY_S)
        return records
