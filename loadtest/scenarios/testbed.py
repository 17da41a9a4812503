"""What scenarios run on: a Valkey with the workload's rows, gateways beside it, and closed loops of reads.

Unless a scenario is about the near cache or about memory, gateways run without it, so that every call reads its user's
row from Valkey and a later round finds nothing that an earlier one has warmed. In closed loops no call is a write.
"""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from loadtest.arrivals import ordered
from loadtest.generator.messages import OK
from loadtest.generator.run import Pace, Target
from loadtest.saturation import Result, in_own_process
from loadtest.serving import Server, Store, Usage, gateways, valkey
from loadtest.workload import Workload
from shortlist.core.errors import ShortlistError

Ranker = Literal["onnxruntime", "triton"]
Front = Literal["native", "grpcio"]

SEED = 11
CONNECTIONS = 64
SETTLE_S = 0.3
"""Of a closed loop, not counted: the connections open."""
FIRST_RATE = 1_000.0
"""Where a search for the highest rate begins, calls a second."""
_NEAR_CACHE = "SHORTLIST_FEATURES_NEAR_CACHE_BYTES"
_MOST_ANSWERS_PER_S = 15_000
"""A closed loop that runs out of calls ends early."""
_LEAST_WHOLE = 0.99


class NotMeasuredError(ShortlistError):
    """What came back is no measurement."""


@dataclass(frozen=True, slots=True)
class Testbed:
    """Where gateways run.

    Args:
        work: The workload.
        store: Holds its rows, and takes the writes.
        run_dir: Keeps logs.
    """

    work: Workload
    store: Store
    run_dir: Path

    def gateways(
        self,
        *,
        ranker: Ranker = "onnxruntime",
        front: Front = "native",
        workers: int = 1,
        near_cache_bytes: int | None = 0,
        environment: Mapping[str, str] | None = None,
        module: str = "shortlist.gateway",
    ) -> AbstractContextManager[Server]:
        """Run gateways as `serving.gateways` does; where `near_cache_bytes` is None it is what they have by default."""
        own = {} if near_cache_bytes is None else {_NEAR_CACHE: str(near_cache_bytes)}
        return gateways(
            self.work.release_dir,
            self.store.url,
            self.run_dir,
            ranker=ranker,
            front=front,
            workers=workers,
            environment={**own, **(environment or {})},
            module=module,
        )

    def target(self, server: Server, timeout_s: float = 5.0) -> Target:
        """Say how a gateway is asked, and where the writes go."""
        return Target(
            server.address, CONNECTIONS, timeout_s=timeout_s, redis=self.store.address, rows=self.work.rows_path
        )


@contextmanager
def testbed(work: Workload) -> Iterator[Testbed]:
    """Run a Valkey that holds the workload's rows."""
    with tempfile.TemporaryDirectory() as run_dir, valkey(work, Path(run_dir)) as store:
        yield Testbed(work, store, Path(run_dir))


@dataclass(frozen=True, slots=True)
class Closed:
    """What a closed loop found: the run's result, answers a second, and what one cost the server's processors."""

    result: Result
    answers_per_s: float
    server_cpu_ms: float


def warm_up(address: str, users: int, in_flight: int, seconds: float) -> None:
    """Ask for slates, whatever comes back: the first calls of a Triton that has just started are answered degraded."""
    arrivals = ordered(round(_MOST_ANSWERS_PER_S * seconds), SEED, users=users, write_share=0.0)
    in_own_process(Target(address, in_flight), arrivals, Pace(in_flight, seconds))


def closed_loop(address: str, usage: Usage, users: int, in_flight: int, seconds: float) -> Closed:
    """Ask for slates, so many at a time and each over a connection of its own.

    Args:
        address: "host:port".
        usage: What the server costs.
        users: Who ask.
        in_flight: Calls at a time.
        seconds: That count.

    Raises:
        NotMeasuredError: one in a hundred was not answered as it should be.
    """
    arrivals = ordered(round(_MOST_ANSWERS_PER_S * (SETTLE_S + seconds)), SEED, users=users, write_share=0.0)
    before_s = usage.cpu_s()
    result = in_own_process(Target(address, in_flight), arrivals, Pace(in_flight, SETTLE_S + seconds, SETTLE_S))
    used_ms = (usage.cpu_s() - before_s) * 1e3
    return Closed(result, whole_per_s(result), used_ms / result["answers_with_warm_up"])


def whole_per_s(result: Result) -> float:
    """Count the answers a second of a run in which they had to be whole.

    Raises:
        NotMeasuredError: one in a hundred was not.
    """
    reads = result["reads"]
    whole = reads["outcomes"].get(OK, 0)
    if whole == 0 or whole < _LEAST_WHOLE * reads["calls"]:
        raise NotMeasuredError(f"{result['address']} answered {whole} of {reads['calls']} calls: {reads['outcomes']}")
    return float(whole / result["counted_s"])


def sequential_p50_ms(server: Server, users: int, seconds: float) -> float:
    """Ask for one slate after another; the median from sent to answered, in milliseconds."""
    return float(closed_loop(server.address, server, users, 1, seconds).result["reads"]["latency_ms"]["p50"])
