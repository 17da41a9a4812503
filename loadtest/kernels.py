"""The bare kernels: search and rank on both cores without a server, what every system is compared with.

Queries, histories and dense tensors are made before; in the loop there are FAISS's search for 200 items and one run of
the ranker over what it found. Each of the two workers has one thread inside, and both ways to have two are tried.
"""

import argparse
import json
import multiprocessing
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import onnxruntime

from loadtest.machine import describe
from loadtest.workload import ITEMS, Workload, workload
from shortlist.core.arrays import F32, AnyArray
from shortlist.core.types import FIRST_ITEM_ROW
from shortlist.features.encode import encode_histories, encode_user_dense
from shortlist.features.row import UserRow
from shortlist.offline.requests import Requests
from shortlist.offline.retriever import CANDIDATES, Retriever
from shortlist.ranking.tensors import ranker_tensors
from shortlist.release.bundle import Release
from shortlist.retrieval.tower import QueryTower

BATCHES = (1, 8, 32)
WORKERS = 2
_USERS = 256
_WARM_UP_S = 0.5


@dataclass(frozen=True, slots=True)
class Kernels:
    """What the kernels reach at one size of batch.

    Args:
        batch: Requests of a search and of a run of the ranker.
        workers: "threads" or "processes".
        requests_per_s: Of both workers together.
        cpu_ms_a_request: Of all cores.
    """

    batch: int
    workers: str
    requests_per_s: float
    cpu_ms_a_request: float


def measure(work: Workload, batch: int, seconds: float) -> Kernels:
    """Measure a size of batch with two threads and with two processes; give the faster."""
    queries, tensors = _inputs(work)
    release = Release.open(work.release_dir)
    job = (str(release.index_path), str(release.ranker_path), queries, tensors, batch, seconds)
    spawned = multiprocessing.get_context("spawn")  # a fork would inherit the threads of both libraries
    with ThreadPoolExecutor(WORKERS) as threads:
        in_threads = _together(threads, threading.Barrier(WORKERS), job, "threads")
    with spawned.Manager() as manager, ProcessPoolExecutor(WORKERS, spawned) as processes:
        in_processes = _together(processes, manager.Barrier(WORKERS), job, "processes")
    return max(in_threads, in_processes, key=lambda found: found.requests_per_s)


def _together(executor: Executor, barrier: Any, job: tuple[Any, ...], workers: str) -> Kernels:
    parts = list(executor.map(_work, [barrier] * WORKERS, [job] * WORKERS))
    requests = sum(part[0] for part in parts)
    return Kernels(
        job[4], workers, sum(part[0] / part[2] for part in parts), sum(part[1] for part in parts) / requests * 1e3
    )


def _work(barrier: Any, job: tuple[Any, ...]) -> tuple[int, float, float]:
    """Search and rank until the time is over: requests, seconds of this thread's processor, seconds."""
    index_path, ranker_path, queries, tensors, batch, seconds = job
    index = faiss.read_index(index_path)
    faiss.omp_set_num_threads(1)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(ranker_path, options, providers=["CPUExecutionProvider"])
    starts = range(0, len(queries) - batch + 1, batch)
    batches = [
        (queries[start : start + batch], {name: tensor[start : start + batch] for name, tensor in tensors.items()})
        for start in starts
    ]
    _loop(index, session, batches, _WARM_UP_S)
    barrier.wait(60.0)
    started_s, cpu_s = time.perf_counter(), time.thread_time()
    rounds = _loop(index, session, batches, seconds)
    return rounds * batch, time.thread_time() - cpu_s, time.perf_counter() - started_s


def _loop(
    index: faiss.Index, session: Any, batches: Sequence[tuple[F32, Mapping[str, AnyArray]]], seconds: float
) -> int:
    rounds, end_s = 0, time.perf_counter() + seconds
    while time.perf_counter() < end_s:
        queries, feeds = batches[rounds % len(batches)]
        _, positions = index.search(queries, CANDIDATES)
        session.run(None, {**feeds, "candidates": (positions + FIRST_ITEM_ROW).astype(np.int32)})
        rounds += 1
    return rounds


def _inputs(work: Workload) -> tuple[F32, dict[str, AnyArray]]:
    """Make queries and the ranker's tensors of 256 users, `candidates` among them."""
    release = Release.open(work.release_dir)
    manifest = release.manifest
    rows = [UserRow.decode(row.tobytes()) for row in work.rows()[:_USERS]]
    now = np.full(len(rows), manifest.created.timestamp())
    length = manifest.features.history_length
    history = encode_histories(rows, [()] * len(rows), release.vocabulary, now, length)
    dense = encode_user_dense(rows, history, now)
    tower = QueryTower(release.query_tower_path, manifest.query_tower, release.items.embeddings, length)
    requests = Requests(np.arange(len(rows), dtype=np.int32), now, history, dense)
    candidates = Retriever.of(release).candidates(requests, list(history.rows))
    tensors = ranker_tensors(
        manifest.ranker.inputs,
        manifest.features,
        history,
        dense,
        candidates,
        release.items.columns,
        release.catalogue.categories,
        CANDIDATES,
    )
    return tower.embed(history, dense), tensors


def main() -> None:
    """Measure and print; `--out` takes JSON."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--items", type=int, default=ITEMS)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    machine, work = describe(), workload(options.items)
    print(f"{machine}. {work.describe()}")  # noqa: T201  # the command's output
    found = [measure(work, batch, options.seconds) for batch in BATCHES]
    for kernels in found:
        print(  # noqa: T201  # the same
            f"batch {kernels.batch}: {kernels.requests_per_s:,.0f} requests a second in two {kernels.workers}, "
            f"{kernels.cpu_ms_a_request:.3f} ms of CPU each"
        )
    if options.out:
        result = {"machine": machine, "workload": work.facts, "kernels": [asdict(kernels) for kernels in found]}
        options.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
