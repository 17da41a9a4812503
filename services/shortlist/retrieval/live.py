"""A source whose lists are replaced while it serves, and is left out once nobody replaces them any more."""

import time
from collections.abc import Callable

import numpy as np

from shortlist.core.errors import UnavailableError
from shortlist.core.types import SourceList
from shortlist.retrieval.port import Retrieval, Source

DEPENDENCY = "features"
LATE_S = 60.0
"""Lists that are older say what happened a while ago; a dozen publications were missed."""


class LiveSource:
    """Proposes what the newest lists propose; lists are put by one thread and used by any.

    Before there are any, it proposes nothing. Lists are late by this process's own clock, from the moment when they
    were put: whoever published them may have another one.

    Args:
        name: Its name.
        late_s: How long lists are used, in seconds.
        clock: Monotonic seconds.
    """

    def __init__(self, name: str, late_s: float = LATE_S, clock: Callable[[], float] = time.monotonic) -> None:
        self.name = name
        self._late_s, self._clock = late_s, clock
        self._put: tuple[Source | None, float] = (None, 0.0)  # replaced as a whole

    def put(self, source: Source | None) -> None:
        """Use other lists from now on; None: there are none."""
        self._put = (source, self._clock())

    def propose(self, retrieval: Retrieval) -> SourceList:
        """Propose what the lists propose; see the port."""
        source, put_at = self._put
        if source is None:
            nothing = (len(retrieval.kept), 0)
            return SourceList(np.zeros(nothing, np.int32), np.zeros(nothing, np.float32))
        age_s = self._clock() - put_at
        if age_s > self._late_s:
            raise UnavailableError(DEPENDENCY, f"no new list for {age_s:.0f} s")
        return source.propose(retrieval)
