"""Start a peer, wait until it answers, and end it with everything that it started.

    with running("fastapi", PeerChoice(workers=2, batch=8), release_dir, redis_url, user_id, console) as endpoint:
        ...  # POST endpoint.body(user_id) to endpoint.path on endpoint.port, HTTP/1.1, kept alive

Each peer runs in its own environment and in a session of its own; whatever is left of that session at the end is
killed, since Ray puts its daemons into process groups of their own.
"""

import http.client
import json
import os
import signal
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from loadtest.peers.environments import install
from shortlist.local.ports import Ports
from shortlist.local.probes import LOOPBACK
from shortlist.local.process import Process

ROOT = Path(__file__).parents[2]
PROTOCOL = "http/1.1"
_READY_TIMEOUT_S = 90.0
_GRACE_S = 10.0
_PROBE_TIMEOUT_S = 10.0


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
    """Where a running peer is asked: POST, HTTP/1.1, kept alive; 200 is an answer.

    Args:
        port: On 127.0.0.1.
        path: Of the request.
        body: Writes the request's body for a user id; JSON.
        pid: The leader of its session.
    """

    port: int
    path: str
    body: Callable[[str], bytes]
    pid: int

    def ask(self, user_id: str, timeout_s: float = _PROBE_TIMEOUT_S) -> dict[str, list[object]]:
        """Ask once, on a connection of its own: `items` and `scores`.

        Raises:
            OSError, http.client.HTTPException: no answer.
            ValueError: one that is no answer.
        """
        connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=timeout_s)
        try:
            connection.request("POST", self.path, self.body(user_id), {"Content-Type": "application/json"})
            response = connection.getresponse()
            text = response.read()
        finally:
            connection.close()
        if response.status != http.client.OK:
            raise ValueError(f"status {response.status}: {text[:200]!r}")
        answer = json.loads(text)
        # Where requests are lists, answers are.
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
        body = _body_in_list if name == "bentoml" and choice.batch > 1 else _body
        endpoint = Endpoint(port, "/recommend", body, process.pid)
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
        "RAY_SERVE_ENABLE_HA_PROXY": "1",
        "RAY_SERVE_DEFAULT_HTTP_HOST": LOOPBACK,
        "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": f"{run_dir}/haproxy.cfg",
        "RAY_SERVE_HAPROXY_SOCKET_PATH": f"{run_dir}/haproxy.sock",
        "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": f"{run_dir}/metrics.sock",
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": run_dir,
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": f"{run_dir}/server-state",
    }


_ENVIRONMENTS = {"bentoml": _bentoml_environment, "ray": _ray_environment}


def _body(user_id: str) -> bytes:
    return json.dumps({"user_id": user_id}).encode()


def _body_in_list(user_id: str) -> bytes:
    """Write a request of one, as a batchable method of BentoML takes it."""
    return json.dumps({"user_ids": [user_id]}).encode()


def _answers(endpoint: Endpoint, user_id: str) -> bool:
    try:
        return bool(endpoint.ask(user_id)["items"])
    except (OSError, http.client.HTTPException, ValueError, LookupError):
        return False


def _end_session(leader: int) -> None:
    """Kill what is left of a session."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(ProcessLookupError):
            if os.getsid(int(process.name)) == leader:
                os.kill(int(process.name), signal.SIGKILL)
