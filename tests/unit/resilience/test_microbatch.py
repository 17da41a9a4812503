import threading
from collections.abc import Callable, Iterator

import pytest

from shortlist.core.errors import (
    CancelledError,
    DeadlineExceededError,
    OverloadedError,
    ShortlistError,
    UnavailableError,
)
from shortlist.resilience.deadline import Deadline
from shortlist.resilience.microbatch import MicroBatcher
from support.waiting_jobs import Heard, StandInJob, reject

WAIT_S = 10.0
Run = Callable[[list[StandInJob]], None]


def settle_all(batch: list[StandInJob]) -> None:
    """Settle every job."""
    for job in batch:
        job.settle()


class Gate:
    """A run that tells when it begins and waits until it is let go."""

    def __init__(self) -> None:
        self.entered, self.open = threading.Event(), threading.Event()
        self.batches: list[list[int]] = []

    def __call__(self, batch: list[StandInJob]) -> None:
        """Wait, then settle."""
        self.batches.append([job.name for job in batch])
        self.entered.set()
        self.open.wait(WAIT_S)
        settle_all(batch)


class Batchers:
    """Makes batchers that are stopped at the end of the test."""

    def __init__(self) -> None:
        self.heard = Heard()
        self._made: list[MicroBatcher[StandInJob]] = []

    def __call__(
        self,
        run: Run,
        rejecting: Callable[[StandInJob, ShortlistError], None] = reject,
        *,
        workers: int = 1,
        max_batch: int = 4,
        max_waiting: int = 100,
    ) -> MicroBatcher[StandInJob]:
        """Make and start one."""
        batcher = MicroBatcher(
            run, rejecting, workers=workers, max_batch=max_batch, max_waiting=max_waiting, observer=self.heard
        )
        batcher.start()
        self._made.append(batcher)
        return batcher

    def stop(self) -> None:
        """Stop all."""
        for batcher in self._made:
            batcher.stop(WAIT_S)


@pytest.fixture
def batchers() -> Iterator[Batchers]:
    """Make batchers."""
    made = Batchers()
    yield made
    made.stop()


def outcome(job: StandInJob) -> ShortlistError | None:
    """Wait for a job's only outcome."""
    assert job.settled.wait(WAIT_S)
    (only,) = job.outcomes
    return only


def test_a_lone_job_runs_at_once_and_alone(batchers: Batchers) -> None:
    job = StandInJob()
    batchers(settle_all).submit([job])
    assert outcome(job) is None
    assert batchers.heard.batches == [1]


def test_what_arrives_while_a_batch_runs_becomes_the_next_batch(batchers: Batchers) -> None:
    gate = Gate()
    batcher = batchers(gate)
    jobs = [StandInJob(name) for name in range(6)]
    batcher.submit(jobs[:1])
    assert gate.entered.wait(WAIT_S)
    for job in jobs[1:]:
        batcher.submit([job])
    gate.open.set()
    assert [outcome(job) for job in jobs] == [None] * 6
    assert gate.batches == [[0], [1, 2, 3, 4], [5]]


def test_a_job_that_is_late_is_never_run(batchers: Batchers) -> None:
    job = StandInJob(deadline=Deadline(0.0))
    batchers(settle_all).submit([job])
    assert isinstance(outcome(job), DeadlineExceededError)
    assert (batchers.heard.batches, batchers.heard.drops) == ([], [("deadline", 1)])


def test_a_job_whose_caller_is_gone_is_never_run(batchers: Batchers) -> None:
    job = StandInJob(is_cancelled=True)
    batchers(settle_all).submit([job])
    assert isinstance(outcome(job), CancelledError)


def test_jobs_past_the_places_are_refused_and_heard_of(batchers: Batchers) -> None:
    gate = Gate()
    batcher = batchers(gate, max_waiting=2)
    batcher.submit([StandInJob()])
    assert gate.entered.wait(WAIT_S)
    batcher.submit([StandInJob(), StandInJob()])
    with pytest.raises(OverloadedError) as caught:
        batcher.submit([StandInJob()])
    assert caught.value.retry_after_s > 0
    assert batchers.heard.refusals == [1]
    gate.open.set()


