"""Jobs and observers for the waiting queue and the micro-batcher."""

import threading
from dataclasses import dataclass, field

from shortlist.core.errors import ShortlistError
from shortlist.resilience.deadline import NEVER, Deadline


@dataclass(eq=False)
class StandInJob:
    """A job that counts its outcomes."""

    name: int = 0
    deadline: Deadline = field(default_factory=lambda: Deadline(NEVER))
    is_cancelled: bool = False
    is_low_priority: bool = False
    outcomes: list[ShortlistError | None] = field(default_factory=list)
    settled: threading.Event = field(default_factory=threading.Event)

    def settle(self, error: ShortlistError | None = None) -> None:
        """Take an outcome."""
        self.outcomes.append(error)
        self.settled.set()


def reject(job: StandInJob, error: ShortlistError) -> None:
    """Settle a job with an error."""
    job.settle(error)


class Heard:
    """An observer that remembers."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.drops: list[tuple[str, int]] = []
        self.refusals: list[int] = []
        self.lengths: list[int] = []

    def batch_started(self, size: int) -> None:
        """Remember a batch."""
        self.batches.append(size)

    def waiting(self, jobs: int) -> None:
        """Remember the queue's length."""
        self.lengths.append(jobs)

    def dropped(self, reason: str, jobs: int) -> None:
        """Remember dropped jobs."""
        self.drops.append((reason, jobs))

    def refused(self, jobs: int) -> None:
        """Remember refused jobs."""
        self.refusals.append(jobs)
