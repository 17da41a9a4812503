"""The bare kernels: the same search and the same ranker as everyone's, timed over as many requests as they answer."""

from typing import Any

import numpy as np
from loadtest.kernels import WORKERS, _inputs, _loop, measure
from loadtest.workload import Workload

from shortlist.core.arrays import AnyArray
from shortlist.core.types import FIRST_ITEM_ROW
from shortlist.offline.retriever import CANDIDATES
from shortlist.ranking.local import LocalRanker
from shortlist.release.bundle import Release
from shortlist.resilience.deadline import NEVER, Deadline


def test_the_faster_of_threads_and_processes_is_given_and_no_more_processor_than_there_is(
    small_workload: Workload,
) -> None:
    found = measure(small_workload, 8, 0.3)
    assert found.batch == 8
    assert found.workers in {"threads", "processes"}
    assert found.requests_per_s > 100
    cores = found.requests_per_s * found.cpu_ms_a_request / 1e3
    assert 0.1 < cores <= WORKERS * 1.05


def test_what_is_fed_is_what_the_ranker_takes(small_workload: Workload) -> None:
    queries, tensors = _inputs(small_workload)
    release = Release.open(small_workload.release_dir)
    assert len(queries) == 256
    assert {len(tensor) for tensor in tensors.values()} == {256}
    ranker = LocalRanker(release.ranker_path, release.manifest.ranker)
    scores = ranker.score({name: tensor[:4] for name, tensor in tensors.items()}, Deadline(NEVER))
    assert scores.shape == (4, CANDIDATES)


def test_each_round_ranks_what_its_search_found() -> None:
    positions = np.arange(2 * CANDIDATES).reshape(2, CANDIDATES)
    fed: list[AnyArray] = []

    class Index:
        def search(self, queries: AnyArray, count: int) -> tuple[None, AnyArray]:
            assert count == CANDIDATES
            return None, positions[: len(queries)]

    class Session:
        def run(self, outputs: None, feeds: dict[str, Any]) -> None:
            assert outputs is None
            assert set(feeds) == {"user_dense", "candidates"}
            fed.append(feeds["candidates"])

    batches = [(np.zeros((2, 4), np.float32), {"user_dense": np.zeros((2, 5)), "candidates": positions})]
    rounds = _loop(Index(), Session(), batches, 0.01)
    assert rounds == len(fed) > 0
    assert np.array_equal(fed[-1], positions + FIRST_ITEM_ROW)
