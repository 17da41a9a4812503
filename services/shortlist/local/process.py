"""One child process: its start, its log, and an end that leaves nothing behind.

The child runs in a session of its own, so that Ctrl-C in the terminal reaches the supervisor alone and the order of
the stop stays ours; helpers that it starts (Triton's Python stubs) stay in its process group and end with it.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from shortlist.core.errors import StartError
from shortlist.local.logs import tail
from shortlist.local.parts import Probe
from shortlist.resilience import child
from shortlist.resilience.deadline import Deadline

POLL_INTERVAL_S = 0.05
# Triton's stub notices within 0.3 s that its server is gone, and then removes its shared memory.
HELPERS_GRACE_S = 2.0


class Process:
    """A running command; the thread that starts it must outlive it, or the kernel ends it with that thread."""

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.log = log
        with log.open("ab") as output:
            self._popen = subprocess.Popen(
                # -I: the child's own PYTHONPATH and the like are meant for the command, not for the step before it
                [sys.executable, "-I", "-S", child.__file__, str(os.getpid()), *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "ORT_DISABLE_TELEMETRY": "1", **environment},
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Its process id, which is its process group's too."""
        return self._popen.pid

    @property
    def is_running(self) -> bool:
        """Whether it has not ended yet."""
        return self._popen.poll() is None

    @property
    def ending(self) -> str:
        """How it ended, as a phrase."""
        status = self._popen.poll()
        if status is None:
            return "is still running"
        return f"ended with status {status}" if status >= 0 else f"was ended by {signal.Signals(-status).name}"

    def wait_ready(self, probe: Probe, timeout_s: float) -> None:
        """Wait until the probe answers.

        Raises:
            StartError: it ended first, or the time is over; with the end of its log.
        """
        deadline = Deadline.after(timeout_s)
        while not probe():
            if not self.is_running:
                raise self.failure(f"{self.ending} before it was ready")
            if deadline.has_passed():
                raise self.failure(f"was not ready after {timeout_s:.0f} s")
            time.sleep(POLL_INTERVAL_S)
        if not self.is_running:  # then someone else answered on its port
            raise self.failure(self.ending)

    def wait_done(self, timeout_s: float) -> None:
        """Wait until it has ended with status 0.

        Raises:
            StartError: it ended otherwise, or the time is over; with the end of its log.
        """
        try:
            status = self._popen.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise self.failure(f"was not done after {timeout_s:.0f} s") from None
        if status != 0:
            raise self.failure(self.ending)

    def failure(self, what: str) -> StartError:
        """Make the error that says what happened to it and how its log ends."""
        return StartError(f"{self.name} {what}; {self.log} ends:\n{tail(self.log) or '(nothing)'}")

    def stop(self, grace_s: float) -> None:
        """Ask it to end, end it after the grace, and wait for its helpers; nothing of it runs afterwards."""
        self._popen.terminate()
        try:
            self._popen.wait(grace_s)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()
        deadline = Deadline.after(HELPERS_GRACE_S)
        while self._signal_helpers(0) and not deadline.has_passed():
            time.sleep(POLL_INTERVAL_S)
        self._signal_helpers(signal.SIGKILL)

    def _signal_helpers(self, number: int) -> bool:
        """Signal what is left of the process group; tell whether anything is."""
        try:
            os.killpg(self.pid, number)
        except (ProcessLookupError, PermissionError):  # macOS forbids what Linux says is not there
            return False
        return True
