"""The `shortlist` command as people run it: a process of its own, in a directory of its own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shortlist.resilience import child
from support.gateway_process import environment_of

PROGRAM = (sys.executable, "-m", "shortlist.cli")
TIMEOUT_S = 90.0
ANY_PORTS = tuple(
    word
    for name in ("gateway", "metrics", "redis", "triton-http", "triton-grpc", "triton-metrics")
    for word in (f"--{name}-port", "0")
)
_SETTINGS = {
    "COLUMNS": "160",  # tables are laid out for a terminal that cuts nothing off
    # A busy machine is no fault of a dependency.
    "SHORTLIST_FEATURES_TIMEOUT_S": "2",
    "SHORTLIST_RANKING_TIMEOUT_S": "5",
}


def shortlist(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end."""
    return subprocess.run(
        [*PROGRAM, *arguments],
        env=environment_of(_SETTINGS),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


class Up:
    """A `shortlist up --json` that has said that it is ready."""

    def __init__(self, popen: "subprocess.Popen[str]", lines: list[str]) -> None:
        self._popen = popen
        self.lines = lines
        self.addresses: dict[str, str | None] = json.loads(lines[0])

    @property
    def gateway(self) -> str:
        """The gateway's address."""
        return str(self.addresses["gateway"])

    def end(self) -> tuple[int, str]:
        """Send SIGTERM; the exit status, and what it wrote to standard output after it was ready."""
        self._popen.send_signal(signal.SIGTERM)
        rest, _ = self._popen.communicate(timeout=TIMEOUT_S)
        return self._popen.returncode, rest


@contextmanager
def up(release: Path, stderr: Path, *arguments: str) -> Iterator[Up]:
    """Run `shortlist up --json` until the end of the `with`."""
    with stderr.open("w") as errors:
        popen = subprocess.Popen(
            # by way of `child`, so that a test run that is killed leaves no cluster behind
            [
                *(sys.executable, "-I", "-S", child.__file__, str(os.getpid())),
                *(*PROGRAM, "up", "--release", str(release), "--json", *arguments),
            ],
            env=environment_of(_SETTINGS),
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    try:
        assert popen.stdout is not None
        line = popen.stdout.readline()  # the cluster bounds the start of each part, and so this
        assert line, stderr.read_text()
        yield Up(popen, [line])
    finally:
        popen.terminate()
        popen.communicate(timeout=TIMEOUT_S)
