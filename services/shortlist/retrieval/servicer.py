"""Calls in, jobs out; outcomes in, messages out. Every field is checked here, and an error names it."""

import time
from collections.abc import Sequence
from functools import partial
from typing import Protocol

import grpc
import numpy as np
from google.protobuf.message import DecodeError

from shortlist.core.arrays import F32
from shortlist.core.errors import InvalidRequestError, ShortlistError
from shortlist.core.types import SourceList
from shortlist.resilience.deadline import NEVER, Deadline
from shortlist.retrieval.filters import Bitmaps
from shortlist.retrieval.gpu import MAX_K
from shortlist.retrieval.remote import RETRIEVE, SERVICE
from shortlist.retrieval.runner import Job, Outcome
from shortlist.rpc.front import Call
from shortlist.rpc.status import Status, status_of
from shortlist.telemetry.retrieval import RetrievalMetrics
from shortlist.v1 import retrieval_pb2

SERVICES = (SERVICE,)
METHODS = (RETRIEVE,)
MAX_QUERIES = 256


class Batcher(Protocol):
    """What the servicer needs of the micro-batcher."""

    def submit(self, jobs: Sequence[Job]) -> None:
        """Queue all of the jobs or raise."""


class Servicer:
    """The sink of the front door.

    Args:
        release: Id of the release whose index is searched.
        dimension: Length of its vectors.
        batcher: Takes the jobs.
        metrics: Counts.
        bitmaps: Of the same release.
    """

    def __init__(
        self, release: str, dimension: int, batcher: Batcher, metrics: RetrievalMetrics, bitmaps: Bitmaps
    ) -> None:
        self._release, self._dimension, self._bitmaps = release, dimension, bitmaps
        self._batcher, self._metrics = batcher, metrics

    def __call__(self, calls: Sequence[Call]) -> None:
        """Take calls that arrived together; each is queued, or fails alone."""
        now = time.monotonic()
        for call in calls:
            try:
                self._retrieve(call, now)
            except DecodeError:
                self._fail(call, now, status_of(InvalidRequestError("request", "is no message of this method")))
            except ShortlistError as error:
                self._fail(call, now, status_of(error))

    def _retrieve(self, call: Call, arrived: float) -> None:
        request = retrieval_pb2.RetrieveRequest.FromString(call.payload)
        if request.release != self._release:
            reason = f"release: {request.release!r} is asked for, {self._release!r} is held"
            self._fail(call, arrived, Status(grpc.StatusCode.FAILED_PRECONDITION, reason))
            return
        queries = checked_queries(request, self._dimension)
        kept = self._bitmaps.plan(request.allowed_rows)
        deadline = call.deadline or Deadline(NEVER)
        self._batcher.submit(
            [Job(queries, request.limit, kept, call, deadline, partial(self._settle, call, arrived))],
        )

    def _settle(self, call: Call, arrived: float, outcome: Outcome) -> None:
        if isinstance(outcome, SourceList):
            response = retrieval_pb2.RetrieveResponse(
                rows=outcome.rows.astype("<i4", copy=False).tobytes(),
                scores=outcome.scores.astype("<f4", copy=False).tobytes(),
                release=self._release,
            )
            self._count("OK" if call.respond(response.SerializeToString()) else "CANCELLED", arrived)
        else:
            self._fail(call, arrived, status_of(outcome))

    def _fail(self, call: Call, arrived: float, status: Status) -> None:
        call.fail(status)
        self._count(status.code.name, arrived)

    def _count(self, code: str, arrived: float) -> None:
        self._metrics.requests.labels(code).inc()
        self._metrics.request_seconds.observe(time.monotonic() - arrived)


def checked_queries(request: retrieval_pb2.RetrieveRequest, dimension: int) -> F32:
    """Check a RetrieveRequest for an index of this dimension; its queries (query_count, dimension).

    Raises:
        InvalidRequestError: a field is out of its range.
    """
    if not 1 <= request.query_count <= MAX_QUERIES:
        raise InvalidRequestError("query_count", f"must be 1 to {MAX_QUERIES}, got {request.query_count}")
    if not 1 <= request.limit <= MAX_K:
        raise InvalidRequestError("limit", f"must be 1 to {MAX_K}, got {request.limit}")
    size_bytes = 4 * request.query_count * dimension
    if len(request.queries) != size_bytes:
        raise InvalidRequestError(
            "queries",
            f"must have {size_bytes} bytes, {request.query_count} of dimension {dimension}, got {len(request.queries)}",
        )
    queries = np.frombuffer(request.queries, "<f4").reshape(request.query_count, dimension)
    if not np.isfinite(queries).all():
        raise InvalidRequestError("queries", "must be finite")
    return queries.astype(np.float32, copy=False)
