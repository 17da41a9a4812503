from collections.abc import Sequence

import grpc
import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from shortlist.core.arrays import F32
from shortlist.core.errors import DeadlineExceededError, OverloadedError, UnavailableError
from shortlist.core.types import SourceList
from shortlist.resilience.deadline import Deadline
from shortlist.retrieval.filters import Bitmaps
from shortlist.retrieval.remote import RETRIEVE
from shortlist.retrieval.runner import Job, reject
from shortlist.retrieval.servicer import MAX_QUERIES, Servicer
from shortlist.telemetry.retrieval import RetrievalMetrics
from shortlist.v1 import retrieval_pb2
from support.played_calls import PlayedCall

DIMENSION = 4
CODES = [code.name for code in grpc.StatusCode]
EMBEDDINGS = np.zeros((12, DIMENSION), np.float16)
QUERIES = np.arange(8, dtype=np.float32).reshape(2, DIMENSION)


class Queue:
    """A batcher that keeps jobs until the test settles them, or refuses them."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self.is_full = False

    def submit(self, jobs: Sequence[Job]) -> None:
        """Take the jobs."""
        if self.is_full:
            raise OverloadedError("full", 0.25)
        self.jobs += jobs


class Desk:
    """A servicer, its queue and its metrics."""

    def __init__(self) -> None:
        self.queue, self.registry = Queue(), CollectorRegistry()
        self._servicer = Servicer(
            "tiny", DIMENSION, self.queue, RetrievalMetrics(self.registry, CODES), Bitmaps(EMBEDDINGS)
        )

    def take(self, message: retrieval_pb2.RetrieveRequest | bytes, deadline: Deadline | None = None) -> PlayedCall:
        """Take one call."""
        call = PlayedCall(RETRIEVE, message, deadline)
        self._servicer([call])
        return call

    def count(self, code: str) -> float:
        """Read how many calls were answered with a status."""
        value = self.registry.get_sample_value("shortlist_retrieval_requests_total", {"code": code})
        assert value is not None
        return value


@pytest.fixture
def desk() -> Desk:
    """Open a servicer of the release "tiny"."""
    return Desk()


def request(queries: F32 = QUERIES, **fields: object) -> retrieval_pb2.RetrieveRequest:
    """Ask as the client does, with other fields where they are given."""
    asked = {"release": "tiny", "query_count": len(queries), "queries": queries.tobytes(), "limit": 3, **fields}
    return retrieval_pb2.RetrieveRequest(**asked)  # type: ignore[arg-type]  # each test names fields of the message


def test_queries_arrive_as_they_were_sent(desk: Desk) -> None:
    desk.take(request(limit=7))

    (job,) = desk.queue.jobs
    assert (job.queries == QUERIES).all()
    assert (job.queries.dtype, job.limit) == (np.float32, 7)


def test_the_answer_holds_rows_scores_and_the_release(desk: Desk) -> None:
    call = desk.take(request())
    rows, scores = np.array([[5, 2, 0]] * 2, np.int32), np.array([[0.5, 0.25, 0.0]] * 2, np.float32)
    desk.queue.jobs[0].settle(SourceList(rows, scores))

    answer = retrieval_pb2.RetrieveResponse.FromString(call.answer)
    assert (answer.rows, answer.scores, answer.release) == (rows.tobytes(), scores.tobytes(), "tiny")
    assert desk.count("OK") == 1
    assert desk.registry.get_sample_value("shortlist_retrieval_request_seconds_count") == 1


@pytest.mark.parametrize("release", ["other", ""])
def test_another_release_is_refused_and_both_are_named(desk: Desk, release: str) -> None:
    status = desk.take(request(release=release)).status

    assert status.code is grpc.StatusCode.FAILED_PRECONDITION
    assert status.message == f"release: {release!r} is asked for, 'tiny' is held"
    assert desk.count("FAILED_PRECONDITION") == 1
    assert not desk.queue.jobs


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (request(query_count=0), "query_count: must be 1 to 256, got 0"),
        (request(query_count=MAX_QUERIES + 1), "query_count: must be 1 to 256, got 257"),
        (request(limit=0), "limit: must be 1 to 2048, got 0"),
        (request(limit=2049), "limit: must be 1 to 2048, got 2049"),
        (request(allowed_rows=b"\4"), "allowed_rows: must have 2 bytes, a bit for each of 12 rows, got 1"),
        (request(allowed_rows=b"\5\0"), "allowed_rows: allows a row that is no item; items are 2 to 11"),
        (request(allowed_rows=b"\6\0"), "allowed_rows: allows a row that is no item; items are 2 to 11"),
        (request(allowed_rows=b"\4\x10"), "allowed_rows: allows a row that is no item; items are 2 to 11"),
        (request(np.zeros((0, 4), np.float32), query_count=2), "queries: must have 32 bytes, 2 of dimension 4, got 0"),
        (request(np.zeros((2, 5), np.float32)), "queries: must have 32 bytes, 2 of dimension 4, got 40"),
        (request(np.full((1, 4), np.nan, np.float32)), "queries: must be finite"),
        (request(np.full((1, 4), -np.inf, np.float32)), "queries: must be finite"),
        (b"\xff", "request: is no message of this method"),
    ],
)
def test_a_wrong_field_is_named(desk: Desk, message: retrieval_pb2.RetrieveRequest | bytes, reason: str) -> None:
    status = desk.take(message).status

    assert (status.code, status.message) == (grpc.StatusCode.INVALID_ARGUMENT, reason)
    assert desk.count("INVALID_ARGUMENT") == 1
    assert not desk.queue.jobs


@pytest.mark.parametrize("limit", [1, 2048])
@pytest.mark.parametrize("count", [1, MAX_QUERIES])
def test_the_ends_of_the_ranges_are_served(desk: Desk, limit: int, count: int) -> None:
    desk.take(request(np.ones((count, DIMENSION), np.float32), limit=limit))

    assert desk.queue.jobs[0].queries.shape == (count, DIMENSION)


def test_a_bitmap_is_read_once_and_calls_with_the_same_share_what_it_keeps(desk: Desk) -> None:
    for bitmap in (b"\4\x08", b"\x08\0", b"\4\x08", b""):
        desk.take(request(allowed_rows=bitmap))

    first, second, third, fourth = (job.kept for job in desk.queue.jobs)
    assert first is not None
    assert second is not None
    assert (first.rows.tolist(), second.rows.tolist()) == ([2, 11], [3])
    assert third is first
    assert fourth is None


def test_the_callers_deadline_is_the_jobs_and_without_one_a_call_waits_its_turn(desk: Desk) -> None:
    deadline = Deadline.after(0.5)
    desk.take(request(), deadline)
    desk.take(request())

    assert desk.queue.jobs[0].deadline == deadline
    assert not desk.queue.jobs[1].deadline.has_passed()


def test_a_full_queue_refuses_with_a_time_to_come_back(desk: Desk) -> None:
    desk.queue.is_full = True
    status = desk.take(request()).status

    assert status.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert status.trailing == (("retry-after-ms", "250"),)
    assert desk.count("RESOURCE_EXHAUSTED") == 1


def test_a_bad_call_does_not_fail_those_that_came_with_it(desk: Desk) -> None:
    desk.take(request(limit=0))
    desk.take(request())

    assert len(desk.queue.jobs) == 1


def test_a_device_that_fails_is_unavailable_and_a_late_job_past_its_deadline(desk: Desk) -> None:
    failed, late = desk.take(request()), desk.take(request())
    desk.queue.jobs[0].settle(UnavailableError("index", "illegal memory access"))
    reject(desk.queue.jobs[1], DeadlineExceededError("too late"))

    assert (failed.status.code, failed.status.message) == (
        grpc.StatusCode.UNAVAILABLE,
        "index: illegal memory access",
    )
    assert late.status.code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert (desk.count("UNAVAILABLE"), desk.count("DEADLINE_EXCEEDED")) == (1, 1)


def test_an_answer_whose_caller_left_counts_as_cancelled(desk: Desk) -> None:
    call = desk.take(request())
    call.is_cancelled = True
    assert desk.queue.jobs[0].is_cancelled
    desk.queue.jobs[0].settle(SourceList(np.zeros((2, 3), np.int32), np.zeros((2, 3), np.float32)))

    assert desk.count("CANCELLED") == 1
    assert desk.count("OK") == 0
