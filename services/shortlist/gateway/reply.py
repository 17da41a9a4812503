"""Answers to calls, counted; and the answer to a RecommendBatch, which is put together from many."""

import threading
import time

from google.protobuf.message import DecodeError, Message

from shortlist.core.errors import InvalidRequestError, ShortlistError
from shortlist.core.types import Degraded
from shortlist.gateway.jobs import Outcome, Stages
from shortlist.gateway.responses import recommend_response
from shortlist.gateway.slate import Slate
from shortlist.release.bundle import Release
from shortlist.rpc.front import Call
from shortlist.rpc.status import status_of
from shortlist.telemetry.gateway import GatewayMetrics
from shortlist.v1 import recommender_pb2


class Reply:
    """The answer to one call.

    Args:
        call: The call.
        arrived: Monotonic seconds of its arrival.
        metrics: Counts the answer and its time.
    """

    def __init__(self, call: Call, arrived: float, metrics: GatewayMetrics) -> None:
        self.call, self.arrived = call, arrived
        self._metrics = metrics

    def message(self, message: Message) -> None:
        """Answer with a message."""
        if self.call.respond(message.SerializeToString()):
            self._count("OK")
        else:
            self._count("CANCELLED")

    def error(self, error: Exception) -> None:
        """Answer with the status of an error."""
        if isinstance(error, DecodeError):
            error = InvalidRequestError("request", "is no message of this method")
        status = status_of(error)
        self.call.fail(status)
        self._count(status.code.name)

    def slate(self, slate: Slate) -> None:
        """Count what an answer says of itself."""
        for step in slate.degraded:
            self._metrics.degraded.labels(Degraded(step).name.lower()).inc()
        if slate.is_cold_start:
            self._metrics.cold_starts.inc()

    def _count(self, code: str) -> None:
        self._metrics.requests.labels(self.call.method, code).inc()
        self._metrics.request_seconds.labels(self.call.method).observe(time.monotonic() - self.arrived)


class BatchReply:
    """Collects the results of a RecommendBatch; the last one answers the call. Thread-safe.

    Args:
        reply: The answer to the call.
        release: Names items.
        count: Results expected.
    """

    def __init__(self, reply: Reply, release: Release, count: int) -> None:
        self._reply, self._release = reply, release
        self._results: list[recommender_pb2.RecommendBatchResult | None] = [None] * count
        self._open = count
        self._lock = threading.Lock()

    def settle(self, place: int, outcome: Outcome, stages: Stages) -> None:
        """Take the outcome of one request; a later one of the same request does nothing."""
        result = self._result(outcome, stages)
        with self._lock:
            if self._results[place] is not None:
                return
            self._results[place] = result
            self._open -= 1
            is_last = self._open == 0
        if isinstance(outcome, Slate):
            self._reply.slate(outcome)
        if is_last:
            self._reply.message(recommender_pb2.RecommendBatchResponse(results=filter(None, self._results)))

    def _result(self, outcome: Outcome, stages: Stages) -> recommender_pb2.RecommendBatchResult:
        result = recommender_pb2.RecommendBatchResult()
        if isinstance(outcome, Slate):
            result.status.code = 0
            result.response.CopyFrom(recommend_response(outcome, stages, self._release))
        elif isinstance(outcome, ShortlistError):
            status = status_of(outcome)
            result.status.code, result.status.message = status.number, status.message
        return result
