"""A service as a process of its own: `python -m shortlist.gateway` or another, configured by its environment."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from shortlist.local.probes import grpc_serves
from shortlist.resilience import child
from support.running_cluster import wait_until

GATEWAY = "shortlist.gateway"
_TIMEOUT_S = 60.0


def settings_of(release: Path, port: int = 0, **others: str) -> dict[str, str]:
    """Name the settings of a gateway that ranks in its own process, and others by their names in lower case."""
    return {
        "SHORTLIST_GATEWAY_RELEASE": str(release),
        "SHORTLIST_GATEWAY_ADDRESS": f"127.0.0.1:{port}",
        "SHORTLIST_GATEWAY_METRICS_ADDRESS": "127.0.0.1:0",
        "SHORTLIST_GATEWAY_START_WAIT_S": "0",
        "SHORTLIST_FEATURES_REDIS_URL": "redis://127.0.0.1:9/0",
        "SHORTLIST_RANKING_BACKEND": "onnxruntime",
        **{f"SHORTLIST_{name.upper()}": value for name, value in others.items()},
    }


def environment_of(settings: Mapping[str, str]) -> dict[str, str]:
    """Complete settings to the environment of a child that finds what this process finds."""
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "no_grpc_proxy": "127.0.0.1",
        **settings,
    }


def failed_start(settings: Mapping[str, str], module: str = GATEWAY) -> tuple[int, list[str]]:
    """Run a service that cannot start; its exit status and what it wrote to standard error, by lines."""
    ended = subprocess.run(
        [sys.executable, "-m", module],
        env=environment_of(settings),
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
        check=False,
    )
    assert ended.stdout == ""
    return ended.returncode, ended.stderr.splitlines()


def error_of(lines: list[str]) -> str:
    """Take the message of the one error among the log lines; gRPC's core adds lines of its own, which are no JSON."""
    records = [json.loads(line) for line in lines if line.startswith("{")]
    (message,) = [record["message"] for record in records if record["level"] == "ERROR"]
    return str(message)


class ServiceProcess:
    """A running service.

    Args:
        popen: The process.
        stderr: Where its standard error goes.
    """

    def __init__(self, popen: "subprocess.Popen[bytes]", stderr: Path) -> None:
        self._popen, self._stderr = popen, stderr

    @property
    def has_ended(self) -> bool:
        """Tell whether it is gone."""
        return self._popen.poll() is not None

    @property
    def log(self) -> str:
        """What it has written to standard error."""
        return self._stderr.read_text()

    def wrote(self, text: str) -> bool:
        """Tell whether its log holds the text."""
        return text in self.log

    def terminate(self) -> None:
        """Send SIGTERM."""
        self._popen.send_signal(signal.SIGTERM)

    def pause(self) -> None:
        """Stop it where it is."""
        self._popen.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it go on."""
        self._popen.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it as a crash would."""
        self._popen.kill()
        self._popen.wait()

    def wait(self) -> int:
        """Wait for its end; its exit status."""
        return self._popen.wait(_TIMEOUT_S)


@contextmanager
def starting(settings: Mapping[str, str], directory: Path, module: str = GATEWAY) -> Iterator[ServiceProcess]:
    """Run a service that is gone after the `with`."""
    log = directory / f"{module}.log"
    with log.open("wb") as stderr:
        popen = subprocess.Popen(
            # by way of `child`, so that a test run that is killed leaves no service behind
            [sys.executable, "-I", "-S", child.__file__, str(os.getpid()), sys.executable, "-m", module],
            env=environment_of(settings),
            stderr=stderr,
        )
    try:
        yield ServiceProcess(popen, log)
    finally:
        popen.kill()
        popen.wait()


@contextmanager
def running(settings: Mapping[str, str], port: int, directory: Path, module: str = GATEWAY) -> Iterator[ServiceProcess]:
    """Run a service that is ready inside the `with` and gone after it."""
    with starting(settings, directory, module) as service:
        wait_until(lambda: grpc_serves(port) or service.has_ended, f"{module} is ready", _TIMEOUT_S)
        assert not service.has_ended, service.log
        yield service