def test_no_jobs_are_no_work(batchers: Batchers) -> None:
    batchers(settle_all, max_waiting=1).submit([])
    assert batchers.heard.batches == []


def test_a_batch_that_raises_fails_its_jobs_and_the_worker_lives(batchers: Batchers) -> None:
    def run(batch: list[StandInJob]) -> None:
        if batch[0].name == 0:
            raise RuntimeError("a defect")
        settle_all(batch)

    batcher = batchers(run)
    first, second = StandInJob(0), StandInJob(1)
    batcher.submit([first])
    assert isinstance(outcome(first), ShortlistError)
    batcher.submit([second])
    assert outcome(second) is None


def test_a_rejection_that_raises_does_not_end_the_worker(batchers: Batchers) -> None:
    def rejecting(job: StandInJob, error: ShortlistError) -> None:
        reject(job, error)
        raise RuntimeError("a defect")

    batcher = batchers(settle_all, rejecting)
    late, next_one = StandInJob(deadline=Deadline(0.0)), StandInJob()
    batcher.submit([late])
    assert isinstance(outcome(late), DeadlineExceededError)
    batcher.submit([next_one])
    assert outcome(next_one) is None


def test_a_rejection_that_raises_does_not_keep_the_others_waiting(batchers: Batchers) -> None:
    def rejecting(job: StandInJob, error: ShortlistError) -> None:
        if job.name == 0:
            raise RuntimeError("a defect")
        reject(job, error)

    late = [StandInJob(name, deadline=Deadline(0.0)) for name in range(2)]
    batchers(settle_all, rejecting).submit(late)
    assert isinstance(outcome(late[1]), DeadlineExceededError)


def test_as_many_batches_run_at_a_time_as_there_are_workers(batchers: Batchers) -> None:
    together = threading.Barrier(2)

    def run(batch: list[StandInJob]) -> None:
        together.wait(WAIT_S)
        settle_all(batch)

    batcher = batchers(run, workers=2, max_batch=1)
    jobs = [StandInJob(), StandInJob()]
    batcher.submit(jobs)
    assert [outcome(job) for job in jobs] == [None, None]


def test_stopping_finishes_what_waits(batchers: Batchers) -> None:
    gate = Gate()
    batcher = batchers(gate, max_batch=1)
    jobs = [StandInJob(name) for name in range(3)]
    batcher.submit(jobs)
    assert gate.entered.wait(WAIT_S)
    gate.open.set()
    batcher.stop(WAIT_S)
    assert [outcome(job) for job in jobs] == [None] * 3


def test_stopping_without_grace_rejects_what_waits(batchers: Batchers) -> None:
    gate = Gate()
    batcher = batchers(gate, max_batch=1)
    running, waiting = StandInJob(0), StandInJob(1)
    batcher.submit([running])
    assert gate.entered.wait(WAIT_S)
    batcher.submit([waiting])
    batcher.stop(0.0)
    assert isinstance(outcome(waiting), UnavailableError)
    assert batchers.heard.drops == [("shutdown", 1)]
    gate.open.set()
    assert outcome(running) is None


def test_after_a_stop_no_job_is_taken(batchers: Batchers) -> None:
    batcher = batchers(settle_all)
    batcher.stop(WAIT_S)
    with pytest.raises(UnavailableError, match="shutting down"):
        batcher.submit([StandInJob()])


def test_a_stop_ends_the_workers(batchers: Batchers) -> None:
    before = set(threading.enumerate())
    batcher = batchers(settle_all, workers=3)
    batcher.stop(WAIT_S)
    assert set(threading.enumerate()) <= before


def test_the_length_of_the_queue_is_reported_down_to_nothing(batchers: Batchers) -> None:
    batcher = batchers(settle_all)
    job = StandInJob()
    batcher.submit([job])
    outcome(job)
    batcher.stop(WAIT_S)
    assert batchers.heard.lengths[0] == 1
    assert batchers.heard.lengths[-1] == 0
