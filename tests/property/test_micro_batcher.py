import threading

from hypothesis import given, settings
from hypothesis import strategies as st

from shortlist.core.errors import CancelledError, DeadlineExceededError, OverloadedError
from shortlist.resilience.deadline import NEVER, Deadline
from shortlist.resilience.microbatch import MicroBatcher
from support.waiting_jobs import Heard, StandInJob, reject

WAIT_S = 10.0
FATES = st.sampled_from(["run", "late", "gone"])
GROUPS = st.lists(st.lists(FATES, min_size=1, max_size=6), max_size=12)


def job_of(name: int, fate: str) -> StandInJob:
    """Make a job of a fate."""
    return StandInJob(name, Deadline(0.0 if fate == "late" else NEVER), fate == "gone")


EXPECTED = {"run": type(None), "late": DeadlineExceededError, "gone": CancelledError}


@settings(max_examples=50)
@given(GROUPS, st.integers(1, 3), st.integers(1, 5), st.integers(1, 60))
def test_every_job_has_one_outcome_and_no_batch_is_too_large(
    groups: list[list[str]], workers: int, max_batch: int, max_waiting: int
) -> None:
    sizes: list[int] = []
    lock = threading.Lock()

    def run(batch: list[StandInJob]) -> None:
        with lock:
            sizes.append(len(batch))
        for job in batch:
            job.settle()

    batcher = MicroBatcher(run, reject, workers=workers, max_batch=max_batch, max_waiting=max_waiting, observer=Heard())
    batcher.start()
    accepted: list[tuple[str, StandInJob]] = []
    for group in groups:
        jobs = [(fate, job_of(0, fate)) for fate in group]
        try:
            batcher.submit([job for _, job in jobs])
        except OverloadedError:
            assert all(not job.outcomes for _, job in jobs)
        else:
            accepted += jobs
    batcher.stop(WAIT_S)
    assert [[type(outcome) for outcome in job.outcomes] for _, job in accepted] == [
        [EXPECTED[fate]] for fate, _ in accepted
    ]
    assert max(sizes, default=0) <= max_batch


@settings(max_examples=50)
@given(st.lists(st.integers(1, 6), max_size=12), st.integers(1, 5))
def test_one_worker_keeps_the_order_of_arrival(groups: list[int], max_batch: int) -> None:
    order: list[int] = []

    def run(batch: list[StandInJob]) -> None:
        for job in batch:
            order.append(job.name)
            job.settle()

    batcher = MicroBatcher(run, reject, workers=1, max_batch=max_batch, max_waiting=1000, observer=Heard())
    batcher.start()
    names = iter(range(1000))
    for size in groups:
        batcher.submit([StandInJob(next(names)) for _ in range(size)])
    batcher.stop(WAIT_S)
    assert order == list(range(sum(groups)))


@settings(max_examples=20)
@given(st.integers(1, 3), st.integers(1, 4))
def test_many_callers_at_once_lose_nobody(workers: int, max_batch: int) -> None:
    start = threading.Barrier(4)
    jobs = [[StandInJob(name) for name in range(20)] for _ in range(4)]

    def run(batch: list[StandInJob]) -> None:
        for job in batch:
            job.settle()

    batcher = MicroBatcher(run, reject, workers=workers, max_batch=max_batch, max_waiting=1000, observer=Heard())
    batcher.start()

    def call(own: list[StandInJob]) -> None:
        start.wait(WAIT_S)
        for job in own:
            batcher.submit([job])

    callers = [threading.Thread(target=call, args=(own,)) for own in jobs]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(WAIT_S)
    batcher.stop(WAIT_S)
    assert [job.outcomes for own in jobs for job in own] == [[None]] * 80
