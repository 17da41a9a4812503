"""A worker as its supervisor sees it: a process that is started, listened to, and ended."""

import os
import signal
import subprocess
import sys

from shortlist.resilience import child
from shortlist.resilience.heartbeats import SILENCE_S, Watch, has_beaten
from shortlist.rpc.foreground import CANNOT_START


class WorkerProcess:
    """Runs from construction until `end`; the thread that starts it must outlive it.

    Args:
        address: The port that the workers share, "host:port".
        metrics_address: Its own, "host:port".
        start_timeout_s: How long it may take until it is ready.
        now: Monotonic seconds.
    """

    def __init__(self, address: str, metrics_address: str, start_timeout_s: float, now: float) -> None:
        self._watch = Watch(now, start_timeout_s)
        self._start_timeout_s = start_timeout_s
        self._beats, beaten = os.pipe()
        os.set_blocking(self._beats, False)
        # A process of its own program, never a fork: gRPC and ONNX Runtime do not survive one. By way of `child`, so
        # that it ends with the supervisor; in a session of its own, so that Ctrl-C reaches the supervisor alone.
        worker = (sys.executable, "-m", "shortlist.gateway.worker", str(beaten), address, metrics_address)
        try:
            self._popen = subprocess.Popen(
                [sys.executable, "-I", "-S", child.__file__, str(os.getpid()), *worker],
                stdin=subprocess.DEVNULL,
                pass_fds=(beaten,),
                start_new_session=True,
            )
        finally:
            os.close(beaten)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._popen.pid

    @property
    def is_ready(self) -> bool:
        """Whether it has said that it serves."""
        return self._watch.is_ready

    @property
    def has_said_why(self) -> bool:
        """Whether it ended by itself with a line that says why it cannot start."""
        return self._popen.poll() == CANNOT_START

    def look(self, now: float) -> str | None:
        """Say, as a phrase, why it is to be replaced; None while all is well. To be asked every tenth of a second."""
        is_alive = self._watch.look(now, has_beaten(self._beats))
        status = self._popen.poll()
        if status is not None:
            return f"ended with status {status}" if status >= 0 else f"was ended by {signal.Signals(-status).name}"
        if is_alive:
            return None
        if self.is_ready:
            return f"was silent for {SILENCE_S:.0f} s"
        return f"was not ready in {self._start_timeout_s:.0f} s"

    def drain(self) -> None:
        """Ask it to finish its calls and end."""
        self._popen.terminate()

    def end(self, grace_s: float = 0.0) -> bool:
        """Wait for its end, and kill it after the grace; tell whether it ended by itself."""
        try:
            self._popen.wait(grace_s)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()
            return False
        finally:
            os.close(self._beats)
        return True
