"""The two front doors side by side: one gateway behind each, which ranks in its own process; they take turns."""

import sys
from contextlib import ExitStack
from typing import Any

from rich.console import Console

from loadtest.scenarios import command
from loadtest.scenarios.testbed import Front, closed_loop, sequential_p50_ms, testbed
from loadtest.serving import Server
from loadtest.workload import Workload

FRONTS: tuple[Front, ...] = ("native", "grpcio")
ROUNDS, SECONDS = 3, 4.0
IN_FLIGHT = 32


def measure(work: Workload, console: Console, *, rounds: int = ROUNDS, seconds: float = SECONDS) -> dict[str, Any]:
    """Measure each front door in turn, in so many rounds.

    Args:
        work: The workload.
        console: Says where it is.
        rounds: How many.
        seconds: Of each closed loop.
    """
    with testbed(work) as bed, ExitStack() as stack:
        servers = {front: stack.enter_context(bed.gateways(front=front)) for front in FRONTS}
        for server in servers.values():
            closed_loop(server.address, server, work.users, IN_FLIGHT, seconds / 4)  # warms up
        found = []
        for number in range(rounds):
            console.print(f"front doors, round {number + 1} of {rounds}")
            found.append({front: _measured(server, work.users, seconds) for front, server in servers.items()})
    return {"rounds": found}


def _measured(server: Server, users: int, seconds: float) -> dict[str, float]:
    together = closed_loop(server.address, server, users, IN_FLIGHT, seconds)
    return {
        "answers_per_s": together.answers_per_s,
        "server_cpu_ms_an_answer": together.server_cpu_ms,
        "sequential_p50_ms": sequential_p50_ms(server, users, seconds / 2),
    }


if __name__ == "__main__":
    sys.exit(command.run(measure, __doc__))
