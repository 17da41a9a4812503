"""The bounded queue in front of the batch workers: pure decisions, no threads, no clock of its own."""

from collections import deque
from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

from shortlist.core.errors import OverloadedError
from shortlist.resilience.deadline import Deadline

LOW_PRIORITY_SHARE = 0.5
"""Low-priority work is refused once this share of the places is taken."""


class Waits(Protocol):
    """What the queue must know of a job."""

    @property
    def deadline(self) -> Deadline:
        """When its answer is worth nothing any more."""

    @property
    def is_cancelled(self) -> bool:
        """Whether nobody waits for it any more."""

    @property
    def is_low_priority(self) -> bool:
        """Whether it is taken after, and refused before, the rest."""


Job = TypeVar("Job", bound=Waits)


class WaitingQueue(Generic[Job]):
    """Holds at most `places` jobs, first in first out, low priority last.

    Natural batching: there is no timer. A batch is whatever waits when a worker comes free, so it is one at low load
    and grows under high load. The caller must hold a lock around every call.

    Args:
        places: Most jobs that wait.
    """

    def __init__(self, places: int) -> None:
        self._places = places
        self._normal: deque[Job] = deque()
        self._low: deque[Job] = deque()

    def __len__(self) -> int:
        return len(self._normal) + len(self._low)

    def admit(self, jobs: Sequence[Job], expected_s: float, now: float) -> None:
        """Queue all of the jobs (of one priority) or none.

        Args:
            jobs: They come together.
            expected_s: How long it will take until they are done.
            now: Monotonic seconds.

        Raises:
            OverloadedError: there is no room for all of them, or what waits before them would make them late. It says
                to come back when what waits now is done.
        """
        if not jobs:
            return
        is_low = jobs[0].is_low_priority
        places = int(self._places * LOW_PRIORITY_SHARE) if is_low else self._places
        if len(self) + len(jobs) > places:
            raise OverloadedError(f"{len(self)} requests wait already; try again later", expected_s)
        # Past saturation a full queue would make all of them late: work would be spent on some, and none be answered.
        if len(self) and min(job.deadline for job in jobs).has_passed(now + expected_s):
            raise OverloadedError(f"{len(self)} requests wait, too many for this deadline; try again later", expected_s)
        (self._low if is_low else self._normal).extend(jobs)

    def take(self, most: int, now: float) -> tuple[list[Job], list[Job], list[Job]]:
        """Take the next batch.

        Returns:
            Up to `most` jobs to run, and the jobs found before them that are late, and those that are cancelled:
            no work is to be spent on these.
        """
        batch: list[Job] = []
        late: list[Job] = []
        cancelled: list[Job] = []
        while len(batch) < most and len(self):
            job = (self._normal or self._low).popleft()
            # Late before cancelled: a front door takes a call whose deadline has passed for one whose caller is gone.
            if job.deadline.has_passed(now):
                late.append(job)
            elif job.is_cancelled:
                cancelled.append(job)
            else:
                batch.append(job)
        return batch, late, cancelled

    def clear(self) -> list[Job]:
        """Take everything out."""
        rest = [*self._normal, *self._low]
        self._normal.clear()
        self._low.clear()
        return rest
