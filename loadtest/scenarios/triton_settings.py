"""Triton with one or two copies of the ranker and one or two threads in each; a gateway before each, in turn.

There is no delay to choose: the ranker's queue on Triton has none, see `shortlist.ranking.model_config`.
"""

import statistics
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import product
from typing import Any

from rich.console import Console

from loadtest.scenarios import command
from loadtest.scenarios.testbed import closed_loop, sequential_p50_ms, testbed, warm_up
from loadtest.workload import Workload

CHOICES = tuple(product((1, 2), (1, 2)))
"""Instances and threads."""
ROUNDS, SECONDS = 3, 2.0
IN_FLIGHT = 32


def measure(
    work: Workload,
    console: Console,
    *,
    choices: Sequence[tuple[int, int]] = CHOICES,
    rounds: int = ROUNDS,
    seconds: float = SECONDS,
) -> dict[str, Any]:
    """Measure every choice in turn, in so many rounds; a point has the medians.

    Args:
        work: The workload.
        console: Says where it is.
        choices: Instances and threads.
        rounds: How many.
        seconds: Of each closed loop.
    """
    with testbed(work) as bed, ExitStack() as stack:
        servers = [
            stack.enter_context(
                bed.gateways(
                    ranker="triton",
                    environment={
                        "SHORTLIST_RANKING_INSTANCES": str(instances),
                        "SHORTLIST_RANKING_THREADS": str(threads),
                    },
                )
            )
            for instances, threads in choices
        ]
        for server in servers:
            warm_up(server.address, work.users, IN_FLIGHT, seconds / 2)
        rates: list[list[float]] = [[] for _ in choices]
        p50s_ms: list[list[float]] = [[] for _ in choices]
        for number in range(rounds):
            console.print(f"Triton's settings, round {number + 1} of {rounds}")
            for place, server in enumerate(servers):
                together = closed_loop(server.address, server, work.users, IN_FLIGHT, seconds)
                rates[place].append(together.answers_per_s)
                p50s_ms[place].append(sequential_p50_ms(server, work.users, seconds / 2))
    return {
        "points": [
            {
                "instances": instances,
                "threads": threads,
                "answers_per_s": statistics.median(rate),
                "sequential_p50_ms": statistics.median(p50_ms),
            }
            for (instances, threads), rate, p50_ms in zip(choices, rates, p50s_ms, strict=True)
        ]
    }


if __name__ == "__main__":
    sys.exit(command.run(measure, __doc__))
