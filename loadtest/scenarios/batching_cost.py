"""What a lone request pays for batching: `python -m loadtest.scenarios.batching_cost`.

The same call goes through the same pipeline directly, on the caller's thread, and by way of the micro-batcher, whose
worker runs it as a batch of one while the caller waits; the two take turns in one process. Timed is from the call to
the moment at which its answer is given, which a front door sends from the worker itself. The difference is the price:
a queue, a lock and a change of thread.
"""

import sys
import threading
import time
from typing import Any

import numpy as np
from rich.console import Console

from loadtest.in_process import AtOnce, MadeCall, Parts
from loadtest.scenarios import command
from loadtest.workload import Workload
from shortlist.core.arrays import F64
from shortlist.gateway.jobs import Job
from shortlist.gateway.runner import reject
from shortlist.release.bundle import Release
from shortlist.resilience.microbatch import MicroBatcher

PAIRS, WARM_UP_PAIRS = 10_000, 200


def measure(work: Workload, console: Console, *, pairs: int = PAIRS) -> dict[str, Any]:
    """Time pairs of calls on a workload's release; medians in milliseconds, the price that of the differences."""
    console.print(f"the price of batching: {pairs:,} pairs")
    times_ms = timed(Parts(Release.open(work.release_dir)), pairs) * 1e3
    direct_ms, batched_ms = np.median(times_ms, axis=0)
    return {
        "direct_ms": float(direct_ms),
        "batched_ms": float(batched_ms),
        "price_ms": float(np.median(times_ms[:, 1] - times_ms[:, 0])),
        "pairs": pairs,
    }


def timed(parts: Parts, pairs: int) -> F64:
    """Time pairs of calls: (pairs, 2) seconds, directly and batched."""
    batcher: MicroBatcher[Job] = MicroBatcher(
        parts.runner().run, reject, workers=3, max_batch=32, max_waiting=1024, observer=parts.metrics
    )
    batcher.start()
    directly, batched = parts.servicer(AtOnce(parts.runner().run)), parts.servicer(batcher)
    answered = threading.Event()
    answered_at = 0.0

    def answer() -> None:
        nonlocal answered_at
        answered_at = time.perf_counter()
        answered.set()

    times = np.empty((pairs, 2))
    try:
        for pair in range(-WARM_UP_PAIRS, pairs):
            payload = next(parts.payloads)
            for way in (0, 1) if pair % 2 else (1, 0):
                answered.clear()
                begin = time.perf_counter()
                (directly, batched)[way]([MadeCall(payload, answer)])
                answered.wait()
                if pair >= 0:
                    times[pair, way] = answered_at - begin
    finally:
        batcher.stop(1.0)
    return times


if __name__ == "__main__":
    sys.exit(command.run(measure, __doc__))
