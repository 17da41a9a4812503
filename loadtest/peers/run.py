"""Start a peer, wait until it answers, and end it with everything that it started.

    with running("fastapi", PeerChoice(workers=2, batch=8), release_dir, redis_url, user_id, console) as endpoint:
        ...  # Target(endpoint.address, http_path=endpoint.path) for the load generator

Each peer runs in its own environment and in a session of its own; whatever is left of that session at the end is
killed, since Ray puts its daemons into process groups of their own.
"""

import http.client
import json
import os
import signal
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from loadtest.generator.messages import LIMIT
from loadtest.peers.environments import install
from shortlist.local.ports import Ports
from shortlist.local.probes import LOOPBACK
from shortlist.local.process import POLL_INTERVAL_S, Process
from shortlist.resilience.deadline import Deadline

ROOT = Path(__file__).parents[2]
_READY_TIMEOUT_S = 60.0
_GRACE_S = 10.0
_PROBE_TIMEOUT_S = 10.0
_SWEEP_S = 5.0


@dataclass(frozen=True, slots=True)
class PeerChoice:
    """How a peer runs.

    Args:
        workers: Processes that do the work.
        batch: The most requests of a batch; 1: none are gathered.
        wait_ms: How long a batch waits for company; None where the framework decides it itself.
        has_pool: The work runs on a pool of threads, not inline on the event loop.
    """

    workers: int = 1
    batch: int = 1
    wait_ms: float | None = 0.0
    has_pool: bool = False


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a running peer is asked: POST {"user_id": ..., "limit": 20} over HTTP/1.1, kept alive; 200 is an answer.

    Args:
        address: "host:port".
        path: Of the request.
        pid: The leader of its session.
    """

    address: str
    path: str
    pid: int

    def ask(self, user_id: str, timeout_s: float = _PROBE_TIMEOUT_S) -> dict[str, list[object]]:
        """Ask once, on a connection of its own: `items` and `scores`.

        Raises:
            OSError, http.client.HTTPException: no answer.
            ValueError: one that is no answer.
        """
        connection = http.client.HTTPConnection(self.address, timeout=timeout_s)
        try:
            body = json.dumps({"user_id": user_id, "limit": LIMIT})  # as the load generator asks
            connection.request("POST", self.path, body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            text = response.read()
        finally:
            connection.close()
        if response.status != http.client.OK:
            raise ValueError(f"status {response.status}: {text[:200]!r}")
        answer = json.loads(text)
        # BentoML's batches answer lists, of one here.
        return dict(answer[0] if isinstance(answer, list) else answer)


@contextmanager
def running(
    name: str, choice: PeerChoice, release_dir: Path, redis_url: str, user_id: str, console: Console
) -> Iterator[Endpoint]:
    """Run a peer; it answers inside the `with` and is gone after it.

    Args:
        name: One of `environments.PEERS`.
        choice: How it runs.
        release_dir: The release it serves.
        redis_url: Holds the users' rows.
        user_id: A user with a row; the peer is ready once it answers for it.
        console: Says when an environment is made.

    Raises:
        StartError: it cannot be installed, or does not answer; with the end of its log.
    """
    python = install(name, console)
    port = Ports(0, 0, 0, 0, 0, 0).resolve(("gateway",)).gateway
    # In /tmp, since Ray's sockets lie here and a socket's path has 107 bytes at most.
    with tempfile.TemporaryDirectory(prefix="peer-", ignore_cleanup_errors=True) as run_dir:
        environment = {
            **_ENVIRONMENTS.get(name, _no_environment)(run_dir),
            "PYTHONPATH": os.pathsep.join((str(ROOT / "services"), str(ROOT))),
            "PYTHONDONTWRITEBYTECODE": "1",
            "OMP_NUM_THREADS": "1",
            "PEER_RELEASE": str(release_dir.resolve()),
            "PEER_REDIS_URL": redis_url,
            "PEER_PORT": str(port),
            "PEER_WORKERS": str(choice.workers),
            "PEER_BATCH": str(choice.batch),
            "PEER_WAIT_MS": str(choice.wait_ms or 0.0),
            "PEER_HAS_POOL": str(choice.has_pool),
        }
        command = [str(python), "-m", *_commands(port, choice.workers)[name]]
        process = Process(name, command, environment, Path(run_dir) / "peer.log")
        endpoint = Endpoint(f"{LOOPBACK}:{port}", "/recommend", process.pid)
        try:
            process.wait_ready(lambda: _answers(endpoint, user_id), _READY_TIMEOUT_S)
            yield endpoint
        finally:
            process.stop(_GRACE_S)
            _end_session(process.pid)


def _commands(port: int, workers: int) -> Mapping[str, list[str]]:
    address = ["--host", LOOPBACK, "--port", str(port)]
    quiet = ["--log-level", "warning", "--no-access-log"]
    fast = ["--loop", "uvloop", "--http", "httptools"]
    return {
        "fastapi": ["uvicorn", "loadtest.peers.fastapi_app:app", *address, "--workers", str(workers), *quiet, *fast],
        "litserve": ["loadtest.peers.litserve_app"],
        "bentoml": ["bentoml", "serve", "loadtest.peers.bentoml_app:Recommender", *address],
        "ray": ["loadtest.peers.ray_app"],
    }


def _no_environment(run_dir: str) -> dict[str, str]:  # noqa: ARG001  # the others' signature
    return {}


def _bentoml_environment(run_dir: str) -> dict[str, str]:
    return {"BENTOML_HOME": run_dir, "BENTOML_DO_NOT_TRACK": "True"}


def _ray_environment(run_dir: str) -> dict[str, str]:
    return {
        "RAY_TMPDIR": run_dir,
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
        "RAY_SERVE_HAPROXY_METRICS_ENABLED": "0",
        "RAY_SERVE_ENABLE_HA_PROXY": "1",
        "RAY_SERVE_DEFAULT_HTTP_HOST": LOOPBACK,
        "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": f"{run_dir}/haproxy.cfg",
        "RAY_SERVE_HAPROXY_SOCKET_PATH": f"{run_dir}/haproxy.sock",
        "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": f"{run_dir}/metrics.sock",
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": run_dir,
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": f"{run_dir}/server-state",
    }


_ENVIRONMENTS = {"bentoml": _bentoml_environment, "ray": _ray_environment}


def _answers(endpoint: Endpoint, user_id: str) -> bool:
    try:
        return bool(endpoint.ask(user_id)["items"])
    except (OSError, http.client.HTTPException, ValueError, LookupError):
        return False


def _end_session(leader: int) -> None:
    """Kill what is left of a session, again until nothing is: what dies may have been starting something."""
    deadline = Deadline.after(_SWEEP_S)
    while (left := _session(leader)) and not deadline.has_passed():
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(POLL_INTERVAL_S)


def _session(leader: int) -> list[int]:
    """List the processes of a session that still run."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            # After the name, in brackets: state, parent, group, session.
            state, _, _, session = status.read_text().rpartition(")")[2].split()[:4]
            if int(session) == leader and state != "Z":
                found.append(int(status.parent.name))
    return found
