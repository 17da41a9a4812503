import pytest

from shortlist.core.errors import OverloadedError
from shortlist.resilience.deadline import Deadline
from shortlist.resilience.waiting import WaitingQueue
from support.waiting_jobs import StandInJob


def jobs(count: int, *, is_low: bool = False) -> list[StandInJob]:
    """Make numbered jobs."""
    return [StandInJob(name, is_low_priority=is_low) for name in range(count)]


def names(taken: list[StandInJob]) -> list[int]:
    """Name jobs."""
    return [job.name for job in taken]


def test_jobs_leave_in_the_order_in_which_they_came() -> None:
    queue: WaitingQueue[StandInJob] = WaitingQueue(10)
    queue.admit(jobs(5), 0.0, 0.0)
    assert names(queue.take(3, 0.0)[0]) == [0, 1, 2]
    assert names(queue.take(3, 0.0)[0]) == [3, 4]
    assert len(queue) == 0


def test_all_of_the_jobs_are_admitted_or_none() -> None:
    queue: WaitingQueue[StandInJob] = WaitingQueue(3)
    queue.admit(jobs(2), 0.0, 0.0)
    with pytest.raises(OverloadedError):
        queue.admit(jobs(2), 0.0, 0.0)
    assert len(queue) == 2


def test_a_refusal_says_when_to_come_back() -> None:
    queue: WaitingQueue[StandInJob] = WaitingQueue(0)
    with pytest.raises(OverloadedError) as caught:
        queue.admit(jobs(1), 0.25, 0.0)
    assert caught.value.retry_after_s == 0.25


def test_jobs_that_what_waits_would_make_late_are_refused() -> None:
    queue: WaitingQueue[StandInJob] = WaitingQueue(10)
    hurried = StandInJob(1, deadline=Deadline(100.25))
    queue.admit(jobs(1), 0.5, 100.0)
    with pytest.raises(OverloadedError) as caught:
        queue.admit([hurried], 0.5, 100.0)
    assert caught.value.retry_after_s == 0.5
    queue.admit([hurried], 0.125, 100.0)


def test_a_job_that_waits_for_nobody_is_never_refused_for_its_hurry() -> None:
    queue: WaitingQueue[StandInJob] = WaitingQueue(10)
    queue.admit([StandInJob(1, deadline=Deadline(100.25))], 0.5, 100.0)
    assert len(queue) == 1


def test_low_priority_leaves_last() -> None:
    queue: WaitingQueue[StandInJob] = WaitingQueue(10)
    queue.admit([StandInJob(7, is_low_priority=True)], 0.0, 0.0)
    queue.admit([StandInJob(1)], 0.0, 0.0)
    assert names(queue.take(10, 0.0)[0]) == [1, 7]


def test_low_priority_is_refused_at_half_of_the_places() -> None:
    queue: WaitingQueue[StandInJob] = WaitingQueue(4)
    queue.admit(jobs(2), 0.0, 0.0)
    with pytest.raises(OverloadedError):
        queue.admit(jobs(1, is_low=True), 0.0, 0.0)
    queue.admit(jobs(2), 0.0, 0.0)


def test_no_jobs_always_find_room() -> None:
    WaitingQueue[StandInJob](0).admit([], 0.0, 0.0)


def test_late_and_cancelled_jobs_come_apart_and_do_not_fill_the_batch() -> None:
    queue: WaitingQueue[StandInJob] = WaitingQueue(10)
    late = StandInJob(8, deadline=Deadline(5.0))
    gone = StandInJob(9, is_cancelled=True)
    queue.admit([late, gone, *jobs(2)], 0.0, 0.0)
    batch, dropped, cancelled = queue.take(2, now=5.0)
    assert (names(batch), dropped, cancelled) == ([0, 1], [late], [gone])


def test_a_late_job_counts_as_late_though_its_caller_is_gone_by_then() -> None:
    queue: WaitingQueue[StandInJob] = WaitingQueue(1)
    queue.admit([StandInJob(deadline=Deadline(0.0), is_cancelled=True)], 0.0, 0.0)
    batch, late, cancelled = queue.take(1, now=5.0)
    assert (len(batch), len(late), len(cancelled)) == (0, 1, 0)


def test_clearing_gives_back_everything() -> None:
    queue: WaitingQueue[StandInJob] = WaitingQueue(10)
    queue.admit(jobs(2), 0.0, 0.0)
    queue.admit([StandInJob(7, is_low_priority=True)], 0.0, 0.0)
    assert names(queue.clear()) == [0, 1, 7]
    assert len(queue) == 0
