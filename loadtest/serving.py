"""Start what benchmarks measure: a Valkey with the workload's rows, and gateways on one port, with a Triton or without.

    with valkey(work, run_dir) as store, gateways(work.release_dir, store.url, run_dir) as server:
        ...  # Target(server.address, redis=store.address, rows=work.rows_path)

What a system costs is read from /proc, as `Usage`: the leader of a session of its own, and whatever descends from it
or stays in its session.
"""

import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rich.console import Console

from loadtest.machine import pss_mb
from loadtest.workload import Workload
from shortlist.local.config import LocalSettings
from shortlist.local.gateway import NAME, TritonAccess, gateway_environment
from shortlist.local.host import find_libpython, refuse_unfit_host
from shortlist.local.parts import Part
from shortlist.local.ports import TRITON_PORTS, Ports
from shortlist.local.probes import LOOPBACK, grpc_serves
from shortlist.local.process import Process
from shortlist.local.triton import TritonInstallation, new_secret, triton_part
from shortlist.local.triton_install import install_triton
from shortlist.local.valkey import valkey_part

FREE = Ports(0, 0, 0, 0, 0, 0)
"""Any free port for each listener."""
_START_S, _GRACE_S = 120.0, 15.0
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Store:
    """A running Valkey: its URL for servers, and "host:port" for the generator's writes."""

    url: str
    address: str


@dataclass(frozen=True, slots=True)
class Usage:
    """What running systems cost.

    Args:
        leaders: Process ids, each the leader of a session.
    """

    leaders: Sequence[int]

    @property
    def pids(self) -> list[int]:
        """The processes, ascending."""
        return processes_of(self.leaders)

    def cpu_s(self) -> float:
        """Add up the processor time of all of them so far, and of their children that have ended."""
        ticks = 0
        for pid in self.pids:
            with suppress(OSError):  # it has ended
                # 12th to 15th behind the name: in user and kernel mode, its own and its children's that were waited for
                ticks += sum(map(int, _fields_of(pid)[11:15]))
        return ticks / _TICKS_A_SECOND

    def pss_mb(self) -> float:
        """Add up what they hold, in MB: shared pages divided by their sharers."""
        total_mb = 0.0
        for pid in self.pids:
            with suppress(OSError, ValueError):  # it has ended
                total_mb += pss_mb(pid)
        return total_mb


@dataclass(frozen=True, slots=True)
class Server(Usage):
    """Gateways on one port, and the Triton behind them where there is one.

    Args:
        leaders: The gateway or its supervisor, and Triton.
        address: "host:port".
        gateway_pids: The processes that serve, without their supervisor.
    """

    address: str
    gateway_pids: Sequence[int]


@contextmanager
def valkey(work: Workload, run_dir: Path) -> Iterator[Store]:
    """Run a Valkey that holds the row of every user of the workload.

    Raises:
        StartError: it does not start.
    """
    port = FREE.resolve(("redis",)).redis
    store = Store(f"redis://{LOOPBACK}:{port}/0", f"{LOOPBACK}:{port}")
    with _running(valkey_part(port, run_dir), run_dir):
        work.fill(store.url)
        yield store


@contextmanager
def gateways(
    release_dir: Path,
    redis_url: str,
    run_dir: Path,
    *,
    ranker: Literal["onnxruntime", "triton"] = "onnxruntime",
    front: Literal["native", "grpcio"] = "native",
    workers: int = 1,
    environment: Mapping[str, str] | None = None,
    module: str = "shortlist.gateway",
) -> Iterator[Server]:
    """Run gateways on a free port; all of them are ready inside the `with`, and all is gone after it.

    Args:
        release_dir: The release that they serve.
        redis_url: Holds the users' rows.
        run_dir: Keeps the logs, each start's in a directory of its own.
        ranker: In the gateways' process, or in a Triton that is started with them.
        front: Front door.
        workers: Processes.
        environment: Variables on top, such as SHORTLIST_FEATURES_NEAR_CACHE_BYTES.
        module: What runs a process; another than the gateway's own may look into it.

    Raises:
        StartError: one does not start, or Triton cannot be had.
    """
    run_dir = Path(tempfile.mkdtemp(prefix=f"{NAME}-", dir=run_dir))
    with ExitStack() as stack:
        access, leaders = None, []
        if ranker == "triton":
            access, triton = stack.enter_context(_triton(run_dir))
            leaders.append(triton.pid)
        port = FREE.resolve(("gateway",)).gateway
        log = run_dir / f"{NAME}.log"
        part = Part(
            NAME,
            command=(sys.executable, "-m", module),
            # each worker says so in the log; the port is answered as soon as one of them serves
            probe=lambda: log.read_text().count('"serving ') >= workers and grpc_serves(port),
            environment={
                **gateway_environment(release_dir.resolve(), port, 0, redis_url, access),
                "SHORTLIST_GATEWAY_FRONT": front,
                "SHORTLIST_GATEWAY_WORKERS": str(workers),
                **(environment or {}),
            },
            ready_timeout_s=_START_S,
            grace_s=_GRACE_S,
        )
        gateway = stack.enter_context(_running(part, run_dir))
        serving = processes_of([gateway.pid])
        if workers > 1:
            serving.remove(gateway.pid)
        yield Server([gateway.pid, *leaders], f"{LOOPBACK}:{port}", serving)


def find_triton(console: Console) -> TritonInstallation:
    """Find the local Triton, fetching it the first time.

    Raises:
        StartError: it cannot be had, or this machine cannot run it.
    """
    refuse_unfit_host()
    return TritonInstallation(install_triton(LocalSettings().cache_dir, console), find_libpython())


@contextmanager
def _triton(run_dir: Path) -> Iterator[tuple[TritonAccess, Process]]:
    ports = FREE.resolve(TRITON_PORTS)
    access = TritonAccess(f"{LOOPBACK}:{ports.triton_grpc}", new_secret(run_dir))
    part = triton_part(find_triton(Console(stderr=True)), ports, run_dir, access.secret_file)
    with _running(part, run_dir) as process:
        yield access, process


@contextmanager
def _running(part: Part, run_dir: Path) -> Iterator[Process]:
    process = Process(part.name, part.command, part.environment, run_dir / f"{part.name}.log")
    try:
        process.wait_ready(part.probe, part.ready_timeout_s)
        yield process
    finally:
        process.stop(part.grace_s)


def processes_of(leaders: Iterable[int]) -> list[int]:
    """List the processes that run, descend from the leaders or are in their sessions; the leaders among them."""
    parents: dict[int, int] = {}
    sessions: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended
            pid = int(folder.name)
            # Behind the name: state, parent, group, session.
            parents[pid], sessions[pid] = int((fields := _fields_of(pid))[1]), int(fields[3])
    chosen = set(leaders)
    found = {pid for pid in parents if pid in chosen or sessions[pid] in chosen}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return sorted(found)


def _fields_of(pid: int) -> list[str]:
    """Split /proc/PID/stat behind the command's name, which may hold anything."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
