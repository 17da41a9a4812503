"""Answers to calls, observed; and the answer to a RecommendBatch, which is put together from many."""

import threading
import time
from collections.abc import Callable

from google.protobuf.message import DecodeError

from shortlist.core.errors import InvalidRequestError, ShortlistError
from shortlist.core.types import Degraded
from shortlist.gateway.jobs import NOT_RUN, Outcome, Timings
from shortlist.gateway.observer import CallObserver
from shortlist.gateway.responses import batch_response, failed_result, recommend_response, result
from shortlist.gateway.slate import Slate
from shortlist.release.bundle import Release
from shortlist.rpc.front import Call
from shortlist.rpc.status import status_of


class Reply:
    """The answer to one call.

    Args:
        call: The call.
        arrived: Monotonic seconds of its arrival.
        observer: Hears of the answer and its time.
    """

    def __init__(self, call: Call, arrived: float, observer: CallObserver) -> None:
        self.call, self.arrived = call, arrived
        self.identity = observer.arrived(call)
        self._observer = observer
        self._degraded: set[Degraded] = set()

    def message(self, encoded: bytes, timings: Timings) -> None:
        """Answer with an encoded message."""
        self._tell("OK" if self.call.respond(encoded) else "CANCELLED", timings)

    def error(self, error: Exception, timings: Timings = NOT_RUN) -> None:
        """Answer with the status of an error."""
        if isinstance(error, DecodeError):
            error = InvalidRequestError("request", "is no message of this method")
        status = status_of(error)
        self.call.fail(status)
        self._tell(status.code.name, timings)

    def slate(self, slate: Slate) -> None:
        """Note what an answer says of itself; one of several, where the call is a RecommendBatch."""
        self._observer.slate(slate)
        self._degraded.update(slate.degraded)

    def _tell(self, code: str, timings: Timings) -> None:
        self._observer.answered(self.identity, code, time.monotonic() - self.arrived, timings, self._degraded)


class BatchReply:
    """Collects the results of a RecommendBatch; the last one answers the call. Thread-safe.

    Args:
        reply: The answer to the call.
        release: Names items.
        count: Results expected.
        on_answer: Called when the call is answered.
    """

    def __init__(self, reply: Reply, release: Release, count: int, on_answer: Callable[[], None]) -> None:
        self._reply, self._release, self._on_answer = reply, release, on_answer
        self._results: list[bytes | None] = [None] * count
        self._open = count
        self._lock = threading.Lock()

    def settle(self, place: int, outcome: Outcome, timings: Timings) -> None:
        """Take the outcome of one request; a later one of the same request does nothing.

        The call's own time went where that of the last request went.
        """
        encoded = self._result(place, outcome, timings)
        with self._lock:
            if self._results[place] is not None:
                return
            self._results[place] = encoded
            self._open -= 1
            is_last = self._open == 0
            if isinstance(outcome, Slate):
                self._reply.slate(outcome)
        if is_last:
            self._reply.message(batch_response(filter(None, self._results)), timings)
            self._on_answer()

    def _result(self, place: int, outcome: Outcome, timings: Timings) -> bytes:
        if isinstance(outcome, Slate):
            request_id = self._reply.identity.request_id_at(place)
            return result(recommend_response(outcome, timings.stages, self._release, request_id))
        if isinstance(outcome, ShortlistError):
            return failed_result(status_of(outcome))
        raise TypeError(f"no outcome of a Recommend: {outcome}")
