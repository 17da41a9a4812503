"""What happened to a batch: the time of each stage, the steps of the ladder it stands on, the age of its features."""

import time
from dataclasses import dataclass, field

from shortlist.core.types import Degraded


@dataclass(slots=True)
class BatchTrace:
    """Collects while a batch runs; owned by its worker.

    Args:
        degraded: Steps that hold for every request of the batch.
        stages: Names and seconds, in order of execution.
        ages_s: How old the newest event of each user row is that was read.
    """

    degraded: set[Degraded] = field(default_factory=set)
    stages: list[tuple[str, float]] = field(default_factory=list)
    ages_s: list[float] = field(default_factory=list)
    _since: float = field(default_factory=time.perf_counter)

    def lap(self, stage: str) -> None:
        """End a stage that began where the last one ended."""
        now = time.perf_counter()
        self.stages.append((stage, now - self._since))
        self._since = now
