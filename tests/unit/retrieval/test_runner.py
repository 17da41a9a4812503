from collections.abc import Sequence

import grpc
import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from shortlist.core.arrays import F32
from shortlist.core.errors import DeadlineExceededError, UnavailableError
from shortlist.core.types import SourceList
from shortlist.resilience.deadline import NEVER, Deadline
from shortlist.retrieval.kept import Kept
from shortlist.retrieval.remote import RETRIEVE
from shortlist.retrieval.runner import Job, Outcome, SearchRunner, reject
from shortlist.telemetry.retrieval import RetrievalMetrics
from support.played_calls import PlayedCall

DIMENSION = 2


class Echo:
    """An index that answers each query with its first number in every row; it keeps what it was asked."""

    device, dimension = "cpu", DIMENSION

    def __init__(self) -> None:
        self.asked: list[tuple[int, int]] = []
        self.filters: list[Kept | None] = []
        self.is_broken = False

    def __len__(self) -> int:
        return 100

    def search(self, queries: F32, k: int, kept: Kept | None = None) -> SourceList:
        """Echo."""
        self.asked.append((len(queries), k))
        self.filters.append(kept)
        if self.is_broken:
            raise UnavailableError("index", "the device is gone")
        rows = np.repeat(queries[:, :1].astype(np.int32), k, axis=1)
        return SourceList(rows, rows.astype(np.float32))

    def close(self) -> None:
        """Do nothing."""


class Bench:
    """A runner over an index that echoes, and what its jobs were settled with."""

    def __init__(self) -> None:
        self.index, self.registry = Echo(), CollectorRegistry()
        self._runner = SearchRunner(
            self.index, RetrievalMetrics(self.registry, [code.name for code in grpc.StatusCode])
        )
        self.settled: list[list[Outcome]] = []

    def job(self, numbers: Sequence[int], limit: int = 3, kept: Kept | None = None) -> Job:
        """Make a job with a query a number."""
        mine: list[Outcome] = []
        self.settled.append(mine)
        queries = np.array([[number, 0] for number in numbers], np.float32)
        return Job(queries, limit, kept, PlayedCall(RETRIEVE, b""), Deadline(NEVER), mine.append)

    def run(self, *jobs: Job) -> None:
        """Run a batch."""
        self._runner.run(jobs)

    def rows(self, place: int) -> list[list[int]]:
        """Give the rows that a job was settled with."""
        (outcome,) = self.settled[place]
        assert isinstance(outcome, SourceList)
        return outcome.rows.tolist()


@pytest.fixture
def bench() -> Bench:
    """Make one."""
    return Bench()


def test_calls_of_one_limit_are_one_search_and_each_gets_its_own_lists(bench: Bench) -> None:
    bench.run(bench.job([7]), bench.job([8, 9]), bench.job([5]))

    assert bench.index.asked == [(4, 3)]
    assert [bench.rows(place) for place in range(3)] == [[[7] * 3], [[8] * 3, [9] * 3], [[5] * 3]]


def test_a_list_is_as_long_as_its_call_asked_whoever_waited_with_it(bench: Bench) -> None:
    bench.run(bench.job([7], limit=2), bench.job([8], limit=5), bench.job([9], limit=2))

    assert bench.index.asked == [(2, 2), (1, 5)]
    assert [bench.rows(place) for place in range(3)] == [[[7] * 2], [[8] * 5], [[9] * 2]]


def test_calls_of_one_filter_are_one_search_and_others_have_their_own(bench: Bench) -> None:
    tea, lamps = (Kept(np.ones(5, np.bool_), np.zeros((5, DIMENSION), np.float16)) for _ in range(2))
    bench.run(bench.job([7], kept=tea), bench.job([8]), bench.job([9], kept=lamps), bench.job([5], kept=tea))

    assert bench.index.asked == [(2, 3), (1, 3), (1, 3)]
    assert bench.index.filters == [tea, None, lamps]
    assert [bench.rows(place) for place in range(4)] == [[[7] * 3], [[8] * 3], [[9] * 3], [[5] * 3]]


def test_the_queries_of_each_search_are_counted(bench: Bench) -> None:
    bench.run(bench.job([7, 8]), bench.job([9]), bench.job([5], limit=9))

    assert bench.registry.get_sample_value("shortlist_retrieval_batch_size_queries_count") == 2
    assert bench.registry.get_sample_value("shortlist_retrieval_batch_size_queries_sum") == 4


def test_a_search_that_fails_fails_its_calls_once(bench: Bench) -> None:
    bench.index.is_broken = True
    bench.run(bench.job([7]), bench.job([8]))

    for (outcome,) in bench.settled:
        assert isinstance(outcome, UnavailableError)


def test_a_rejected_job_is_settled_with_the_error(bench: Bench) -> None:
    error = DeadlineExceededError("too late")
    reject(bench.job([7]), error)

    assert bench.settled == [[error]]
