"""Several gateways on one port: starts the workers, replaces those that die or fall silent, drains them all.

It holds the port before anyone listens, and is small: what serves is imported by the workers alone.
"""

import logging
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from shortlist.core.errors import StartError
from shortlist.gateway.config import GatewaySettings
from shortlist.gateway.worker_process import WorkerProcess
from shortlist.resilience.heartbeats import INTERVAL_S
from shortlist.resilience.restarts import RestartBudget
from shortlist.rpc.foreground import CANNOT_START
from shortlist.rpc.shared_port import held_port

_LOGGER = logging.getLogger(__name__)

# To load and verify a release; what it depends on (Redis, Triton, the retrieval service) is waited for besides.
_LOADING_S = 120.0
_DEPENDENCIES = 3

# Beyond the time that the front door and the batches of a worker may each take to drain.
_ENDING_S = 4.0


class Worker(Protocol):
    """What the supervisor asks of a worker; `WorkerProcess` is the one."""

    @property
    def pid(self) -> int:
        """Its process id."""

    @property
    def is_ready(self) -> bool:
        """Whether it serves."""

    @property
    def has_said_why(self) -> bool:
        """Whether it ended by itself with a line that says why it cannot start."""

    def look(self, now: float) -> str | None:
        """Say why it is to be replaced; None while all is well."""

    def drain(self) -> None:
        """Ask it to finish its calls and end."""

    def end(self, grace_s: float = 0.0) -> bool:
        """Wait for its end, and kill it after the grace."""


@dataclass(slots=True)
class _Place:
    number: int
    budget: RestartBudget
    worker: Worker | None = None
    start_at: float = 0.0
    has_served: bool = False


class Supervisor:
    """Keeps so many workers running; it decides in `look`, which is to be called every tenth of a second.

    The first worker starts alone: where the release or a setting is wrong one reason is enough, and the others find
    the files in memory and the ranker on Triton.

    Args:
        count: Workers.
        start: Starts the worker of a number at a time (monotonic seconds).
        budget: Makes each worker's restart budget.
    """

    def __init__(
        self,
        count: int,
        start: Callable[[int, float], Worker],
        budget: Callable[[], RestartBudget] = RestartBudget,
    ) -> None:
        self._start = start
        self._places = [_Place(number, budget()) for number in range(count)]

    def look(self, now: float) -> None:
        """Start what is due, replace what is dead or silent.

        Raises:
            StartError: a worker cannot start, or dies more often than its budget allows.
            SystemExit: it cannot start, and has said why itself.
        """
        for place in self._places:
            if place.worker is not None:
                self._watch(place, place.worker, now)
            elif now >= place.start_at and (place.number == 0 or self._places[0].has_served):
                place.worker = self._start(place.number, now)

    def drain(self, grace_s: float) -> None:
        """Let the workers finish their calls, kill those that take longer, and wait until none is left."""
        workers = [place.worker for place in self._places if place.worker is not None]
        for worker in workers:
            worker.drain()
        ends = time.monotonic() + grace_s
        for worker in workers:
            if not worker.end(max(0.0, ends - time.monotonic())):
                _LOGGER.warning("process %d was killed: it had not drained after %.0f s", worker.pid, grace_s)
        for place in self._places:
            place.worker = None

    def _watch(self, place: _Place, worker: Worker, now: float) -> None:
        was_ready, fault = worker.is_ready, worker.look(now)
        if fault is None:
            if worker.is_ready and not was_ready:
                place.has_served = True
                _LOGGER.info("worker %d is ready (process %d)", place.number, worker.pid)
            return
        place.worker = None
        has_said_why = worker.has_said_why
        worker.end()
        if not place.has_served:
            if has_said_why:
                raise SystemExit(CANNOT_START)
            raise StartError(f"worker {place.number}, at its start, {fault}")
        delay_s = place.budget.take(now)
        if delay_s is None:
            raise StartError(f"worker {place.number} dies again and again; the last time it {fault}")
        _LOGGER.warning("worker %d %s; starting it again in %.1f s", place.number, fault, delay_s)
        place.start_at = now + delay_s


def supervise(settings: GatewaySettings) -> int:
    """Run the workers until a signal, then drain them; the exit status is 0.

    Raises:
        StartError: the port is taken, or a worker cannot start or stay up.
        SystemExit: a worker cannot start, and has said why itself.
    """
    signals: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda caught, _: signals.append(caught))
    start_timeout_s = _LOADING_S + _DEPENDENCIES * settings.start_wait_s
    with held_port(settings.address) as address:

        def start(number: int, now: float) -> WorkerProcess:
            return WorkerProcess(address, metrics_address_of(settings.metrics_address, number), start_timeout_s, now)

        supervisor = Supervisor(settings.workers, start)
        try:
            while not signals:
                supervisor.look(time.monotonic())
                time.sleep(INTERVAL_S)
            _LOGGER.info("draining")
        finally:
            supervisor.drain(2 * settings.drain_s + _ENDING_S)
    return 0


def metrics_address_of(address: str, number: int) -> str:
    """Give each worker a metrics port, from that of "host:port" upwards; port 0 stays 0.

    Raises:
        StartError: the address has no port, or there are no ports enough.
    """
    host, _, port = address.rpartition(":")
    first = int(port) if port.isdecimal() else -1
    if not 0 <= first + number <= 65535 or first < 0:
        raise StartError(f"SHORTLIST_GATEWAY_METRICS_ADDRESS: {address} has no port for worker {number}")
    return f"{host}:{first + number if first else 0}"
