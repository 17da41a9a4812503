"""Messages: what is asked is what the server reads, and an answer counts for what it is."""

import pytest
from loadtest.generator.frames import grpc_message
from loadtest.generator.messages import batch_request, outcome_of_slate, outcomes_of_batch, recommend_request

from shortlist.v1 import recommender_pb2
from support.scripted_http2 import SLATE

_WHOLE = SLATE.SerializeToString()


def test_a_request_is_read_back_by_the_protocol() -> None:
    assert recommender_pb2.RecommendRequest.FromString(recommend_request("user-0000007")) == (
        recommender_pb2.RecommendRequest(user_id="user-0000007", limit=20)
    )


def test_a_request_for_a_batch_is_read_back_by_the_protocol() -> None:
    users = [f"user-{number:07}" for number in range(32)]
    assert recommender_pb2.RecommendBatchRequest.FromString(batch_request(users)) == (
        recommender_pb2.RecommendBatchRequest(
            requests=[recommender_pb2.RecommendRequest(user_id=user, limit=20) for user in users]
        )
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


def _batch(*results: recommender_pb2.RecommendBatchResult) -> bytes:
    return grpc_message(recommender_pb2.RecommendBatchResponse(results=results).SerializeToString())


def _result(code: int = 0, **slate: object) -> recommender_pb2.RecommendBatchResult:
    response = recommender_pb2.RecommendResponse(items=SLATE.items, **slate)  # type: ignore[arg-type]  # by name
    status = recommender_pb2.Status(code=code, message="why" if code else "")
    return recommender_pb2.RecommendBatchResult(status=status, response=response)


def test_each_request_of_a_batch_has_an_outcome_of_its_own() -> None:
    degraded = _result(degraded=[recommender_pb2.DEGRADED_STALE_FEATURES])
    empty = recommender_pb2.RecommendBatchResult(response=recommender_pb2.RecommendResponse(release="r"))
    nothing = recommender_pb2.RecommendBatchResult()
    body = _batch(_result(), _result(8), degraded, empty, nothing, _result(99), _result(ranker="triton"))
    assert outcomes_of_batch(body, 7) == (
        *("ok", "RESOURCE_EXHAUSTED", "degraded", "empty", "empty", "no_status", "ok"),
    )


def test_a_status_that_stands_behind_its_slate_is_seen_all_the_same() -> None:
    status = recommender_pb2.RecommendBatchResult(status=recommender_pb2.Status(code=14)).SerializeToString()
    slate = recommender_pb2.RecommendBatchResult(response=SLATE).SerializeToString()
    result = slate + status
    body = grpc_message(b"\x0a" + bytes((len(result) % 128 | 128, len(result) // 128)) + result)
    assert outcomes_of_batch(body, 1) == ("UNAVAILABLE",)


@pytest.mark.parametrize("requests", [1, 3])
def test_a_batch_with_more_or_fewer_results_than_requests_is_malformed(requests: int) -> None:
    assert outcomes_of_batch(_batch(_result(), _result()), requests) == "malformed"


@pytest.mark.parametrize("body", [b"", _batch(_result())[:-1], grpc_message(b"\x0a\x7f\x0a"), grpc_message(b"\x0f")])
def test_a_broken_batch_is_malformed(body: bytes) -> None:
    assert outcomes_of_batch(body, 1) == "malformed"
