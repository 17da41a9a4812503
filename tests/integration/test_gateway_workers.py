"""Several gateways on one port: both answer, one that dies or stops is replaced, all drain, none is left."""

import json
import os
import shutil
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import grpc
import pytest

from shortlist.release.bundle import INDEX_NAME, Release
from shortlist.rpc.server import FrontKind
from shortlist.v1 import recommender_pb2
from support.front_doors import FRONT_KINDS
from support.gateway_process import ServiceProcess, error_of, failed_start, settings_of, starting
from support.gateways import TIMEOUT_S, Reached, reaching
from support.misbehaving import FakeTriton
from support.real_servers import free_ports
from support.running_cluster import wait_until

REQUEST = recommender_pb2.RecommendRequest(user_id="user-00", session_item_ids=["item-000"])
CALLERS = 24
"""With so many connections both of two processes get some, but for one case in eight million."""


def free_pair() -> int:
    """Find a port whose successor is free too."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as first, suppress(OSError):
            port: int = first.getsockname()[1]
            with socket.create_server(("127.0.0.1", port + 1)):
                return port


@dataclass(frozen=True, slots=True)
class Pair:
    """Two workers and their supervisor."""

    process: ServiceProcess
    port: int
    metrics: int

    def pids(self) -> list[int]:
        """Name the process that became ready last in each place."""
        latest: dict[str, int] = {}
        for line in self.process.log.splitlines():
            if "is ready (process" in line:
                message = json.loads(line)["message"].rstrip(")").split()
                latest[message[1]] = int(message[-1])
        return [latest[number] for number in sorted(latest)]

    def call(self) -> None:
        """Call over a connection of its own."""
        with reaching(self.port, self.metrics) as reached:
            reached.call(REQUEST, timeout=1.0)

    def is_answering(self) -> bool:
        """Tell whether a few new connections are all answered."""
        try:
            for _ in range(4):
                self.call()
        except grpc.RpcError:
            return False
        return True


@contextmanager
def pair(release: Release, directory: Path, front: FrontKind, **others: str) -> Iterator[Pair]:
    """Run two workers; both are ready inside the `with`, and nothing of them is left after it."""
    metrics = free_pair()
    port = free_ports().gateway
    settings = settings_of(
        release.path,
        port,
        gateway_front=front,
        gateway_workers="2",
        gateway_metrics_address=f"127.0.0.1:{metrics}",
        **others,
    )
    with starting(settings, directory) as process:
        running = Pair(process, port, metrics)
        wait_until(lambda: len(running.pids()) == 2 or process.has_ended, "both are ready", 60.0)
        assert not process.has_ended, process.log
        yield running
        pids = running.pids()
    wait_until(lambda: not any(is_running(pid) for pid in pids), "no worker is left")


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture(params=FRONT_KINDS)
def front(request: pytest.FixtureRequest) -> FrontKind:
    kind: FrontKind = request.param
    return kind


def test_both_workers_answer_and_count(tiny_release: Release, tmp_path: Path, front: FrontKind) -> None:
    with pair(tiny_release, tmp_path, front) as running:
        with ExitStack() as stack:
            callers = [stack.enter_context(reaching(running.port, running.metrics)) for _ in range(CALLERS)]
            for caller in callers:
                assert caller.call(REQUEST, timeout=TIMEOUT_S).items
        counts = []
        for worker in range(2):
            with reaching(running.port, running.metrics + worker) as reached:
                counts.append(reached.count("shortlist_gateway_requests_total", code="OK"))
        assert sum(counts) == CALLERS
        assert min(counts) > 0
        running.process.terminate()
        assert running.process.wait() == 0


def test_a_killed_worker_is_replaced_and_the_port_goes_on_answering(
    tiny_release: Release, tmp_path: Path, front: FrontKind
) -> None:
    with pair(tiny_release, tmp_path, front) as running:
        _, killed = running.pids()
        os.kill(killed, signal.SIGKILL)
        wait_until(running.is_answering, "the other answers")
        wait_until(lambda: killed not in running.pids(), "another worker is ready")
        assert running.is_answering()
        assert running.process.wrote("worker 1 was ended by SIGKILL; starting it again in 0.2 s")


def test_a_stopped_worker_is_killed_within_about_a_second_and_replaced(
    tiny_release: Release, tmp_path: Path, front: FrontKind
) -> None:
    with pair(tiny_release, tmp_path, front) as running:
        stopped, _ = running.pids()
        os.kill(stopped, signal.SIGSTOP)
        since = monotonic()
        wait_until(lambda: running.process.wrote("worker 0 was silent for 1 s"), "the silence is noticed")
        assert monotonic() - since > 0.8  # how soon after that, is the machine's to say
        wait_until(lambda: not is_running(stopped), "it is killed")
        wait_until(lambda: stopped not in running.pids(), "another worker is ready")
        assert running.is_answering()


def test_sigterm_answers_the_calls_in_flight_in_all_workers(
    tiny_release: Release, tmp_path: Path, front: FrontKind
) -> None:
    with (
        FakeTriton() as triton,
        pair(
            tiny_release,
            tmp_path,
            front,
            gateway_batch_workers="1",
            gateway_max_batch="1",
            ranking_backend="triton",
            ranking_triton_address=triton.address,
            ranking_timeout_s="10",
        ) as running,
        ExitStack() as stack,
    ):
        callers = [stack.enter_context(reaching(running.port, running.metrics)) for _ in range(CALLERS)]
        for caller in callers:
            caller.call(REQUEST, timeout=TIMEOUT_S)
        ranked = len(triton.batches)
        triton.hold()
        in_flight = [caller.call.future(REQUEST, timeout=TIMEOUT_S) for caller in callers]
        wait_until(lambda: len(triton.batches) == ranked + 2, "a call of each worker reaches the ranker")
        other = stack.enter_context(reaching(running.port, running.metrics + 1))
        wait_until(lambda: waiting(callers[0]) + waiting(other) == CALLERS - 2, "the other calls wait")

        running.process.terminate()
        wait_until(lambda: running.process.log.count('"draining"') == 3, "supervisor and workers drain")
        triton.let_go()

        assert [call.result(TIMEOUT_S).ranker for call in in_flight] == ["triton"] * CALLERS
        assert running.process.wait() == 0


def waiting(reached: Reached) -> float:
    return reached.count("shortlist_gateway_waiting_requests")


def test_workers_end_with_a_supervisor_that_is_killed(tiny_release: Release, tmp_path: Path) -> None:
    with pair(tiny_release, tmp_path, "auto") as running:
        running.process.kill()
        wait_until(lambda: not any(is_running(pid) for pid in running.pids()), "the workers are gone")


@pytest.mark.parametrize("shares", [False, True])
def test_a_port_in_use_is_refused_even_if_its_owner_shares_it(tiny_release: Release, shares: bool) -> None:
    with socket.create_server(("127.0.0.1", 0), reuse_port=shares) as taken:
        port = taken.getsockname()[1]
        status, lines = failed_start(settings_of(tiny_release.path, port, gateway_workers="2"))
    assert status == 1
    assert error_of(lines) == (
        f"cannot start: cannot listen on 127.0.0.1:{port}: it is in use or is no address of this host; "
        "choose another address"
    )


def test_a_damaged_release_ends_the_supervisor_with_the_reason(tiny_release: Release, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged"
    shutil.copytree(tiny_release.path, damaged)
    (damaged / INDEX_NAME).write_bytes(b"")

    status, lines = failed_start(settings_of(damaged, gateway_workers="2"))

    assert status == 1
    assert error_of(lines) == (
        f"cannot start: {damaged}: {INDEX_NAME} is damaged: its size or checksum is not the manifest's"
    )


def test_a_metrics_port_of_the_second_worker_in_use_ends_the_supervisor(tiny_release: Release) -> None:
    metrics = free_pair()
    with socket.create_server(("127.0.0.1", metrics + 1)):
        status, lines = failed_start(
            settings_of(tiny_release.path, gateway_workers="2", gateway_metrics_address=f"127.0.0.1:{metrics}")
        )
    assert status == 1
    assert f"metrics address 127.0.0.1:{metrics + 1} cannot be bound" in error_of(lines)
