"""Past saturation: what comes back from each front door when more is asked for than it carries.

An open loop of reads at multiples of the capacity, each call with a deadline of 250 ms. Goodput is whole answers a
second that came within that deadline, counted from when the call was due: neither a refusal, nor a degraded answer, nor
one that is late for whatever reason is one.
"""

import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console

from loadtest.saturation import P99_LIMIT_MS, Result, highest_rate, measured_at
from loadtest.scenarios import command
from loadtest.scenarios.fronts import FRONTS
from loadtest.scenarios.testbed import FIRST_RATE, SEED, NotMeasuredError, Testbed, testbed
from loadtest.serving import Server
from loadtest.workload import Workload

FACTORS = (0.5, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0)
SECONDS, STEP_S = 4.0, 2.0
DEADLINE_S = 0.25
_REFUSED = "RESOURCE_EXHAUSTED"


def measure(
    work: Workload, console: Console, *, factors: Sequence[float] = FACTORS, seconds: float = SECONDS
) -> dict[str, Any]:
    """Find the capacity behind each front door and ask for multiples of it.

    Args:
        work: The workload.
        console: Says where it is.
        factors: Of the capacity.
        seconds: Of each run at one of them; those that look for the capacity take at most 2.
    """
    curves: dict[str, Any] = {}
    with testbed(work) as bed:
        for front in FRONTS:
            with bed.gateways(front=front) as server:
                capacity = capacity_of(bed, server, min(seconds, STEP_S))
                console.print(f"overload: {capacity:,.0f} answers a second behind {front}")
                curves[front] = {"capacity": capacity, "points": curve(bed, server, capacity, factors, seconds)}
    return curves


def capacity_of(bed: Testbed, server: Server, seconds: float) -> float:
    """Find the most answers a second with p99 under 50 ms.

    Raises:
        NotMeasuredError: there is no such rate.
    """
    target = bed.target(server, DEADLINE_S)
    at = measured_at(target, SEED, seconds=seconds, users=bed.work.users, write_share=0.0)
    found = highest_rate(at, FIRST_RATE)
    if not found.answers_per_s:
        raise NotMeasuredError(f"{server.address} kept p99 under {P99_LIMIT_MS:.0f} ms at no rate")
    return found.answers_per_s


def curve(
    bed: Testbed, server: Server, capacity: float, factors: Sequence[float], seconds: float
) -> list[dict[str, Any]]:
    """Ask for each multiple of a capacity in turn."""
    target = bed.target(server, DEADLINE_S)
    at = measured_at(target, SEED, seconds=seconds, users=bed.work.users, write_share=0.0)
    return [point(factor, factor * capacity, at(factor * capacity)) for factor in factors]


def point(factor: float, rate: float, result: Result) -> dict[str, Any]:
    """Read a run's result; p99 counts calls without an answer as infinitely slow, and is None where it falls on one."""
    reads = result["reads"]
    return {
        "factor": factor,
        "rate": rate,
        "goodput_per_s": reads["in_time_per_s"],
        "refused_per_s": reads["outcomes"].get(_REFUSED, 0) / result["counted_s"],
        "p99_ms": reads["latency_ms"]["p99"],
        "outcomes": reads["outcomes"],
        "generator_cpu_share": result["generator_cpu_share"],
    }


if __name__ == "__main__":
    sys.exit(command.run(measure, __doc__))
