"""A thread that does something again and again; after a failure it waits, twice as long each time, up to a bound."""

import logging
import threading
import time
from collections.abc import Callable

from shortlist.core.errors import UnavailableError

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 5.0


class Recurring:
    """Runs between `start` and `stop`.

    Args:
        name: What its log and its thread are called.
        step: Does it once and gives the seconds until the next time; UnavailableError where a dependency failed.
        on_failure: Called for every step that failed.
        clock: Monotonic seconds.
        longest_pause_s: The bound.
    """

    def __init__(
        self,
        name: str,
        step: Callable[[], float],
        on_failure: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
        longest_pause_s: float = LONGEST_PAUSE_S,
    ) -> None:
        self._step, self._on_failure, self._clock = step, on_failure, clock
        self._longest_pause_s = longest_pause_s
        self._logger = logging.getLogger(f"{__name__}.{name}")
        self._pause_s = 0.0  # the last one after a failure; 0 where the last step did not fail
        self._succeeded_at: float | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, timeout_s: float | None = None) -> None:
        """End the thread, which finishes its step; one that takes longer than the timeout ends with the process."""
        self._stopped.set()
        self._thread.join(timeout_s)

    def has_succeeded_within(self, window_s: float) -> bool:
        """Tell whether a step succeeded in the last seconds."""
        return self._succeeded_at is not None and self._clock() - self._succeeded_at <= window_s

    def once(self) -> float:
        """Do it once; give the seconds until the next time."""
        try:
            pause_s = self._step()
        except Exception as error:
            self._on_failure()
            if not isinstance(error, UnavailableError):
                self._logger.exception("failed; it goes on")
            elif not self._pause_s:
                self._logger.warning("%s; it is tried again", error)
            self._pause_s = min(self._longest_pause_s, 2 * self._pause_s or FIRST_PAUSE_S)
            return self._pause_s
        if self._pause_s:
            self._logger.info("it goes on")
        self._pause_s, self._succeeded_at = 0.0, self._clock()
        return pause_s

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._stopped.wait(self.once())
