"""Deletions that wait until every server has applied them, on one thread: their callers wait, and nobody else."""

import logging
import threading
import time
from dataclasses import dataclass

from shortlist.core.errors import OverloadedError, ShortlistError, UnavailableError
from shortlist.features.catalog import CatalogStore, Position, Standing
from shortlist.gateway.catalog_jobs import CatalogDesk, CatalogJob
from shortlist.telemetry.catalogue import CatalogueMetrics
from shortlist.v1 import catalog_pb2

_LOGGER = logging.getLogger(__name__)
MAX_WAITING = 256
_LOOK_S = 0.002
_RETRY_S = 1.0
_JOIN_S = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class _Deletion:
    job: CatalogJob
    at: Position
    started: float
    made: float


class Deletions:
    """Asks the store who has applied what while any deletion waits, between `start` and `stop`.

    Args:
        store: Knows it.
        desk: Answers the calls.
        metrics: Hears how long it took.
    """

    def __init__(self, store: CatalogStore, desk: CatalogDesk, metrics: CatalogueMetrics) -> None:
        self._store, self._desk, self._metrics = store, desk, metrics
        self._waiting: list[_Deletion] = []
        self._changed = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="deletions", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread; what waits still fails, though it is stored."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join(_JOIN_S)

    def add(self, job: CatalogJob, at: Position, started: float) -> None:
        """Answer a deletion that is stored when all have applied it, or at its deadline."""
        with self._changed:
            is_taken = len(self._waiting) < MAX_WAITING and not self._stopping
            if is_taken:
                self._waiting.append(_Deletion(job, at, started, time.monotonic()))
                self._changed.notify()
        if not is_taken:
            self._desk.fail(job, OverloadedError("too many deletions wait; this one is stored", _RETRY_S), started)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._stopping)
                waiting, is_stopping = list(self._waiting), self._stopping
            if is_stopping:
                self._fail(waiting, UnavailableError("gateway", "shutting down; the deletion is stored"))
                return
            try:
                self._look(waiting)
            except Exception:
                # The thread outlives whatever one deletion does; the others wait on.
                _LOGGER.exception("looking after deletions failed; it goes on")
            time.sleep(_LOOK_S)

    def _look(self, waiting: list[_Deletion]) -> None:
        try:
            standing = self._store.standing()
        except UnavailableError as error:
            self._fail(waiting, error)
            return
        for deletion in waiting:
            if self._is_settled(deletion, standing):
                self._drop(deletion)

    def _is_settled(self, deletion: _Deletion, standing: Standing) -> bool:
        """Answer a deletion where that can be; whether it was."""
        job, at, started = deletion.job, deletion.at, deletion.started
        done, servers = sum(applied >= at.sequence for applied in standing.applied), len(standing.applied)
        if standing.epoch != at.epoch:
            self._desk.fail(job, UnavailableError("catalogue", "it was lost meanwhile"), started)
        elif done == servers and not standing.is_young:
            self._metrics.delete_seconds.observe(time.monotonic() - deletion.made)
            self._desk.answer(job, catalog_pb2.DeleteItemsResponse(sequence=at.sequence), started)
        elif job.deadline.has_passed():
            reason = f"applied on {done} of {servers} servers; it is stored, and will be on all"
            self._desk.fail(job, UnavailableError("catalogue", reason), started)
        else:
            return job.is_cancelled
        return True

    def _fail(self, deletions: list[_Deletion], error: ShortlistError) -> None:
        for deletion in deletions:
            self._desk.fail(deletion.job, error, deletion.started)
            self._drop(deletion)

    def _drop(self, deletion: _Deletion) -> None:
        with self._changed:
            self._waiting.remove(deletion)
