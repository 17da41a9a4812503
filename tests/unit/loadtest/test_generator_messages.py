"""Messages: what is asked is what the server reads, and an answer counts for what it is."""

import pytest
from loadtest.generator.frames import grpc_message
from loadtest.generator.messages import outcome_of_slate, recommend_request

from shortlist.v1 import recommender_pb2
from support.scripted_http2 import SLATE

_WHOLE = SLATE.SerializeToString()


def test_a_request_is_read_back_by_the_protocol() -> None:
    assert recommender_pb2.RecommendRequest.FromString(recommend_request("user-0000007")) == (
        recommender_pb2.RecommendRequest(user_id="user-0000007", limit=20)
    )


def test_a_slate_is_ok_and_a_degraded_one_is_not() -> None:
    assert outcome_of_slate(grpc_message(_WHOLE)) == "ok"
    degraded = recommender_pb2.RecommendResponse(
        items=SLATE.items, degraded=[recommender_pb2.DEGRADED_RANKER_UNAVAILABLE], cold_start=True
    )
    assert outcome_of_slate(grpc_message(degraded.SerializeToString())) == "degraded"


def test_a_slate_without_items_is_no_success() -> None:
    empty = recommender_pb2.RecommendResponse(release="r").SerializeToString()
    assert outcome_of_slate(grpc_message(empty)) == "empty"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        grpc_message(_WHOLE)[:-1],
        b"\x01" + grpc_message(_WHOLE)[1:],
        grpc_message(_WHOLE[:-1]),
        grpc_message(b"\x0f"),
    ],
    ids=["nothing", "short", "compressed", "short-inside", "unknown-kind"],
)
def test_a_broken_answer_is_malformed(body: bytes) -> None:
    assert outcome_of_slate(body) == "malformed"
