from dataclasses import replace

import grpc
import numpy as np
import pytest
from google.protobuf.message import DecodeError

from shortlist.core.errors import InvalidRequestError, OverloadedError, ShortlistError
from shortlist.gateway.jobs import NOT_RUN
from shortlist.gateway.observer import CallObserver
from shortlist.gateway.reply import BatchReply, Reply
from shortlist.gateway.slate import Slate, UserKnowledge, in_order
from shortlist.gateway.wire import ItemWriter
from shortlist.release.bundle import Release
from shortlist.telemetry.tracing import NO_TRACING
from shortlist.v1 import recommender_pb2
from support.pipelines import METHODS, Kitchen, kitchen
from support.played_calls import PlayedCall
from support.tiny_release import SOURCES

(METHOD,) = METHODS
ANSWER = b"an encoded message"


@pytest.fixture
def place(tiny_release: Release) -> Kitchen:
    """Make metrics."""
    return kitchen(tiny_release)


def reply_to(call: PlayedCall, place: Kitchen) -> Reply:
    """Prepare the answer to a call that arrived at the beginning of time."""
    return Reply(call, 0.0, CallObserver(place.metrics, NO_TRACING, "tiny", 0.0))


def slate(place: Kitchen, *rows: int) -> Slate:
    """Make a slate whose items are written."""
    made = in_order(np.array(rows, np.int32), np.arange(1, len(rows) + 1, dtype=np.int32), 3, 2)
    ItemWriter(place.release.vocabulary, SOURCES).write([made])
    return made


class TestReply:
    """The answer to one call."""

    def test_a_message_is_sent_and_counted(self, place: Kitchen) -> None:
        call = PlayedCall(METHOD, b"")
        reply_to(call, place).message(ANSWER, NOT_RUN)
        assert call.answer == ANSWER
        assert place.count("requests_total", method=METHOD, code="OK") == 1
        assert place.count("request_seconds_count", method=METHOD) == 1

    def test_an_answer_that_nobody_waits_for_is_counted_as_cancelled(self, place: Kitchen) -> None:
        call = PlayedCall(METHOD, b"")
        call.is_cancelled = True
        reply_to(call, place).message(ANSWER, NOT_RUN)
        assert place.count("requests_total", method=METHOD, code="CANCELLED") == 1
        assert place.count("requests_total", method=METHOD, code="OK") == 0

    def test_an_error_is_sent_as_its_status_and_counted(self, place: Kitchen) -> None:
        call = PlayedCall(METHOD, b"")
        reply_to(call, place).error(InvalidRequestError("limit", "must be at most 200"))
        assert call.status.code is grpc.StatusCode.INVALID_ARGUMENT
        assert call.status.message == "limit: must be at most 200"
        assert place.count("requests_total", method=METHOD, code="INVALID_ARGUMENT") == 1

    def test_bytes_that_are_no_message_are_the_caller_s_fault(self, place: Kitchen) -> None:
        call = PlayedCall(METHOD, b"")
        reply_to(call, place).error(DecodeError("wire"))
        assert call.status.code is grpc.StatusCode.INVALID_ARGUMENT

    def test_an_error_of_ours_does_not_leak_its_text(self, place: Kitchen) -> None:
        call = PlayedCall(METHOD, b"")
        reply_to(call, place).error(ShortlistError("password is 1234"))
        assert (call.status.code, call.status.message) == (grpc.StatusCode.INTERNAL, "internal error")


class TestBatchReply:
    """The answer to a RecommendBatch."""

    def results(self, call: PlayedCall) -> list[recommender_pb2.RecommendBatchResult]:
        """Read what the call was answered with."""
        return list(recommender_pb2.RecommendBatchResponse.FromString(call.answer).results)

    def test_the_last_outcome_answers_and_results_keep_the_order_of_the_requests(self, place: Kitchen) -> None:
        call = PlayedCall(METHOD, b"")
        reply = BatchReply(reply_to(call, place), place.release, 3, lambda: None)
        for number in (2, 0):
            reply.settle(number, slate(place, 5 + number), NOT_RUN)
            assert call.answers == []
        reply.settle(1, slate(place, 6), NOT_RUN)
        ids = [result.response.items[0].item_id for result in self.results(call)]
        assert ids == [place.release.vocabulary.id_of(row) for row in (5, 6, 7)]

    def test_a_request_that_fails_fails_alone(self, place: Kitchen) -> None:
        call = PlayedCall(METHOD, b"")
        reply = BatchReply(reply_to(call, place), place.release, 2, lambda: None)
        reply.settle(0, OverloadedError("full", 0.1), NOT_RUN)
        reply.settle(1, slate(place, 5), NOT_RUN)
        refused, answered = self.results(call)
        assert (refused.status.code, refused.status.message) == (grpc.StatusCode.RESOURCE_EXHAUSTED.value[0], "full")
        assert not refused.HasField("response")
        assert answered.status.code == 0
        assert answered.HasField("status")

    def test_a_request_that_is_settled_twice_keeps_its_first_outcome(self, place: Kitchen) -> None:
        # The micro-batcher rejects a whole batch when it raises, those among it that have an answer as well.
        call = PlayedCall(METHOD, b"")
        reply = BatchReply(reply_to(call, place), place.release, 2, lambda: None)
        reply.settle(0, slate(place, 5), NOT_RUN)
        reply.settle(0, ShortlistError("internal error"), NOT_RUN)
        assert call.answers == []
        reply.settle(1, ShortlistError("internal error"), NOT_RUN)
        first, second = self.results(call)
        assert (first.status.code, len(first.response.items)) == (0, 1)
        assert second.status.code == grpc.StatusCode.INTERNAL.value[0]

    def test_an_outcome_that_cannot_be_told_leaves_room_for_an_error(self, place: Kitchen) -> None:
        call = PlayedCall(METHOD, b"")
        reply = BatchReply(reply_to(call, place), place.release, 1, lambda: None)
        with pytest.raises(IndexError):
            reply.settle(0, replace(slate(place, 5), user=UserKnowledge((10_000,), 1, 1)), NOT_RUN)
        reply.settle(0, ShortlistError("internal error"), NOT_RUN)
        assert self.results(call)[0].status.code == grpc.StatusCode.INTERNAL.value[0]

    def test_each_answer_of_a_batch_is_counted_and_the_call_once(self, place: Kitchen) -> None:
        reply = BatchReply(reply_to(PlayedCall(METHOD, b""), place), place.release, 2, lambda: None)
        for number in range(2):
            cold = Slate(**{name: getattr(slate(place, 5), name) for name in Slate.__slots__} | {"is_cold_start": True})
            reply.settle(number, cold, NOT_RUN)
        assert place.count("cold_starts_total") == 2
        assert place.count("requests_total", method=METHOD, code="OK") == 1
