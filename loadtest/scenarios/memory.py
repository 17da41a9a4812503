"""What a gateway holds: its proportional set size at the start and after many requests, beside its index on disk.

The gateway is as it comes, near cache included, which fills while users are new; 10 % of the calls write rows, which
it drops. `--long` goes on to a million requests (6 minutes): after the first 100,000 nothing should grow.
"""

import sys
from functools import partial
from typing import Any

from rich.console import Console

from loadtest.arrivals import WRITE_SHARE, ordered
from loadtest.generator.run import Pace
from loadtest.saturation import in_own_process
from loadtest.scenarios import command
from loadtest.scenarios.testbed import CONNECTIONS, SEED, NotMeasuredError, Testbed, testbed
from loadtest.serving import Server
from loadtest.workload import Workload
from shortlist.release.bundle import Release

REQUESTS = 100_000
_LONGEST_S = 300.0
"""For 100,000 requests; a gateway takes half a minute."""


def measure(work: Workload, console: Console, *, requests: int = REQUESTS, times: int = 1) -> dict[str, Any]:
    """Look at a gateway at its start, after so many requests, and after so many times as many.

    Args:
        work: The workload.
        console: Says where it is.
        requests: After which it is looked at.
        times: After how many times as many it is looked at again; 1: it is not.
    """
    with testbed(work) as bed, bed.gateways(near_cache_bytes=None) as server:
        sizes_mb = {"start": server.pss_mb()}
        answered = 0
        for number in range(1, times + 1):
            answered += _ask(bed, server, requests, SEED + number)
            console.print(f"memory: {server.pss_mb():.0f} MB after {answered:,} requests")
            if number in (1, times):
                sizes_mb[f"after_{short(number * requests)}"] = server.pss_mb()
    index_mb = Release.open(work.release_dir).index_path.stat().st_size / 2**20
    return {"pss_mb": sizes_mb, "index_mb": index_mb, "requests": answered}


def _ask(bed: Testbed, server: Server, requests: int, seed: int) -> int:
    """Have some so many requests answered, and the writes between them; their number."""
    calls = ordered(round(requests / (1 - WRITE_SHARE)), seed, users=bed.work.users)
    reads = in_own_process(bed.target(server), calls, Pace(CONNECTIONS, _LONGEST_S))["reads"]
    if reads["answers"] < len(calls) - calls.is_write.sum():
        raise NotMeasuredError(f"not all of {reads['calls']} requests were answered: {reads['outcomes']}")
    return int(reads["answers"])


def short(count: int) -> str:
    """Write a number of requests as a name has it: 100k, 1m."""
    if count % 1_000_000 == 0:
        return f"{count // 1_000_000}m"
    return f"{count // 1_000}k" if count % 1_000 == 0 else str(count)


if __name__ == "__main__":
    sys.exit(command.run(measure, __doc__, longer=partial(measure, times=10)))
