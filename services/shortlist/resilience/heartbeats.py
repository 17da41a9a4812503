"""Heartbeats from a process to its supervisor, over a pipe: a stopped process is worse than a dead one.

What a beat proves: the process is scheduled, and its interpreter runs threads, so no native call keeps the
interpreter's lock. It does not prove that batches move: whatever a batch waits for has a timeout of its own, and a
process killed for the slowness of its dependencies would only be slower afterwards.
"""

import os
import threading

INTERVAL_S = 0.1
SILENCE_S = 1.0
# A supervisor that was itself stopped or starved heard nothing in that time, and can blame nobody for it.
_LONGEST_STEP_S = 3 * INTERVAL_S


class Watch:
    """Judges by its beats whether a process lives; the first beat says that it is ready.

    Args:
        now: When it was started, in monotonic seconds.
        start_timeout_s: How long it may take until its first beat.
        silence_s: How long it may be silent afterwards.
    """

    def __init__(self, now: float, start_timeout_s: float, silence_s: float = SILENCE_S) -> None:
        self.is_ready = False
        self._looked_at = now
        self._silent_s = 0.0
        self._limit_s = start_timeout_s
        self._silence_s = silence_s

    def look(self, now: float, has_beaten: bool) -> bool:
        """Tell whether it is to be taken for alive, given whether it has beaten since the last look."""
        self._silent_s += min(now - self._looked_at, _LONGEST_STEP_S)
        self._looked_at = now
        if has_beaten:
            self.is_ready, self._limit_s, self._silent_s = True, self._silence_s, 0.0
        return self._silent_s < self._limit_s


class Heart:
    """Beats from `start` until `close`, from a thread of its own.

    Args:
        pipe: The pipe's end to write to, a file descriptor; it is closed with the heart.
        interval_s: Between two beats.
    """

    def __init__(self, pipe: int, interval_s: float = INTERVAL_S) -> None:
        self._pipe, self._interval_s = pipe, interval_s
        os.set_blocking(pipe, False)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heart", daemon=True)

    def start(self) -> None:
        """Say that this process is ready, and keep saying it."""
        self._thread.start()

    def close(self) -> None:
        """Beat no more; before `start` as well."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()
        os.close(self._pipe)

    def _beat(self) -> None:
        while not self._stopped.is_set():
            try:
                os.write(self._pipe, b".")
            except BlockingIOError:
                pass  # thousands of beats wait unread: another says no more
            except BrokenPipeError:
                return  # nobody listens any more
            self._stopped.wait(self._interval_s)


def has_beaten(pipe: int) -> bool:
    """Read every beat that waits in a pipe that does not block; tell whether there was one."""
    heard = False
    try:
        while os.read(pipe, 4096):
            heard = True
    except BlockingIOError:
        pass
    return heard
