import subprocess
import sys

import pytest

from shortlist.core.errors import StartError
from shortlist.gateway.supervisor import Supervisor, metrics_address_of
from shortlist.resilience.restarts import RestartBudget
from support.gateway_process import environment_of


class FakeWorker:
    """A worker that does what the test says."""

    pid = 1

    def __init__(self) -> None:
        self.is_ready = self.has_said_why = self.is_draining = self.has_ended = False
        self.becomes_ready = False
        self.ends_in_time = True
        self.fault: str | None = None

    def look(self, now: float) -> str | None:  # noqa: ARG002  # the port's
        self.is_ready |= self.becomes_ready
        return self.fault

    def drain(self) -> None:
        self.is_draining = True

    def end(self, grace_s: float = 0.0) -> bool:  # noqa: ARG002  # the port's
        self.has_ended = True
        return self.ends_in_time


class Started:
    """Starts workers and remembers them by number."""

    def __init__(self) -> None:
        self.workers: list[tuple[int, FakeWorker]] = []

    def __call__(self, number: int, _now: float) -> FakeWorker:
        worker = FakeWorker()
        self.workers.append((number, worker))
        return worker

    @property
    def numbers(self) -> list[int]:
        return [number for number, _ in self.workers]


def two_ready() -> tuple[Supervisor, Started]:
    started = Started()
    supervisor = Supervisor(2, started, lambda: RestartBudget(limit=2, window_s=60.0, first_delay_s=0.2))
    for now in (0.0, 0.1, 0.2):
        supervisor.look(now)
        for _, worker in started.workers:
            worker.becomes_ready = True
    supervisor.look(0.3)
    assert started.numbers == [0, 1]
    return supervisor, started


def test_the_others_wait_until_the_first_worker_is_ready() -> None:
    started = Started()
    supervisor = Supervisor(3, started)
    supervisor.look(0.0)
    supervisor.look(0.1)
    assert started.numbers == [0]
    started.workers[0][1].becomes_ready = True
    supervisor.look(0.2)
    supervisor.look(0.3)
    assert started.numbers == [0, 1, 2]


def test_a_worker_at_fault_is_ended_and_replaced_after_a_delay() -> None:
    supervisor, started = two_ready()
    _, stopped = started.workers[1]
    stopped.fault = "was silent for 1 s"
    supervisor.look(10.0)
    assert stopped.has_ended
    supervisor.look(10.1)
    assert started.numbers == [0, 1]
    supervisor.look(10.21)
    assert started.numbers == [0, 1, 1]


def test_a_worker_that_dies_again_and_again_ends_the_supervisor() -> None:
    supervisor, started = two_ready()
    for turn in range(10):  # the budget is two
        for number, worker in started.workers:
            worker.fault = "ended with status 3" if number == 0 else None
        if started.numbers.count(0) == 3:
            break
        supervisor.look(10.0 + turn)
    with pytest.raises(StartError, match="worker 0 dies again and again; the last time it ended with status 3"):
        supervisor.look(20.0)


def test_a_worker_that_never_served_ends_the_supervisor_with_its_reason() -> None:
    started = Started()
    supervisor = Supervisor(2, started)
    supervisor.look(0.0)
    started.workers[0][1].fault = "was ended by SIGSEGV"
    with pytest.raises(StartError, match="worker 0, at its start, was ended by SIGSEGV"):
        supervisor.look(0.1)


def test_a_worker_that_has_said_why_it_cannot_start_needs_no_second_line() -> None:
    started = Started()
    supervisor = Supervisor(2, started)
    supervisor.look(0.0)
    started.workers[0][1].fault = "ended with status 1"
    started.workers[0][1].has_said_why = True
    with pytest.raises(SystemExit) as ended:
        supervisor.look(0.1)
    assert ended.value.code == 1


def test_all_workers_are_asked_to_drain_before_any_is_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    supervisor, started = two_ready()
    started.workers[1][1].ends_in_time = False
    supervisor.drain(5.0)
    assert all(worker.is_draining and worker.has_ended for _, worker in started.workers)
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [
        "process 1 was killed: it had not drained after 5 s"
    ]


def test_each_worker_has_a_metrics_port_of_its_own() -> None:
    assert metrics_address_of("127.0.0.1:9464", 0) == "127.0.0.1:9464"
    assert metrics_address_of("[::1]:9464", 3) == "[::1]:9467"
    assert metrics_address_of("127.0.0.1:0", 3) == "127.0.0.1:0"


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.1:http", "127.0.0.1:65535"])
def test_a_metrics_address_without_a_port_for_each_worker_is_refused(address: str) -> None:
    with pytest.raises(StartError, match="SHORTLIST_GATEWAY_METRICS_ADDRESS"):
        metrics_address_of(address, 1)


def test_a_supervisor_imports_nothing_that_serves() -> None:
    program = "import sys, shortlist.gateway.__main__, shortlist.gateway.supervisor; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", program], env=environment_of({}), capture_output=True, text=True, check=True
    ).stdout.split()
    assert "shortlist.gateway.supervisor" in loaded
    assert {"grpc", "faiss", "onnxruntime", "numpy", "redis", "shortlist.gateway.app"}.isdisjoint(loaded)
