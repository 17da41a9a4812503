"""`make bench`: what one request costs, alone and in company, and what a gateway holds; written to docs/benchmarks.md.

The load generator is Python in this process and shares the machine's cores with the servers: the sequential figures
stand, the concurrent ones say what both together reach.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console

from loadtest.machine import describe, pss_mb
from loadtest.sequential import Measured, concurrent, sequential
from shortlist.client import Client
from shortlist.local.embedded import RankerChoice, embedded_cluster
from shortlist.local.ports import Ports
from shortlist.release.bundle import Release

WARM_UP_CALLS = 300
SEQUENTIAL_CALLS = 3000
CONCURRENT_CALLS = 4000
THREADS = 16
FREE = Ports(0, 0, 0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Row:
    """One way to rank, measured."""

    ranker: str
    alone: Measured
    together: Measured
    gateway_mb: float


def measure(release_dir: Path, ranker: RankerChoice, console: Console) -> Row:
    """Start a cluster and measure it."""
    users = list(Release.open(release_dir).histories().users)
    with embedded_cluster(release_dir, FREE, ranker, console) as (cluster, addresses):

        def open_client() -> Client:
            return Client(addresses.gateway, caller="bench", timeout_s=5.0)

        with open_client() as client:
            sequential(client, users, WARM_UP_CALLS)
            alone = sequential(client, users, SEQUENTIAL_CALLS)
        together = concurrent(open_client, users, THREADS, CONCURRENT_CALLS)
        return Row(ranker.value, alone, together, pss_mb(cluster.pids["gateway"]))


def report(release: Release, machine: str, rows: list[Row]) -> Iterator[str]:
    """Write the figures as Markdown."""
    manifest = release.manifest
    yield "# Benchmarks\n"
    yield f"Written by `make bench`. {machine}.\n"
    yield (
        f"Release `{release.id}`: {manifest.item_count:,} items, {manifest.candidates} candidates ranked a request, "
        f"{manifest.ranker.precision} ranker. Server and load generator (Python) share the cores; every call reads its "
        "user's row from Valkey: nothing is cached.\n"
    )
    yield "| ranked by | sequential median | p95 | p99 | gateway (PSS) | answers |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for row in rows:
        median, p95, p99 = (row.alone.percentile(share) for share in (50, 95, 99))
        outcomes = ", ".join(f"{count:,} {name}" for name, count in row.alone.outcomes.most_common())
        yield f"| {row.ranker} | {median:.2f} ms | {p95:.2f} ms | {p99:.2f} ms | {row.gateway_mb:.0f} MB | {outcomes} |"
    yield f"\nClosed loop, {THREADS} threads of the same Python client:\n"
    yield "| ranked by | calls a second | median | p99 | answers |"
    yield "| --- | --- | --- | --- | --- |"
    for row in rows:
        rate = len(row.together.latencies_ms) / row.together.seconds
        outcomes = ", ".join(f"{count:,} {name}" for name, count in row.together.outcomes.most_common())
        yield (
            f"| {row.ranker} | {rate:,.0f} | {row.together.percentile(50):.1f} ms | "
            f"{row.together.percentile(99):.1f} ms | {outcomes} |"
        )
    yield "\nWhere a sequential request's time goes (median of each stage, µs):\n"
    stages = list(rows[0].alone.stages_us)
    yield f"| ranked by | {' | '.join(stages)} |"
    yield f"| --- |{' --- |' * len(stages)}"
    for row in rows:
        yield f"| {row.ranker} | {' | '.join(f'{np.median(row.alone.stages_us[stage]):.0f}' for stage in stages)} |"


def main() -> None:
    """Measure both ways to rank and write the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--release", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("docs/benchmarks.md"))
    arguments = parser.parse_args()
    console, machine = Console(stderr=True), describe()
    rows = [measure(arguments.release, ranker, console) for ranker in (RankerChoice.TRITON, RankerChoice.ONNXRUNTIME)]
    text = "\n".join(report(Release.open(arguments.release), machine, rows)) + "\n"
    arguments.out.write_text(text)
    Console().print(text, markup=False)


if __name__ == "__main__":
    main()
