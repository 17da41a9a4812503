"""The compose stack of a clean copy of this project, as a test drives it: up, look, kill, down."""

import json
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc

from shortlist.v1 import recommender_pb2, recommender_pb2_grpc
from support.running_cluster import wait_until

ROOT = Path(__file__).parents[2]
PARTS = ("redis", "redis-exporter", "triton", "gateway", "features", "edge", "prometheus")
"""What is run: all but Grafana, which nothing here looks at."""
_BUILD_TIMEOUT_S, _TIMEOUT_S = 1200, 120


def run(*command: str, timeout_s: float = _TIMEOUT_S, **options: Any) -> str:
    """Run a command to its end; its standard output."""
    ended = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False, **options)
    assert ended.returncode == 0, f"{' '.join(command)}\n{ended.stdout[-2000:]}{ended.stderr[-2000:]}"
    return ended.stdout


def missing_engine() -> str:
    """Say why no container can be run here; empty where they can."""
    docker = shutil.which("docker")
    if docker is None:
        return "there is no docker on this machine"
    if subprocess.run([docker, "info"], capture_output=True, timeout=_TIMEOUT_S, check=False).returncode:
        return "the Docker engine does not answer"
    return "" if _compose() else "there is neither `docker compose` nor docker-compose on this machine"


def _compose() -> tuple[str, ...]:
    for command in (("docker", "compose"), ("docker-compose",)):
        if (
            shutil.which(command[0])
            and not subprocess.run([*command, "version"], capture_output=True, check=False).returncode
        ):
            return command
    return ()


def copy_of_the_project(to: Path) -> None:
    """Copy what is, or would be, committed."""
    for name in run("git", "ls-files", "-co", "--exclude-standard", cwd=ROOT).splitlines():
        if (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, to / name)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@dataclass(frozen=True)
class Stack:
    """A running stack."""

    directory: Path
    environment: Mapping[str, str]

    def compose(self, *arguments: str, timeout_s: float = _TIMEOUT_S) -> str:
        """Run a compose command from the root of the copy, as README says."""
        return run(*_compose(), *arguments, timeout_s=timeout_s, cwd=self.directory, env=dict(self.environment))

    def containers(self, part: str) -> list[dict[str, Any]]:
        """Inspect the containers of a part."""
        ids = self.compose("ps", "-q", part).split()
        inspected: list[dict[str, Any]] = json.loads(run("docker", "inspect", *ids)) if ids else []
        return inspected

    def is_healthy(self, part: str) -> bool:
        """Tell whether a part's containers run and, where they have a health check, pass it."""
        states = [container["State"] for container in self.containers(part)]
        return bool(states) and all(
            state["Running"] and state.get("Health", {}).get("Status", "healthy") == "healthy" for state in states
        )

    def kill(self, part: str) -> None:
        """End a part's first process as a crash would; `docker kill` would count as meant, and nothing restart it."""
        (container,) = self.containers(part)
        command = f"import os; os.kill({container['State']['Pid']}, 9)"
        run(
            "docker",
            "run",
            "--rm",
            "--pid=host",
            "--user=0",
            "--network=none",
            "shortlist/gateway:dev",
            "python",
            "-c",
            command,
        )

    def port(self, name: str) -> int:
        """Tell the published port that a variable of .env names."""
        return int(self.environment[name])


@contextmanager
def running_stack(directory: Path) -> Iterator[Stack]:
    """Bring the stack up from a clean copy, on ports and under a project name of its own, and take it down again."""
    copy_of_the_project(directory)
    ports = {name: str(_free_port()) for name in ("EDGE_PORT", "EDGE_TLS_PORT", "PROMETHEUS_PORT", "GRAFANA_PORT")}
    stack = Stack(directory, {**os.environ, **ports, "COMPOSE_PROJECT_NAME": f"shortlist-test-{os.getpid()}"})
    run("make", "secrets", cwd=directory)
    try:
        stack.compose(
            "up", "-d", "--build", "edge", "features", "prometheus", "redis-exporter", timeout_s=_BUILD_TIMEOUT_S
        )
        wait_until(lambda: all(map(stack.is_healthy, PARTS)), "every part is healthy", timeout_s=_TIMEOUT_S)
        yield stack
    finally:
        stack.compose("down", "-v", "--remove-orphans")


@dataclass
class Caller:
    """Calls Recommend through the edge without a pause, and remembers what came of it.

    Args:
        address: The edge, plaintext.
        failures: The statuses of calls that were not answered.
        steps: The names of the steps of degradation that answers stood on; "" for a whole answer.
    """

    address: str
    failures: list[str] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    _stopped: threading.Event = field(default_factory=threading.Event)

    @property
    def last(self) -> str:
        """The step of the newest answer."""
        return self.steps[-1] if self.steps else "none yet"

    def forget(self) -> None:
        """Begin anew."""
        self.failures, self.steps = [], []

    def _call(self) -> None:
        with grpc.insecure_channel(self.address, [("grpc.max_reconnect_backoff_ms", 500)]) as channel:
            stub = recommender_pb2_grpc.RecommenderServiceStub(channel)
            user = 0
            while not self._stopped.wait(0.02):
                user += 1
                try:
                    answer = stub.Recommend(recommender_pb2.RecommendRequest(user_id=str(user % 2000 + 1)), timeout=2.0)
                except grpc.RpcError as error:
                    self.failures.append(f"{error.code().name}: {error.details()}")
                else:
                    names = [recommender_pb2.Degraded.Name(step) for step in answer.degraded]
                    self.steps.append("+".join(name.removeprefix("DEGRADED_") for name in names))

    def __enter__(self) -> "Caller":
        self._thread = threading.Thread(target=self._call, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()
