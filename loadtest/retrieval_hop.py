"""What it costs to search behind the retrieval service on loopback rather than in the process.

One caller, alternated call by call, so that both see the same machine. The lists that come back must be the same.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
from rich.console import Console

from loadtest.machine import describe
from shortlist.core.arrays import F32, F64
from shortlist.core.types import FIRST_ITEM_ROW
from shortlist.local.ports import Ports
from shortlist.local.probes import LOOPBACK, grpc_serves
from shortlist.local.process import Process
from shortlist.release.bundle import Release
from shortlist.resilience.breaker import Breaker
from shortlist.retrieval.open import open_index
from shortlist.retrieval.port import ItemIndex
from shortlist.retrieval.remote import RemoteIndex
from shortlist.rpc.channels import open_channel

QUERIES = (1, 32)
LIMIT = 184
"""What a gateway asks for a user with few exclusions."""
WARM_UP_CALLS = 200
BATCHES = 64
TIMEOUT_S = 10.0


@contextmanager
def service_of(release: Path, front: str) -> Iterator[str]:
    """Run a retrieval service; its address."""
    ports = Ports(0, 0, 0, 0, 0, 0).resolve(("gateway", "metrics"))
    environment = {
        "SHORTLIST_RETRIEVAL_RELEASE": str(release),
        "SHORTLIST_RETRIEVAL_ADDRESS": f"{LOOPBACK}:{ports.gateway}",
        "SHORTLIST_RETRIEVAL_METRICS_ADDRESS": f"{LOOPBACK}:{ports.metrics}",
        "SHORTLIST_RETRIEVAL_DEVICE": "cpu",
        "SHORTLIST_RETRIEVAL_FRONT": front,
    }
    with tempfile.TemporaryDirectory() as run_dir:
        command = (sys.executable, "-m", "shortlist.retrieval")
        process = Process("retrieval", command, environment, Path(run_dir) / "retrieval.log")
        try:
            process.wait_ready(lambda: grpc_serves(ports.gateway), 60.0)
            yield f"{LOOPBACK}:{ports.gateway}"
        finally:
            process.stop(5.0)


def alternated(here: ItemIndex, there: ItemIndex, batches: list[F32], calls: int) -> tuple[F64, F64]:
    """Search each batch here and there in turn; latencies (calls,) of both in milliseconds."""
    latencies = np.empty((2, calls))
    for call in range(calls):
        queries = batches[call % len(batches)]
        found = []
        for place, index in enumerate((here, there)):
            started = time.perf_counter()
            found.append(index.search(queries, LIMIT))
            latencies[place, call] = (time.perf_counter() - started) * 1e3
        if not np.array_equal(found[0].rows, found[1].rows):
            raise ValueError("the service answered other items than the index in the process")
    return latencies[0], latencies[1]


def report(release: Release, there: ItemIndex, calls: int) -> Iterator[str]:
    """Measure, and write the figures as Markdown."""
    yield "| queries a search | in the process, median (p99) | behind the service, median (p99) | ratio | price |"
    yield "| --- | --- | --- | --- | --- |"
    generator = np.random.default_rng(7)
    with closing(open_index(release, "cpu")) as here:
        for count in QUERIES:
            rows = generator.integers(FIRST_ITEM_ROW, len(release.items.embeddings), (BATCHES, count))
            batches = [release.directions(batch) for batch in rows]
            alternated(here, there, batches, WARM_UP_CALLS)
            alone, hop = alternated(here, there, batches, calls)
            (alone_ms, alone_p99), (hop_ms, hop_p99) = (np.percentile(ms, (50, 99)) for ms in (alone, hop))
            yield (
                f"| {count} | {alone_ms:.2f} ms ({alone_p99:.2f}) | {hop_ms:.2f} ms ({hop_p99:.2f}) | "
                f"{hop_ms / alone_ms:.1f} | {hop_ms - alone_ms:.2f} ms |"
            )


def main() -> None:
    """Measure a release's index both ways and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--release", type=Path, required=True)
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--front", choices=("auto", "grpcio", "native"), default="auto")
    arguments = parser.parse_args()
    console, machine = Console(width=160), describe()
    release = Release.open(arguments.release)
    items, dimension = release.manifest.item_count, release.manifest.embedding_dimension
    with service_of(arguments.release, arguments.front) as address:
        channel = open_channel(address, options=[("grpc.enable_http_proxy", 0)])
        with closing(RemoteIndex(channel, release.id, items, dimension, TIMEOUT_S, Breaker())) as there:
            console.print(f"{machine}. Release `{release.id}`, {items:,} items, {LIMIT} items a query.\n", markup=False)
            for line in report(release, there, arguments.calls):
                console.print(line, markup=False)


if __name__ == "__main__":
    main()
