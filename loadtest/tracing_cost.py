"""What tracing costs a call: `python -m loadtest.tracing_cost --release RELEASE`.

Calls go through the gateway's servicer, pipeline and in-process ranker on one thread, without network and store: what
tracing adds is a larger share here than of a call from outside. Off, off once more, 1 % and all take turns in one run,
so that a busy machine slows them alike, and times are those of the processor: what others do does not count. Off
against itself is the noise that is left. What is sampled is sent over OTLP to a process of its own.
"""

import argparse
import multiprocessing
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import cycle, islice
from multiprocessing.connection import Connection
from pathlib import Path

import grpc
import numpy as np
from prometheus_client import CollectorRegistry
from rich.console import Console

from loadtest.machine import describe
from shortlist.features.row import UserRow
from shortlist.features.seed import user_rows
from shortlist.gateway.jobs import Job
from shortlist.gateway.observer import CallObserver
from shortlist.gateway.pipeline import Pipeline
from shortlist.gateway.runner import BatchRunner
from shortlist.gateway.servicer import METHODS, RECOMMEND, Servicer
from shortlist.gateway.similar import SimilarItems
from shortlist.ranking.local import LocalRanker
from shortlist.release.bundle import Release
from shortlist.resilience.breaker import Breaker
from shortlist.resilience.deadline import Deadline
from shortlist.retrieval.filters import Filters
from shortlist.retrieval.open import open_index
from shortlist.retrieval.sources import served_sources
from shortlist.retrieval.tower import QueryTower
from shortlist.rpc.front import Metadata
from shortlist.rpc.status import Status
from shortlist.telemetry.answers import AnswerMetrics
from shortlist.telemetry.gateway import GatewayMetrics
from shortlist.telemetry.tracing import Tracing, open_tracing
from shortlist.v1.recommender_pb2 import RecommendRequest

BLOCK_CALLS = 100
"""All of their spans fit into the queue: none is dropped for want of room."""
_TRACES = "opentelemetry.proto.collector.trace.v1.TraceService"
SHARES = {"off": None, "off again": None, "1 %": 0.01, "100 %": 1.0}


class MadeCall:
    """A call that arrived from nowhere and whose answer goes nowhere."""

    method = RECOMMEND
    deadline: Deadline | None = None
    metadata: Metadata = ()
    is_cancelled = False

    def __init__(self, payload: bytes) -> None:
        self.payload = payload

    def respond(self, payload: bytes) -> bool:  # noqa: ARG002  # the port's
        """Take the answer."""
        return True

    def fail(self, status: Status) -> bool:
        """Refuse to measure what fails."""
        raise RuntimeError(f"a call failed: {status}")


class HeldRows:
    """A store in memory."""

    def __init__(self, rows: dict[str, UserRow]) -> None:
        self._rows = rows

    def read(self, user_ids: Sequence[str], deadline: Deadline) -> list[UserRow | None]:  # noqa: ARG002  # the port's
        """Read rows."""
        return [self._rows.get(user_id) for user_id in user_ids]

    def check(self) -> None:
        """Answer."""

    def close(self) -> None:
        """Do nothing."""


class AtOnce:
    """Runs what is submitted on the spot, as one batch."""

    def __init__(self, run: Callable[[Sequence[Job]], None]) -> None:
        self._run = run

    def submit(self, jobs: Sequence[Job]) -> None:
        """Run."""
        self._run(jobs)


class Bench:
    """The gateway's parts over one release."""

    def __init__(self, release: Release) -> None:
        self._release = release
        schema, items = release.manifest.features, release.items
        registry = CollectorRegistry()
        self._metrics = GatewayMetrics(registry, METHODS, [code.name for code in grpc.StatusCode], schema.sources)
        self._answers = AnswerMetrics(
            registry, schema.sources, release.vocabulary.row_count, release.manifest.item_count
        )
        log_end_s = release.manifest.trained_until.timestamp()
        rows = dict(user_rows(release.histories(), release.vocabulary, log_end_s, time.time()))
        index, filters = open_index(release, "cpu"), Filters(release.catalogue, items.embeddings)
        tower = QueryTower(
            release.query_tower_path, release.manifest.query_tower, items.embeddings, schema.history_length
        )
        self._pipeline = Pipeline(
            release,
            HeldRows(rows),
            served_sources(items, schema.sources, tower, index),
            filters,
            LocalRanker(release.ranker_path, release.manifest.ranker),
            self._metrics,
            {"redis": Breaker(), "triton": Breaker()},
        )
        self._similar = SimilarItems(release, index, filters, self._metrics)
        self._payloads = cycle([RecommendRequest(user_id=user, limit=20).SerializeToString() for user in rows])

    def block(self, tracing: Tracing) -> tuple[float, float]:
        """Make a block of calls; seconds of the median call on its thread, and of all a call with what is sent."""
        runner = BatchRunner(self._pipeline, self._similar, self._metrics, self._answers, tracing)
        observer = CallObserver(self._metrics, tracing, self._release.id, 0.0)
        servicer = Servicer(self._release, AtOnce(runner.run), self._metrics, observer, 10.0)
        took = []
        calls = [MadeCall(payload) for payload in islice(self._payloads, BLOCK_CALLS)]
        started = time.process_time()
        for call in calls:
            begin = time.thread_time()
            servicer([call])
            took.append(time.thread_time() - begin)
        tracing.close()
        return float(np.median(took)), (time.process_time() - started) / BLOCK_CALLS


def _receive(pipe: Connection) -> None:
    server = grpc.server(ThreadPoolExecutor(1))
    export: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(lambda _request, _context: b"")
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(_TRACES, {"Export": export})])
    pipe.send(server.add_insecure_port("127.0.0.1:0"))
    server.start()
    pipe.recv()


@contextmanager
def receiving() -> Iterator[str]:
    """Run a receiver of traces that throws them away; its address."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_receive, args=(theirs,), daemon=True)
    process.start()
    try:
        yield f"127.0.0.1:{ours.recv()}"
    finally:
        ours.send(None)
        process.join(10.0)


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--release", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=30)
    arguments = parser.parse_args()
    bench = Bench(Release.open(arguments.release))
    lost: list[int] = []
    blocks: dict[str, list[tuple[float, float]]] = {name: [] for name in SHARES}
    with receiving() as address:
        for number in range(arguments.rounds + 1):
            names = list(SHARES)
            for name in np.random.default_rng(number).permutation(names):
                share = SHARES[name]
                endpoint = "" if share is None else address
                measured = bench.block(open_tracing(endpoint, share or 0.0, "tracing-cost", "0", lost.append))
                if number:  # the first round warms up
                    blocks[name].append(measured)
    if lost:
        raise SystemExit(f"{sum(lost)} spans did not arrive: what sending them costs is not known")
    console = Console(width=120)
    console.print(f"{describe()}. {arguments.rounds} rounds of {BLOCK_CALLS} calls each.")
    off = np.array(blocks["off"])
    for name, of_arm in blocks.items():
        figures = np.array(of_arm)
        median, whole = np.median(figures / off, axis=0)
        console.print(
            f"{name:>9}: median call {np.median(figures[:, 0]) * 1e6:5.0f} µs, × {median:.3f} of off; "
            f"with what is sent {np.median(figures[:, 1]) * 1e6:5.0f} µs, × {whole:.3f}"
        )


if __name__ == "__main__":
    main()
