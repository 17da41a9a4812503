"""Closed loops from this process: one call after another, or a few at a time; latencies in milliseconds."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from shortlist.client import Client
from shortlist.core.arrays import F64
from shortlist.v1 import recommender_pb2


@dataclass(slots=True)
class Measured:
    """Latencies of calls (n,) in milliseconds, what the answers said, and how long it took in all."""

    latencies_ms: F64
    outcomes: Counter[str]
    stages_us: dict[str, list[int]] = field(default_factory=dict)
    seconds: float = 0.0

    def percentile(self, share: float) -> float:
        """Tell a percentile of the latencies in milliseconds."""
        return float(np.percentile(self.latencies_ms, share))


def outcome_of(answer: recommender_pb2.RecommendResponse) -> str:
    """Name an answer by who ranked it and what it lacked."""
    steps = [recommender_pb2.Degraded.Name(step) for step in answer.degraded]
    return "+".join([answer.ranker or "unranked", *steps])


def sequential(client: Client, users: Sequence[str], calls: int) -> Measured:
    """Call Recommend for one user after another."""
    latencies = np.empty(calls)
    outcomes: Counter[str] = Counter()
    stages: dict[str, list[int]] = {}
    started = time.perf_counter()
    for call in range(calls):
        begin = time.perf_counter()
        answer = client.recommend(users[call % len(users)], limit=20)
        latencies[call] = (time.perf_counter() - begin) * 1e3
        outcomes[outcome_of(answer)] += 1
        for stage in answer.stages:
            stages.setdefault(stage.stage, []).append(stage.microseconds)
    return Measured(latencies, outcomes, stages, time.perf_counter() - started)


def concurrent(open_client: Callable[[], Client], users: Sequence[str], threads: int, calls: int) -> Measured:
    """Call Recommend from several threads, each with a client of its own; the generator shares the cores."""

    def one(thread: int) -> Measured:
        with open_client() as client:
            return sequential(client, users[thread::threads], calls // threads)

    started = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        parts = list(pool.map(one, range(threads)))
    outcomes = sum((part.outcomes for part in parts), Counter[str]())
    return Measured(np.concatenate([part.latencies_ms for part in parts]), outcomes, {}, time.perf_counter() - started)
