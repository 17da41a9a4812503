"""What a lone request pays for batching: `python -m loadtest.batching_cost --release DIR`.

The same call goes through the same pipeline directly, on the caller's thread, and by way of the micro-batcher, whose
worker runs it as a batch of one while the caller waits; the two take turns in one process. Timed is from the call to
the moment at which its answer is given, which a front door sends from the worker itself. The difference is the price:
a queue, a lock and a change of thread.
"""

import argparse
import threading
import time
from pathlib import Path

import numpy as np
from rich.console import Console

from loadtest.in_process import AtOnce, MadeCall, Parts
from loadtest.machine import describe
from shortlist.core.arrays import F64
from shortlist.gateway.jobs import Job
from shortlist.gateway.runner import reject
from shortlist.release.bundle import Release
from shortlist.resilience.microbatch import MicroBatcher

WARM_UP_PAIRS = 200


def measure(parts: Parts, pairs: int) -> F64:
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


def main() -> None:
    """Measure and print one line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--release", type=Path, required=True)
    parser.add_argument("--pairs", type=int, default=10_000)
    arguments = parser.parse_args()
    times = measure(Parts(Release.open(arguments.release)), arguments.pairs) * 1e3
    directly, batched = np.median(times, axis=0)
    price = np.median(times[:, 1] - times[:, 0])
    Console(width=150).print(
        f"{describe()}. {arguments.pairs:,} pairs: directly {directly:.3f} ms, batched {batched:.3f} ms, "
        f"median difference {price:.3f} ms"
    )


if __name__ == "__main__":
    main()
