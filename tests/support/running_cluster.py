"""An embedded cluster as a process of its own, so that a test can kill it and look at what is left."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from shortlist.resilience import child

_PROGRAM = Path(__file__).with_name("stand_in_cluster.py")


def wait_until(is_so: Callable[[], bool], what: str, timeout_s: float = 20.0) -> None:
    """Poll until it is so; fail with `what` when the time is over."""
    deadline = monotonic() + timeout_s
    while not is_so():
        assert monotonic() < deadline, f"not within {timeout_s:.0f} s: {what}"
        sleep(0.02)


class RunningCluster:
    """Starts the cluster and finds all of its processes, helpers included, by their working directory."""

    def __init__(
        self,
        directory: Path,
        ranker: str = "onnxruntime",
        ports: Mapping[str, int] | None = None,
        environment: Mapping[str, str] | None = None,
        broken: str | None = None,
    ) -> None:
        self.release = directory / "release"
        self.run_dir = (directory / "run").resolve()
        self.release.mkdir()
        self.run_dir.mkdir()
        if broken is not None:
            (self.release / broken).touch()
        self._errors = directory / "stderr"
        arguments = [str(self.release), ranker, str(self.run_dir), *([json.dumps(ports)] if ports else [])]
        with self._errors.open("wb") as errors:
            self._popen = subprocess.Popen(
                # by way of `child`, so that a test run that is killed leaves no cluster behind either
                [
                    sys.executable,
                    "-I",
                    "-S",
                    child.__file__,
                    str(os.getpid()),
                    sys.executable,
                    str(_PROGRAM),
                    *arguments,
                ],
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **(environment or {})},
                cwd=self.run_dir,
            )

    @property
    def stderr(self) -> str:
        """What it has written to standard error so far."""
        return self._errors.read_text()

    def ready(self) -> dict[str, Any]:
        """Wait for the line with the addresses."""
        assert self._popen.stdout is not None
        line = self._popen.stdout.readline()  # the cluster bounds the start of each part, and so this
        assert line, self.stderr
        addresses: dict[str, Any] = json.loads(line)
        return addresses

    def processes(self) -> dict[int, str]:
        """Map the process ids of the supervisor and of everything below it to their command lines."""
        found = {}
        for path in Path("/proc").glob("[0-9]*"):
            with suppress(FileNotFoundError, ProcessLookupError, PermissionError):  # ended, or someone else's
                if (path / "cwd").readlink() == self.run_dir:
                    found[int(path.name)] = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        return found

    def kill(self, program: str) -> None:
        """Kill the one process whose command line contains `program`."""
        (pid,) = [pid for pid, command in self.processes().items() if program in command]
        os.kill(pid, signal.SIGKILL)

    def signal(self, number: int) -> None:
        """Signal the supervisor."""
        self._popen.send_signal(number)

    def wait(self, timeout_s: float = 30.0) -> int:
        """Wait for the supervisor's end; its exit status."""
        return self._popen.wait(timeout_s)

    def close(self) -> None:
        """End the supervisor in order and, whatever the test left it with, everything below it."""
        self._popen.terminate()
        try:
            self._popen.wait(30.0)
            # Triton's stubs see within a moment that their server is gone; killed, they would leave shared memory
            wait_until(lambda: not self.processes(), "all processes gone", timeout_s=5.0)
        finally:
            self._popen.kill()
            for pid in self.processes():
                os.kill(pid, signal.SIGKILL)
            self._popen.communicate()
