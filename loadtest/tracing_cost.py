"""What tracing costs a call: `python -m loadtest.tracing_cost --release RELEASE`.

Calls go through the gateway's servicer, pipeline and in-process ranker on one thread, without network and store: what
tracing adds is a larger share here than of a call from outside. Off, off once more, 1 % and all take turns in one run,
so that a busy machine slows them alike, and times are those of the processor: what others do does not count. Off
against itself is the noise that is left. What is sampled is sent over OTLP to a process of its own.
"""

import argparse
import multiprocessing
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from multiprocessing.connection import Connection
from pathlib import Path

import grpc
import numpy as np
from rich.console import Console

from loadtest.in_process import AtOnce, MadeCall, Parts
from loadtest.machine import describe
from shortlist.release.bundle import Release
from shortlist.telemetry.tracing import Tracing, open_tracing

BLOCK_CALLS = 100
"""All of their spans fit into the queue: none is dropped for want of room."""
_TRACES = "opentelemetry.proto.collector.trace.v1.TraceService"
SHARES = {"off": None, "off again": None, "1 %": 0.01, "100 %": 1.0}


def block(parts: Parts, tracing: Tracing) -> tuple[float, float]:
    """Make a block of calls; seconds of the median call on its thread, and of all a call with what is sent."""
    servicer = parts.servicer(AtOnce(parts.runner(tracing).run), tracing)
    took = []
    calls = [MadeCall(payload) for payload in islice(parts.payloads, BLOCK_CALLS)]
    started = time.process_time()
    for call in calls:
        begin = time.thread_time()
        servicer([call])
        took.append(time.thread_time() - begin)
    tracing.close()
    return float(np.median(took)), (time.process_time() - started) / BLOCK_CALLS


def _receive(pipe: Connection) -> None:
    server = grpc.server(ThreadPoolExecutor(1))
    export: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(lambda _request, _context: b"")
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(_TRACES, {"Export": export})])
    pipe.send(server.add_insecure_port("127.0.0.1:0"))
    server.start()
    pipe.recv()


@contextmanager
def receiving() -> Iterator[str]:
    """Run a receiver of traces that throws them away; its address."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_receive, args=(theirs,), daemon=True)
    process.start()
    try:
        yield f"127.0.0.1:{ours.recv()}"
    finally:
        ours.send(None)
        process.join(10.0)


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--release", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=30)
    arguments = parser.parse_args()
    parts = Parts(Release.open(arguments.release))
    lost: list[int] = []
    blocks: dict[str, list[tuple[float, float]]] = {name: [] for name in SHARES}
    with receiving() as address:
        for number in range(arguments.rounds + 1):
            names = list(SHARES)
            for name in np.random.default_rng(number).permutation(names):
                share = SHARES[name]
                endpoint = "" if share is None else address
                measured = block(parts, open_tracing(endpoint, share or 0.0, "tracing-cost", "0", lost.append))
                if number:  # the first round warms up
                    blocks[name].append(measured)
    if lost:
        raise SystemExit(f"{sum(lost)} spans did not arrive: what sending them costs is not known")
    console = Console(width=120)
    console.print(f"{describe()}. {arguments.rounds} rounds of {BLOCK_CALLS} calls each.")
    off = np.array(blocks["off"])
    for name, of_arm in blocks.items():
        figures = np.array(of_arm)
        median, whole = np.median(figures / off, axis=0)
        console.print(
            f"{name:>9}: median call {np.median(figures[:, 0]) * 1e6:5.0f} µs, × {median:.3f} of off; "
            f"with what is sent {np.median(figures[:, 1]) * 1e6:5.0f} µs, × {whole:.3f}"
        )


if __name__ == "__main__":
    main()
