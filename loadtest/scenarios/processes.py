"""Two gateway processes on one port against one: a closed loop of 64 connections, unpinned, and pinned to a core each.

The gateways rank in their own process, a batch at a time. The generator and Valkey are processes of their own, pinned
nowhere, and share the cores: where there are two cores, a second worker has only what those leave it, so the
generator's share is told. The kernel gives each connection to one of the two for as long as it lasts, by a hash of
its ends: halves are not equal.
"""

import os
import statistics
import sys
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from rich.console import Console

from loadtest.machine import pss_mb
from loadtest.scenarios import command
from loadtest.scenarios.testbed import CONNECTIONS, closed_loop, testbed
from loadtest.workload import Workload

COUNTS = (1, 2)
ROUNDS, SECONDS = 3, 3.0
UNPINNED, PINNED = "unpinned", "pinned"


def measure(work: Workload, console: Console, *, rounds: int = ROUNDS, seconds: float = SECONDS) -> dict[str, Any]:
    """Measure one process and two in turn, in so many rounds.

    Args:
        work: The workload.
        console: Says where it is.
        rounds: How many.
        seconds: Of each closed loop.

    Returns:
        "rounds" and "generator_cpu_share" (medians) by where gateways may run and by their number; "pss_mb" of each of
        the two processes at the end.
    """
    cores = sorted(os.sched_getaffinity(0))
    with testbed(work) as bed, ExitStack() as stack:
        environment = {"SHORTLIST_GATEWAY_BATCH_WORKERS": "1"}  # a process alone would run two batches at a time
        servers = {count: stack.enter_context(bed.gateways(workers=count, environment=environment)) for count in COUNTS}
        for server in servers.values():
            closed_loop(server.address, server, work.users, CONNECTIONS, seconds / 2)  # warms up
        found: list[dict[str, dict[str, float]]] = []
        shares: defaultdict[tuple[str, int], list[float]] = defaultdict(list)
        for number in range(rounds):
            console.print(f"processes, round {number + 1} of {rounds}")
            figures: dict[str, dict[str, float]] = {UNPINNED: {}, PINNED: {}}
            for where, rates in figures.items():
                for count, server in servers.items():
                    pin(server.gateway_pids, cores, is_apart=where == PINNED)
                    loop = closed_loop(server.address, server, work.users, CONNECTIONS, seconds)
                    rates[str(count)] = loop.answers_per_s
                    shares[where, count].append(loop.result["generator_cpu_share"])
            found.append(figures)
        return {
            "rounds": found,
            "generator_cpu_share": {
                where: {str(count): statistics.median(shares[where, count]) for count in COUNTS}
                for where in (UNPINNED, PINNED)
            },
            "pss_mb": [pss_mb(pid) for pid in servers[max(COUNTS)].gateway_pids],
        }


def pin(pids: Sequence[int], cores: Sequence[int], *, is_apart: bool) -> None:
    """Give each process, all its threads, one of the cores in turn, or let all of them use all."""
    for number, pid in enumerate(pids):
        allowed = {cores[number % len(cores)]} if is_apart else set(cores)
        for thread in Path(f"/proc/{pid}/task").iterdir():
            os.sched_setaffinity(int(thread.name), allowed)


if __name__ == "__main__":
    sys.exit(command.run(measure, __doc__))
