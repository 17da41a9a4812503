"""The micro-batcher: batch workers (threads) around the waiting queue.

The caller's contract: `submit` never blocks; every job that it took gets exactly one outcome, by `run` (which
must settle each of its jobs and should not raise) or by `reject`.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Generic, Protocol

from shortlist.core.errors import CancelledError, DeadlineExceededError, ShortlistError, UnavailableError
from shortlist.resilience.waiting import Job, WaitingQueue

_LOGGER = logging.getLogger(__name__)
_SMOOTHING = 0.1


class BatchObserver(Protocol):
    """What telemetry hears of the batcher."""

    def batch_started(self, size: int) -> None:
        """A worker took a batch."""

    def waiting(self, jobs: int) -> None:
        """So many jobs wait now."""

    def dropped(self, reason: str, jobs: int) -> None:
        """Jobs were dropped before work: "deadline", "cancelled", "shutdown" or "failed"."""

    def refused(self, jobs: int) -> None:
        """Jobs found no place."""


class MicroBatcher(Generic[Job]):
    """Runs jobs in batches on several workers.

    Args:
        run: Settles every job of a batch; called on a worker.
        reject: Settles one job with an error.
        workers: Batches that run at a time. Two or three: while one waits for the ranker another searches.
        max_batch: Most jobs in a batch.
        max_waiting: Most jobs that wait; more are refused.
        observer: Hears what happens.
    """

    def __init__(
        self,
        run: Callable[[list[Job]], None],
        reject: Callable[[Job, ShortlistError], None],
        *,
        workers: int,
        max_batch: int,
        max_waiting: int,
        observer: BatchObserver,
    ) -> None:
        self._run, self._reject, self._observer = run, reject, observer
        self._max_batch = max_batch
        self._queue: WaitingQueue[Job] = WaitingQueue(max_waiting)
        self._ready = threading.Condition()
        self._stopping = False
        self._running = 0  # jobs
        self._seconds_a_job = 0.001  # of all workers together
        self._workers = [
            threading.Thread(target=self._work, name=f"batch-{number}", daemon=True) for number in range(workers)
        ]

    def start(self) -> None:
        """Start the workers."""
        for worker in self._workers:
            worker.start()

    def submit(self, jobs: Sequence[Job]) -> None:
        """Queue all of the jobs (of one priority) or none.

        Raises:
            OverloadedError: too many wait; it says when to come back.
            UnavailableError: the batcher is stopping.
        """
        with self._ready:
            if self._stopping:
                raise UnavailableError("gateway", "shutting down")
            try:
                self._queue.admit(jobs, self._expected_s(len(jobs)), time.monotonic())
            except ShortlistError:
                self._observer.refused(len(jobs))
                raise
            self._observer.waiting(len(self._queue))
            self._ready.notify(len(jobs) if len(jobs) > self._max_batch else 1)

    def stop(self, grace_s: float) -> None:
        """Take no more jobs, finish what waits and runs within `grace_s`, reject the rest."""
        ends = time.monotonic() + grace_s
        with self._ready:
            self._stopping = True
            self._ready.notify_all()
            self._ready.wait_for(lambda: not len(self._queue) and not self._running, grace_s)
            rest = self._queue.clear()
        self._drop(rest, "shutdown", UnavailableError("gateway", "shutting down"))
        for worker in self._workers:
            if worker.is_alive():
                worker.join(max(0.1, ends - time.monotonic()))

    def _expected_s(self, jobs: int) -> float:
        """Estimate how long it takes until so many more jobs are done: what waits and runs, and their own batch."""
        waiting = len(self._queue)
        own = max(jobs, min(waiting + 1, self._max_batch)) * len(self._workers)
        return (waiting + self._running + own) * self._seconds_a_job

    def _work(self) -> None:
        while True:
            with self._ready:
                while not len(self._queue) and not self._stopping:
                    self._ready.wait()
                if not len(self._queue):
                    return
                batch, late, cancelled = self._queue.take(self._max_batch, time.monotonic())
                taken = len(batch) + len(late) + len(cancelled)
                self._running += taken
                self._observer.waiting(len(self._queue))
                if len(self._queue):
                    self._ready.notify()
            try:
                self._drop(late, "deadline", DeadlineExceededError("the deadline passed while the request waited"))
                self._drop(cancelled, "cancelled", CancelledError("the caller is gone"))
                if batch:
                    self._observer.batch_started(len(batch))
                    self._run_batch(batch)
            finally:
                with self._ready:
                    self._running -= taken
                    if self._stopping:
                        self._ready.notify_all()

    def _run_batch(self, batch: list[Job]) -> None:
        started = time.monotonic()
        try:
            self._run(batch)
        except Exception:
            # A worker outlives whatever a batch does; settling twice is harmless, not at all would hang a caller.
            _LOGGER.exception("a batch of %d failed", len(batch))
            self._drop(batch, "failed", ShortlistError("internal error"))
        took = (time.monotonic() - started) / len(batch)
        self._seconds_a_job += _SMOOTHING * (took / len(self._workers) - self._seconds_a_job)

    def _drop(self, jobs: list[Job], reason: str, error: ShortlistError) -> None:
        for job in jobs:
            try:
                self._reject(job, error)
            except Exception:
                # Neither the worker nor the other jobs may end with one that cannot be told.
                _LOGGER.exception("a job could not be rejected")
        if jobs:
            self._observer.dropped(reason, len(jobs))
