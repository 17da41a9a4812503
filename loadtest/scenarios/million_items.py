"""A million items against a hundred thousand: the highest rate with p99 under 50 ms of one gateway on each, in turn.

Each index searches as many lists as its own recall asks for; "facts" says how many. 10 % of the calls are writes.
"""

import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any

from rich.console import Console

from loadtest.saturation import Result, highest_rate, measured_at
from loadtest.scenarios import command
from loadtest.scenarios.testbed import FIRST_RATE, SEED, testbed
from loadtest.workload import Workload, workload

ITEMS = 1_000_000
ROUNDS, SECONDS = 3, 2.0
_SMALL_STEP = 1.15
"""From a rate near the highest, which the rounds before have found."""

AtRate = Callable[[float], Result]


def measure(
    work: Workload,
    console: Console,
    *,
    larger: Workload | None = None,
    rounds: int = ROUNDS,
    seconds: float = SECONDS,
) -> dict[str, Any]:
    """Measure both in turn, in so many rounds.

    Args:
        work: The workload that a larger one is compared with.
        console: Says where it is.
        larger: None: of a million items, made where it is not there yet (a minute).
        rounds: How many.
        seconds: Of a step.
    """
    by_items = {str(each.facts["items"]): each for each in (work, larger or workload(ITEMS))}
    with ExitStack() as stack:
        at: dict[str, AtRate] = {}
        for items, each in by_items.items():
            bed = stack.enter_context(testbed(each))
            server = stack.enter_context(bed.gateways())
            at[items] = measured_at(bed.target(server), SEED, seconds=seconds, users=each.users)
        rates = in_rounds(at, rounds, console)
    return {"answers_per_s": rates, "facts": {items: each.facts for items, each in by_items.items()}}


def in_rounds(at: Mapping[str, AtRate], rounds: int, console: Console) -> dict[str, list[float]]:
    """Find the most answers a second of each in turn; a later round begins near the rate of the one before."""
    rates: dict[str, list[float]] = {items: [] for items in at}
    last: dict[str, float] = dict.fromkeys(at, 0.0)
    for number in range(rounds):
        for items, measured in at.items():
            known = last[items]
            found = highest_rate(measured, 0.9 * known, _SMALL_STEP) if known else highest_rate(measured, FIRST_RATE)
            rates[items].append(found.answers_per_s)
            last[items] = found.rate
            told = f"{found.answers_per_s:,.0f} answers a second of {int(items):,} items"
            console.print(f"round {number + 1} of {rounds}: {told}")
    return rates


if __name__ == "__main__":
    sys.exit(command.run(measure, __doc__))
